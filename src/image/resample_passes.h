// The two passes of the resize, in SIMD: one source, compiled for each instruction set, chosen at run time.
// All arithmetic is on integers, so every instruction set gives the same bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "image/resample_weights.h"

namespace smlp::image {

// Both passes read and write up to this many bytes past the end of a row: the buffers have room for it.
constexpr std::size_t kRowPadding = 64;

// The weights of the pass along the rows, spread out for vectors of four 32-bit lanes a tap:
// { w0 w0 w0 0  w1 w1 w1 0 ... } for each output, zeros to a whole number of the widest vectors.
struct RowWeights {
  explicit RowWeights(const ResampleWeights& weights);

  int outputs;
  int stride;                       // lanes an output
  std::vector<std::int32_t> first;  // byte in the input row where the output's first pixel starts
  std::vector<std::int32_t> count;  // taps
  std::vector<std::int32_t> lanes;
};

// One row of weights.outputs RGB pixels from an RGB row.
void resample_row(const std::uint8_t* in, const RowWeights& weights, std::uint8_t* out);

// out[i] = the sum of in[k * stride + i] * weights[k] over `count` rows, rounded and clipped, for i < bytes.
void blend_rows(const std::uint8_t* in, std::size_t stride, const std::int32_t* weights, int count, std::size_t bytes,
                std::uint8_t* out);

}  // namespace smlp::image
