#include "base/affinity.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "base/cpu_features.h"
#include "base/thread_pool.h"
#include "support/cpus_of_thread.h"

namespace smlp {
namespace {

using test::cpus_of_thread;

std::string own_cpus() { return cpus_of_thread(::gettid()); }

TEST(Affinity, PinnedToOneProcessorAndBack) {
  const std::string before = own_cpus();
  for (const int cpu : allowed_cpus()) {
    const auto pinned = PinnedThread::pin(cpu);
    ASSERT_TRUE(pinned) << pinned.error().message();
    EXPECT_EQ(own_cpus(), std::to_string(cpu));
  }
  EXPECT_EQ(own_cpus(), before);
}

TEST(Affinity, TheMaskComesBackWithTheLastPin) {
  const std::string before = own_cpus();
  const int cpu = allowed_cpus().front();
  auto first = std::optional(PinnedThread::pin(cpu).value()), second = std::optional(PinnedThread::pin(cpu).value());
  first.reset();
  EXPECT_EQ(own_cpus(), std::to_string(cpu));
  second.reset();
  EXPECT_EQ(own_cpus(), before);
}

TEST(Affinity, AnotherThreadMayEndThePin) {
  const std::string before = own_cpus();
  auto pinned = std::optional(PinnedThread::pin(allowed_cpus().front()).value());
  std::thread([&] { pinned.reset(); }).join();
  EXPECT_EQ(own_cpus(), before);
}

TEST(Affinity, APinOutlivesItsThread) {
  std::optional<PinnedThread> pinned;
  std::thread([&] { pinned = PinnedThread::pin(allowed_cpus().front()).value(); }).join();
  const std::string before = own_cpus();
  pinned.reset();
  EXPECT_EQ(own_cpus(), before);
}

TEST(Affinity, UsableAreThoseOfTheMaskThatTheQuotaPaysFor) {
  cpu_set_t mask;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(mask), &mask), 0);
  const int allowed = CPU_COUNT(&mask);
  EXPECT_EQ(affinity_cpus(), allowed);
  const double quota = quota_cpus();  // 0: none
  EXPECT_EQ(usable_cpus(), quota > 0 ? std::min(allowed, static_cast<int>(std::ceil(quota))) : allowed);
}

TEST(Affinity, APinHidesNoProcessor) {
  const auto cpus = allowed_cpus();
  const int usable = usable_cpus();
  const auto pinned = PinnedThread::pin(cpus.back());
  ASSERT_TRUE(pinned);
  EXPECT_EQ(allowed_cpus(), cpus);
  EXPECT_EQ(usable_cpus(), usable);
}

TEST(Affinity, ThreadsOfAPinnedThreadRunWhereItCouldBefore) {
  const std::string before = own_cpus();
  const auto pinned = PinnedThread::pin(allowed_cpus().front());
  ASSERT_TRUE(pinned);
  ThreadPool pool(3);
  std::vector<std::string> seen(3);
  auto job = [&](int worker) { seen[static_cast<std::size_t>(worker)] = own_cpus(); };
  pool.run(job);
  EXPECT_EQ(seen[1], before);
  EXPECT_EQ(seen[2], before);
}

TEST(Affinity, TheOrderHoldsEachProcessorOnce) {
  auto order = pinning_order();
  std::ranges::sort(order);
  EXPECT_EQ(order, allowed_cpus());
  EXPECT_FALSE(order.empty());
}

TEST(Affinity, AProcessorThatIsNotThereIsAnError) {
  const std::string before = own_cpus();
  for (const int cpu : {-1, 8191, 1 << 20}) {
    const auto pinned = PinnedThread::pin(cpu);
    ASSERT_FALSE(pinned);
    EXPECT_NE(pinned.error().message().find(std::to_string(cpu)), std::string::npos);
  }
  EXPECT_EQ(own_cpus(), before);
}

}  // namespace
}  // namespace smlp
