// The guide's second step: any checkpoint -> ONNX.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "model/config.h"

namespace smlp {

struct ExportModelOptions {
  std::filesystem::path checkpoint = {};  // PyTorch, safetensors or ONNX
  std::filesystem::path onnx = {};
  std::string model_name = "auto";  // smlpnet_tiny, smlpnet_small, smlpnet_base: checked against the checkpoint
  int opset = 11;
  bool force = false;                 // replace an output that exists
  std::string producer_version = {};  // written into the file
};

struct ExportModelReport {
  Config config;
  std::string model_name;  // empty where the checkpoint is none of the named networks
  std::uint64_t bytes = 0;
};

// Errors: what cannot be read, a model name that is not the checkpoint's, an opset that is not written, a file that is
// there already. Nothing is written then.
Result<ExportModelReport> export_model(const ExportModelOptions& options);

}  // namespace smlp
