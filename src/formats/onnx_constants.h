// Arithmetic on the constants of a graph: weights that are transposed, sliced or cast on their way to the operator that
// takes them, and the shape arithmetic of exporters. Rearrangements are views; nothing is copied until it must be.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "formats/onnx_graph.h"

namespace smlp::graph {

class Constants {
 public:
  // `budget`: how many elements may be made in all, so that a small hostile file cannot make much work.
  explicit Constants(std::uint64_t budget) : budget_(budget) {}

  static bool can_fold(const Node& node);

  // The output of a node whose inputs are all constant; null for an input that is left out.
  Result<Tensor> fold(const Node& node, std::span<const Tensor* const> inputs);

  Tensor make(std::vector<std::int64_t> shape, std::vector<std::int64_t> values);
  Tensor make(std::vector<std::int64_t> shape, std::vector<float> values);

  // Row-major values of weights: integers are refused, which a damaged type would turn weights into.
  Result<std::vector<float>> floats(const Tensor& tensor);
  // Row-major values of shapes and axes. A float tensor's are truncated towards zero.
  Result<std::vector<std::int64_t>> integers(const Tensor& tensor);
  // Numbers of either kind as floats.
  Result<std::vector<float>> numbers(const Tensor& tensor);

 private:
  template <class T>
  Tensor own(DType type, std::vector<std::int64_t> shape, std::vector<T> values);
  Result<void> charge(std::int64_t elements);

  Result<Tensor> constant(const Node& node);
  Result<Tensor> cast(const Tensor& x, bool to_float);
  Result<Tensor> transpose(const Node& node, Tensor x);
  Result<Tensor> reshape(const Node& node, Tensor x, const Tensor& shape);
  Result<Tensor> unsqueeze(const Node& node, Tensor x, const Tensor* axes);
  Result<Tensor> squeeze(const Node& node, Tensor x, const Tensor* axes);
  Result<Tensor> expand(Tensor x, const Tensor& shape);
  Result<Tensor> gather(const Node& node, Tensor x, const Tensor& index);
  Result<Tensor> slice(Tensor x, std::span<const Tensor* const> inputs);
  Result<Tensor> concat(const Node& node, std::span<const Tensor* const> inputs);
  Result<Tensor> arithmetic(const Node& node, const Tensor& a, const Tensor& b);
  Result<Tensor> unary(const Node& node, const Tensor& x);
  Result<Tensor> broadcast(Tensor x, const std::vector<std::int64_t>& shape);

  std::uint64_t budget_;
  std::vector<std::shared_ptr<const void>> owners_;
};

// The dimensions that Squeeze, Unsqueeze or a reduction works on, as the node's attribute or its second input says.
Result<std::vector<std::int64_t>> axes_of(const Node& node, const Tensor* input, Constants& constants);

}  // namespace smlp::graph
