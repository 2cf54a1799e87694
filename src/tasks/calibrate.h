// The scales of a network's products in int8, measured on pictures.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/inputs.h"
#include "engine/histogram.h"
#include "model/network.h"

namespace smlp {

struct CalibrationOptions {
  std::vector<Input> pictures = {};  // empty: no calibration
  std::size_t images = 256;          // as many of them, evenly spread
  RangeMethod method = RangeMethod::mse;
};

struct Calibration {
  std::size_t pictures = 0;                // that were measured
  std::vector<std::string> warnings = {};  // what of the pictures makes the scales less good
};

// Hears how many of how many pictures are through.
using CalibrationProgress = std::function<void(std::int64_t done, std::int64_t all)>;

// Runs the pictures through `network` in fp32 and puts those of its blocks' products into int8 that `wanted` names
// (block, product). Errors: no picture can be read; activations that are not finite, which names the operator.
Result<Calibration> calibrate(Network& network, const CalibrationOptions& options,
                              const std::function<bool(int, const BlockProduct&)>& wanted,
                              const CalibrationProgress& progress);

}  // namespace smlp
