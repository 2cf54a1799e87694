// An ONNX file as a plain graph: values are numbers, weights are tensor views, local functions are inlined.
// This is the only reader of the protobuf; everything after it sees these types.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/tensor.h"

namespace smlp::graph {

// More dimensions than any tensor of a network has; numpy's limit, too.
inline constexpr std::size_t kMaxRank = 64;

using Attribute = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>, std::vector<float>, Tensor>;

// Shared between the calls of one function.
using Attributes = std::map<std::string, std::shared_ptr<const Attribute>, std::less<>>;

struct Node {
  std::string name = {}, domain = {}, op = {};  // domain "" is ONNX's own
  std::vector<int> inputs = {};                 // values; -1 where an optional input is left out
  std::vector<int> outputs = {};
  Attributes attributes = {};

  // The attribute, or `fallback` where the node has none of that name and type.
  std::int64_t integer(std::string_view key, std::int64_t fallback) const;
  float real(std::string_view key, float fallback) const;
  std::string text(std::string_view key, std::string_view fallback) const;
  // Null where the node has none.
  const std::vector<std::int64_t>* integers(std::string_view key) const;
  const std::vector<float>* reals(std::string_view key) const;
  const Tensor* tensor(std::string_view key) const;

  // The value of input `index`, -1 where there is none.
  int input(std::size_t index) const { return index < inputs.size() ? inputs[index] : -1; }
};

struct Graph {
  std::int64_t opset = 0;
  std::vector<std::string> values;  // names; a value is an index into this
  std::vector<Node> nodes;          // those that the output depends on, in the file's order
  std::map<int, Tensor> constants;  // initializers
  int input = -1, output = -1;
  std::vector<std::int64_t> input_shape;            // -1: not fixed; empty: the file does not say
  std::vector<std::shared_ptr<const void>> owners;  // keep the constants' bytes alive
  std::uint64_t bytes = 0;                          // of the file and its external data

  std::string label(const Node& node) const;  // node '/stem/Conv' (Conv)
};

// Weights that lie in files of their own are looked for in `folder` and nowhere else; an empty folder means that
// there are none. Errors name the node or tensor.
Result<Graph> read_graph(std::span<const std::byte> bytes, const std::filesystem::path& folder);

// The initializers alone, for listings.
Result<TensorFile> list_initializers(std::span<const std::byte> bytes, const std::filesystem::path& folder);

}  // namespace smlp::graph
