// How often the network is right, and how sure that number is.
#pragma once

#include <cstdint>

namespace smlp {

struct Interval {
  double low = 0, high = 1;
};

// Wilson's score interval, 95 %, of a share of `right` among `count`. Nothing counted: 0 to 1.
Interval wilson_interval(std::int64_t right, std::int64_t count);

// True where `right` of `count` is what guessing among `classes` gives, or less: the sign of labels in another order
// than the network's. Never for fewer than 30 pictures or a single class, where nothing can be said.
bool at_chance_level(std::int64_t right, std::int64_t count, int classes);

}  // namespace smlp
