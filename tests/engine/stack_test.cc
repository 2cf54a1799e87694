// The deepest step stays within what Engine::create makes sure of.
#include <gtest/gtest.h>
#include <pthread.h>

#include <memory>
#include <vector>

#include "engine/engine.h"
#include "engine/fold.h"
#include "support/generator.h"
#include "support/int8_network.h"
#include "support/isas.h"

namespace smlp::test {
namespace {

const Config kConfig = {.dim = 32, .image = 56, .classes = 40, .depths = {1, 1}};

struct Attempt {
  const kernels::Kernels* table;
  std::shared_ptr<const Network> network;
  bool created = false;
};

// Creates an engine and runs it, all on the calling thread. A stack that is too small would end the test here.
void* attempt(void* data) {
  auto& it = *static_cast<Attempt*>(data);
  const auto engine = Engine::create(it.network, {.threads = 1, .batch = 2, .table = it.table});
  it.created = engine.has_value();
  if (!engine) return nullptr;
  std::vector<float> pictures(2 * kConfig.picture_floats(), 0.5F), logits(2 * 40);
  (*engine)->run(pictures.data(), 2, logits.data());
  return nullptr;
}

bool created_with_stack(Attempt attempted, std::size_t bytes) {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, bytes);
  pthread_t thread = {};
  EXPECT_EQ(::pthread_create(&thread, &attributes, attempt, &attempted), 0);
  ::pthread_join(thread, nullptr);
  ::pthread_attr_destroy(&attributes);
  return attempted.created;
}

// Sanitizers make frames larger.
TEST(Stack, AThreadThatHasNoMoreThanIsAskedForRunsEveryTable) {
  if (SMLP_UNDER_SANITIZER) GTEST_SKIP() << "frames are larger under sanitizers";
  const auto plain = std::make_shared<Network>(fold(make_weights(kConfig, 1)));
  // First, since a thread is given the stack of one that has ended, where that is large enough.
  EXPECT_FALSE(created_with_stack({all_tables_present().front().table, plain}, kernels::kStackBytes / 2));
  const std::vector<float> picture(kConfig.picture_floats(), 0.5F);
  const auto quantized = in_int8(*plain, picture);
  for (const kernels::Candidate& table : all_tables_present()) {
    SCOPED_TRACE(table_name(table));
    const Attempt it = {table.table, table.precision == Precision::int8 ? quantized : plain};
    EXPECT_TRUE(created_with_stack(it, kernels::kStackBytes + 64 * 1024));  // what the thread itself takes
  }
}

}  // namespace
}  // namespace smlp::test
