#include "data/shard.h"

#include <gmock/gmock.h>

#include <map>

namespace smlp {
namespace {

using ::testing::HasSubstr;
using Variables = std::map<std::string, std::string>;

Result<Shard> parse(std::string_view text, const Variables& variables = {}) {
  return parse_shard(text, [&](const char* name) {
    const auto at = variables.find(name);
    return at == variables.end() ? nullptr : at->second.c_str();
  });
}

Variables array_task(const char* id, const char* min, const char* max, const char* count, const char* step = "1") {
  return {{"SLURM_ARRAY_TASK_ID", id},
          {"SLURM_ARRAY_TASK_MIN", min},
          {"SLURM_ARRAY_TASK_MAX", max},
          {"SLURM_ARRAY_TASK_COUNT", count},
          {"SLURM_ARRAY_TASK_STEP", step}};
}

TEST(Shard, EveryItemIsInExactlyOnePart) {
  for (const std::uint64_t items : {0, 1, 7, 100, 101}) {
    for (const std::uint64_t count : {1, 2, 3, 8, 150}) {
      for (const std::uint64_t unit : {1, 4, 32}) {
        std::uint64_t next = 0, least = UINT64_MAX, most = 0;
        for (std::uint64_t index = 1; index <= count; ++index) {
          const Shard::Range range = Shard{.index = index, .count = count}.of(items, unit);
          EXPECT_EQ(range.first, next) << items << " " << index << "/" << count;
          EXPECT_TRUE(range.first % unit == 0 || range.first == items);
          next = range.last;
          least = std::min(least, range.size());
          most = std::max(most, range.size());
        }
        EXPECT_EQ(next, items);
        EXPECT_LE(most, least + 2 * unit - 1) << "parts of much the same size";
        EXPECT_TRUE(unit > 1 || most <= least + 1);
      }
    }
  }
}

TEST(Shard, CountsFromOne) {
  EXPECT_EQ(parse("2/4").value(), (Shard{.index = 2, .count = 4}));
  EXPECT_EQ(parse("1/1")->text(), "");
  EXPECT_EQ(parse("2/4")->text(), "2/4");
  for (const char* wrong :
       {"0/4", "5/4", "1/0", "-1/4", "1", "/", "1/", "/4", "1/4/5", "a/b", "1.5/4", "1/ 4", "Auto", "2/9999999"}) {
    const auto shard = parse(wrong);
    ASSERT_FALSE(shard) << wrong;
    EXPECT_THAT(shard.error().message(), HasSubstr("--shard")) << wrong;
  }
}

TEST(Shard, AutomaticReadsEachScheduler) {
  EXPECT_EQ(parse("auto", array_task("3", "1", "8", "8")).value(), (Shard{.index = 3, .count = 8}));
  EXPECT_EQ(parse("auto", array_task("0", "0", "7", "8")).value(), (Shard{.index = 1, .count = 8}));
  EXPECT_EQ(parse("auto", array_task("20", "10", "30", "3", "10")).value(), (Shard{.index = 2, .count = 3}));
  EXPECT_EQ(parse("auto", {{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}}).value(), (Shard{.index = 1, .count = 4}));
  EXPECT_EQ(parse("auto", {{"OMPI_COMM_WORLD_RANK", "3"}, {"OMPI_COMM_WORLD_SIZE", "4"}}).value(),
            (Shard{.index = 4, .count = 4}));
  EXPECT_EQ(parse("auto", {{"JOB_COMPLETION_INDEX", "0"}, {"SMLP_SHARD_COUNT", "5"}}).value(),
            (Shard{.index = 1, .count = 5}));
}

TEST(Shard, AutomaticRefusesWhatItCannotKnow) {
  const std::pair<Variables, const char*> cases[] = {
      {{}, "no scheduler says"},
      {{{"JOB_COMPLETION_INDEX", "0"}}, "SMLP_SHARD_COUNT"},
      {{{"OMPI_COMM_WORLD_RANK", "0"}}, "OMPI_COMM_WORLD_SIZE is not set"},
      {{{"SLURM_PROCID", "0"}}, "SLURM_PROCID is set, and SLURM_NTASKS"},
      {{{"SLURM_PROCID", "4"}, {"SLURM_NTASKS", "4"}}, "no part of a whole"},
      {{{"SLURM_PROCID", "x"}, {"SLURM_NTASKS", "4"}}, "SLURM_PROCID='x' is no number"},
      {array_task("5", "1", "7", "3"), "no regular array"},  // --array=1,5,7
      {array_task("1", "1", "7", "3"), "no regular array"},  // its first task must not take a third either
      {array_task("4", "0", "6", "3", "3"), "no regular array"},
      {array_task("3", "3", "3", "1"), "a single task"},
      {array_task("18446744073709551615", "1", "18446744073709551615", "18446744073709551615"), "no regular array"},
  };
  for (const auto& [variables, why] : cases) {
    const auto shard = parse("auto", variables);
    ASSERT_FALSE(shard) << why;
    EXPECT_THAT(shard.error().message(), HasSubstr(why));
  }
}

TEST(Shard, ThereIsALimit) {
  EXPECT_EQ(parse("1000000/1000000").value(), (Shard{.index = 1000000, .count = 1000000}));
  EXPECT_THAT(parse("1/1000001").error().message(), HasSubstr("no part 1 of 1000001"));
  EXPECT_TRUE(parse("auto", {{"SLURM_PROCID", "7"}, {"SLURM_NTASKS", "1000000"}}));
  EXPECT_FALSE(parse("auto", {{"SLURM_PROCID", "7"}, {"SLURM_NTASKS", "1000001"}}));
  EXPECT_TRUE(parse("auto", array_task("7", "1", "1000000", "1000000")));
  EXPECT_FALSE(parse("auto", array_task("7", "1", "1000001", "1000001")));
}

TEST(Shard, PartsAreGivenOnceAndAll) {
  const auto problem = [](std::uint64_t count, const std::vector<std::uint64_t>& given) {
    std::vector<GivenPart> parts;
    for (const std::uint64_t index : given) {
      parts.push_back({.shard = {.index = index, .count = count}, .name = fmt::format("p{}", index)});
    }
    const auto outcome = check_parts(parts);
    return outcome ? "no error" : outcome.error().message();
  };
  EXPECT_EQ(problem(1, {1}), "no error");
  EXPECT_EQ(problem(3, {1, 2, 3}), "no error");
  EXPECT_THAT(problem(3, {1, 2, 2}), HasSubstr("p2: is part 2/3, as p2 is; give each part once"));
  EXPECT_THAT(problem(3, {1, 2}), HasSubstr("1 of 3 parts missing: 3/3;"));
  EXPECT_THAT(problem(3, {2}), HasSubstr("2 of 3 parts missing: 1/3, 3/3;"));
  EXPECT_THAT(problem(11, {1}), HasSubstr("10 of 11 parts missing: 2/11, 3/11"));
  EXPECT_THAT(problem(11, {1}), HasSubstr(", 11/11;"));
  EXPECT_THAT(problem(12, {1}), HasSubstr(", 11/12 and 1 more;"));
}

TEST(Shard, SchedulersMustAgree) {
  Variables both = array_task("2", "1", "4", "4");
  both["SLURM_PROCID"] = "0";
  both["SLURM_NTASKS"] = "1";  // each task of an array is a job of one process
  EXPECT_EQ(parse("auto", both).value(), (Shard{.index = 2, .count = 4}));
  both["SLURM_NTASKS"] = "3";
  EXPECT_THAT(parse("auto", both).error().message(), HasSubstr("contradict"));
  const Variables same = {
      {"SLURM_PROCID", "1"}, {"SLURM_NTASKS", "3"}, {"OMPI_COMM_WORLD_RANK", "1"}, {"OMPI_COMM_WORLD_SIZE", "3"}};
  EXPECT_EQ(parse("auto", same).value(), (Shard{.index = 2, .count = 3}));
}

}  // namespace
}  // namespace smlp
