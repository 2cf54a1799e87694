#include "base/load_watch.h"

#include <gmock/gmock.h>

#include <chrono>

namespace smlp {
namespace {

TEST(LoadWatch, ReadsTheLinesOfProcStat) {
  // user nice system idle iowait irq softirq steal guest guest_nice, in ticks of 10 ms
  const auto times = parse_processor_times("  1000 200 300 90000 500 10 20 70 999 999", 100);
  ASSERT_TRUE(times);
  EXPECT_DOUBLE_EQ(times->busy, 15.3);
  EXPECT_DOUBLE_EQ(times->stolen, 0.7);
  for (const char* text : {"", "1 2 3", "1 2 3 4 5 6 7", "a b c d e f g h"}) {
    EXPECT_FALSE(parse_processor_times(text, 100)) << text;
  }
}

TEST(LoadWatch, SaysNothingOfATimeTooShort) { EXPECT_EQ(LoadWatch().load(), std::nullopt); }

// What this process does itself is no load of others.
TEST(LoadWatch, OwnWorkIsNotCounted) {
  const LoadWatch watch;
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(400);
  while (std::chrono::steady_clock::now() < end) {
  }
  const auto load = watch.load();
  if (!load) GTEST_SKIP() << "the system does not tell";
  EXPECT_GE(load->others, 0);
  EXPECT_LE(load->others, 1);
}

TEST(LoadWatch, DoubtsBeginAboveALimit) {
  EXPECT_EQ(load_doubt(std::nullopt), "");
  EXPECT_EQ(load_doubt(Load{.others = 0.09, .stolen = 0.04}), "");
  EXPECT_EQ(load_doubt(Load{.others = 0.5}), "other programs used 50 % of the processors' time");
  EXPECT_EQ(load_doubt(Load{.stolen = 0.1}), "the hypervisor took 10 % of the processors' time");
}

}  // namespace
}  // namespace smlp
