// Writes the nodes and weights of an ONNX graph. Includes protobuf's headers: for .cc files of the exporter only.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <unordered_set>
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
  std::string weight(const std::string& name, const std::vector<std::int64_t>& shape,
                     std::span<const std::int8_t> values);
  std::string weight(const std::string& name, const std::vector<std::int64_t>& shape,
                     std::span<const std::uint8_t> values);
  std::string integers(const std::string& name, std::span<const std::int64_t> values);
  std::string node(const char* op, const std::string& name, std::initializer_list<std::string> inputs,
                   Attributes attributes = {});

  bool has_weight(const std::string& name) const { return names_.contains(name); }

 private:
  template <class T>
  std::string add(const std::string& name, int type, std::span<const std::int64_t> shape, std::span<const T> values);

  onnx::GraphProto& graph_;
  std::unordered_set<std::string> names_;  // of weights
};

}  // namespace smlp::graph
