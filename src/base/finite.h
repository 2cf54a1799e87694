// Whether numbers are numbers: infinities and NaN, which no trained network gives, mean that something is wrong.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

namespace smlp {

inline bool all_finite(std::span<const float> values) {
  return std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
}

}  // namespace smlp
