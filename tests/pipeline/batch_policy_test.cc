// The policy of batches, by the cases that its users rely on.
#include "pipeline/batch_policy.h"

#include <gtest/gtest.h>

namespace smlp {
namespace {

using namespace std::chrono_literals;

TEST(BatchPolicy, MemoryStaysBoundedHoweverManyPicturesThereAre) {
  for (const std::size_t workers : {1, 2, 64}) {
    for (const std::size_t batch : {1, 8, 4096}) {
      for (const bool exclusive : {false, true}) {
        const PassShape pass{.pictures = 50'000,
                             .workers = workers,
                             .floats = 150'528,
                             .batch = batch,
                             .solo = exclusive ? 0 : 4U,
                             .exclusive = exclusive};
        const BatchSizes sizes = batch_sizes(pass);
        EXPECT_EQ(sizes.rows, exclusive ? batch : 4U);
        const std::size_t bytes = sizes.rows * sizes.batches * pass.floats * sizeof(float);
        const std::size_t one = batch * pass.floats * sizeof(float);
        EXPECT_LE(bytes, exclusive ? std::max<std::size_t>(one, 64 << 20) : (workers + 2) * 4 * 602'112);
      }
    }
  }
}

TEST(BatchPolicy, EachWorkerHasABatchOneFillsAndOneIsToSpare) {
  for (const std::size_t workers : {1, 2, 64}) {
    const PassShape pass{.pictures = 50'000, .workers = workers, .floats = 12, .batch = 8, .solo = 4};
    EXPECT_EQ(batch_sizes(pass).batches, workers + 2);
    PassShape grows = pass;
    grows.pictures = 1;
    grows.grows = true;
    EXPECT_EQ(batch_sizes(grows).batches, workers + 2) << "more may come";
    EXPECT_EQ(batch_sizes(grows).window, 4 * 4 * (workers + 2));
  }
  const PassShape prepares{.pictures = 50'000, .workers = 3, .floats = 12, .infers = false};
  EXPECT_EQ(batch_sizes(prepares).batches, 12U);
}

TEST(BatchPolicy, ExclusiveBatchesPileUpWithinTheirMemory) {
  PassShape pass{.pictures = 50'000, .workers = 2, .floats = 150'528, .batch = 8, .solo = 4, .exclusive = true};
  EXPECT_EQ(batch_sizes(pass).batches, 4U) << "16 pictures a worker";
  pass.batch = 5;
  EXPECT_EQ(batch_sizes(pass).batches, 7U) << "or some more";
  pass.workers = 64;
  EXPECT_EQ(batch_sizes(pass).batches, 22U) << "of 3 MB each, 64 MiB together";
  pass.batch = 4096;
  EXPECT_EQ(batch_sizes(pass).batches, 1U);
  pass.solo = 0;
  pass.exclusive = false;
  EXPECT_TRUE(batch_sizes(pass).exclusive) << "where none is taken alone, all share";
}

TEST(BatchPolicy, TheWindowHoldsFourTimesTheBatchesAndAFewPictures) {
  PassShape pass{.pictures = 50'000, .workers = 2, .floats = 12, .batch = 8, .solo = 4};
  EXPECT_EQ(batch_sizes(pass).window, 256U);
  pass.pictures = 255;
  EXPECT_EQ(batch_sizes(pass).window, 255U);
  pass.pictures = 0;
  EXPECT_EQ(batch_sizes(pass).window, 1U);
  pass = {.pictures = 50'000, .workers = 30, .floats = 12, .batch = 8, .solo = 4};
  EXPECT_EQ(batch_sizes(pass).window, 4U * 4 * 32);
}

TEST(BatchPolicy, AShortPassTakesNoMoreThanItNeeds) {
  const PassShape pass{.pictures = 3, .workers = 2, .floats = 12, .batch = 8, .solo = 4};
  EXPECT_LE(batch_sizes(pass).batches, 4U);
  EXPECT_EQ(batch_sizes(pass).window, 3U);
  const PassShape exclusive{.pictures = 3, .workers = 2, .floats = 12, .batch = 8, .solo = 4, .exclusive = true};
  EXPECT_EQ(batch_sizes(exclusive).batches, 1U);
}

// Prepared pictures that wait for the sink: more than the workers make at a time, and no more for a longer pass.
TEST(BatchPolicy, WhereNothingIsInferredAFewPicturesWaitForTheSink) {
  for (const std::size_t workers : {1, 2, 64}) {
    const auto batches_for = [&](std::size_t pictures) {
      return batch_sizes({.pictures = pictures, .workers = workers, .floats = 150'528, .infers = false}).batches;
    };
    EXPECT_GT(batches_for(50'000), workers);
    EXPECT_LE(batches_for(50'000), 8 * workers);
    EXPECT_EQ(batches_for(50'000'000), batches_for(50'000));
    EXPECT_EQ(batches_for(1), 1U);
    EXPECT_EQ(batches_for(0), 1U);
    EXPECT_LE(batches_for(3), 3U);
  }
}

TEST(BatchPolicy, FullBatchesGoFirstAndPartialOnesWhenNothingElseCanBeDone) {
  EXPECT_EQ(before_decoding({.full = true}), Execution::by_one);
  EXPECT_EQ(before_decoding({.exclusive = true, .full = true}), Execution::none);
  EXPECT_EQ(when_idle({.partial = true}), Execution::by_one);
  EXPECT_EQ(when_idle({.partial = true, .can_spare = false}), Execution::none);
  EXPECT_EQ(when_idle({.partial = true, .last = true}), Execution::by_all);
  EXPECT_EQ(when_idle({.partial = true, .last = true, .running = true}), Execution::by_one);
  EXPECT_EQ(when_idle({}), Execution::none);
}

TEST(BatchPolicy, ExclusiveExecutionsWaitForDecoders) {
  EXPECT_EQ(when_idle({.exclusive = true, .full = true, .decoding = true}), Execution::none);
  EXPECT_EQ(when_idle({.exclusive = true, .full = true}), Execution::by_all);
  EXPECT_EQ(when_idle({.exclusive = true, .partial = true}), Execution::none);
  EXPECT_EQ(when_idle({.exclusive = true, .partial = true, .last = true}), Execution::by_all);
}

TEST(BatchPolicy, RequestsWaitForOthersUntilTheDelayAndHalfTheirTime) {
  const auto now = RequestsNow::Clock::now();
  RequestsNow requests{.queued = 3, .most = 4, .arrived = now, .deadline = std::nullopt, .max_delay = 10ms};
  EXPECT_FALSE(is_whole(requests));
  EXPECT_EQ(latest_start(requests), now + 10ms);
  requests.deadline = now + 8ms;
  EXPECT_EQ(latest_start(requests), now + 4ms);
  requests.deadline = now + 1h;
  EXPECT_EQ(latest_start(requests), now + 10ms);
  requests.queued = 4;
  EXPECT_TRUE(is_whole(requests));
  requests.queued = 1;
  requests.closing = true;
  EXPECT_TRUE(is_whole(requests));
  requests.queued = 0;
  EXPECT_FALSE(is_whole(requests));
}

}  // namespace
}  // namespace smlp
