// The state dict of the public checkpoints: its keys, its shapes, and the role of each tensor.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/weights.h"

namespace smlp {

struct StateDictEntry {
  std::string key;                  // "token_mix.0.1.fuse.weight"
  std::vector<std::int64_t> shape;  // as PyTorch stores it
  std::vector<float>* values;       // its place in the Weights; null for num_batches_tracked, which inference ignores
};

// Makes room for the stems and blocks of `weights.config`.
void resize_to_config(Weights& weights);

// One entry per tensor of the network, in the order PyTorch writes them. weights.stems and weights.blocks have the
// sizes that the configuration says.
std::vector<StateDictEntry> state_dict_entries(Weights& weights);

// The key by which a network is recognised, and the one that error messages give as the example.
inline constexpr const char* kExampleKey = "token_mix.0.1.fuse.weight";

}  // namespace smlp
