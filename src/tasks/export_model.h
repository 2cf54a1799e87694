// The guide's second step: any checkpoint -> ONNX; and a compiled model -> ONNX, for other programs to run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/precision.h"
#include "model/config.h"

namespace smlp {

struct ExportModelOptions {
  std::filesystem::path checkpoint = {};  // PyTorch, safetensors, ONNX or .smlp
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
  // Of a compiled model: its precision, and that its GELU is an approximation where the file has the exact one.
  std::optional<Precision> compiled = {};
  bool gelu_differs = false;
};

// Errors: what cannot be read, a model name that is not the checkpoint's, an opset that is not written, a file that is
// there already. Nothing is written then.
Result<ExportModelReport> export_model(const ExportModelOptions& options);

}  // namespace smlp
