// What a model file holds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/network.h"
#include "model/tensor.h"

namespace smlp {

struct FileReport {
  std::string path, format;  // format: "PyTorch zip", "compiled sMLPNet (safetensors)"
  std::int64_t bytes = 0;
  std::string sha256;
  TensorFile file;                       // every tensor, whatever network it belongs to
  std::optional<Network> network = {};   // empty where the file is no sMLPNet
  std::optional<Error> no_network = {};  // then: why not
};

// Errors only where the file's tensors cannot be listed.
Result<FileReport> inspect_file(const std::filesystem::path& path);

}  // namespace smlp
