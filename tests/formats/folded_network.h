// A network with the weights that a test wants, as fold() would leave it.
#pragma once

#include <utility>
#include <vector>

#include "model/network.h"

namespace smlp::test {

// `values(count)` gives the numbers of each array in turn.
template <class Values>
Network folded_network(const Config& config, Values values) {
  const auto dense = [&](int outputs, int inputs, bool bias = true) {
    auto weight = values(outputs * inputs);
    return Dense{outputs, inputs, std::move(weight), bias ? values(outputs) : std::vector<float>{}};
  };
  Network network;
  network.config = config;
  for (int s = 0; s < config.stages(); ++s) {
    const int n = config.channels(s), h = config.grid(s), k = config.stem_kernel(s), hidden = config.hidden(s);
    network.stems.push_back(dense(n, config.stem_inputs(s) * k * k, false));
    for (int i = 0; i < config.depths[s]; ++i) {
      network.blocks.push_back({.pre = {values(n), values(n)},
                                .depthwise = dense(n, 9),
                                .mix_width = dense(h, h),
                                .mix_height = dense(h, h),
                                .fuse = dense(n, 3 * n, false),
                                .norm_epsilon = 1e-5F,
                                .fc1 = dense(hidden, n),
                                .fc2 = dense(n, hidden)});
    }
  }
  network.head = dense(config.classes, config.features());
  return network;
}

// The same with the large products of its blocks in int8, with integers and scales of no meaning.
inline Network with_int8(Network network) {
  for (FoldedBlock& block : network.blocks) {
    for (const BlockProduct& product : kBlockProducts) {
      Dense& part = block.*product.part;
      const auto outputs = static_cast<std::size_t>(part.outputs),
                 run = static_cast<std::size_t>(part.inputs / product.segments);
      std::vector<std::int8_t> integers;
      for (std::size_t i = 0; i < part.weight.size(); ++i)
        integers.push_back(static_cast<std::int8_t>(i * 37 % 255 - 127));
      part.int8.outputs.assign(outputs, 0.5F);
      for (int s = 0; s < product.segments; ++s)
        part.int8.inputs.push_back({0.25F * static_cast<float>(s + 1), 100 * s});
      std::vector<float> factors;
      for (std::size_t n = 0; n < outputs; ++n) {
        for (const InputScale& input : part.int8.inputs) factors.push_back(0.5F / input.scale);
      }
      part.weight = Values::scaled(std::move(integers), std::move(factors), run);
      part.bias.resize(outputs, 0.125F);
    }
  }
  network.precision = Precision::int8;
  network.calibration = "mse over 3 pictures";
  return network;
}

}  // namespace smlp::test
