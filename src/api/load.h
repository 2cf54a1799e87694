// Any model file -> the network as it runs.
#pragma once

#include <filesystem>

#include "model/network.h"
#include "model/tensor.h"
#include "smlp/model.h"

namespace smlp {

// Reads, validates and folds. Network::source_name is the file's own name; source_sha256 is what a compiled file says
// of its source, and empty for others (sha256 of a big checkpoint takes a while, and running it needs none).
Result<Network> load_network(const std::filesystem::path& path);

// The same from tensors that are already read. An ONNX file is opened a second time, for its graph.
Result<Network> network_from_tensors(const TensorFile& file);

// Where the bundled model is: $SMLP_MODEL_DIR; else share/smlp/models of the prefix that this library or program was
// installed to; else the models/ of the source tree it was built from. The error says where was looked.
Result<std::filesystem::path> find_bundled_model();

}  // namespace smlp
