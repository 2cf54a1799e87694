// What a measurement says of itself: how often was executed, and numbers that belong together.
#include <gtest/gtest.h>

#include "api/load.h"
#include "support/model_file.h"
#include "support/scratch.h"
#include "tasks/benchmark.h"

namespace smlp {
namespace {

class RunBenchmark : public ::testing::Test {
 protected:
  static std::shared_ptr<const Network> network() {
    const test::Scratch scratch;
    test::write_model(scratch.folder() / "m.safetensors", test::small_config());
    return std::make_shared<const Network>(load_network(scratch.folder() / "m.safetensors").value());
  }
  // One thread and the plainest kernels.
  BenchmarkReport run(BenchmarkOptions options) {
    options.threads = 1;
    options.isa = "reference";
    return run_benchmark(network_, options, [&](const BatchTimes& times) { heard_.push_back(times.batch); }).value();
  }

  std::shared_ptr<const Network> network_ = network();
  std::vector<int> heard_;
};

TEST_F(RunBenchmark, ThroughputIsPicturesOverTheTimeOfTheirExecution) {
  const BenchmarkReport report =
      run({.batch_sizes = {3, 1}, .loop = 1, .seconds = 3, .warmup = 0, .isa = "", .profile = true});
  EXPECT_EQ(heard_, (std::vector<int>{3, 1}));
  for (const BatchTimes& times : report.results) {
    EXPECT_EQ(times.executions, 1) << "as often as it is told, whatever the time";
    EXPECT_DOUBLE_EQ(times.images_per_second, 1000.0 * times.batch / times.min) << "one execution is the mean";
    EXPECT_EQ(times.min, times.p99);
    EXPECT_GT(times.min, 0);
    ASSERT_TRUE(times.profile);
    EXPECT_GT(times.profile->nanoseconds, 0);
    EXPECT_EQ(summarize(*times.profile).all.work.macs, times.batch * test::small_config().macs());
  }
}

TEST_F(RunBenchmark, NamesWhatRanAndTheLargerOfTwoPeaks) {
  const BenchmarkReport report = run({.batch_sizes = {2},
                                      .loop = 6,
                                      .seconds = 3,
                                      .precision = Precision::bf16,
                                      .isa = "",
                                      .mode = Mode::throughput,
                                      .pin = true});
  EXPECT_EQ(report.isa, "reference");
  EXPECT_EQ(report.precision, "bf16");
  EXPECT_EQ(report.mode, "throughput");
  EXPECT_EQ(report.threads, 1);
  EXPECT_TRUE(report.pinned);
  EXPECT_FALSE(report.is_guides);
  EXPECT_EQ(report.model, network_->source_name);
  EXPECT_DOUBLE_EQ(report.gmacs, static_cast<double>(test::small_config().macs()) / 1e9);
  EXPECT_GT(report.lesser_peak_gflops, 0.001);
  EXPECT_GE(report.peak_gflops, report.lesser_peak_gflops);
  const BatchTimes& times = report.results.at(0);
  EXPECT_EQ(times.executions, 6);
  EXPECT_FALSE(times.profile);
  EXPECT_DOUBLE_EQ(times.share_of_peak, 2 * report.gmacs * times.images_per_second / report.peak_gflops);
  EXPECT_LT(times.share_of_peak, 2) << "the multiplications of a network are not far above the peak";
}

TEST_F(RunBenchmark, ExecutesFiveTimesAtLeastAndUntilTheTimeIsUp) {
  EXPECT_EQ(run({.batch_sizes = {1}, .loop = 0, .seconds = 0, .isa = ""}).results.at(0).executions, 5);
  const BatchTimes times = run({.batch_sizes = {1}, .loop = 0, .seconds = 0.05, .isa = ""}).results.at(0);
  EXPECT_GE(times.executions * 1000 / times.images_per_second, 15) << "milliseconds, of 50 with what lies between";
}

}  // namespace
}  // namespace smlp
