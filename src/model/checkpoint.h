// Checkpoint keys and shapes -> weights by role. All quirks of the public checkpoints live here.
#pragma once

#include "model/tensor.h"
#include "model/weights.h"

namespace smlp {

// Finds the network among a file's tensors (at the top, or under `model_ema`, `model`, `state_dict`; keys may carry
// `module.`), reads the configuration off keys and shapes, and converts to float32.
// A missing, extra or wrong-shaped tensor is an error that names it and says what was expected.
Result<Weights> weights_from_tensors(const TensorFile& file);

// The inverse: the state dict's keys with the tensors of `weights`, in the order PyTorch writes them.
// The views point into `weights`, which must outlive them. num_batches_tracked is written as 0.
TensorFile tensors_from_weights(const Weights& weights);

}  // namespace smlp
