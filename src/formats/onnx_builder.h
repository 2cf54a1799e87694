// Writes the nodes and weights of an ONNX graph. Includes protobuf's headers: for .cc files of the exporter only.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace smlp::graph {

class GraphBuilder {
 public:
  using Value = std::variant<std::int64_t, float, std::vector<std::int64_t>>;
  using Attributes = std::initializer_list<std::pair<const char*, Value>>;

  explicit GraphBuilder(onnx::GraphProto& graph) : graph_(graph) {}

  // A float32 picture or logits tensor whose first dimension is left open.
  static void describe(onnx::ValueInfoProto& value, const std::string& name, std::span<const std::int64_t> rest);

  // Each returns the name of the value it adds; a node's first output is named after the node.
  std::string weight(const std::string& name, const std::vector<std::int64_t>& shape, std::span<const float> values);
  std::string integers(const std::string& name, std::span<const std::int64_t> values);
  std::string node(const char* op, const std::string& name, std::initializer_list<std::string> inputs,
                   Attributes attributes = {});

 private:
  onnx::GraphProto& graph_;
};

}  // namespace smlp::graph
