// The queue alone, without threads: when a batch is due, who is refused, and what is counted.
#include "api/request_queue.h"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"

namespace smlp {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;

// Answers go into `answers`: "fine", or what the error says.
class RequestQueueTest : public testing::Test {
 protected:
  Result<void> take(RequestQueue& queue, RequestOptions options = {}, microseconds ago = {}) {
    return queue.take(
        {.input = std::span<const float>(),
         .options = std::move(options),
         .answer =
             [this](Result<Logits> result) { answers.push_back(result ? "fine" : std::string(result.error().what)); },
         .arrived = std::chrono::steady_clock::now() - ago});
  }

  static std::vector<Request> admitted(RequestQueue& queue) {
    std::vector<Request> batch;
    queue.admit([&](Request&& request) { batch.push_back(std::move(request)); });
    return batch;
  }

  std::vector<std::string> answers;
};

TEST_F(RequestQueueTest, ABatchIsDueWhenItIsWholeOrItsFirstHasWaited) {
  RequestQueue patient({.max_batch = 2, .max_delay = hours(1), .max_queue = 8});
  EXPECT_FALSE(patient.is_ready()) << "nothing waits";
  ASSERT_TRUE(take(patient));
  EXPECT_FALSE(patient.is_ready()) << "one of two";
  ASSERT_TRUE(take(patient));
  EXPECT_TRUE(patient.is_ready());

  RequestQueue hasty({.max_batch = 2, .max_delay = microseconds(0), .max_queue = 8});
  EXPECT_FALSE(hasty.is_ready()) << "nothing waits";
  ASSERT_TRUE(take(hasty));
  EXPECT_TRUE(hasty.is_ready());
}

TEST_F(RequestQueueTest, WhoHasWaitedLongestDecidesNotWhoIsFirst) {
  RequestQueue queue({.max_batch = 3, .max_delay = hours(1), .max_queue = 8});
  ASSERT_TRUE(take(queue, {.priority = 5}));
  EXPECT_FALSE(queue.is_ready());
  ASSERT_TRUE(take(queue, {}, hours(2)));
  EXPECT_TRUE(queue.is_ready());
}

TEST_F(RequestQueueTest, ADeadlineLeavesHalfOfItsTimeForWaiting) {
  const auto is_ready = [this](microseconds ago, microseconds left) {
    RequestQueue queue({.max_batch = 3, .max_delay = hours(100), .max_queue = 8});
    EXPECT_TRUE(take(queue, {.deadline = std::chrono::steady_clock::now() + left}, ago));
    return queue.is_ready();
  };
  EXPECT_FALSE(is_ready(hours(1), hours(2)));
  EXPECT_TRUE(is_ready(hours(2), hours(1)));
}

TEST_F(RequestQueueTest, APassIsWokenForEachRequestThatIsTaken) {
  RequestQueue queue({.max_batch = 2, .max_delay = hours(1), .max_queue = 2});
  int woken = 0;
  queue.set_wake([&] { ++woken; });
  ASSERT_TRUE(take(queue));
  EXPECT_EQ(woken, 1);
  queue.set_wake({});
  ASSERT_TRUE(take(queue));
  EXPECT_EQ(woken, 1);
  queue.set_wake([&] { ++woken; });
  EXPECT_FALSE(take(queue)) << "it is full";
  EXPECT_EQ(woken, 1);
}

TEST_F(RequestQueueTest, ABatchIsNoLargerThanItMayBe) {
  RequestQueue queue({.max_batch = 2, .max_delay = hours(1), .max_queue = 8});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(take(queue));
  std::vector<Request> first = admitted(queue), second = admitted(queue);
  EXPECT_EQ(first.size(), 2U);
  EXPECT_EQ(second.size(), 1U);
  EXPECT_TRUE(admitted(queue).empty());
  EXPECT_EQ(queue.statistics().batches, (std::vector<std::uint64_t>{0, 1, 1}));
  EXPECT_EQ(queue.statistics().running, 3U);
}

TEST_F(RequestQueueTest, AnAnswerMayAskWhetherItIsOne) {
  RequestQueue queue({.max_batch = 1, .max_delay = hours(1), .max_queue = 8});
  bool inside = false;
  ASSERT_TRUE(queue.take({.input = std::span<const float>(), .options = {}, .answer = [&](const Result<Logits>&) {
                            inside = queue.is_answering_here();
                          }}));
  std::vector<Request> batch = admitted(queue);
  EXPECT_FALSE(queue.is_answering_here());
  queue.answer(batch[0], Logits{});
  EXPECT_TRUE(inside);
  EXPECT_FALSE(queue.is_answering_here());
}

TEST_F(RequestQueueTest, WhatIsClosedOrFullTakesNoMore) {
  RequestQueue queue({.max_batch = 2, .max_delay = hours(1), .max_queue = 2});
  ASSERT_TRUE(take(queue));
  EXPECT_FALSE(queue.is_full());
  ASSERT_TRUE(take(queue));
  EXPECT_TRUE(queue.is_full());
  EXPECT_FALSE(take(queue));
  queue.close();
  EXPECT_FALSE(queue.is_full()) << "closed is another reason";
  EXPECT_FALSE(take(queue));
  EXPECT_EQ(queue.statistics().refused, 2U);
  EXPECT_EQ(queue.statistics().accepted, 2U);
  EXPECT_TRUE(queue.wait()) << "two are left";
  EXPECT_EQ(admitted(queue).size(), 2U);
  EXPECT_FALSE(queue.wait());
}

TEST_F(RequestQueueTest, EveryNumberOfTheStatistics) {
  RequestQueue queue({.max_batch = 4, .max_delay = hours(1), .max_queue = 8});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(take(queue));
  EXPECT_EQ(queue.statistics().queued, 3U);
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  std::vector<Request> batch = admitted(queue);
  ASSERT_EQ(batch.size(), 3U);
  EXPECT_EQ(queue.statistics().queued, 0U);
  EXPECT_EQ(queue.statistics().running, 3U);
  queue.answer(batch[0], Logits{});
  queue.answer(batch[1], fail("broken"));
  EXPECT_EQ(queue.statistics().batch_times[3], 0) << "the batch is not over";
  EXPECT_EQ(queue.statistics().compute.histogram, decltype(queue.statistics().compute.histogram){});
  queue.answer(batch[2], Logits{});
  const BatcherStatistics counts = queue.statistics();
  EXPECT_GE(counts.queue.largest, 2000U);
  EXPECT_GE(counts.queue.sum, 3U * 2000U);
  EXPECT_EQ(std::accumulate(counts.queue.histogram.begin(), counts.queue.histogram.begin() + 11, 0U), 0U)
      << "below 1024 us";
  EXPECT_EQ(std::accumulate(counts.queue.histogram.begin(), counts.queue.histogram.end(), 0U), 3U);
  EXPECT_EQ(std::accumulate(counts.compute.histogram.begin(), counts.compute.histogram.end(), 0U), 1U);
  EXPECT_EQ(counts.running, 0U);
  EXPECT_EQ(counts.answered, 2U);
  EXPECT_EQ(counts.failed, 1U);
  EXPECT_EQ(counts.batches, (std::vector<std::uint64_t>{0, 0, 0, 1, 0}));
  EXPECT_EQ(counts.batch_times.size(), counts.batches.size());
  EXPECT_EQ(answers, (std::vector<std::string>{"fine", "broken", "fine"}));
}

TEST_F(RequestQueueTest, WhoIsLateOrCancelledIsAnsweredAndTakesNoPlace) {
  RequestQueue queue({.max_batch = 2, .max_delay = hours(1), .max_queue = 8});
  std::stop_source stop;
  ASSERT_TRUE(take(queue, {.deadline = std::chrono::steady_clock::now() - hours(1)}));
  ASSERT_TRUE(take(queue, {.cancel = stop.get_token()}));
  ASSERT_TRUE(take(queue, {.deadline = std::chrono::steady_clock::now() + hours(1)}));
  stop.request_stop();
  EXPECT_EQ(admitted(queue).size(), 1U);
  EXPECT_EQ(answers.size(), 2U);
  EXPECT_EQ(queue.statistics().expired, 1U);
  EXPECT_EQ(queue.statistics().cancelled, 1U);
  EXPECT_EQ(queue.statistics().batches[1], 1U);
}

TEST_F(RequestQueueTest, AnAnswerThatThrowsHarmsNobody) {
  RequestQueue queue({.max_batch = 1, .max_delay = hours(1), .max_queue = 8});
  ASSERT_TRUE(
      queue.take({.input = std::span<const float>(), .options = {}, .answer = [](Result<Logits>) { throw 1; }}));
  std::vector<Request> batch = admitted(queue);
  ASSERT_EQ(batch.size(), 1U);
  queue.answer(batch[0], Logits{});
  EXPECT_FALSE(queue.is_answering_here());
  EXPECT_EQ(queue.statistics().answered, 1U);
}

TEST_F(RequestQueueTest, WithoutMemoryABatchIsAnswered) {
  RequestQueue queue({.max_batch = 2, .max_delay = hours(1), .max_queue = 8});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(take(queue));
  queue.fail_batch();
  EXPECT_EQ(answers.size(), 2U) << "a batch, not all";
  EXPECT_EQ(queue.statistics().queued, 1U);
  queue.fail_batch();
  EXPECT_EQ(answers.size(), 3U);
  EXPECT_EQ(queue.statistics().failed, 3U);
}

}  // namespace
}  // namespace smlp
