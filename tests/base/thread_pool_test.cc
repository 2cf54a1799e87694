#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <numeric>

#include "base/aligned_buffer.h"

namespace smlp {
namespace {

TEST(ThreadPool, EveryWorkerRunsOnceEachTime) {
  for (const int size : {1, 2, 3, 8}) {
    ThreadPool pool(size);
    std::vector<int> calls(static_cast<std::size_t>(size));
    auto job = [&](int worker) { ++calls[static_cast<std::size_t>(worker)]; };
    for (int round = 0; round < 200; ++round) pool.run(job);
    for (const int count : calls) EXPECT_EQ(count, 200);
  }
}

TEST(ThreadPool, WakesWorkersThatHaveParked) {
  ThreadPool pool(3);
  std::atomic<int> calls = 0;
  auto job = [&](int) { ++calls; };
  for (int round = 0; round < 3; ++round) {
    pool.run(job);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(calls, 9);
}

TEST(ThreadPool, NoSizeBelowOne) { EXPECT_EQ(ThreadPool(0).size(), 1); }

TEST(Barrier, NobodyPassesBeforeAllHaveArrived) {
  constexpr int kMembers = 4, kRounds = 300;
  ThreadPool pool(kMembers);
  Barrier barrier(kMembers);
  std::vector<int> step(kMembers);
  std::atomic<int> wrong = 0;
  auto job = [&](int worker) {
    for (int round = 1; round <= kRounds; ++round) {
      step[static_cast<std::size_t>(worker)] = round;
      barrier.wait();
      for (const int other : step) wrong += other != round;
      barrier.wait();
    }
  };
  pool.run(job);
  EXPECT_EQ(wrong, 0);
}

TEST(AlignedBuffer, IsAlignedZeroAndReadableBeyondItsEnd) {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{64}, std::size_t{4097}, std::size_t{3} << 20}) {
    AlignedBuffer buffer(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64, 0U);
    EXPECT_EQ(buffer.size(), bytes);
    int sum = 0;
    for (std::size_t i = 0; i < bytes + 64; ++i) sum += static_cast<int>(buffer.data()[i]);
    EXPECT_EQ(sum, 0);
  }
}

TEST(AlignedBuffer, TheGuardPageEndsIt) {
  EXPECT_DEATH(
      {
        ::setenv("SMLP_GUARD", "1", 1);
        AlignedBuffer buffer(1000);
        volatile auto* bytes = buffer.data();
        bytes[1024 + 64] = std::byte{1};  // 1000 rounded up to 64, and 64 to spare
      },
      "");
}

}  // namespace
}  // namespace smlp
