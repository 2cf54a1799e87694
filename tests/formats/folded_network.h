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

}  // namespace smlp::test
