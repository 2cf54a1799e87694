// Checkpoint keys and shapes -> weights by role. All quirks of the public checkpoints live here.
#pragma once

#include <string>
#include <vector>

#include "model/tensor.h"
#include "model/weights.h"

namespace smlp {

// Where a file holds a network: the dict, and what every key there carries in front of its own name.
struct NetworkPlace {
  std::string container;  // Tensor::container: "", "model", "state_dict"
  std::string prefix;     // "", "module.", "_orig_mod.module."

  // "the file's top", "'model'", "'state_dict', keys with 'module.'": for errors.
  std::string describe() const;
};

// Finds the network among a file's tensors. A file that holds several (training checkpoints keep an average beside the
// weights themselves) is read as its own training script evaluates it: from the top, then from `model` or `state_dict`,
// then from any other dict; an average (a dict with the word `ema` in its name) is taken only where there is nothing
// else. weights_from_tensors() refuses a file where two networks stand alike. To choose the average, save it alone:
// torch.save(checkpoint["model_ema"], ...).
Result<NetworkPlace> find_network(const TensorFile& file);

// Reads the configuration off keys and shapes, and converts to float32. num_batches_tracked may be absent.
// A missing, extra or wrong-shaped tensor, or one with values that no network can run on (NaN, infinity, a negative
// variance), is an error that names it and says what was expected.
Result<Weights> weights_from_tensors(const TensorFile& file);

// The inverse: the state dict's keys with the tensors of `weights`, in the order PyTorch writes them.
// The views point into `weights`, which must outlive them. num_batches_tracked is written as 0.
TensorFile tensors_from_weights(const Weights& weights);

}  // namespace smlp
