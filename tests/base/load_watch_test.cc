#include "base/load_watch.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

#include "base/affinity.h"

namespace smlp {
namespace {

double own_seconds() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

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
  const auto start = std::chrono::steady_clock::now(), end = start + std::chrono::milliseconds(400);
  const double before = own_seconds();
  const LoadWatch watch;
  while (std::chrono::steady_clock::now() < end) {
  }
  const double own = own_seconds() - before;
  const auto load = watch.load();
  if (!load) GTEST_SKIP() << "the system does not tell";
  EXPECT_GE(load->others, 0);
  EXPECT_LE(load->others, 1);
  // Whatever others do, they have what this process leaves, and some ticks of 10 ms.
  const double all = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() *
                     static_cast<double>(allowed_cpus().size());
  EXPECT_LE(load->others, 1 - own / all + 0.15) << own << " s of " << all << " are our own";
}

// A child that computes for as long as it lives: it has its processor, or others have it.
TEST(LoadWatch, TheWorkOfOtherProgramsIsCounted) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::alarm(5);  // should nobody end it
    for (std::atomic<int> i = 0;;) ++i;
  }
  const LoadWatch watch;
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const auto load = watch.load();
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  if (!load) GTEST_SKIP() << "the system does not tell";
  EXPECT_GT(load->others, 0.2 / static_cast<double>(allowed_cpus().size()));
}

TEST(LoadWatch, DoubtsBeginAboveALimit) {
  EXPECT_EQ(load_doubt(std::nullopt), "");
  EXPECT_EQ(load_doubt(Load{.others = 0.1, .stolen = 0.05}), "");
  EXPECT_EQ(load_doubt(Load{.others = 0.11}), "other programs used 11 % of the processors' time");
  EXPECT_EQ(load_doubt(Load{.stolen = 0.06}), "the hypervisor took 6 % of the processors' time");
  EXPECT_EQ(load_doubt(Load{.others = 0.5}), "other programs used 50 % of the processors' time");
  EXPECT_EQ(load_doubt(Load{.stolen = 0.1}), "the hypervisor took 10 % of the processors' time");
  EXPECT_EQ(load_doubt(Load{.others = 1}), "other programs used 100 % of the processors' time");
  EXPECT_EQ(load_doubt(Load{.stolen = 1}), "the hypervisor took 100 % of the processors' time");
}

}  // namespace
}  // namespace smlp
