// The weights of Pillow's antialiased resampling along one axis, as its Resample.c makes them.
#pragma once

#include <cstdint>
#include <vector>

#include "smlp/preprocess.h"

namespace smlp::image {

// Weights are fixed-point numbers with this many bits after the point.
constexpr int kWeightBits = 32 - 8 - 2;

// Output i of `first_output`, `first_output + 1`, ... is the sum over k < count[i] of
// input[first[i] + k] * weights[i * stride + k], in units of 2^-kWeightBits.
struct ResampleWeights {
  std::vector<int> first;
  std::vector<int> count;
  std::vector<std::int32_t> weights;
  int stride = 0;

  int outputs() const { return static_cast<int>(first.size()); }
  const std::int32_t* of(int i) const { return weights.data() + static_cast<std::ptrdiff_t>(i) * stride; }
  // Inputs [first_input(), end_input()) are all that the outputs need.
  int first_input() const { return first.front(); }
  int end_input() const { return first.back() + count.back(); }
};

// For `outputs` outputs from `first_output` on, of an axis resized from in_size to out_size. Weights past count are 0.
// 0 <= first_output, 1 <= outputs, first_output + outputs <= out_size. `nearest` has no weights.
ResampleWeights make_resample_weights(Interpolation interpolation, int in_size, int out_size, int first_output,
                                      int outputs);

}  // namespace smlp::image
