#include "tasks/benchmark.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/scratch.h"

namespace smlp {
namespace {

using ::testing::ElementsAre;
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
  EXPECT_EQ(times(1, 8, kNoisySpread).doubt(), "") << "at its limit";
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
  report.results[0].share_of_peak = 1;
  report.lesser_peak_gflops = 95;
  EXPECT_EQ(report.peak_doubt(), "") << "at both limits";
}

TEST(Benchmark, TheBestBatchSizeHasTheMostImagesASecond) {
  EXPECT_EQ(measured({}).best(), nullptr);
  const BenchmarkReport report = measured({times(1, 10), times(4, 20), times(8, 50)});
  EXPECT_EQ(report.best(), &report.results[1]);
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

// The uncertainty of a spread of a half is a quarter.
TEST(CompareBenchmarks, ARatioAtTheEdgeOfTheUncertaintyTellsNothing) {
  EXPECT_EQ(verdict(times(1, 10, 0.5), times(1, 8)), Verdict::cannot_tell);
  EXPECT_EQ(verdict(times(1, 10, 0.5), times(1, 7.9)), Verdict::faster);
  EXPECT_EQ(verdict(times(1, 8), times(1, 10, 0.5)), Verdict::cannot_tell);
  EXPECT_EQ(verdict(times(1, 8), times(1, 10.1, 0.5)), Verdict::slower);
}

TEST(CompareBenchmarks, NamesWhatElseDiffers) {
  const auto differences = [](auto change) {
    BenchmarkReport other = measured({times(1, 10)});
    change(other);
    return compare_benchmarks(measured({times(1, 10)}), other)->differences;
  };
  EXPECT_THAT(differences([](auto&) {}), ::testing::IsEmpty());
  EXPECT_THAT(differences([](auto& r) { r.machine = "b CPU"; }), ElementsAre("machine: a CPU and b CPU"));
  EXPECT_THAT(differences([](auto& r) { r.model = "n"; }), ElementsAre("model: m and n"));
  EXPECT_THAT(differences([](auto& r) { r.precision = "bf16"; }), ElementsAre("precision: fp32 and bf16"));
  EXPECT_THAT(differences([](auto& r) { r.isa = "avx512"; }), ElementsAre("isa: avx2 and avx512"));
  EXPECT_THAT(differences([](auto& r) { r.threads = 3; }), ElementsAre("threads: 2 and 3"));
  EXPECT_THAT(differences([](auto& r) { r.mode = "latency"; }), ElementsAre("mode: automatic and latency"));
  EXPECT_THAT(differences([](auto& r) { r.pinned = true; }), ElementsAre("pinned: false and true"));
}

TEST(CompareBenchmarks, NeedsABatchSizeInCommonWithTimes) {
  EXPECT_FALSE(compare_benchmarks(measured({times(1, 10)}), measured({times(8, 10)})));
  EXPECT_FALSE(compare_benchmarks(measured({times(1, 10)}), measured({})));
  EXPECT_FALSE(compare_benchmarks(measured({times(1, 10)}), measured({times(1, 0)})));
  EXPECT_FALSE(compare_benchmarks(measured({times(1, 0)}), measured({times(1, 10)})));
}

TEST(CompareBenchmarks, JsonHasWhatWasCompared) {
  BenchmarkReport other = measured({times(1, 8), times(4, 40, 0.5)});
  other.threads = 4;
  const auto comparison = compare_benchmarks(measured({times(1, 10), times(4, 20)}), other);
  const auto json = nlohmann::json::parse(comparison_json(*comparison));
  EXPECT_EQ(json["batches"].size(), 2U);
  EXPECT_EQ(json["batches"][0],
            (nlohmann::json{{"batch", 1}, {"ratio", 1.25}, {"uncertainty", 0.02}, {"verdict", "faster"}}));
  EXPECT_EQ(json["batches"][1],
            (nlohmann::json{{"batch", 4}, {"ratio", 0.5}, {"uncertainty", 0.25}, {"verdict", "slower"}}));
  EXPECT_EQ(json["verdict"], "slower");
  EXPECT_THAT(json["differences"], ElementsAre("threads: 2 and 4"));
  EXPECT_THAT(json["doubts"], ElementsAre("batch 4 of the second: executions spread over 50 % of their median"));
  EXPECT_EQ(verdict_word(Verdict::cannot_tell), "can't tell");
}

TEST(BenchmarkJson, ReadsBackWhatItWrote) {
  const test::Scratch scratch;
  BenchmarkReport report = measured({times(1, 10, 0.1), times(64, 500)});
  report.mode = "latency";
  report.pinned = true;
  report.peak_load = Load{.others = 0.25, .stolen = 0.5};
  report.results[0].share_of_peak = 0.75;
  report.results[0].peak_rss_mb = 12.5;
  const auto read = read_benchmark_json(scratch.write("a.json", benchmark_json(report)));
  ASSERT_TRUE(read) << read.error().message();
  const auto words = [](const BenchmarkReport& r) {
    return std::vector{r.machine, r.model, r.precision, r.isa, r.mode};
  };
  EXPECT_EQ(words(*read), words(report));
  const auto numbers = [](const BenchmarkReport& r) {
    return std::vector<double>{double(r.threads), double(r.pinned), r.peak_gflops, r.lesser_peak_gflops, r.gmacs};
  };
  EXPECT_EQ(numbers(*read), numbers(report));
  EXPECT_EQ(read->peak_load, report.peak_load);
  ASSERT_EQ(read->results.size(), 2U);
  EXPECT_EQ(read->results[1].batch, 64);
  const auto times_of = [](const BatchTimes& t) {
    return std::vector<double>{double(t.batch), double(t.executions), t.min,           t.median,     t.p90,
                               t.p99,           t.images_per_second,  t.share_of_peak, t.peak_rss_mb};
  };
  EXPECT_EQ(times_of(read->results[0]), times_of(report.results[0]));
}

TEST(BenchmarkJson, AMeasurementThatLacksNewerKeysIsRead) {
  const test::Scratch scratch;
  const auto read = read_benchmark_json(scratch.write("a.json", R"({"peak_gflops": 7, "results": [{"batch": 2,
      "images_per_second": 4, "latency_ms": {"min": 1, "median": 2, "p90": 3, "p99": 4}, "load": null}]})"));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->lesser_peak_gflops, 7);
  EXPECT_EQ(read->threads, 0);
  EXPECT_EQ(read->mode, "automatic");
  EXPECT_FALSE(read->results.at(0).load);
}

// The guide measured one network.
TEST(BenchmarkJson, OnlyTheGuidesNetworkHasTheGuidesNumbersBesideIt) {
  BenchmarkReport report = measured({times(4, 10), times(2, 10)});
  EXPECT_FALSE(nlohmann::json::parse(benchmark_json(report))["results"][0].contains("guide"));
  report.is_guides = true;
  const auto results = nlohmann::json::parse(benchmark_json(report))["results"];
  EXPECT_EQ(results[0]["guide"], (nlohmann::json{{"npu_images_per_second", 273.5}, {"t4_images_per_second", 341.5}}));
  EXPECT_FALSE(results[1].contains("guide")) << "a batch size that the guide does not list";
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

// Of two measurements of one size, nobody could say which is compared.
TEST(BenchmarkJson, EachBatchSizeStandsOnce) {
  const test::Scratch scratch;
  const std::string row =
      R"({"batch": 2, "executions": 5, "latency_ms": {"min": 1, "median": 1, "p90": 1, "p99": 1}, "images_per_second": 9})";
  EXPECT_TRUE(read_benchmark_json(scratch.write("once.json", R"({"results": [)" + row + "]}")));
  const auto twice = read_benchmark_json(scratch.write("twice.json", R"({"results": [)" + row + "," + row + "]}"));
  ASSERT_FALSE(twice);
  EXPECT_THAT(twice.error().what, HasSubstr("batch 2 stands twice"));
}

TEST(GuideThroughput, HasTheGuidesSixBatchSizes) {
  for (const int batch : {1, 4, 8, 16, 32, 64}) EXPECT_NE(find_guide_throughput(batch), nullptr) << batch;
  EXPECT_EQ(find_guide_throughput(2), nullptr);
  EXPECT_EQ(find_guide_throughput(32)->t4, 371.0);
}

}  // namespace
}  // namespace smlp
