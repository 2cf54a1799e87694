// The gate that every model passes, whatever file it came from: first each tensor that a reader takes, as the file has
// it, then the whole network once its normalisations are folded. What passes can be run, and gives numbers.
#pragma once

#include <cstdint>
#include <span>

#include "model/network.h"
#include "model/tensor.h"

namespace smlp {

// Pictures in one execution that a compiled model may ask for.
inline constexpr int kMaxBatch = 1 << 16;

bool is_floating_point(DType type);  // f64, f32, f16, bf16

// All values are finite, in bfloat16, too. Errors say which element is not.
Result<void> check_values(std::span<const float> values);

// The same for the variances of a batch normalisation, which are not negative either.
Result<void> check_variances(std::span<const float> values);

// A tensor of weights as a file has it: of a floating-point type, all values finite in float32 and bfloat16. The error
// names it.
Result<void> check_weights(const Tensor& tensor);

// A tensor for a role that wants this shape. The error names it.
Result<void> check_shape(const Tensor& tensor, std::span<const std::int64_t> shape);

// Every part there and of its size, every number finite, a LayerNorm epsilon that keeps divisions apart from zero,
// class names for all classes or none, a batch and a preprocessing that can be carried out; of products in int8 scales
// that are positive and of the right number, and integers from -127 to 127. Errors name the part as a `.smlp` file
// does.
Result<void> check_network(const Network& network);

}  // namespace smlp
