// What a list of timings comes to.
#pragma once

#include <span>

namespace smlp {

struct Statistics {
  double min = 0, max = 0, mean = 0, median = 0, p90 = 0, p99 = 0;
};

// The q-th percentile (0 <= q <= 100) as numpy.percentile defines it by default: linear between the two nearest
// ranks, rank (n - 1) q / 100. `sorted` ascends and is not empty.
double percentile(std::span<const double> sorted, double q);

// All zero for an empty list.
Statistics statistics(std::span<const double> values);

}  // namespace smlp
