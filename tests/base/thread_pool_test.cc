#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <ctime>
#include <numeric>
#include <optional>

#include "base/affinity.h"
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
      barrier.wait(worker);
      for (const int other : step) wrong += other != round;
      barrier.wait(worker);
    }
  };
  pool.run(job);
  EXPECT_EQ(wrong, 0);
}

double processor_ms() {
  timespec now = {};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

// Two threads that the system puts on one processor wait for each other in turns: whoever spins there until he is
// parked, or until his time slice ends, keeps the other from coming.
TEST(Barrier, NobodySpinsOnTheProcessorOfWhomHeWaitsFor) {
  std::atomic<std::uint32_t> never = 0;
  double spinning = processor_ms();
  for (int i = 0; i < 20000; ++i) {
    if (never.load(std::memory_order_acquire) != 0) return;
    relax();
  }
  spinning = processor_ms() - spinning;

  constexpr int kRounds = 200;
  ThreadPool pool(2);
  Barrier barrier(2);
  std::array<std::optional<PinnedThread>, 2> pins;
  const int cpu = allowed_cpus().front();
  double taken = 0;
  auto job = [&](int worker) {
    auto pinned = PinnedThread::pin(cpu);
    if (pinned) pins[static_cast<std::size_t>(worker)] = std::move(*pinned);
    barrier.wait(worker);
    if (worker == 0) taken = processor_ms();
    for (int round = 0; round < kRounds; ++round) barrier.wait(worker);
  };
  pool.run(job);
  taken = processor_ms() - taken;
  ASSERT_TRUE(pins[0] && pins[1]);
  EXPECT_LT(taken / kRounds, spinning / 4);

  auto nothing = [](int) {};  // likewise between the pool's jobs
  taken = processor_ms();
  for (int round = 0; round < kRounds; ++round) pool.run(nothing);
  EXPECT_LT((processor_ms() - taken) / kRounds, spinning / 4);
}

TEST(Places, KnowWhoSharesAProcessor) {
  Places places(3);
  EXPECT_FALSE(places.is_shared(0)) << "nobody was seen yet";
  const auto cpus = allowed_cpus();
  const auto on = [&](int cpu, auto work) {
    std::thread([&] {
      const auto pinned = PinnedThread::pin(cpu);
      ASSERT_TRUE(pinned);
      work();
    }).join();
  };
  on(cpus.front(), [&] {
    places.note(0);
    EXPECT_FALSE(places.is_shared(0)) << "with itself alone";
    EXPECT_TRUE(places.is_shared(1));
  });
  if (cpus.size() == 1) GTEST_SKIP() << "there is one processor only";
  on(cpus.back(), [&] {
    EXPECT_FALSE(places.is_shared(1));
    places.note(0);
  });
  on(cpus.front(), [&] { EXPECT_FALSE(places.is_shared(1)) << "it has moved away"; });
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
