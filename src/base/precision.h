// The words for number formats that every layer shares.
#pragma once

namespace smlp {

// fp32: float32 throughout. bf16: bfloat16 weights and activations, float32 accumulation.
enum class Precision { fp32, bf16 };

// Which polynomial stands for GELU: the more exact one, or the one of lower degree.
enum class GeluPrecision { high_precision, high_performance };

}  // namespace smlp
