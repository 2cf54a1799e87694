#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/process.h"
#include "support/scratch.h"

namespace smlp::test {
namespace {

using ::testing::HasSubstr;

const std::string kNetwork = std::string(SMLP_SOURCE_DIR) + "/tests/formats/onnx/script_11_nchw_batch.onnx";

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
  EXPECT_EQ(run_smlp({"bench", "--compare", fast, "/nonexistent.json"}).status, 1);
}

TEST(Bench, RefusesWhatMakesNoSense) {
  EXPECT_EQ(bench({"--json", "--csv"}).status, 2);
  EXPECT_EQ(bench({"--duration", "1"}).status, 2);
  EXPECT_EQ(run_smlp({"bench", "--batch-sizes", "0"}).status, 2);
  EXPECT_EQ(bench({"--isa", "mmx"}).status, 2);
  EXPECT_EQ(bench({"--mode", "fast"}).status, 2);
  EXPECT_EQ(bench({"--pin", "--no-pin"}).status, 2);
}

}  // namespace
}  // namespace smlp::test
