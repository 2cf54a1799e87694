#include "base/affinity.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

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

// A thread of its own, whose mask is narrowed by somebody else, as taskset does.
TEST(Affinity, AllowedAreThoseOfTheCallingThread) {
  const int last = allowed_cpus().back();
  std::thread([&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof(one), &one), 0);
    EXPECT_EQ(allowed_cpus(), std::vector{last});
    EXPECT_EQ(pinning_order(), std::vector{last});
    EXPECT_EQ(affinity_cpus(), 1);
    EXPECT_EQ(usable_cpus(), 1);
  }).join();
}

// Two threads of one core share its units: a second one comes when every core has one.
TEST(Affinity, EveryCoreComesBeforeASecondThreadOfOne) {
  const auto read = [](int cpu, const char* what) {
    std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/" + what);
    int number = -1;
    file >> number;
    return number;
  };
  std::set<std::pair<int, int>> cores;
  std::vector<int> first, later;
  for (const int cpu : allowed_cpus()) {
    const std::pair core(read(cpu, "physical_package_id"), read(cpu, "core_id"));
    if (core.second < 0) GTEST_SKIP() << "the system does not tell cores";
    (cores.insert(core).second ? first : later).push_back(cpu);
  }
  first.insert(first.end(), later.begin(), later.end());
  EXPECT_EQ(pinning_order(), first);
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
