// Comparisons that no NaN passes.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <span>

namespace smlp::test {

// |got - want| <= bound; false if anything is NaN, or if exactly one is infinite.
inline bool within(double got, double want, double bound) { return got == want || std::abs(got - want) <= bound; }

// max |got - want| / max |want|; infinite if any number is not finite, or the lengths differ.
inline double relative_error(std::span<const float> got, std::span<const double> want) {
  constexpr double kWrong = std::numeric_limits<double>::infinity();
  if (got.size() != want.size() || got.empty()) return kWrong;
  double difference = 0.0, largest = 0.0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!std::isfinite(got[i]) || !std::isfinite(want[i])) return kWrong;
    difference = std::max(difference, std::abs(got[i] - want[i]));
    largest = std::max(largest, std::abs(want[i]));
  }
  return largest > 0.0 ? difference / largest : difference > 0.0 ? kWrong : 0.0;
}

// The same bits, NaN payloads and signs of zero included.
inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

}  // namespace smlp::test
