#include "base/time_histogram.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>
#include <span>
#include <vector>

namespace smlp {
namespace {

std::vector<std::uint64_t> times(unsigned seed, int count) {
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> spread(16, 2);  // microseconds to seconds
  std::vector<std::uint64_t> out;
  for (int i = 0; i < count; ++i) out.push_back(static_cast<std::uint64_t>(spread(random)));
  return out;
}

TimeHistogram histogram_of(std::span<const std::uint64_t> values) {
  TimeHistogram out;
  for (const std::uint64_t value : values) out.add(value);
  return out;
}

TEST(TimeHistogram, BucketsAreNarrowAndInOrder) {
  int last = -1;
  for (std::uint64_t value = 0; value < 100'000; ++value) {
    const int bucket = TimeHistogram::bucket_of(value);
    EXPECT_TRUE(bucket == last || bucket == last + 1) << value;
    last = bucket;
    const double middle = static_cast<double>(TimeHistogram::middle_of(bucket));
    EXPECT_LE(std::abs(middle - static_cast<double>(value)), static_cast<double>(value) / 256) << value;
  }
  EXPECT_GT(TimeHistogram::bucket_of(UINT64_MAX), TimeHistogram::bucket_of(UINT64_MAX / 2));
  EXPECT_EQ(TimeHistogram::bucket_of(TimeHistogram::middle_of(TimeHistogram::bucket_of(UINT64_MAX))),
            TimeHistogram::bucket_of(UINT64_MAX));
}

// The nearest rank, found in a sorted list.
TEST(TimeHistogram, PercentilesAreThoseOfTheSortedTimes) {
  std::vector<std::uint64_t> values = times(1, 1000);
  const TimeHistogram histogram = histogram_of(values);
  std::ranges::sort(values);
  for (const auto& [q, rank] : {std::pair(50.0, 500), {90.0, 900}, {99.0, 990}, {99.9, 999}, {100.0, 1000}, {0.0, 1}}) {
    const double exact = static_cast<double>(values[static_cast<std::size_t>(rank - 1)]);
    EXPECT_NEAR(static_cast<double>(histogram.percentile(q)), exact, exact / 256 + 1) << q;
  }
  EXPECT_EQ(histogram.min(), values.front());
  EXPECT_EQ(histogram.max(), values.back());
  EXPECT_EQ(TimeHistogram().percentile(50), 0U);
}

TEST(TimeHistogram, PartsAddUpExactly) {
  const std::vector<std::uint64_t> values = times(2, 777);
  const TimeHistogram whole = histogram_of(values);
  for (const std::size_t cut : {0, 1, 300, 777}) {
    TimeHistogram sum = histogram_of(std::span(values).subspan(cut));
    sum.add(histogram_of(std::span(values).first(cut)));
    EXPECT_EQ(sum.buckets(), whole.buckets());
    EXPECT_EQ(sum.count(), whole.count());
    EXPECT_EQ(sum.sum(), whole.sum());
    EXPECT_EQ(sum.min(), whole.min());
    EXPECT_EQ(sum.max(), whole.max());
    for (int q = 0; q <= 100; ++q) EXPECT_EQ(sum.percentile(q), whole.percentile(q)) << q;
  }
}

TEST(TimeHistogram, IsRestoredFromItsNumbersOnly) {
  const TimeHistogram h = histogram_of(times(3, 50));
  const auto again = TimeHistogram::restored(h.buckets(), h.min(), h.max(), h.sum());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->percentile(90), h.percentile(90));
  EXPECT_EQ(again->count(), 50U);
  EXPECT_EQ(again->buckets(), h.buckets());
  EXPECT_EQ(again->min(), h.min());
  EXPECT_EQ(again->max(), h.max());
  EXPECT_EQ(again->sum(), h.sum());
  EXPECT_FALSE(TimeHistogram::restored(h.buckets(), 0, h.max(), h.sum()));
  EXPECT_FALSE(TimeHistogram::restored(h.buckets(), h.min(), 4 * h.max(), h.sum()));
  EXPECT_FALSE(TimeHistogram::restored({{-1, 1}}, 0, 0, 0));
  EXPECT_FALSE(TimeHistogram::restored({{1 << 20, 1}}, 5, 5, 5));
  EXPECT_FALSE(TimeHistogram::restored({{5, 0}}, 5, 5, 5));
  EXPECT_FALSE(TimeHistogram::restored({}, 5, 5, 5));
  EXPECT_FALSE(TimeHistogram::restored({}, 5, 0, 0));
  EXPECT_FALSE(TimeHistogram::restored({}, 0, 5, 0));
  EXPECT_FALSE(TimeHistogram::restored({}, 0, 0, 5));
  EXPECT_TRUE(TimeHistogram::restored({}, 0, 0, 0));
  EXPECT_FALSE(TimeHistogram::restored({{5, UINT64_MAX}, {6, 1}}, 5, 6, 11)) << "more events than can be counted";
  EXPECT_EQ(TimeHistogram::restored({{5, UINT64_MAX - 1}, {6, 1}}, 5, 6, 11)->count(), UINT64_MAX);
}

}  // namespace
}  // namespace smlp
