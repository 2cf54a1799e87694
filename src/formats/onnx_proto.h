// Parsing of the ONNX protobuf. Includes protobuf's headers: for the .cc files of the reader only.
#pragma once

#include <onnx/onnx_pb.h>

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file_map.h"
#include "model/tensor.h"

namespace smlp::graph {

// Parses and keeps protobuf quiet. Refuses what is damaged or would take far more memory than it has bytes.
Result<std::shared_ptr<const onnx::ModelProto>> parse_model(std::span<const std::byte> bytes);

// TensorProto -> Tensor, without copying where the bytes lie as they are in the file.
class TensorReader {
 public:
  explicit TensorReader(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // The view points into `proto` or into an owner.
  Result<Tensor> read(const onnx::TensorProto& proto);

  std::vector<std::shared_ptr<const void>> take_owners() { return std::move(owners_); }
  std::uint64_t external_bytes() const { return external_bytes_; }

 private:
  Result<std::span<const std::byte>> external(const onnx::TensorProto& proto);
  Result<std::span<const std::byte>> open_external(const std::string& location);
  Result<std::span<const std::byte>> narrow(const onnx::TensorProto& proto, DType type);

  std::filesystem::path folder_;
  std::map<std::string, std::shared_ptr<const FileMap>> files_;  // by real path
  std::vector<std::shared_ptr<const void>> owners_;
  std::uint64_t external_bytes_ = 0;
};

}  // namespace smlp::graph
