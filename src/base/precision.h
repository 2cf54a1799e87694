// The words for number formats that every layer shares.
#pragma once

#include <string_view>

namespace smlp {

// fp32: float32 throughout. bf16: bfloat16 weights and activations, float32 accumulation.
enum class Precision { fp32, bf16 };

// Which polynomial stands for GELU: the more exact one, or the one of lower degree.
enum class GeluPrecision { high_precision, high_performance };

std::string_view precision_name(Precision precision);             // "fp32", "bf16"
const Precision* find_precision(std::string_view name);           // null for another word
std::string_view gelu_precision_name(GeluPrecision precision);    // "high_precision", "high_performance"
const GeluPrecision* find_gelu_precision(std::string_view name);  // null for another word

}  // namespace smlp
