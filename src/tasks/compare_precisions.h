// What a precision costs, layer by layer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/inputs.h"
#include "model/network.h"

namespace smlp {

struct ComparisonOptions {
  Precision exact = Precision::fp32, tried = Precision::bf16;
  std::vector<Input> pictures = {};  // empty: made-up ones
  std::size_t limit = SIZE_MAX;      // the first so many pictures
  int made_up = 16;
};

// How far the tried activations of a layer are from the exact ones, over all pictures.
struct LayerDifference {
  std::string name;           // "stem.0", "token_mix.3", "channel_mix.3"; "logits" is the last
  double relative_error = 0;  // ||exact - tried|| / ||exact||
  double largest = 0;         // the largest |exact - tried|; NaN where any value is
};

struct PrecisionComparison {
  std::string exact_isa, tried_isa;  // the kernels that ran
  int pictures = 0;
  int same_top1 = 0;  // pictures whose best class is the same; none with a logit that is not finite
  std::vector<LayerDifference> layers;

  // Relative error of a layer over that of the layer before; NaN for the first, and where that has no error.
  double growth(std::size_t layer) const;
};

// Runs each picture once in either precision. `done` hears how many of how many pictures are through.
// Errors: a precision that no kernels here have, a picture that cannot be read.
Result<PrecisionComparison> compare_precisions(const std::shared_ptr<const Network>& network,
                                               const ComparisonOptions& options,
                                               const std::function<void(std::int64_t done, std::int64_t all)>& done);

// Picture `index` of those that are made up: smooth shapes and fine grain of 8-bit values, as photographs have them,
// normalised as the model's pictures are. in_channels x image x image; the same on every machine.
std::vector<float> made_up_picture(const Network& network, int index);

}  // namespace smlp
