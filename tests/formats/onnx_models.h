// Our export of a small network as a protobuf, to look at and to damage.
#pragma once

#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "formats/onnx_export.h"
#include "formats/onnx_import.h"
#include "support/generator.h"
#include "support/scratch.h"

namespace smlp::test {

inline const Config kSmall = {
    .in_channels = 3, .dim = 4, .alpha = 3, .patch = 4, .image = 32, .classes = 5, .depths = {1, 2}};

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline onnx::ModelProto load(const std::filesystem::path& path) {
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(read_text(path)));
  return model;
}

// Our export of the small network at this opset, as a protobuf to damage.
inline onnx::ModelProto exported(int opset) {
  const Scratch scratch;
  const auto path = scratch.folder() / "model.onnx";
  EXPECT_TRUE(export_onnx(make_weights(kSmall, 3), {.opset = opset, .producer_version = "1"}, path));
  return load(path);
}

inline Result<Weights> import(const onnx::ModelProto& model, const std::filesystem::path& folder = {}) {
  const std::string bytes = model.SerializeAsString();
  return import_onnx(std::as_bytes(std::span(bytes)), folder);
}

inline onnx::NodeProto& node_named(onnx::ModelProto& model, const std::string& name) {
  for (auto& node : *model.mutable_graph()->mutable_node()) {
    if (node.name() == name) return node;
  }
  ADD_FAILURE() << "no node " << name;
  return *model.mutable_graph()->mutable_node(0);
}

inline onnx::TensorProto& weight_named(onnx::ModelProto& model, const std::string& name) {
  for (auto& tensor : *model.mutable_graph()->mutable_initializer()) {
    if (tensor.name() == name) return tensor;
  }
  ADD_FAILURE() << "no weight " << name;
  return *model.mutable_graph()->mutable_initializer(0);
}

inline void expect_refused(const onnx::ModelProto& model, const std::vector<std::string>& words) {
  const auto weights = import(model);
  ASSERT_FALSE(weights) << "accepted";
  for (const std::string& word : words) {
    EXPECT_TRUE(weights.error().message().contains(word)) << word << " in: " << weights.error().message();
  }
}

}  // namespace smlp::test
