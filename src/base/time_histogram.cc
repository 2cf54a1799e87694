#include "base/time_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace smlp {
namespace {

constexpr int kBits = 7;  // a power of two is cut into 2^7 buckets
constexpr int kLastBucket = ((64 - kBits) << kBits) + (1 << kBits) - 1;

}  // namespace

// A time is 1mmmmmmm times 2^shift; the bucket is made of shift and mmmmmmm. Without a shift it is the time itself.
int TimeHistogram::bucket_of(std::uint64_t nanoseconds) {
  const int shift = std::max(static_cast<int>(std::bit_width(nanoseconds)) - kBits - 1, 0);
  return (shift << kBits) + static_cast<int>(nanoseconds >> shift);
}

std::uint64_t TimeHistogram::middle_of(int bucket) {
  const int shift = std::max((bucket >> kBits) - 1, 0);
  const auto lowest = static_cast<std::uint64_t>(bucket - (shift << kBits)) << shift;
  return lowest + ((std::uint64_t{1} << shift) - 1) / 2;
}

void TimeHistogram::add(std::uint64_t nanoseconds) {
  ++buckets_[bucket_of(nanoseconds)];
  ++count_;
  sum_ += nanoseconds;
  min_ = std::min(min_, nanoseconds);
  max_ = std::max(max_, nanoseconds);
}

void TimeHistogram::add(const TimeHistogram& other) {
  for (const auto& [bucket, events] : other.buckets_) buckets_[bucket] += events;
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

std::uint64_t TimeHistogram::percentile(double q) const {
  if (count_ == 0) return 0;
  const double all = static_cast<double>(count_);
  const double wanted = std::ceil(q * all / 100 - 1e-9 * all);  // 99.9 % of 1000 are 999, whatever 99.9 is in binary
  const auto rank = static_cast<std::uint64_t>(std::clamp(wanted, 1.0, static_cast<double>(count_)));
  std::uint64_t below = 0;
  for (const auto& [bucket, events] : buckets_) {
    below += events;
    if (below >= rank) return std::clamp(middle_of(bucket), min_, max_);
  }
  return max_;
}

std::optional<TimeHistogram> TimeHistogram::restored(Buckets buckets, std::uint64_t min, std::uint64_t max,
                                                     std::uint64_t sum) {
  TimeHistogram out;
  if (buckets.empty()) return min == 0 && max == 0 && sum == 0 ? std::optional(out) : std::nullopt;
  if (buckets.begin()->first < 0 || buckets.rbegin()->first > kLastBucket) return std::nullopt;
  for (const auto& [bucket, events] : buckets) {
    if (events == 0 || out.count_ > UINT64_MAX - events) return std::nullopt;
    out.count_ += events;
  }
  if (bucket_of(min) != buckets.begin()->first || bucket_of(max) != buckets.rbegin()->first) return std::nullopt;
  out.buckets_ = std::move(buckets);
  out.min_ = min;
  out.max_ = max;
  out.sum_ = sum;
  return out;
}

}  // namespace smlp
