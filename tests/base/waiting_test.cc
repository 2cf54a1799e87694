#include "base/waiting.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

namespace smlp {
namespace {

using namespace std::chrono_literals;

TEST(Waiting, EachIsCalledOnceWhetherItIsSlowOrNot) {
  for (const auto delay : {0ms, 3ms}) {
    for (const std::size_t count : {0, 1, 7, 8, 9, 300}) {
      std::vector<std::atomic<int>> calls(count);
      const auto start = std::chrono::steady_clock::now();
      ASSERT_TRUE(for_each_waiting(count, [&](std::size_t i) -> Result<void> {
        ++calls[i];
        std::this_thread::sleep_for(delay);
        return {};
      }));
      for (const auto& call : calls) EXPECT_EQ(call, 1);
      EXPECT_LT(std::chrono::steady_clock::now() - start, 600ms) << "one after the other it takes 900";
    }
  }
}

// Only the first eight tell whether threads are worth it. A machine that is busy may take those from the processor, so
// it is tried more than once.
TEST(Waiting, AfterAQuickBeginningNoThreadIsStarted) {
  const auto own = std::this_thread::get_id();
  bool alone = false;
  for (int attempt = 0; attempt < 20 && !alone; ++attempt) {
    std::atomic<int> by_others = 0;
    ASSERT_TRUE(for_each_waiting(24, [&](std::size_t i) -> Result<void> {
      if (i >= 8) std::this_thread::sleep_for(1ms);
      if (std::this_thread::get_id() != own) ++by_others;
      return {};
    }));
    alone = by_others == 0;
  }
  EXPECT_TRUE(alone);
}

TEST(Waiting, TheErrorIsThatOfTheLowest) {
  for (const auto delay : {0ms, 2ms}) {
    for (const std::size_t bad : {0, 5, 8, 9, 100, 199}) {
      const auto outcome = for_each_waiting(200, [&](std::size_t i) -> Result<void> {
        std::this_thread::sleep_for(i % 3 == 0 ? delay : 2 * delay);
        if (i == 199 && bad < 199) throw std::runtime_error("a later one");
        if (i >= bad && i % 7 == bad % 7) return fail("number {}", i);
        return {};
      });
      ASSERT_FALSE(outcome);
      EXPECT_EQ(outcome.error().what, fmt::format("number {}", bad));
    }
  }
}

TEST(Waiting, WhatIsThrownIsAnError) {
  const auto outcome = for_each_waiting(20, [](std::size_t i) -> Result<void> {
    if (i == 15) throw std::bad_alloc();
    return {};
  });
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().transient);
}

}  // namespace
}  // namespace smlp
