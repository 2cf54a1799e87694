#include "engine/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace smlp {
namespace {

// Magnitudes from 2^-40 to 2^24 in 64 exponents of 128 bins; what is less counts as the least, what is more as the
// largest.
constexpr int kShift = 16, kFirst = (127 - 40) << 7, kBinsPerSign = 64 << 7;
constexpr double kTail = 1e-5;  // of the numbers, that the percentile cuts off on either side

float lower_edge(int bin) { return std::bit_cast<float>(static_cast<std::uint32_t>(bin + kFirst) << kShift); }

}  // namespace

Histogram::Histogram() : counts_(static_cast<std::size_t>(2 * kBinsPerSign)) {}

void Histogram::add(std::span<const float> values) {
  float least = least_, largest = largest_;
  bool finite = true;
  for (const float value : values) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const int magnitude = static_cast<int>((bits & 0x7FFFFFFF) >> kShift);
    const int bin = std::clamp(magnitude - kFirst, 0, kBinsPerSign - 1);
    const int place = bits >> 31 ? bin + kBinsPerSign : bin;
    ++counts_[static_cast<std::size_t>(place)];
    finite &= magnitude < 0x7F80;
    least = std::min(least, value);
    largest = std::max(largest, value);
  }
  least_ = least;
  largest_ = largest;
  all_finite_ &= finite;
  count_ += values.size();
}

void Histogram::add(const Histogram& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  least_ = std::min(least_, other.least_);
  largest_ = std::max(largest_, other.largest_);
  all_finite_ &= other.all_finite_;
}

std::vector<Histogram::Bin> Histogram::bins() const {
  std::vector<Bin> out;
  const auto take = [&](int bin, bool is_negative) {
    const int place = is_negative ? bin + kBinsPerSign : bin;
    const std::uint64_t count = counts_[static_cast<std::size_t>(place)];
    if (count == 0) return;
    // The first bin holds zeros and what is next to nothing.
    const float low = bin == 0 ? 0 : lower_edge(bin), high = bin == 0 ? 0 : lower_edge(bin + 1);
    const float middle = (low + high) / 2;
    out.push_back({low, high, is_negative ? -middle : middle, count});
  };
  for (int bin = kBinsPerSign - 1; bin >= 0; --bin) take(bin, true);
  for (int bin = 0; bin < kBinsPerSign; ++bin) take(bin, false);
  return out;
}

double Histogram::error(std::span<const Bin> bins, const InputScale& scale) {
  const double step = scale.scale, low = -scale.zero * step, high = (255 - scale.zero) * step;
  double sum = 0, count = 0;
  for (const Bin& bin : bins) {
    const double width = bin.high - bin.low, x = std::clamp(double{bin.value}, low, high);
    // A bin of a byte or more has numbers everywhere between two bytes; of a narrower one the middle stands for all.
    const double near = x - std::nearbyint(x / step) * step;
    const double rounding = width < step ? near * near + width * width / 12 : step * step / 12;
    const double off = bin.value - x;
    sum += static_cast<double>(bin.count) * (off == 0 ? rounding : off * off + width * width / 12);
    count += static_cast<double>(bin.count);
  }
  return count == 0 ? 0 : sum / count;
}

double Histogram::error(const InputScale& scale) const { return error(bins(), scale); }

// One end is moved while the other stays, until neither move helps: first by much, then by less.
InputScale Histogram::least_error(std::span<const Bin> bins) const {
  float least = least_, largest = largest_;
  double best = error(bins, scale_between(least, largest));
  const auto move = [&](float& end, float factor) {
    const float before = std::exchange(end, end * factor);
    const double tried = error(bins, scale_between(least, largest));
    if (tried < best) return best = tried, true;
    end = before;
    return false;
  };
  for (const float factor : {0.5F, 0.8F, 0.95F, 0.99F}) {
    for (bool moved = true; moved;) {
      moved = move(largest, factor);
      moved |= move(least, factor);
      // Back again, as long as nothing is cut that was seen.
      if (largest / factor <= largest_) moved |= move(largest, 1 / factor);
      if (least / factor >= least_) moved |= move(least, 1 / factor);
    }
  }
  return scale_between(least, largest);
}

InputScale Histogram::choose(RangeMethod method) const {
  const std::vector<Bin> all = bins();
  if (method == RangeMethod::minmax) return scale_between(least_, largest_);
  if (method == RangeMethod::mse) return least_error(all);
  const auto cut = [&](auto first, const auto& last, bool is_least) {
    auto left = static_cast<double>(count_) * kTail;
    for (; first != last; ++first) {
      left -= static_cast<double>(first->count);
      if (left < 0) return is_least ? std::min(-first->high, 0.0F) : first->high;
    }
    return 0.0F;
  };
  const auto negative = [](const Bin& bin) { return bin.value < 0; };
  const auto middle = std::ranges::find_if_not(all, negative);
  const float least = cut(all.begin(), middle, true),
              largest = cut(all.rbegin(), std::make_reverse_iterator(middle), false);
  return scale_between(std::max(least, least_), std::min(largest, largest_));
}

InputScale scale_between(float least, float largest) {
  const float scale = (largest - least) / 255;
  // Less than the gate's least scale is nothing to tell apart.
  if (!(scale > 1e-20F)) return {1, 0};
  return {scale, std::clamp(static_cast<int>(std::nearbyint(-least / scale)), 0, 255)};
}

}  // namespace smlp
