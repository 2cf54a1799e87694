// The words for number formats that every layer shares.
#pragma once

#include <string_view>

#include "smlp/precision.h"

namespace smlp {

// Which polynomial stands for GELU: the more exact one, or the one of lower degree.
enum class GeluPrecision { high_precision, high_performance };

std::string_view gelu_precision_name(GeluPrecision precision);    // "high_precision", "high_performance"
const GeluPrecision* find_gelu_precision(std::string_view name);  // null for another word

}  // namespace smlp
