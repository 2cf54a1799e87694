// The pipeline with fake parts: order, bounds, errors of single pictures, and passes that always end.
#include "pipeline/pipeline.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <future>

#include "base/affinity.h"
#include "pipeline/fakes.h"
#include "support/sanitizers.h"

namespace smlp {
namespace {

using test::FakeExecutor;
using test::FakeSink;
using test::FakeSource;
using ::testing::HasSubstr;

struct Shape {
  int workers, solo;
  bool exclusive;
};

const PipelineOptions kOptions{
    .how = {.resize = test::kSide, .crop = test::kSide}, .classes = test::kClasses, .batch = 3};

PipelineOptions options_of(const Shape& shape) {
  PipelineOptions options = kOptions;
  options.exclusive = shape.exclusive;
  return options;
}

// A pass that hangs is a failure with a name, not a test that is killed.
Result<void> run(const Shape& shape, FakeSource& source, FakeExecutor* executor, FakeSink& sink,
                 PipelineOptions options) {
  std::packaged_task<Result<void>()> task([&] {
    ThreadPool pool(shape.workers);
    return run_pipeline(pool, executor, source, sink, options);
  });
  auto answer = task.get_future();
  std::thread thread(std::move(task));
  if (answer.wait_for(std::chrono::seconds(60)) != std::future_status::ready) {
    std::fprintf(stderr, "the pass did not end\n");
    std::abort();
  }
  thread.join();
  return answer.get();
}

class Pipeline : public testing::TestWithParam<Shape> {
 protected:
  Result<void> go() { return run(GetParam(), source_, &executor_, sink_, options_); }

  void expect_all(std::size_t count) {
    ASSERT_EQ(sink_.order.size(), count);
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(sink_.order[i], i);
      if (!sink_.errors[i].empty()) continue;
      const auto value = static_cast<float>(i);
      EXPECT_THAT(sink_.answers[i], testing::ElementsAre(value, 2 * value));
    }
    EXPECT_EQ(sink_.putting.most(), count > 0 ? 1 : 0);
    EXPECT_EQ(source_.held, 0);
  }

  FakeSource source_{101};
  FakeExecutor executor_{GetParam().workers, GetParam().solo};
  FakeSink sink_;
  PipelineOptions options_ = options_of(GetParam());
};

TEST_P(Pipeline, EveryPictureIsAnsweredOnceAndInOrder) {
  for (const std::size_t count : {0, 1, 2, 3, 4, 7, 100, 300}) {
    FakeSource source(count);
    FakeSink sink;
    source.on_examine = [](std::size_t i) {
      if (i % 13 == 0) test::sleep_ms(0.5);
    };
    const auto outcome = run(GetParam(), source, &executor_, sink, options_);
    ASSERT_TRUE(outcome) << outcome.error().message();
    ASSERT_EQ(sink.order.size(), count);
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(sink.order[i], i);
      ASSERT_EQ(sink.answers[i][1], 2 * static_cast<float>(i));
    }
    EXPECT_EQ(sink.finished, 1);
    EXPECT_EQ(source.reads, static_cast<std::int64_t>(count));
  }
  EXPECT_LE(executor_.largest_solo, GetParam().solo);
}

TEST_P(Pipeline, ReadingThatNeverWaitsNeedsNoThread) {
  source_.can_wait = false;
  ASSERT_TRUE(go());
  expect_all(101);
  EXPECT_LE(source_.reading.most(), GetParam().workers);
}

TEST_P(Pipeline, ABrokenPictureFailsAlone) {
  source_.on_read = [](std::size_t i) -> Result<void> {
    if (i % 5 == 0) return fail("cannot be read");
    if (i % 7 == 0) throw std::runtime_error("thrown by the source");
    if (i % 11 == 0) throw 5;
    return {};
  };
  source_.on_examine = [](std::size_t i) {
    if (i % 13 == 0) throw std::bad_alloc();
  };
  ASSERT_TRUE(go());
  expect_all(101);
  EXPECT_EQ(sink_.errors[10], "picture 10: cannot be read");
  EXPECT_EQ(sink_.errors[14], "picture 14: thrown by the source");
  EXPECT_EQ(sink_.errors[22], "picture 22: unknown fault");
  EXPECT_EQ(sink_.errors[26], "picture 26: not enough memory; free some memory, or give less at once");
  EXPECT_EQ(sink_.errors[4], "");
}

TEST_P(Pipeline, OnlyBrokenPicturesEndToo) {
  source_.on_read = [](std::size_t) -> Result<void> { return fail("cannot be read"); };
  ASSERT_TRUE(go());
  expect_all(101);
  EXPECT_EQ(executor_.solo_runs + executor_.shared_runs, 0);
}

TEST_P(Pipeline, TheSinksErrorEndsThePass) {
  sink_.on_put = [](std::size_t i) -> Result<void> {
    if (i == 5) return fail("disk full");
    return {};
  };
  const auto outcome = go();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message(), "disk full");
  EXPECT_EQ(sink_.order.size(), 6U);
  EXPECT_EQ(sink_.finished, 0);
  EXPECT_EQ(source_.held, 0);
}

TEST_P(Pipeline, WhateverThrowsThePassEnds) {
  sink_.on_put = [](std::size_t i) -> Result<void> {
    if (i == 3) throw std::runtime_error("thrown by the sink");
    return {};
  };
  EXPECT_EQ(go().error().message(), "thrown by the sink");
  sink_.on_put = {};
  executor_.on_share = [](int worker) {
    if (worker == GetParam().workers - 1) throw std::bad_alloc();
  };
  executor_.on_compute = [this] {
    if (GetParam().solo > 0 && !GetParam().exclusive) throw std::bad_alloc();
  };
  EXPECT_THAT(go().error().message(), HasSubstr("not enough memory for a batch of 3 pictures; use a smaller batch"));
}

TEST_P(Pipeline, AnyFaultAtAnyPictureEndsThePass) {
  for (std::size_t at = 0; at < 12; ++at) {
    FakeSource source(12);
    FakeSink sink;
    source.delay_ms = at % 3 == 0 ? 0.2 : 0;
    sink.on_put = [&](std::size_t i) -> Result<void> {
      if (i == at) throw 1;
      return {};
    };
    EXPECT_FALSE(run(GetParam(), source, &executor_, sink, options_)) << at;
  }
}

TEST_P(Pipeline, ItCanBeCancelled) {
  std::stop_source stop;
  options_.stop = stop.get_token();
  sink_.on_put = [&](std::size_t i) -> Result<void> {
    if (i == 9) stop.request_stop();
    return {};
  };
  const auto outcome = go();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().what, "cancelled");
  EXPECT_LT(sink_.order.size(), 101U);
  EXPECT_EQ(sink_.finished, 0);
}

TEST_P(Pipeline, ThreadsThatCannotStartAreDoneWithout) {
  if (SMLP_UNDER_SANITIZER) GTEST_SKIP() << "sanitizers need more address space than the limit of this test";
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  ThreadPool pool(GetParam().workers);
  std::promise<Result<void>> answer;
  // No address space for a thread's stack; what the pass itself needs is small.
  sink_.on_put = [&](std::size_t i) -> Result<void> {
    if (i == 100) ::setrlimit(RLIMIT_AS, &before);
    return {};
  };
  std::size_t used = 0;
  {
    std::FILE* const statm = std::fopen("/proc/self/statm", "r");
    ASSERT_NE(statm, nullptr);
    ASSERT_EQ(std::fscanf(statm, "%zu", &used), 1);
    std::fclose(statm);
  }
  const rlimit tight = {.rlim_cur = used * 4096 + (std::size_t{4} << 20), .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &tight), 0);
  const auto outcome = run_pipeline(pool, &executor_, source_, sink_, options_);
  ::setrlimit(RLIMIT_AS, &before);
  ASSERT_TRUE(outcome) << outcome.error().message();
  expect_all(101);
}

TEST_P(Pipeline, ASlowSinkHoldsEverythingBack) {
  FakeSource source(1200);
  FakeSink sink;
  std::int64_t most = 0;
  sink.on_put = [&](std::size_t i) -> Result<void> {
    most = std::max(most, source.reads - static_cast<std::int64_t>(i));
    return {};
  };
  ASSERT_TRUE(run(GetParam(), source, &executor_, sink, options_));
  EXPECT_LE(most, 400);  // the window: 256, or four times the rows of all batches
}

TEST_P(Pipeline, WhatIsReadAheadIsBoundedInBytes) {
  source_.bytes = 1000;
  source_.work_ms = 0.2;
  options_.read_bytes = 5000;
  ASSERT_TRUE(go());
  expect_all(101);
  EXPECT_LE(source_.most_held, 6000);  // the first in order may always pass
}

TEST_P(Pipeline, PicturesLargerThanTheRoomPassOneByOne) {
  source_.bytes = 1000;
  options_.read_bytes = 10;
  ASSERT_TRUE(go());
  expect_all(101);
  EXPECT_LE(source_.most_held, 2000);
}

TEST_P(Pipeline, ASourceThatGrowsIsAskedUntilItHasNoMore) {
  for (const bool can_wait : {true, false}) {
    for (const std::size_t first : {0, 1, 5}) {
      FakeSource source(first);
      FakeSink sink;
      source.can_wait = can_wait;
      source.growth = {3, 1, 40, 300, 1, 2};
      ASSERT_TRUE(run(GetParam(), source, &executor_, sink, options_));
      ASSERT_EQ(sink.order.size(), first + 347U);
      for (std::size_t i = 0; i < sink.order.size(); ++i) {
        ASSERT_EQ(sink.order[i], i);
        ASSERT_EQ(sink.answers[i][1], 2 * static_cast<float>(i));
      }
      EXPECT_EQ(source.asking.most(), 1);
      EXPECT_GT(source.asked, source.growth.size());
      EXPECT_EQ(sink.finished, 1);
    }
  }
}

TEST_P(Pipeline, ASourceThatGrowsEndsWithAnyFault) {
  for (const bool in_more : {true, false}) {
    FakeSource source(2);
    FakeSink sink;
    source.growth.assign(50, 3);
    if (in_more) {
      source.on_more = [&] {
        if (source.asked == 9) throw std::bad_alloc();
      };
    } else {
      sink.on_put = [](std::size_t i) -> Result<void> {
        if (i == 20) return fail("disk full");
        return {};
      };
    }
    EXPECT_FALSE(run(GetParam(), source, &executor_, sink, options_));
    EXPECT_LT(sink.order.size(), 152U);
  }
}

// What comes while the only batch so far is being inferred is read and decoded meanwhile.
TEST_P(Pipeline, GrowthIsTakenUpWhileABatchIsInferred) {
  if (GetParam().workers == 1 || GetParam().exclusive || GetParam().solo == 0)
    GTEST_SKIP() << "for workers of their own";
  const std::int64_t first = GetParam().solo;  // a full batch, which one worker takes
  FakeSource source(static_cast<std::size_t>(first));
  FakeSink sink;
  source.growth = {0, 0, 0, 0, 4};
  std::atomic<std::int64_t> most_read = 0;
  executor_.on_compute = [&] {
    for (int i = 0; i < 1000 && source.reads < first + 4; ++i) {
      source.wake();
      test::sleep_ms(1);
    }
    most_read = std::max<std::int64_t>(most_read, source.reads);
  };
  ASSERT_TRUE(run(GetParam(), source, &executor_, sink, options_));
  EXPECT_EQ(sink.order.size(), static_cast<std::size_t>(first + 4));
  EXPECT_EQ(most_read, first + 4);
}

TEST_P(Pipeline, SlowReadingIsDoneByManyThreads) {
  FakeSource source(400);
  FakeSink sink;
  source.delay_ms = 20;
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(run(GetParam(), source, &executor_, sink, options_));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_GE(source.reading.most(), 32);
  EXPECT_LE(source.reading.most(), 64);
  EXPECT_LT(seconds, 4) << "one by one it takes 8 s";
}

TEST_P(Pipeline, NoWorkerDecodesWhileAnExecutionIsExclusive) {
  if (!GetParam().exclusive) GTEST_SKIP() << "for exclusive executions";
  Executions executions;
  options_.executions = &executions;
  options_.loop = 2;
  source_.work_ms = 0.1;
  int disturbed = 0;
  executor_.on_compute = [&] { disturbed += source_.working.now(); };
  ASSERT_TRUE(go());
  expect_all(101);
  EXPECT_EQ(disturbed, 0);
  int pictures = 0;
  for (const int count : executions.pictures) pictures += count;
  EXPECT_EQ(pictures, 2 * 101);
  EXPECT_EQ(executions.compute.size(), executions.pictures.size());
  EXPECT_EQ(executions.fill.size(), executions.collect.size());
  EXPECT_EQ(2 * executions.fill.size(), executions.compute.size());
  EXPECT_EQ(executor_.sharing.most(), GetParam().workers);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Pipeline,
                         testing::Values(Shape{1, 4, false}, Shape{2, 4, false}, Shape{3, 1, false}, Shape{2, 0, false},
                                         Shape{1, 4, true}, Shape{3, 2, true}),
                         [](const auto& test) {
                           return std::to_string(test.param.workers) + "workers_solo" +
                                  std::to_string(test.param.solo) + (test.param.exclusive ? "_exclusive" : "");
                         });

TEST(PipelineWithoutAnExecutor, GivesPreparedPicturesInOrderFromAFewRows) {
  for (const int workers : {1, 3}) {
    FakeSource source(500);
    FakeSink sink;
    source.on_read = [](std::size_t i) -> Result<void> {
      if (i % 50 == 0) test::sleep_ms(5);  // the others must not take the rows that it needs
      if (i % 9 == 0) return fail("broken");
      return {};
    };
    ASSERT_TRUE(run({workers, 0, false}, source, nullptr, sink, kOptions));
    ASSERT_EQ(sink.order.size(), 500U);
    for (std::size_t i = 0; i < 500; ++i) {
      ASSERT_EQ(sink.order[i], i);
      if (i % 9 != 0) {
        ASSERT_EQ(sink.answers[i], std::vector<float>(test::kFloats, static_cast<float>(i)));
      }
    }
  }
}

TEST(PipelineWithoutAnExecutor, ReadersOfAPinnedThreadRunWhereItCouldBefore) {
  FakeSource source(40);
  FakeSink sink;
  const auto own = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    ::sched_getaffinity(0, sizeof set, &set);
    return CPU_COUNT(&set);
  };
  const int before = own();
  std::atomic<int> fewest = before;
  source.on_read = [&](std::size_t) -> Result<void> {
    if (own() < fewest) fewest = own();
    return {};
  };
  const auto pinned = PinnedThread::pin(allowed_cpus().front());
  ASSERT_TRUE(pinned);
  ThreadPool pool(2);
  ASSERT_TRUE(run_pipeline(pool, nullptr, source, sink, kOptions));
  EXPECT_EQ(fewest, before);
}

TEST(PipelineOptions, ABatchAndALoopAreOneOrMore) {
  const auto outcome_of = [](int batch, int loop) {
    FakeSource source(5);
    FakeSink sink;
    FakeExecutor executor(2, 0);
    PipelineOptions options = kOptions;
    options.batch = batch;
    options.loop = loop;
    const auto outcome = run({2, 0, true}, source, &executor, sink, options);
    EXPECT_EQ(sink.order.size(), outcome ? 5U : 0U);
    return outcome ? std::string("no error") : outcome.error().what;
  };
  EXPECT_EQ(outcome_of(1, 1), "no error");
  for (const auto& [batch, loop] : {std::pair(0, 1), {-1, 1}, {1, 0}, {1, -1}}) {
    EXPECT_EQ(outcome_of(batch, loop), "a batch and a loop of less than 1");
  }
}

TEST(PipelineOptions, WithoutReadersTheWorkersRead) {
  for (const int readers : {0, -1}) {
    FakeSource source(50);
    FakeSink sink;
    FakeExecutor executor(2, 4);
    PipelineOptions options = kOptions;
    options.max_readers = readers;
    const auto outcome = run({2, 4, false}, source, &executor, sink, options);
    ASSERT_TRUE(outcome) << outcome.error().message();
    EXPECT_EQ(sink.order.size(), 50U);
    EXPECT_LE(source.reading.most(), 2);
  }
}

TEST(PipelineOptions, APreparedPictureHasTheModelsSize) {
  FakeSource source(2);
  FakeSink sink;
  FakeExecutor executor(1, 0);
  PipelineOptions options = kOptions;
  options.channels = 1;
  ASSERT_TRUE(run({1, 0, true}, source, &executor, sink, options));
  EXPECT_EQ(sink.errors[1], "picture 1: a prepared picture of 12 floats; the model takes 4");
}

TEST(PipelineMemory, ABatchBeyondTheMachineIsRefusedBeforeAnythingIsTaken) {
  FakeSource source(10);
  FakeSink sink;
  FakeExecutor executor(1, 0);
  PipelineOptions options = kOptions;
  options.how.crop = 8192;
  options.batch = 1 << 30;
  const auto outcome = run({1, 0, true}, source, &executor, sink, options);
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message(), HasSubstr("a batch of 1073741824 pictures needs"));
  EXPECT_THAT(outcome.error().message(), HasSubstr("use a smaller batch"));
  EXPECT_EQ(source.reads, 0);
}

}  // namespace
}  // namespace smlp
