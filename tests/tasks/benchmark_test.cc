#include "tasks/benchmark.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/scratch.h"

namespace smlp {
namespace {

using ::testing::HasSubstr;

BenchmarkReport measured(std::vector<BatchTimes> results) {
  return {.machine = "a CPU",
          .model = "m",
          .precision = "fp32",
          .isa = "avx2",
          .threads = 2,
          .mode = "automatic",
          .peak_gflops = 100,
          .lesser_peak_gflops = 98,
          .gmacs = 1,
          .results = std::move(results)};
}

// `median` ms a picture with the given spread.
BatchTimes times(int batch, double median, double spread = 0) {
  return {.batch = batch,
          .executions = 10,
          .min = median * (1 - spread / 2),
          .median = median,
          .p90 = median * (1 + spread / 2),
          .p99 = median * (1 + spread),
          .images_per_second = 1000 * batch / median};
}

Verdict verdict(const BatchTimes& before, const BatchTimes& after) {
  return compare_benchmarks(measured({before}), measured({after})).value().verdict;
}

TEST(Benchmark, SaysWhyItIsNotToBeTrusted) {
  EXPECT_EQ(times(1, 10).doubt(), "");
  EXPECT_EQ(times(1, 10, 0.4).doubt(), "executions spread over 40 % of their median");
  BatchTimes busy = times(1, 10);
  busy.load = Load{.others = 0.35};
  EXPECT_EQ(busy.doubt(), "other programs used 35 % of the processors' time");
  busy.load = Load{.stolen = 0.2};
  EXPECT_EQ(busy.doubt(), "the hypervisor took 20 % of the processors' time");
  busy.load = Load{.others = 0.02, .stolen = 0.01};
  EXPECT_EQ(busy.doubt(), "");
}

// Under load the measured peak collapses too, so that a share of it looks fine.
TEST(Benchmark, APeakThatCannotBeTrustedIsSaidToBeSo) {
  BenchmarkReport report = measured({times(1, 10)});
  EXPECT_EQ(report.peak_doubt(), "");
  report.lesser_peak_gflops = 60;
  EXPECT_EQ(report.peak_doubt(), "two measurements of the peak gave 60 and 100 GFLOP/s");
  report = measured({times(1, 10)});
  report.peak_load = Load{.others = 0.5};
  EXPECT_EQ(report.peak_doubt(), "other programs used 50 % of the processors' time while the peak was measured");
  report = measured({times(1, 10)});
  report.results[0].share_of_peak = 1.2;
  EXPECT_EQ(report.peak_doubt(), "batch 1 did more than the peak that was measured");
}

TEST(Benchmark, JsonKeepsTheDoubts) {
  const test::Scratch scratch;
  BenchmarkReport report = measured({times(1, 10, 0.4), times(4, 10)});
  report.results[1].load = Load{.others = 0.25, .stolen = 0.5};
  report.peak_load = Load{.others = 0.75};
  const auto again = read_benchmark_json(scratch.write("a.json", benchmark_json(report)));
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(again->results[0].doubt(), report.results[0].doubt());
  EXPECT_EQ(again->results[1].load, report.results[1].load);
  EXPECT_EQ(again->peak_doubt(), report.peak_doubt());
  EXPECT_THAT(compare_benchmarks(report, *again)->doubts, ::testing::SizeIs(4));
}

TEST(CompareBenchmarks, TellsFasterFromSlower) {
  EXPECT_EQ(verdict(times(1, 10), times(1, 9)), Verdict::faster);
  EXPECT_EQ(verdict(times(1, 9), times(1, 10)), Verdict::slower);
}

TEST(CompareBenchmarks, CannotTellWithinTwoPercentOrWithinTheSpread) {
  EXPECT_EQ(verdict(times(1, 10), times(1, 10)), Verdict::cannot_tell);
  EXPECT_EQ(verdict(times(1, 10), times(1, 10.15)), Verdict::cannot_tell);
  EXPECT_EQ(verdict(times(1, 10, 0.4), times(1, 9)), Verdict::cannot_tell);
  EXPECT_EQ(verdict(times(1, 10), times(1, 9, 0.4)), Verdict::cannot_tell);
  EXPECT_EQ(verdict(times(1, 10, 0.4), times(1, 7, 0.4)), Verdict::faster);
}

TEST(CompareBenchmarks, OneSlowerBatchSizeMakesAllSlower) {
  const auto both = compare_benchmarks(measured({times(1, 10), times(8, 80)}), measured({times(1, 5), times(8, 100)}));
  EXPECT_EQ(both->verdict, Verdict::slower);
  EXPECT_EQ(both->batches[0].verdict, Verdict::faster);
  EXPECT_DOUBLE_EQ(both->batches[0].ratio, 2);
}

TEST(CompareBenchmarks, NamesWhatElseDiffers) {
  BenchmarkReport other = measured({times(1, 10)});
  other.isa = "avx512";
  const auto comparison = compare_benchmarks(measured({times(1, 10)}), other);
  ASSERT_EQ(comparison->differences.size(), 1U);
  EXPECT_EQ(comparison->differences[0], "isa: avx2 and avx512");
}

TEST(CompareBenchmarks, NeedsABatchSizeInCommon) {
  EXPECT_FALSE(compare_benchmarks(measured({times(1, 10)}), measured({times(8, 10)})));
}

TEST(BenchmarkJson, ReadsBackWhatItWrote) {
  const test::Scratch scratch;
  const auto path = scratch.write("a.json", benchmark_json(measured({times(1, 10, 0.1), times(64, 500)})));
  const auto read = read_benchmark_json(path);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->isa, "avx2");
  EXPECT_EQ(read->mode, "automatic");
  ASSERT_EQ(read->results.size(), 2U);
  EXPECT_EQ(read->results[1].batch, 64);
  EXPECT_EQ(read->results[0].p90, 10.5);
}

TEST(BenchmarkJson, AFileThatIsNoneIsNamed) {
  const test::Scratch scratch;
  for (const char* text : {"", "{", "{}", "[1]", R"({"results": [{"batch": "one"}]})"}) {
    const auto path = scratch.write("b.json", text);
    const auto read = read_benchmark_json(path);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().file, path.string());
    EXPECT_THAT(read.error().remedy, HasSubstr("--json"));
  }
}

TEST(GuideThroughput, HasTheGuidesSixBatchSizes) {
  for (const int batch : {1, 4, 8, 16, 32, 64}) EXPECT_NE(find_guide_throughput(batch), nullptr) << batch;
  EXPECT_EQ(find_guide_throughput(2), nullptr);
  EXPECT_EQ(find_guide_throughput(32)->t4, 371.0);
}

}  // namespace
}  // namespace smlp
