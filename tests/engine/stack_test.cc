// The deepest step stays within what Engine::create makes sure of.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "engine/engine.h"
#include "engine/fold.h"
#include "support/generator.h"
#include "support/int8_network.h"
#include "support/isas.h"
#include "support/small_stack.h"

namespace smlp::test {
namespace {

const Config kConfig = {.dim = 32, .image = 56, .classes = 40, .depths = {1, 1}};

// Whether an engine could be created on a thread with such a stack. It is run there, too: a stack that is too small
// would end the test.
bool runs_with_stack(const kernels::Kernels* table, std::shared_ptr<const Network> network, std::size_t bytes) {
  bool created = false;
  run_with_stack(bytes, [&] {
    const auto engine = Engine::create(network, {.threads = 1, .batch = 2, .table = table});
    created = engine.has_value();
    if (!engine) return;
    std::vector<float> pictures(2 * kConfig.picture_floats(), 0.5F), logits(2 * 40);
    (*engine)->run(pictures.data(), 2, logits.data());
  });
  return created;
}

// Sanitizers make frames larger.
TEST(Stack, AThreadThatHasNoMoreThanIsAskedForRunsEveryTable) {
  if (SMLP_UNDER_SANITIZER) GTEST_SKIP() << "frames are larger under sanitizers";
  const auto plain = std::make_shared<Network>(fold(make_weights(kConfig, 1)));
  // First, since a thread is given the stack of one that has ended, where that is large enough.
  EXPECT_FALSE(runs_with_stack(all_tables_present().front().table, plain, kernels::kStackBytes / 2));
  const std::vector<float> picture(kConfig.picture_floats(), 0.5F);
  const auto quantized = in_int8(*plain, picture);
  for (const kernels::Candidate& table : all_tables_present()) {
    SCOPED_TRACE(table_name(table));
    const auto& network = table.precision == Precision::int8 ? quantized : plain;
    EXPECT_TRUE(
        runs_with_stack(table.table, network, kernels::kStackBytes + 64 * 1024));  // what the thread itself takes
  }
}

}  // namespace
}  // namespace smlp::test
