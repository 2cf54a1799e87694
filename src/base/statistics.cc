#include "base/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace smlp {

double percentile(std::span<const double> sorted, double q) {
  const double rank = static_cast<double>(sorted.size() - 1) * q / 100;
  const auto below = static_cast<std::size_t>(std::floor(rank));
  const double low = sorted[below], high = sorted[std::min(below + 1, sorted.size() - 1)];
  const double t = rank - std::floor(rank);
  // numpy interpolates from the nearer end, which matters in the last bit.
  return t < 0.5 ? low + (high - low) * t : high - (high - low) * (1 - t);
}

Statistics statistics(std::span<const double> values) {
  if (values.empty()) return {};
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  const double sum = std::accumulate(sorted.begin(), sorted.end(), 0.0);
  return {.min = sorted.front(),
          .max = sorted.back(),
          .mean = sum / static_cast<double>(sorted.size()),
          .median = percentile(sorted, 50),
          .p90 = percentile(sorted, 90),
          .p99 = percentile(sorted, 99)};
}

}  // namespace smlp
