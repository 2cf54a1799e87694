// Times of any number of events in little memory, such that the histograms of two runs add up exactly.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace smlp {

// Buckets are exact below 256 ns and above that 1/128 of a power of two wide, the same for everybody: a percentile is
// within 0.4 % of the true one, and that of a sum of histograms is the same however the events were divided.
class TimeHistogram {
 public:
  using Buckets = std::map<int, std::uint64_t>;  // bucket -> events

  void add(std::uint64_t nanoseconds);
  void add(const TimeHistogram& other);

  std::uint64_t count() const { return count_; }
  std::uint64_t min() const { return count_ > 0 ? min_ : 0; }
  std::uint64_t max() const { return max_; }
  std::uint64_t sum() const { return sum_; }
  double mean() const { return count_ > 0 ? static_cast<double>(sum_) / static_cast<double>(count_) : 0; }

  // The q-th percentile (0 to 100) by nearest rank: the middle of its bucket, never beyond the extremes. 0 for none.
  std::uint64_t percentile(double q) const;

  const Buckets& buckets() const { return buckets_; }
  // A histogram put together from its parts, as a file keeps them; nothing where they contradict each other.
  static std::optional<TimeHistogram> restored(Buckets buckets, std::uint64_t min, std::uint64_t max,
                                               std::uint64_t sum);

  static int bucket_of(std::uint64_t nanoseconds);
  static std::uint64_t middle_of(int bucket);

 private:
  Buckets buckets_;
  std::uint64_t count_ = 0, min_ = UINT64_MAX, max_ = 0, sum_ = 0;
};

}  // namespace smlp
