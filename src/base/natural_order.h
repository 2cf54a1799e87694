// The order in which people number files: "batch-9" before "batch-10".
#pragma once

#include <string_view>

namespace smlp {

// True where `a` comes before `b`: runs of ASCII digits compare as numbers of any length, everything else as bytes;
// equal numbers with fewer leading zeros come first, so that the order is total.
bool natural_less(std::string_view a, std::string_view b);

}  // namespace smlp
