// Products from float32 to int8.
#pragma once

#include <span>

#include "engine/histogram.h"
#include "engine/measure.h"
#include "model/network.h"

namespace smlp {

// `dense` in int8, for inputs of these scales, one a segment: the scales go into the weights, which then become
// integers of -127 to 127 with one scale for each output, so that the largest weight of an output is 127.
Dense quantize(const Dense& dense, std::span<const InputScale> inputs);

// The scales of the inputs of a block's product, as measured.
std::vector<InputScale> input_scales(const Measurement& measurement, int block, const BlockProduct& product,
                                     RangeMethod method);

}  // namespace smlp
