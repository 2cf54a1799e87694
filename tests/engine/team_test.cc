// Who does which unit of a shared pass, and who stays away from one.
#include "engine/team.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace smlp::test {
namespace {

using Part = Attendance::Part;

TEST(Team, EveryUnitIsDoneOnceByWhoeverIsFree) {
  constexpr int kRounds = 20;
  for (const int members : {1, 2, 3, 5}) {
    ThreadPool pool(members);
    Meeting meeting(members);
    for (const int images : {1, 2, 7, 16}) {
      const Units units = {.images = images, .size = 3, .unit_images = 1, .unit_rows = 2};
      std::vector<std::atomic<int>> done(static_cast<std::size_t>(units.count()));
      std::atomic<int> wrong = 0;
      auto job = [&](int member) {
        const Team team = {member, members, &meeting};
        for (int round = 1; round <= kRounds; ++round) {
          team.each(units,
                    [&](kernels::Unit unit) { ++done[static_cast<std::size_t>(unit.image * 2 + unit.row / 2)]; });
          // Nobody returns before all is done, and nothing is done twice.
          for (const auto& times : done) wrong += times < round || times > round + 1;
        }
      };
      pool.run(job);
      EXPECT_EQ(wrong, 0);
      for (const auto& times : done) EXPECT_EQ(times, kRounds) << members << " members, " << images << " images";
    }
  }
}

// A member that is held up within its first unit leaves the rest of its share to the others.
TEST(Team, UnitsOfAMemberThatIsHeldUpAreDoneByOthers) {
  constexpr int kMembers = 2;
  ThreadPool pool(kMembers);
  Meeting meeting(kMembers);
  const Units units = {.images = 8, .size = 1, .unit_images = 1, .unit_rows = 1};
  std::atomic<int> by_other = 0;
  auto job = [&](int member) {
    const Team team = {member, kMembers, &meeting};
    team.each(units, [&](kernels::Unit) {
      if (member == 1) {
        while (by_other < 7) std::this_thread::yield();
      } else {
        ++by_other;
      }
    });
  };
  // The other may take all eight before this one comes at all.
  pool.run(job);
  EXPECT_GE(by_other, 7);
}

TEST(Meeting, TellsWhoWaitedForWhom) {
  constexpr int kMembers = 2;
  ThreadPool pool(kMembers);
  Meeting meeting(kMembers);
  std::int64_t total = 0;
  std::vector<Part> parts;
  auto job = [&](int member) {
    meeting.begin_pass(member);
    meeting.wait(member);
    if (member == 1) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    meeting.end_pass(member, [&](std::int64_t ticks, const std::vector<Part>& all) {
      total = ticks;
      parts = all;
    });
  };
  pool.run(job);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_GT(parts[0].waited, parts[1].waited);
  EXPECT_LE(parts[0].waited, total);
}

// Passes of 100 ticks for each of two members' halves.
class Two : public testing::Test {
 protected:
  Attendance attendance_{2};
  std::uint64_t run_ = 0;

  int absent() const { return attendance_.absent(run_); }
  // A pass of all, in which member 1 needs so many ticks for its half.
  void all_pass(std::int64_t ticks) { attendance_.all_passed(run_++, ticks, {{ticks - 100, 10}, {0, 10}}); }
  int passes_without_1() {
    int passes = 0;
    for (; absent() == 1; ++passes) attendance_.fewer_passed(run_++);
    return passes;
  }
};

TEST_F(Two, AllComeWhereTwoAreFaster) {
  for (const std::int64_t ticks : {100, 120, 199, 200}) {
    for (int i = 0; i < 5; ++i) {
      all_pass(ticks);
      EXPECT_EQ(absent(), Attendance::kNobody) << ticks;
    }
  }
}

TEST_F(Two, OneInterruptionDoesNotCount) {
  for (int i = 0; i < 10; ++i) {
    all_pass(100);
    all_pass(900);
    EXPECT_EQ(absent(), Attendance::kNobody);
  }
}

TEST_F(Two, WhoHoldsUpTheOthersStaysAwayForLongerEachTime) {
  all_pass(210);
  EXPECT_EQ(absent(), Attendance::kNobody);
  all_pass(210);
  std::vector<int> passes;
  for (int i = 0; i < 5; ++i) {
    passes.push_back(passes_without_1());
    all_pass(210);
  }
  EXPECT_EQ(passes, (std::vector<int>{8, 16, 32, 64, 64}));
  passes_without_1();
  all_pass(110);  // the core is free again
  EXPECT_EQ(absent(), Attendance::kNobody);
  all_pass(210);
  EXPECT_EQ(absent(), Attendance::kNobody);
  all_pass(210);
  EXPECT_EQ(passes_without_1(), 8);
}

TEST_F(Two, HelpThatTheOtherGaveCountsAsItsWork) {
  // Member 0 has done 15 of 20 units in 150 ticks: alone it takes 200.
  for (int i = 0; i < 3; ++i) attendance_.all_passed(run_++, 199, {{49, 15}, {0, 5}});
  EXPECT_EQ(absent(), Attendance::kNobody);
  for (int i = 0; i < 2; ++i) attendance_.all_passed(run_++, 220, {{70, 15}, {0, 5}});
  EXPECT_EQ(absent(), 1);
}

TEST(Attendance, AmongThreeTheOneThatIsWaitedForStaysAway) {
  Attendance attendance(3);
  for (std::uint64_t run = 0; run < 2; ++run) {
    EXPECT_EQ(attendance.absent(run), Attendance::kNobody);
    attendance.all_passed(run, 160, {{60, 10}, {0, 10}, {60, 10}});  // two take 150
  }
  EXPECT_EQ(attendance.absent(2), 1);
}

TEST(Attendance, OneAloneAlwaysComes) {
  Attendance attendance(1);
  for (std::uint64_t run = 0; run < 4; ++run) {
    attendance.all_passed(run, 100, {{0, 1}});
    EXPECT_EQ(attendance.absent(run + 1), Attendance::kNobody);
  }
}

}  // namespace
}  // namespace smlp::test
