// The bookkeeping of a pass alone, by one thread: memory that is kept, room for what is read, and what is done next.
#include "pipeline/schedule.h"

#include <gmock/gmock.h>

#include <chrono>
#include <future>

namespace smlp {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

// Four pictures of six floats and two classes, in batches of three.
ScheduleLimits limits(std::size_t count = 4) {
  return {.count = count,
          .floats = 6,
          .classes = 2,
          .sizes = {.rows = 3, .batches = 2, .window = 4},
          .can_wait = false,
          .max_readers = 2,
          .read_bytes = 100};
}

ScheduleLimits without_executor() {
  ScheduleLimits changed = limits();
  changed.classes = 0;
  changed.sizes = {.rows = 1, .batches = 5, .window = 4};
  return changed;
}

TEST(PassMemory, IsWhatTheLimitsSay) {
  EXPECT_EQ(PassMemory::bytes(limits()), 2 * 3 * (6 + 2) * 4 + 4 * 2 * 4);
  EXPECT_EQ(PassMemory::bytes(without_executor()), 5 * 6 * 4);
}

TEST(PassMemory, FitsThePassThatItWasTakenFor) {
  std::vector<ScheduleLimits> others(7, limits());
  others[0].floats = 7;
  others[1].classes = 3;
  others[2].sizes.rows = 4;
  others[3].sizes.batches = 3;
  others[4].sizes.window = 5;
  others[5].classes = 4;  // as many answers in all
  others[5].sizes.window = 2;
  others[6] = without_executor();
  PassMemory memory;
  for (const ScheduleLimits& other : others) {
    EXPECT_FALSE(memory.fits(limits()));
    memory.take(limits());
    EXPECT_TRUE(memory.fits(limits()));
    EXPECT_TRUE(memory.fits(limits(100))) << "the number of pictures plays no part";
    EXPECT_FALSE(memory.fits(other));
    memory.take(other);
    EXPECT_TRUE(memory.fits(other));
  }
  ScheduleLimits larger = without_executor();
  larger.floats = 7;
  EXPECT_FALSE(memory.fits(larger));
}

class ScheduleTest : public ::testing::Test {
 protected:
  // Reads picture `index`, which comes next, and decodes it. Returns its batch.
  Batch* prepare(Schedule& schedule, std::size_t index) {
    expect(schedule.next(), Task::read, index);
    schedule.end_read(index, Reading{std::span<const float>(), nullptr});
    expect(schedule.next(), Task::decode, index);
    Batch* batch = nullptr;
    const std::span<float> row = schedule.begin_row(index, batch);
    EXPECT_EQ(row.size(), 6U);
    std::ranges::fill(row, static_cast<float>(index));
    schedule.end_row(index, batch, 0.5);
    return batch;
  }
  static void expect(const Task& task, Task::Kind kind, std::size_t index) {
    EXPECT_EQ(task.kind, kind);
    EXPECT_EQ(task.index, index);
  }
  // Logits of a batch: the picture's number and its first float.
  static void compute(Batch& batch) {
    for (std::size_t row = 0; row < batch.index.size(); ++row) {
      batch.logits[2 * row] = static_cast<float>(batch.index[row]);
      batch.logits[2 * row + 1] = batch.pictures.as<float>()[6 * row];
    }
  }
  static void sink(Schedule& schedule, std::size_t index) {
    expect(schedule.next(), Task::sink, index);
    const auto answer = schedule.answer(index);
    ASSERT_TRUE(answer);
    EXPECT_THAT(*answer, ElementsAre(static_cast<float>(index), static_cast<float>(index)));
    schedule.end_sink();
  }

  PassMemory memory_;
};

TEST_F(ScheduleTest, APassGoesOnFromTaskToTask) {
  Schedule schedule(limits(), memory_);
  for (std::size_t i = 0; i < 3; ++i) {
    const Batch* const batch = prepare(schedule, i);
    EXPECT_EQ(batch->index.size(), i + 1);
    EXPECT_GE(batch->index.capacity(), 3U) << "no row needs memory";
  }
  const Task full = schedule.next();
  ASSERT_EQ(full.kind, Task::infer);
  EXPECT_THAT(full.batch->index, ElementsAre(0, 1, 2));
  EXPECT_EQ(full.batch->fill_ms, 1.5);
  compute(*full.batch);
  schedule.end_infer(full.batch);
  for (std::size_t i = 0; i < 3; ++i) sink(schedule, i);
  prepare(schedule, 3);
  ASSERT_EQ(schedule.next().kind, Task::join) << "the rest is for all workers";
  const auto batches = schedule.join();
  ASSERT_EQ(batches.size(), 1U);
  EXPECT_THAT(batches[0]->index, ElementsAre(3));
  EXPECT_EQ(batches[0]->fill_ms, 0.5);
  compute(*batches[0]);
  schedule.end_join();
  sink(schedule, 3);
  EXPECT_EQ(schedule.next().kind, Task::quit);
  EXPECT_FALSE(schedule.claim());
  EXPECT_FALSE(schedule.why_stopped());
}

TEST_F(ScheduleTest, APassForgetsWhatTheOneBeforeLeft) {
  {
    Schedule stopped(limits(), memory_);
    prepare(stopped, 0);
  }
  Schedule schedule(limits(), memory_);
  EXPECT_THAT(prepare(schedule, 0)->index, ElementsAre(0));
}

TEST_F(ScheduleTest, ABrokenPictureIsAnsweredWithItsError) {
  Schedule schedule(limits(2), memory_);
  expect(schedule.next(), Task::read, 0);
  schedule.end_read(0, fail("unreadable"));
  expect(schedule.next(), Task::sink, 0);
  EXPECT_EQ(schedule.answer(0).error().what, "unreadable");
  schedule.end_sink();
  expect(schedule.next(), Task::read, 1);
  schedule.end_read(1, Reading{std::span<const float>(), nullptr});
  expect(schedule.next(), Task::decode, 1);
  schedule.end_without_row(1, {.what = "no picture"});
  expect(schedule.next(), Task::sink, 1);
  EXPECT_EQ(schedule.answer(1).error().what, "no picture");
  schedule.end_sink();
  EXPECT_EQ(schedule.next().kind, Task::quit);
}

TEST_F(ScheduleTest, WhoReadsHearsThatThePassHasEnded) {
  Schedule schedule(limits(), memory_);
  ASSERT_EQ(schedule.claim(), 0U);
  EXPECT_TRUE(schedule.take_room(0, 50));
  schedule.stop({.what = "cancelled"});
  EXPECT_FALSE(schedule.take_room(0, 1));
  EXPECT_FALSE(schedule.claim());
  EXPECT_EQ(schedule.next().kind, Task::quit);
  schedule.stop({.what = "a later reason"});
  EXPECT_EQ(schedule.why_stopped()->what, "cancelled");
}

TEST_F(ScheduleTest, RoomIsTakenUpToTheLimitAndByTheFirstAtOnce) {
  Schedule schedule(limits(), memory_);
  ASSERT_EQ(schedule.claim(), 0U);
  ASSERT_EQ(schedule.claim(), 1U);
  EXPECT_TRUE(schedule.take_room(1, 60)) << "nobody has any";
  EXPECT_TRUE(schedule.take_room(1, 40)) << "to the last byte";
  EXPECT_TRUE(schedule.take_room(0, 1000)) << "the first never waits";
  auto more = std::async(std::launch::async, [&] { return schedule.take_room(1, 1); });
  EXPECT_EQ(more.wait_for(20ms), std::future_status::timeout);
  schedule.end_read(0, fail("unreadable"));
  EXPECT_TRUE(more.get()) << "it is the first now";
}

TEST_F(ScheduleTest, ThreadsReadWhereReadingWaitsAndPicturesAreMany) {
  ScheduleLimits waiting = limits();
  waiting.can_wait = true;
  {
    Schedule schedule(waiting, memory_);
    const Task start = schedule.next();
    EXPECT_EQ(start.kind, Task::start_readers);
    EXPECT_EQ(start.readers, 2) << "as many as there may be";
    schedule.readers_failed(2);
    expect(schedule.next(), Task::read, 0);
  }
  waiting.max_readers = 64;
  EXPECT_EQ(Schedule(waiting, memory_).next().readers, 4);
  waiting.max_readers = 0;
  EXPECT_EQ(Schedule(waiting, memory_).next().kind, Task::read);
  waiting.max_readers = 64;
  waiting.count = 1;
  EXPECT_EQ(Schedule(waiting, memory_).next().kind, Task::read) << "a picture a worker";
  waiting.count = 2;
  EXPECT_EQ(Schedule(waiting, memory_).next().kind, Task::start_readers);
}

TEST_F(ScheduleTest, ASourceThatGrowsIsAskedWhenAllIsReadAndSomethingWasDone) {
  ScheduleLimits growing = limits(0);
  growing.grows = true;
  Schedule schedule(growing, memory_);
  EXPECT_EQ(schedule.next().kind, Task::ask);
  schedule.end_ask(1, false);
  expect(schedule.next(), Task::read, 0);
  schedule.end_read(0, fail("unreadable"));
  expect(schedule.next(), Task::sink, 0);
  schedule.end_sink();
  EXPECT_EQ(schedule.next().kind, Task::ask);
  schedule.end_ask(0, false);
  EXPECT_EQ(schedule.next().kind, Task::quit);
}

}  // namespace
}  // namespace smlp
