// The configuration of a network, read off the shapes of its state dict.
#pragma once

#include <map>
#include <string>

#include "model/config.h"
#include "model/tensor.h"

namespace smlp {

using TensorsByKey = std::map<std::string, const Tensor*, std::less<>>;

// Several tensors speak for every number, so one wrong or missing tensor is outvoted and can be named by whoever
// compares shapes with the answer. Errors only where shapes leave no sMLPNet to compare with.
Result<Config> infer_config(const TensorsByKey& tensors);

}  // namespace smlp
