#include "data/accuracy.h"

#include <algorithm>
#include <cmath>

namespace smlp {

Interval wilson_interval(std::int64_t right, std::int64_t count) {
  if (count <= 0) return {};
  constexpr double z = 1.959963984540054;  // 97.5 % quantile of the normal distribution
  const double n = static_cast<double>(count), p = static_cast<double>(right) / n;
  const double centre = (p + z * z / (2 * n)) / (1 + z * z / n);
  const double half = z / (1 + z * z / n) * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  // At the ends the exact bounds are 0 and 1; rounding must not move them.
  return {right == 0 ? 0 : std::max(0.0, centre - half), right == count ? 1 : std::min(1.0, centre + half)};
}

bool at_chance_level(std::int64_t right, std::int64_t count, int classes) {
  if (count < 30 || classes < 2) return false;
  return wilson_interval(right, count).low <= 1.0 / classes;
}

}  // namespace smlp
