// Every part of a network under the name that a `.smlp` file has for it: for a writer, a reader and a check.
#pragma once

#include <fmt/format.h>

#include <string>

#include "base/result.h"
#include "model/network.h"

namespace smlp {

enum class Bias { no, yes };
enum class Size { small, large };  // a large matrix is stored in the network's precision

// Shows every part to `visitor`, with the size that the configuration gives it:
//   visitor.vector(name, size, values)                           per-channel numbers
//   visitor.dense(name, outputs, inputs, dense, bias, size)      its tensors are NAME.weight and NAME.bias
//   visitor.product(name, outputs, segments, inputs, dense, bias)  the same, large, and maybe in int8: `segments` of
//                                                                so many inputs
// `network` has as many stems and blocks as its configuration says. Stops at the first error.
template <class Net, class Visitor>
Result<void> visit_parts(Net& network, Visitor& visitor) {
  const Config& config = network.config;
  for (int s = 0, b = 0; s < config.stages(); ++s) {
    const int c = config.channels(s), h = config.grid(s), hidden = config.hidden(s), k = config.stem_kernel(s);
    const std::string stem = fmt::format("stem.{}", s);
    SMLP_CHECK(visitor.dense(stem, c, config.stem_inputs(s) * k * k, network.stems[s], Bias::no, Size::large));
    for (int i = 0; i < config.depths[s]; ++i, ++b) {
      const std::string prefix = fmt::format("block.{}.", b);
      auto& block = network.blocks[b];
      SMLP_CHECK(visitor.vector(prefix + "pre.scale", c, block.pre.scale));
      SMLP_CHECK(visitor.vector(prefix + "pre.shift", c, block.pre.shift));
      SMLP_CHECK(visitor.dense(prefix + "depthwise", c, 9, block.depthwise, Bias::yes, Size::small));
      SMLP_CHECK(visitor.dense(prefix + "mix_width", h, h, block.mix_width, Bias::yes, Size::large));
      SMLP_CHECK(visitor.dense(prefix + "mix_height", h, h, block.mix_height, Bias::yes, Size::large));
      SMLP_CHECK(visitor.product(prefix + "fuse", c, 3, c, block.fuse, Bias::no));
      SMLP_CHECK(visitor.product(prefix + "fc1", hidden, 1, c, block.fc1, Bias::yes));
      SMLP_CHECK(visitor.product(prefix + "fc2", c, 1, hidden, block.fc2, Bias::yes));
    }
  }
  return visitor.dense("head", config.classes, config.features(), network.head, Bias::yes, Size::large);
}

}  // namespace smlp
