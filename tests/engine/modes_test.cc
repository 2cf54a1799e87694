// What the options of an engine mean: who takes which pictures, what is refused, and the peak.
#include <gtest/gtest.h>

#include <stdexcept>

#include "engine/engine.h"
#include "engine/fold.h"
#include "engine/profile.h"
#include "support/generator.h"

namespace smlp::test {
namespace {

const Config kConfig = {.in_channels = 1, .dim = 4, .alpha = 2, .patch = 2, .image = 8, .classes = 3, .depths = {1, 1}};

Result<std::unique_ptr<Engine>> engine(int threads, int batch, Mode mode = Mode::automatic) {
  static const auto network = std::make_shared<const Network>(fold(make_weights(kConfig, 5)));
  return Engine::create(network, {.threads = threads, .batch = batch, .isa = "reference", .mode = mode});
}

int solo_pictures(int threads, int batch, Mode mode) { return engine(threads, batch, mode).value()->solo_pictures(); }

TEST(Modes, InLatencyModeNobodyTakesAPictureAlone) {
  for (const int threads : {1, 2, 3}) {
    for (const int batch : {1, 3, 40}) EXPECT_EQ(solo_pictures(threads, batch, Mode::latency), 0);
  }
}

TEST(Modes, InThroughputModeEachTakesItsShareUpToSixteen) {
  EXPECT_EQ(solo_pictures(1, 1, Mode::throughput), 1);
  EXPECT_EQ(solo_pictures(3, 1, Mode::throughput), 1);
  EXPECT_EQ(solo_pictures(3, 6, Mode::throughput), 2);
  EXPECT_EQ(solo_pictures(3, 7, Mode::throughput), 3) << "some take one more";
  EXPECT_EQ(solo_pictures(1, 16, Mode::throughput), 16);
  EXPECT_EQ(solo_pictures(1, 17, Mode::throughput), 16);
}

TEST(Modes, OnItsOwnAnEngineSharesWhatDoesNotDivide) {
  EXPECT_EQ(solo_pictures(1, 1, Mode::automatic), 1);
  EXPECT_EQ(solo_pictures(3, 2, Mode::automatic), 0) << "fewer pictures than threads";
  EXPECT_EQ(solo_pictures(3, 3, Mode::automatic), 1);
  EXPECT_EQ(solo_pictures(3, 8, Mode::automatic), 2);
  EXPECT_EQ(solo_pictures(1, 99, Mode::automatic), 16);
}

// Calls of the first block's depthwise step while `count` pictures are run.
int calls(Engine& engine, int count) {
  std::vector<float> pictures, logits(static_cast<std::size_t>(count * kConfig.classes));
  for (int i = 0; i < count; ++i) {
    const auto picture = make_picture(kConfig, 5, i);
    pictures.insert(pictures.end(), picture.begin(), picture.end());
  }
  Profile profile;
  engine.run_profiled(pictures.data(), count, logits.data(), profile);
  for (const StepCost& cost : summarize(profile).steps) {
    if (cost.name == "local.0") return cost.calls;
  }
  return 0;
}

TEST(Modes, OnePictureIsCutForAllThreadsWhereItIsShared) {
  for (const int threads : {2, 4}) {
    EXPECT_EQ(calls(*engine(threads, 1, Mode::latency).value(), 1), threads) << "a row or two for each";
    EXPECT_EQ(calls(*engine(threads, 1, Mode::automatic).value(), 1), threads);
    EXPECT_EQ(calls(*engine(threads, 1, Mode::throughput).value(), 1), 1);
  }
}

TEST(Modes, ThreadsAndBatchesThatMakeNoSenseAreRefused) {
  for (const auto& [threads, batch] : {std::pair(-1, 1), {1, 0}, {1, -1}, {-1, 0}}) {
    const auto made = engine(threads, batch);
    ASSERT_FALSE(made) << threads << " " << batch;
    EXPECT_EQ(made.error().message(),
              std::to_string(threads) + " threads and a batch of " + std::to_string(batch) + ": both must be positive");
  }
  EXPECT_GE(engine(0, 1).value()->threads(), 1) << "none given: as many as the process may use";
}

// Between what a core of the eighties reached and what no core will.
TEST(Engine, ThePeakIsThatOfAProcessor) {
  const double peak = engine(1, 1).value()->peak_gflops();
  EXPECT_GT(peak, 0.01);
  EXPECT_LT(peak, 1e5);
}

}  // namespace
}  // namespace smlp::test
