// Trained weights -> the network as it runs.
#pragma once

#include "model/network.h"
#include "model/weights.h"

namespace smlp {

// Folds in double, rounds once to float32: BN2 into the depthwise convolution, LayerNorm's weight and bias into FC1,
// the head's BN into the linear; BN1 becomes scale and shift. Exact up to that rounding.
Network fold(const Weights& weights);

}  // namespace smlp
