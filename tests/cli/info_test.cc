#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "cli/process.h"

namespace smlp::testing {
namespace {

using ::testing::HasSubstr;

TEST(Info, ThisMachine) {
  const Outcome text = run_smlp({"info"});
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("CPU "));
  const auto json = nlohmann::json::parse(run_smlp({"info", "--json"}).out);
  EXPECT_GE(json.at("usable_processors"), 1);
  EXPECT_GE(json.at("processors"), json.at("usable_processors"));
  EXPECT_GT(json.at("memory_bytes"), 1 << 20);
}

TEST(Info, TheAffinityOfTheProcessIsRespected) {
  const Outcome one = run_shell("taskset -c 0 $SMLP info --json");
  if (one.status == 127) GTEST_SKIP() << "taskset is not installed";
  EXPECT_EQ(nlohmann::json::parse(one.out).at("usable_processors"), 1);
}

}  // namespace
}  // namespace smlp::testing
