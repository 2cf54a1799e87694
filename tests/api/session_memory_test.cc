// What a further session of a model costs: its workspace, and no second copy of the packed weights.
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdio>
#include <optional>

#include "engine/engine.h"
#include "engine/pack.h"
#include "smlp/session.h"
#include "support/model_file.h"
#include "support/scratch.h"

namespace smlp {
namespace {

double resident_mb() {
  ::malloc_trim(0);
  std::size_t pages = 0, resident = 0;
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  EXPECT_EQ(std::fscanf(file, "%zu %zu", &pages, &resident), 2);
  std::fclose(file);
  return static_cast<double>(resident) * 4096 / 1e6;
}

// A network whose weights outweigh its workspace, as those of real models do.
Config wide_config() {
  Config config = test::small_config();
  config.dim = 64;
  return config;
}

TEST(SessionMemory, ASecondSessionCostsItsWorkspaceOnly) {
  test::Scratch scratch;
  test::write_model(scratch.folder() / "m.safetensors", wide_config(), 1);
  const Model model = Model::load(scratch.folder() / "m.safetensors").value();
  const SessionOptions options{.threads = 1, .batch = 1};
  std::vector<Session> sessions;
  std::vector<double> grown;
  const std::vector<float> input(3 * 32 * 32, 0.5F);
  std::vector<float> logits(10);
  for (int i = 0; i < 6; ++i) {
    const double before = resident_mb();
    sessions.push_back(Session::create(model, options).value());
    ASSERT_TRUE(sessions.back().run(input, 1, logits));
    grown.push_back(resident_mb() - before);
  }
  double later = 0;
  for (std::size_t i = 1; i < grown.size(); ++i) later += grown[i] / static_cast<double>(grown.size() - 1);
  const double weights = static_cast<double>(sessions[0].engine().packed().storage.size()) / 1e6;
  std::printf("packed weights %.1f MB; the first session %.2f MB, each later one %.2f MB\n", weights, grown[0], later);
  ASSERT_GT(weights, 4.0);
  EXPECT_GT(grown[0], 0.8 * weights);
  EXPECT_LT(later, 0.25 * weights);
}

}  // namespace
}  // namespace smlp
