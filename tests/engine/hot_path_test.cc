// After the first pass, Engine::run asks nothing of anybody: no memory, no lock, no system call. Where threads share
// the work, one that waits long for another may park in the kernel, and that is all.
//
// Each case runs in a forked child, since what watches system calls cannot be taken away again.
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <thread>
#include <vector>

#include "base/thread_pool.h"
#include "engine/engine.h"
#include "engine/fold.h"
#include "engine/profile.h"
#include "support/generator.h"
#include "support/int8_network.h"
#include "support/isas.h"
#include "support/watch.h"

namespace smlp::test {
namespace {

// How a waiting thread parks: std::atomic::wait yields a few times before its futex.
constexpr std::initializer_list<long> kParking = {SYS_futex, SYS_sched_yield};

// Grids of 14 and 7 on whole vectors, and of 13 and 6 on odd channels.
const Config kEven = {.dim = 32, .image = 56, .classes = 40, .depths = {1, 1}};
const Config kOdd = {.dim = 7, .alpha = 2, .patch = 3, .image = 39, .classes = 5, .depths = {1, 1}};

struct Mode {
  const char* name;
  int threads, batch, count;
};
constexpr Mode kAlone[] = {{"one picture", 1, 1, 1}, {"a batch", 1, 5, 5}, {"more than a batch", 1, 2, 3}};
constexpr Mode kTogether[] = {{"one picture shared by two threads", 2, 1, 1},
                              {"two threads with pictures of their own", 2, 4, 4},
                              {"pictures of their own, then a shared one", 2, 4, 5}};

struct Runs {
  const Config& config;
  std::vector<float> pictures, logits;
  std::shared_ptr<Network> network;
  std::unique_ptr<Engine> engine;

  Runs(const kernels::Candidate& table, const Config& shape, const Mode& mode, GeluPrecision gelu) : config(shape) {
    for (int i = 0; i < mode.count; ++i) {
      const std::vector<float> picture = make_picture(config, 1, i);
      pictures.insert(pictures.end(), picture.begin(), picture.end());
    }
    logits.resize(static_cast<std::size_t>(mode.count) * static_cast<std::size_t>(config.classes));
    network = std::make_shared<Network>(fold(make_weights(config, 1)));
    if (table.precision == Precision::int8) network = in_int8(*network, pictures);
    network->gelu = gelu;
    auto made =
        Engine::create(network, {.threads = mode.threads, .batch = mode.batch, .isa = "", .table = table.table});
    if (!made) ADD_FAILURE() << made.error().message();
    engine = std::move(*made);
    run(mode);
  }

  void run(const Mode& mode) { engine->run(pictures.data(), mode.count, logits.data()); }
};

struct Seen {
  Requests requests;      // of all runs
  int quiet;              // runs without any system call
  char not_watched[160];  // why system calls were not
};

constexpr int kRuns = 3;

Seen watch_runs(const kernels::Candidate& table, const Config& config, const Mode& mode, GeluPrecision gelu) {
  std::string failure;
  const Seen seen = in_child<Seen>(failure, [&](Seen& out) {
    auto* runs = new Runs(table, config, mode, gelu);  // never deleted: threads must not end while they are watched
    watch_system_calls().copy(out.not_watched, sizeof out.not_watched - 1);
    for (int i = 0; i < kRuns; ++i) {
      start_watching();
      runs->run(mode);
      const Requests one = stop_watching();
      out.requests += one;
      if (one.system_calls() == 0) ++out.quiet;
    }
  });
  EXPECT_EQ(failure, "");
  return seen;
}

class HotPath : public testing::TestWithParam<std::size_t> {
 protected:
  void SetUp() override {
    if (!SMLP_CAN_WATCH) GTEST_SKIP() << "the sanitizers stand in front of the allocator and the locks";
  }

  // check(seen) for every mode; returns how many runs there were.
  template <class Check>
  int each_case(std::span<const Mode> modes, Check check) {
    int runs = 0;
    for (const Config* config : {&kEven, &kOdd}) {
      for (const GeluPrecision gelu : {GeluPrecision::high_precision, GeluPrecision::high_performance}) {
        for (const Mode& mode : modes) {
          SCOPED_TRACE(std::string(mode.name) + ", dim " + std::to_string(config->dim) + ", GELU " +
                       std::string(gelu_precision_name(gelu)));
          const Seen seen = watch_runs(table_, *config, mode, gelu);
          EXPECT_EQ(seen.requests.allocator, 0) << seen.requests.text();
          EXPECT_EQ(seen.requests.locks, 0) << seen.requests.text();
          check(seen);
          runs += kRuns;
          if (seen.not_watched[0] != '\0') not_watched_ = seen.not_watched;
        }
      }
    }
    return runs;
  }

  const kernels::Candidate& table_ = all_tables_present()[GetParam()];
  std::string not_watched_;
};

TEST_P(HotPath, OneThreadMakesNoRequest) {
  each_case(kAlone, [](const Seen& seen) { EXPECT_EQ(seen.requests.system_calls(), 0) << seen.requests.text(); });
  if (!not_watched_.empty()) GTEST_SKIP() << not_watched_;
}

// Threads that wait for each other spin first, and park when the wait lasts: when another program holds the processor
// that a partner needs. So how often they park is printed, and that they do nothing else is checked.
TEST_P(HotPath, ThreadsTogetherOnlyPark) {
  int quiet = 0;
  const int runs = each_case(kTogether, [&](const Seen& seen) {
    EXPECT_EQ(seen.requests.system_calls_but(kParking), 0) << seen.requests.text();
    quiet += seen.quiet;
  });
  if (!not_watched_.empty()) GTEST_SKIP() << not_watched_;
  std::printf("%s: %d of %d runs of two threads made no system call\n", table_name(table_).c_str(), quiet, runs);
}

INSTANTIATE_TEST_SUITE_P(Isa, HotPath, testing::Range<std::size_t>(0, all_tables_present().size()),
                         [](const auto& test) { return table_name(all_tables_present()[test.param]); });

// Nor does a profiled run, but for the time: that takes a system call where the kernel cannot hand it out without.
TEST_P(HotPath, AProfileWithMemoryEnoughMakesNoRequest) {
  struct Profiled {
    Requests requests;
    char not_watched[160];
  };
  for (const Mode& mode : {kAlone[1], kTogether[0], kTogether[2]}) {
    SCOPED_TRACE(mode.name);
    std::string failure;
    const Profiled seen = in_child<Profiled>(failure, [&](Profiled& out) {
      auto* runs = new Runs(table_, kOdd, mode, GeluPrecision::high_precision);
      auto* profile = new Profile;
      const auto run = [&] {
        runs->engine->run_profiled(runs->pictures.data(), mode.count, runs->logits.data(), *profile);
      };
      run();
      watch_system_calls().copy(out.not_watched, sizeof out.not_watched - 1);
      start_watching();
      run();
      out.requests = stop_watching();
    });
    ASSERT_EQ(failure, "");
    EXPECT_EQ(seen.requests.allocator, 0) << seen.requests.text();
    EXPECT_EQ(seen.requests.locks, 0) << seen.requests.text();
    if (seen.not_watched[0] != '\0') continue;
    EXPECT_EQ(seen.requests.system_calls_but({SYS_futex, SYS_sched_yield, SYS_clock_gettime}), 0)
        << seen.requests.text();
  }
}

// The watch itself: what it must see, and what it must not.
class Watch : public testing::Test {
 protected:
  struct Report {
    Requests quiet, allocations, lock, writing, elsewhere, after;
    long written;
    int error;
    char not_watched[160];
  };

  void SetUp() override {
    if (!SMLP_CAN_WATCH) GTEST_SKIP() << "the sanitizers stand in front of the allocator and the locks";
  }

  template <class Body>
  static Requests watched(Body body) {
    start_watching();
    body();
    return stop_watching();
  }

  static void failing_write() { static_cast<void>(!::write(-1, "", 1)); }
};

TEST_F(Watch, SeesAnAllocationALockAndASystemCallOfAnyThread) {
  std::string failure;
  const Report seen = in_child<Report>(failure, [](Report& out) {
    static std::atomic<int> turn = 0;
    auto* other = new std::thread([] {
      ::operator delete(::operator new(8));  // the allocator makes ready for this thread
      turn = 1;
      while (turn != 2) {
      }
      ::operator delete(::operator new(8));
      failing_write();
      turn = 3;
      while (true) {
      }
    });
    static_cast<void>(other);
    while (turn != 1) {
    }
    static std::mutex mutex;
    watch_system_calls().copy(out.not_watched, sizeof out.not_watched - 1);

    out.quiet = watched([] {});
    out.allocations = watched([] {
      ::operator delete(::operator new(8));
      ::operator delete(::operator new(64, std::align_val_t(64)), std::align_val_t(64));
      std::free(std::realloc(std::calloc(1, 8), 16));
    });
    out.lock = watched([] { const std::lock_guard held(mutex); });
    out.writing = watched([&] {
      out.written = ::write(-1, "", 1);
      out.error = errno;
    });
    out.elsewhere = watched([] {
      turn = 2;
      while (turn != 3) {
      }
    });
    failing_write();  // nobody watches
    ::operator delete(::operator new(8));
    out.after = stop_watching();
  });
  ASSERT_EQ(failure, "");
  EXPECT_EQ(seen.quiet.text(), "0 allocator calls, 0 locks, system calls: none");
  EXPECT_EQ(seen.allocations.text(), "7 allocator calls, 0 locks, system calls: none");
  EXPECT_EQ(seen.lock.text(), "0 allocator calls, 1 locks, system calls: none");
  EXPECT_EQ(seen.written, -1);
  EXPECT_EQ(seen.error, EBADF);
  EXPECT_EQ(seen.elsewhere.allocator, 2);
  EXPECT_EQ(seen.after.text(), seen.elsewhere.text());
  if (seen.not_watched[0] != '\0') GTEST_SKIP() << seen.not_watched;
  EXPECT_EQ(seen.writing.text(), "0 allocator calls, 0 locks, system calls: 1 x write");
  EXPECT_EQ(seen.writing.system_calls_but(kParking), 1);
  EXPECT_EQ(seen.elsewhere.text(), "2 allocator calls, 0 locks, system calls: 1 x write");
}

// An engine that does allocate: its observed run makes names and copies.
TEST_F(Watch, SeesWhatAnEngineAllocates) {
  std::string failure;
  const Requests seen = in_child<Requests>(failure, [](Requests& out) {
    auto* runs = new Runs(all_tables_present().front(), kEven, kAlone[0], GeluPrecision::high_precision);
    out = watched([&] {
      runs->engine->run_observed(runs->pictures.data(), runs->logits.data(),
                                 [](std::string_view, std::span<const float>) {});
    });
  });
  ASSERT_EQ(failure, "");
  EXPECT_GT(seen.allocator, 0);
}

// A team whose other half is late: the caller spins, then parks, and that is seen as parking; or it hands over the
// processor on which both are.
TEST_F(Watch, SeesAThreadWait) {
  struct Parking {
    Requests requests;
    char not_watched[160];
  };
  std::string failure;
  const Parking seen = in_child<Parking>(failure, [](Parking& out) {
    auto* pool = new ThreadPool(2);
    auto nothing = [](int) {};
    pool->run(nothing);
    watch_system_calls().copy(out.not_watched, sizeof out.not_watched - 1);
    auto late = [](int worker) {
      const auto start = std::chrono::steady_clock::now();
      while (worker == 1 && std::chrono::steady_clock::now() - start < std::chrono::milliseconds(200)) relax();
    };
    out.requests = watched([&] { pool->run(late); });
  });
  ASSERT_EQ(failure, "");
  if (seen.not_watched[0] != '\0') GTEST_SKIP() << seen.not_watched;
  EXPECT_GT(seen.requests.system[SYS_futex] + seen.requests.system[SYS_sched_yield], 0) << seen.requests.text();
}

TEST(InChild, SaysHowAChildEnded) {
  std::string failure;
  EXPECT_EQ(in_child<int>(failure, [](int& out) { out = 7; }), 7);
  EXPECT_EQ(failure, "");
  in_child<int>(failure, [](int&) { ::_exit(3); });
  EXPECT_EQ(failure, "the child ended early with status 3");
  in_child<int>(failure, [](int&) { ::raise(SIGKILL); });
  EXPECT_EQ(failure, "the child died of Killed");
}

}  // namespace
}  // namespace smlp::test
