// Requests from many threads: every one is answered exactly once, in fair order, whatever races.
#include "smlp/batcher.h"

#include <gmock/gmock.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "base/open_file.h"
#include "support/model_file.h"
#include "support/png_file.h"
#include "support/scratch.h"

namespace smlp {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class BatcherTest : public ::testing::Test {
 protected:
  BatcherTest() {
    test::write_model(scratch_.folder() / "m.safetensors", test::small_config(), 1);
    test::write_png(scratch_.folder() / "p.png", 50, 60, 1);
    picture_.resize(3 * 32 * 32);
    for (std::size_t i = 0; i < picture_.size(); ++i) picture_[i] = static_cast<float>(i * 7919 % 1000) / 500 - 1;
    expected_.resize(10);
    EXPECT_TRUE(session().run(picture_, 1, expected_));
  }

  Session session(int threads = 2) {
    return Session::create(Model::load(scratch_.folder() / "m.safetensors").value(), {.threads = threads, .batch = 4})
        .value();
  }
  Batcher batcher(const BatcherOptions& options, int threads = 2) {
    return Batcher::create(session(threads), options).value();
  }
  std::span<const float> picture() const { return picture_; }
  bool right(const Result<Logits>& answer) const {
    return answer && answer->size() == expected_.size() &&
           std::memcmp(answer->data(), expected_.data(), expected_.size() * sizeof(float)) == 0;
  }

  test::Scratch scratch_;
  std::vector<float> picture_, expected_;
};

TEST_F(BatcherTest, EveryKindOfInputIsAnswered) {
  Batcher b = batcher({});
  const auto bytes = read_text(scratch_.folder() / "p.png", 1 << 20).value();
  auto prepared = b.submit(picture()), path = b.submit(scratch_.folder() / "p.png"),
       encoded = b.submit(std::as_bytes(std::span(bytes))), missing = b.submit(scratch_.folder() / "no.png"),
       broken = b.submit(std::as_bytes(std::span(bytes).first(20))), small = b.submit(picture().first(7));
  ASSERT_TRUE(prepared && path && encoded && missing && broken && small);
  EXPECT_TRUE(right(prepared->get()));
  const auto by_path = path->get(), by_bytes = encoded->get();
  ASSERT_TRUE(by_path && by_bytes);
  EXPECT_EQ(*by_path, *by_bytes);
  EXPECT_THAT(missing->get().error().message(), HasSubstr("no.png"));
  EXPECT_FALSE(broken->get());
  EXPECT_THAT(small->get().error().message(), HasSubstr("7 floats"));
  const auto s = b.statistics();
  EXPECT_EQ(s.accepted, 6U);
  EXPECT_EQ(s.answered, 3U);
  EXPECT_EQ(s.failed, 3U);
}

TEST_F(BatcherTest, RequestsAreGatheredUpToTheLargestBatch) {
  Batcher b = batcher({.max_batch = 5, .max_delay = 10s});
  std::vector<std::future<Result<Logits>>> answers;
  for (int i = 0; i < 20; ++i) answers.push_back(b.submit(picture()).value());
  for (auto& answer : answers) EXPECT_TRUE(right(answer.get()));
  const auto s = b.statistics();
  EXPECT_EQ(s.batches[5], 4U);
  EXPECT_EQ(s.queue.count, 20U);
}

TEST_F(BatcherTest, ALoneRequestWaitsForTheDelayAndNoLonger) {
  Batcher b = batcher({.max_batch = 64, .max_delay = 30ms});
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(right(b.submit(picture()).value().get()));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 30ms);
  EXPECT_EQ(b.statistics().batches[1], 1U);
}

TEST_F(BatcherTest, ADeadlineIsNotSleptThrough) {
  Batcher b = batcher({.max_batch = 64, .max_delay = 60s});
  EXPECT_TRUE(right(b.submit(picture(), {.deadline = std::chrono::steady_clock::now() + 4s}).value().get()));
}

// The first request's answer holds the only thread until all others are in the queue.
TEST_F(BatcherTest, DeadlinesCancellationAndAFullQueue) {
  Batcher b = batcher({.max_batch = 1, .max_delay = 0us, .max_queue = 4}, 1);
  std::promise<void> begun, go;
  ASSERT_TRUE(b.submit(picture(), {}, [&](const Result<Logits>&) {
    begun.set_value();
    go.get_future().wait();
  }));
  begun.get_future().wait();
  std::stop_source stop;
  auto late = b.submit(picture(), {.deadline = std::chrono::steady_clock::now()});
  auto cancelled = b.submit(picture(), {.cancel = stop.get_token()});
  auto good = b.submit(picture()), last = b.submit(picture());
  ASSERT_TRUE(late && cancelled && good && last);
  const auto refused = b.submit(picture());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().what, kQueueFull);
  EXPECT_TRUE(refused.error().transient);
  EXPECT_EQ(b.statistics().queued, 4U);
  stop.request_stop();
  std::this_thread::sleep_for(2ms);
  go.set_value();
  EXPECT_EQ(late->get().error().what, kDeadlinePassed);
  EXPECT_EQ(cancelled->get().error().what, kCancelled);
  EXPECT_TRUE(right(good->get()));
  EXPECT_TRUE(right(last->get()));
  const auto s = b.statistics();
  EXPECT_EQ(s.expired, 1U);
  EXPECT_EQ(s.cancelled, 1U);
  EXPECT_EQ(s.refused, 1U);
  EXPECT_EQ(s.answered, 3U);
}

TEST_F(BatcherTest, RequestsBeginInTheOrderInWhichTheyCame) {
  Batcher b = batcher({.max_batch = 3, .max_delay = 0us});
  std::vector<int> order;
  std::mutex mutex;
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(b.submit(picture(), {}, [&, i](const Result<Logits>&) {
      const std::lock_guard lock(mutex);
      order.push_back(i);
    }));
  }
  b.shut_down();
  ASSERT_EQ(order.size(), 60U);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST_F(BatcherTest, RequestsOfHigherPriorityBeginFirst) {
  Batcher b = batcher({.max_batch = 7, .max_delay = 10s});  // waits for all of them
  const std::array priorities = {0, -1, 5, 0, 5, -1, 1};
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < priorities.size(); ++i) {
    ASSERT_TRUE(b.submit(picture(), {.priority = priorities[i]}, [&, i](const Result<Logits>& answer) {
      EXPECT_TRUE(right(answer));
      order.push_back(i);
    }));
  }
  b.shut_down();
  EXPECT_THAT(order, ::testing::ElementsAre(2, 4, 6, 0, 3, 1, 5));
}

TEST_F(BatcherTest, TimesSayWhenARequestBeganAndWithHowMany) {
  Batcher b = batcher({.max_batch = 3, .max_delay = 10s});
  std::vector<std::shared_ptr<RequestTimes>> times;
  std::vector<std::future<Result<Logits>>> answers;
  const auto before = std::chrono::steady_clock::now();
  for (int i = 0; i < 3; ++i) {
    times.push_back(std::make_shared<RequestTimes>());
    answers.push_back(b.submit(picture(), {.times = times.back()}).value());
  }
  for (auto& answer : answers) EXPECT_TRUE(right(answer.get()));
  for (const auto& one : times) {
    EXPECT_EQ(one->batch, 3U);
    EXPECT_GE(one->begun, before);
    EXPECT_LE(one->begun, std::chrono::steady_clock::now());
  }
}

TEST_F(BatcherTest, ShutDownAnswersWhatWasTakenAndTakesNoMore) {
  Batcher b = batcher({.max_batch = 4, .max_delay = 10s});
  std::vector<std::future<Result<Logits>>> answers;
  for (int i = 0; i < 30; ++i) answers.push_back(b.submit(picture()).value());
  b.shut_down();
  for (auto& answer : answers) {
    ASSERT_EQ(answer.wait_for(0s), std::future_status::ready);
    EXPECT_TRUE(right(answer.get()));
  }
  EXPECT_EQ(b.submit(picture()).error().what, kShutDown);
  b.shut_down();
}

// Four threads submit and cancel at random while a fifth shuts the batcher down.
TEST_F(BatcherTest, UnderLoadNoRequestIsLostOrAnsweredTwice) {
  for (int round = 0; round < 4; ++round) {
    Batcher b = batcher({.max_batch = 3, .max_delay = 200us, .max_queue = 20}, 1 + round % 2);
    constexpr int kThreads = 4, kEach = 60;
    std::vector<std::atomic<int>> answers(kThreads * kEach);
    std::atomic<std::uint64_t> taken = 0, wrong = 0;
    std::vector<std::thread> clients;
    for (int t = 0; t < kThreads; ++t) {
      clients.emplace_back([&, t] {
        std::vector<std::stop_source> stops(kEach);
        for (int i = 0; i < kEach; ++i) {
          const auto id = static_cast<std::size_t>(t * kEach + i);
          RequestOptions options{.cancel = stops[static_cast<std::size_t>(i)].get_token()};
          if (i % 5 == 0) options.deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(i * 10);
          const auto outcome = b.submit(picture(), options, [&, id](const Result<Logits>& answer) {
            ++answers[id];
            if (answer && !right(answer)) ++wrong;
          });
          if (outcome) {
            ++taken;
          } else {
            --answers[id];
            std::this_thread::sleep_for(100us);
          }
          if (i % 7 == 3) stops[static_cast<std::size_t>(i - 1)].request_stop();
        }
      });
    }
    if (round % 2 == 1) b.shut_down();
    for (std::thread& client : clients) client.join();
    b.shut_down();
    for (std::size_t id = 0; id < answers.size(); ++id) EXPECT_EQ(std::abs(answers[id]), 1) << id;
    EXPECT_EQ(wrong, 0U);
    const auto s = b.statistics();
    EXPECT_EQ(s.accepted, taken);
    EXPECT_EQ(s.accepted, s.answered + s.failed + s.expired + s.cancelled);
    EXPECT_EQ(s.accepted + s.refused, static_cast<std::uint64_t>(kThreads * kEach));
    EXPECT_EQ(s.queued + s.running, 0U);
    EXPECT_EQ(s.failed, 0U);
  }
}

// While an answer is held back, another thread goes on with the requests behind it.
TEST_F(BatcherTest, TheNextBatchBeginsWhileOneIsUnderWay) {
  Batcher b = batcher({.max_batch = 1, .max_delay = 0us}, 2);
  std::promise<void> begun, go;
  ASSERT_TRUE(b.submit(picture(), {}, [&](const Result<Logits>&) {
    begun.set_value();
    go.get_future().wait();
  }));
  begun.get_future().wait();
  auto next = b.submit(picture()), after = b.submit(picture());
  ASSERT_TRUE(next && after);
  const auto limit = std::chrono::steady_clock::now() + 10s;
  // It is asked for more whenever something has been done: at the latest when the held answer is over.
  while (b.statistics().queued == 2 && std::chrono::steady_clock::now() < limit) std::this_thread::sleep_for(1ms);
  EXPECT_LT(b.statistics().queued, 2U);
  go.set_value();
  EXPECT_TRUE(right(next->get()));
  EXPECT_TRUE(right(after->get()));
}

TEST_F(BatcherTest, AnOwnerLivesUntilTheAnswerAndNoLonger) {
  Batcher b = batcher({.max_batch = 2, .max_delay = 0us});
  std::vector<std::weak_ptr<const void>> owners;
  std::vector<std::future<Result<Logits>>> answers;
  for (int i = 0; i < 20; ++i) {
    const auto own = std::make_shared<const std::vector<float>>(picture_);
    owners.push_back(own);
    answers.push_back(b.submit(std::span<const float>(*own), {.owner = own}).value());
  }
  for (auto& answer : answers) EXPECT_TRUE(right(answer.get()));
  b.shut_down();
  for (const auto& owner : owners) EXPECT_TRUE(owner.expired());
}

// In its first answer, and in the end of what a request owns; what was taken is answered all the same.
TEST_F(BatcherTest, ABatcherMayEndInItsOwnAnswer) {
  for (const bool by_owner : {false, true}) {
    for (const int threads : {1, 2}) {
      auto b = std::make_shared<std::optional<Batcher>>(batcher({.max_batch = 2, .max_delay = 1s}, threads));
      std::promise<void> go;
      const std::shared_future<void> gone = go.get_future().share();
      const auto end = [b, gone] {
        gone.wait();
        (*b)->shut_down();
        b->reset();
      };
      std::shared_ptr<const void> owner;
      if (by_owner) owner.reset(static_cast<const int*>(nullptr), [end](const void*) { end(); });
      ASSERT_TRUE((*b)->submit(picture(), {.owner = owner}, [end, by_owner](const auto& answer) {
        EXPECT_TRUE(answer);
        if (!by_owner) end();
      }));
      owner.reset();
      std::vector<std::future<Result<Logits>>> others;
      for (int i = 0; i < 20; ++i) others.push_back((*b)->submit(picture()).value());
      go.set_value();
      for (auto& other : others) EXPECT_TRUE(right(other.get()));
    }
  }
}

TEST_F(BatcherTest, MovingABatcherOverAnotherEndsThat) {
  Batcher b = batcher({.max_batch = 2, .max_delay = 10s});
  auto answer = b.submit(picture()).value();
  b = batcher({});
  ASSERT_EQ(answer.wait_for(0s), std::future_status::ready);
  EXPECT_TRUE(right(answer.get()));
  EXPECT_TRUE(right(b.submit(picture()).value().get()));
}

TEST_F(BatcherTest, TheLargestBatchIsTheSessionsUnlessItIsGiven) {
  EXPECT_EQ(batcher({}).statistics().batches.size(), 5U) << "0 to 4";
  EXPECT_EQ(batcher({.max_batch = 1}).statistics().batches.size(), 2U);
  EXPECT_EQ(batcher({.max_batch = 65536}).statistics().batches.size(), 65537U);
}

TEST_F(BatcherTest, OptionsThatMakeNoSenseAreErrors) {
  EXPECT_FALSE(Batcher::create(session(), {.max_batch = -1}));
  EXPECT_FALSE(Batcher::create(session(), {.max_batch = 65537}));
  EXPECT_FALSE(Batcher::create(session(), {.max_queue = 0}));
  EXPECT_FALSE(Batcher::create(session(), {.max_delay = -1us}));
}

}  // namespace
}  // namespace smlp
