#include "engine/quantize.h"

#include <algorithm>
#include <cmath>

namespace smlp {

Dense quantize(const Dense& dense, std::span<const InputScale> inputs) {
  const auto outputs = static_cast<std::size_t>(dense.outputs), segments = inputs.size(),
             each = static_cast<std::size_t>(dense.inputs) / segments;
  std::vector<float> room;
  const float* weight = dense.weight.floats(room).data();
  std::vector<std::int8_t> integers;
  integers.reserve(outputs * segments * each);
  std::vector<float> factors;
  Dense out = {.outputs = dense.outputs,
               .inputs = dense.inputs,
               .weight = {},
               .bias = dense.bias,
               .int8 = {.inputs = {inputs.begin(), inputs.end()}, .outputs = {}}};
  out.bias.resize(outputs, 0.0F);
  for (std::size_t n = 0; n < outputs; ++n, weight += segments * each) {
    double largest = 0;
    for (std::size_t k = 0; k < segments * each; ++k) {
      largest = std::max(largest, std::abs(double{weight[k]} * inputs[k / each].scale));
    }
    // An output whose weights are all zero may have any scale. One of the least weights is no less: see model/gate.cc.
    const float scale = largest > 0 ? std::max(static_cast<float>(largest / 127), 1e-30F) : 1.0F;
    for (std::size_t k = 0; k < segments * each; ++k) {
      const double integer = std::nearbyint(double{weight[k]} * inputs[k / each].scale / scale);
      integers.push_back(static_cast<std::int8_t>(std::clamp(integer, -127.0, 127.0)));
    }
    out.int8.outputs.push_back(scale);
    for (const InputScale& input : inputs) factors.push_back(scale / input.scale);
  }
  out.weight = Values::scaled(std::move(integers), std::move(factors), each);
  return out;
}

std::vector<InputScale> input_scales(const Measurement& measurement, int block, const BlockProduct& product,
                                     RangeMethod method) {
  const int first = product.part == &FoldedBlock::fuse ? 0 : product.part == &FoldedBlock::fc1 ? 3 : 4;
  std::vector<InputScale> scales;
  scales.reserve(static_cast<std::size_t>(product.segments));
  for (int s = 0; s < product.segments; ++s) scales.push_back(measurement.sum(block, first + s).choose(method));
  return scales;
}

}  // namespace smlp
