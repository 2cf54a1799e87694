#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/process.h"
#include "support/scratch.h"
#include "support/source_dir.h"

namespace smlp::test {
namespace {

using ::testing::HasSubstr;

const std::string kNetwork = source_dir() / "tests/formats/onnx/script_11_nchw_batch.onnx";

Outcome bench(std::vector<std::string> more) {
  std::vector<std::string> arguments = {"bench", "--model", kNetwork, "--batch-sizes", "1,3", "--loop", "5"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_smlp(arguments);
}

TEST(Bench, JsonHasEveryKey) {
  const Outcome outcome = bench({"--json", "--threads", "1"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  for (const char* key : {"machine", "model", "precision", "isa", "threads", "peak_gflops"})
    EXPECT_TRUE(json.contains(key)) << key;
  EXPECT_EQ(json["threads"], 1);
  EXPECT_EQ(json["mode"], "automatic");
  EXPECT_EQ(json["pinned"], true);
  EXPECT_GT(json["peak_gflops"], 0.0);
  ASSERT_EQ(json["results"].size(), 2U);
  const auto& row = json["results"][1];
  EXPECT_EQ(row["batch"], 3);
  EXPECT_EQ(row["executions"], 5);
  EXPECT_GT(row["images_per_second"], 0.0);
  EXPECT_GT(row["share_of_peak"], 0.0);
  EXPECT_GT(row["peak_rss_mb"], 1.0);
  const auto& latency = row["latency_ms"];
  EXPECT_LE(latency["min"], latency["median"]);
  EXPECT_LE(latency["median"], latency["p90"]);
  EXPECT_LE(latency["p90"], latency["p99"]);
}

TEST(Bench, TablesForPeopleMarkTheBestBatchSize) {
  EXPECT_THAT(bench({}).out, HasSubstr("best batch size"));
  EXPECT_THAT(bench({"--markdown"}).out, HasSubstr("| batch | images/s |"));
  const auto csv = lines_of(bench({"--csv"}).out);
  ASSERT_EQ(csv.size(), 3U);
  EXPECT_EQ(std::count(csv[0].begin(), csv[0].end(), ','), std::count(csv[2].begin(), csv[2].end(), ','));
}

// A verdict on every row, whatever the machine is doing.
TEST(Bench, CsvKeepsTheVerdict) {
  const auto csv = lines_of(bench({"--csv"}).out);
  ASSERT_EQ(csv.size(), 3U);
  EXPECT_TRUE(csv[0].ends_with(",verdict,verdict on % of peak")) << csv[0];
  for (const std::string& row : {csv[1], csv[2]}) {
    EXPECT_THAT(row, ::testing::ContainsRegex(",(ok|not to be trusted: [^,]+),(ok|not to be trusted: [^,]+)$"));
  }
}

TEST(Bench, FitsEightyColumns) {
  for (const auto& more : {std::vector<std::string>{}, {"--profile"}}) {
    for (const std::string& line : lines_of(bench(more).out)) EXPECT_LE(line.size(), 80U) << line;
  }
}

// While another program computes, neither times nor shares of the peak are called good.
TEST(Bench, SaysThatTheMachineIsBusy) {
  const Outcome outcome = run_shell(
      "for i in $(seq $(nproc)); do timeout 8 sh -c 'while :; do :; done' >/dev/null 2>&1 & done; "
      "$SMLP bench --model " +
      kNetwork + " --batch-sizes 8 --duration 1 --json --no-pin");
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_FALSE(json.at("peak_doubt").is_null()) << outcome.out;
  EXPECT_FALSE(json.at("results")[0].at("doubt").is_null()) << outcome.out;
  EXPECT_GT(json.at("results")[0].at("load").at("others"), 0.1);
}

TEST(Bench, TheModeAndPinningAreTheUsersChoice) {
  for (const char* mode : {"throughput", "latency"}) {
    const Outcome outcome = bench({"--json", "--threads", "2", "--mode", mode, "--no-pin"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const auto json = nlohmann::json::parse(outcome.out);
    EXPECT_EQ(json["mode"], mode);
    EXPECT_EQ(json["pinned"], false);
  }
  EXPECT_THAT(bench({"--threads", "2", "--mode", "latency"}).out, HasSubstr("2 threads pinned, latency mode"));
}

TEST(Bench, TheProfileSaysWhereTheTimeGoes) {
  const Outcome json = bench({"--json", "--profile", "--threads", "2"});
  ASSERT_EQ(json.status, 0) << json.err;
  for (const auto& row : nlohmann::json::parse(json.out)["results"]) {
    const auto& profile = row["profile"];
    double steps = profile["rest_milliseconds"], kinds = steps;
    for (const auto& step : profile["steps"]) steps += step["milliseconds"].get<double>();
    for (const auto& kind : profile["kinds"]) kinds += kind["milliseconds"].get<double>();
    EXPECT_NEAR(steps, profile["milliseconds"].get<double>(), 1e-9);
    EXPECT_NEAR(kinds, profile["milliseconds"].get<double>(), 1e-9);
    for (const char* key : {"name", "kind", "calls", "gflops", "share_of_peak", "macs", "bytes"})
      EXPECT_TRUE(profile["steps"][0].contains(key)) << key;
  }
  const std::string text = bench({"--profile"}).out;
  for (const char* words : {"batch 1: ", "batch 3: ", "GFLOP/s", "\nstem.0 ", "\nchannel_mix.0 ", "\nwaiting, rest ",
                            "\nTime: of all threads, divided by their number"})
    EXPECT_THAT(text, HasSubstr(words));
  EXPECT_THAT(bench({"--profile", "--markdown"}).out, HasSubstr("| channel_mix.0 | "));
  EXPECT_THAT(bench({}).out, ::testing::Not(HasSubstr("channel_mix")));
}

TEST(Bench, TheTraceIsWholeOrAbsentAndReplacesNothingUnasked) {
  const Scratch scratch;
  const std::string file = scratch.folder() / "trace.json";
  const Outcome first = bench({"--profile", "--trace", file});
  ASSERT_EQ(first.status, 0) << first.err;
  std::ifstream stream(file);
  EXPECT_GT(nlohmann::json::parse(stream)["traceEvents"].size(), 10U);

  const Outcome again = bench({"--profile", "--trace", file});
  EXPECT_EQ(again.status, 1);
  EXPECT_EQ(again.out, "") << "said before anything is measured";
  EXPECT_THAT(again.err, HasSubstr("--force"));
  EXPECT_EQ(bench({"--profile", "--trace", file, "--force"}).status, 0);

  for (const std::string& path : {std::string("/nonexistent/trace.json"), scratch.folder().string()}) {
    const Outcome outcome = bench({"--profile", "--trace", path, "--force"});
    EXPECT_EQ(outcome.status, 1);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, HasSubstr(path));
  }
  const std::string small = "ulimit -f 1; trap '' XFSZ; $SMLP bench --model " + kNetwork +
                            " --batch-sizes 8 --loop 3 --profile --trace " + (scratch.folder() / "big.json").string();
  const Outcome full = run_shell(small);
  EXPECT_EQ(full.status, 1);
  EXPECT_THAT(full.err, HasSubstr("big.json"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(scratch.folder()), {}), 1) << "only trace.json is left";
}

TEST(Bench, ComparesWithAnExitStatusForScripts) {
  const Scratch scratch;
  const auto file = [&](const char* name, double ms) {
    const nlohmann::json json = {{"results",
                                  {{{"batch", 1},
                                    {"images_per_second", 1000 / ms},
                                    {"latency_ms", {{"min", ms}, {"median", ms}, {"p90", ms}, {"p99", ms}}}}}}};
    return scratch.write(name, json.dump()).string();
  };
  const std::string fast = file("fast.json", 10), slow = file("slow.json", 20);
  EXPECT_EQ(run_smlp({"bench", "--compare", fast, slow}).status, 3);
  EXPECT_EQ(run_smlp({"bench", "--compare", slow, fast}).status, 0);
  EXPECT_THAT(run_smlp({"bench", "--compare", slow, fast}).out, HasSubstr("faster"));
  EXPECT_THAT(run_smlp({"bench", "--compare", fast, fast}).out, HasSubstr("can't tell"));
  const Outcome json = run_smlp({"bench", "--compare", fast, slow, "--json"});
  EXPECT_EQ(json.status, 3);
  EXPECT_EQ(nlohmann::json::parse(json.out).at("verdict"), "slower");
  EXPECT_DOUBLE_EQ(nlohmann::json::parse(json.out).at("batches")[0].at("ratio"), 0.5);
  EXPECT_EQ(run_smlp({"bench", "--compare", fast, "/nonexistent.json"}).status, 1);
}

TEST(Bench, RefusesWhatMakesNoSense) {
  EXPECT_EQ(bench({"--json", "--csv"}).status, 2);
  EXPECT_EQ(bench({"--duration", "1"}).status, 2);
  EXPECT_EQ(run_smlp({"bench", "--batch-sizes", "0"}).status, 2);
  EXPECT_EQ(run_smlp({"bench", "--batch-sizes", "1,2,1"}).status, 2);
  EXPECT_EQ(bench({"--isa", "mmx"}).status, 2);
  EXPECT_EQ(bench({"--trace", "/tmp/never-written.json"}).status, 2);
  EXPECT_EQ(bench({"--force"}).status, 2);
  EXPECT_EQ(bench({"--profile", "--csv"}).status, 2);
  EXPECT_EQ(bench({"--mode", "fast"}).status, 2);
  EXPECT_EQ(bench({"--pin", "--no-pin"}).status, 2);
}

}  // namespace
}  // namespace smlp::test
