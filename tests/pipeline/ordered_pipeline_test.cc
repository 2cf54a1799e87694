#include "pipeline/ordered_pipeline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>

namespace smlp {
namespace {

TEST(OrderedPipeline, ConsumesInOrderAndNeverHoldsMoreThanTheWindow) {
  for (const std::size_t count : {0, 1, 2, 3, 100}) {
    std::atomic<int> alive = 0, most = 0;
    std::vector<std::size_t> seen;
    const auto outcome = ordered_pipeline(
        count, 3, 4,
        [&](std::size_t i) {
          int now = ++alive, before = most;
          while (now > before && !most.compare_exchange_weak(before, now)) {
          }
          if (i % 7 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
          return i;
        },
        [&](std::size_t i, std::size_t item) -> Result<void> {
          EXPECT_EQ(i, item);
          seen.push_back(item);
          --alive;
          return {};
        });
    EXPECT_TRUE(outcome);
    ASSERT_EQ(seen.size(), count);
    EXPECT_TRUE(std::ranges::is_sorted(seen));
    EXPECT_LE(most, 5);  // the window, and the one being consumed
  }
}

TEST(OrderedPipeline, StopsAtTheFirstErrorOfTheConsumer) {
  std::atomic<std::size_t> produced = 0;
  const auto outcome = ordered_pipeline(
      100000, 2, 4,
      [&](std::size_t i) {
        ++produced;
        return i;
      },
      [](std::size_t i, std::size_t) -> Result<void> {
        if (i == 5) return fail("disk full");
        return {};
      });
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().what, "disk full");
  EXPECT_LE(produced, 6U + 4U);
}

}  // namespace
}  // namespace smlp
