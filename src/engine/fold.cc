#include "engine/fold.h"

#include <cmath>
#include <cstddef>

namespace smlp {
namespace {

// BN as y = scale x + shift, in double.
struct ScaleShift {
  std::vector<double> scale, shift;
};

ScaleShift affine_of(const BatchNorm& norm) {
  ScaleShift out;
  for (std::size_t c = 0; c < norm.weight.size(); ++c) {
    const double scale = norm.weight[c] / std::sqrt(double{norm.variance[c]} + double{norm.epsilon});
    out.scale.push_back(scale);
    out.shift.push_back(norm.bias[c] - norm.mean[c] * scale);
  }
  return out;
}

std::vector<float> rounded(const std::vector<double>& values) { return {values.begin(), values.end()}; }

Dense dense(std::vector<float> weight, std::vector<float> bias, int outputs) {
  const int inputs = static_cast<int>(weight.size()) / outputs;
  return {.outputs = outputs, .inputs = inputs, .weight = std::move(weight), .bias = std::move(bias)};
}

Dense dense(const Linear& linear) { return dense(linear.weight, linear.bias, static_cast<int>(linear.bias.size())); }

// BN2(DW(a)) = (scale w) * a + shift
Dense fold_after(const std::vector<float>& weight, const BatchNorm& norm) {
  const ScaleShift bn = affine_of(norm);
  const std::size_t outputs = bn.scale.size(), inputs = weight.size() / outputs;
  std::vector<float> folded(weight.size());
  for (std::size_t i = 0; i < weight.size(); ++i) folded[i] = static_cast<float>(weight[i] * bn.scale[i / inputs]);
  return dense(std::move(folded), rounded(bn.shift), static_cast<int>(outputs));
}

// W (scale x + shift) + b = (W scale) x + (W shift + b)
Dense fold_before(const Linear& linear, const std::vector<double>& scale, const std::vector<double>& shift) {
  const std::size_t outputs = linear.bias.size(), inputs = scale.size();
  std::vector<float> weight(outputs * inputs), bias(outputs);
  for (std::size_t n = 0; n < outputs; ++n) {
    double sum = linear.bias[n];
    for (std::size_t k = 0; k < inputs; ++k) {
      const double w = linear.weight[n * inputs + k];
      weight[n * inputs + k] = static_cast<float>(w * scale[k]);
      sum += w * shift[k];
    }
    bias[n] = static_cast<float>(sum);
  }
  return dense(std::move(weight), std::move(bias), static_cast<int>(outputs));
}

FoldedBlock fold(const BlockWeights& block) {
  const ScaleShift pre = affine_of(block.bn1);
  const LayerNorm& norm = block.norm;
  return {.pre = {rounded(pre.scale), rounded(pre.shift)},
          .depthwise = fold_after(block.depthwise, block.bn2),
          .mix_width = dense(block.mix_width),
          .mix_height = dense(block.mix_height),
          .fuse = dense(block.fuse, {}, static_cast<int>(block.bn1.weight.size())),
          .norm_epsilon = norm.epsilon,
          .fc1 = fold_before(block.fc1, {norm.weight.begin(), norm.weight.end()}, {norm.bias.begin(), norm.bias.end()}),
          .fc2 = dense(block.fc2)};
}

}  // namespace

Network fold(const Weights& weights) {
  Network network;
  network.config = weights.config;
  for (int s = 0; s < weights.config.stages(); ++s) {
    network.stems.push_back(dense(weights.stems[static_cast<std::size_t>(s)], {}, weights.config.channels(s)));
  }
  for (const BlockWeights& block : weights.blocks) network.blocks.push_back(fold(block));
  const ScaleShift head = affine_of(weights.head_norm);
  network.head = fold_before(weights.head, head.scale, head.shift);
  network.preprocess = Preprocess::for_image_size(weights.config.image);
  return network;
}

}  // namespace smlp
