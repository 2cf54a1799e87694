// ONNX nodes -> terms: every node is taken for what it computes, and moves of axes disappear into layouts.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <variant>

#include "formats/onnx_constants.h"
#include "formats/onnx_graph.h"
#include "formats/onnx_terms.h"

namespace smlp::graph {

// A value of the graph while it is walked: not there (an output that only training uses), a constant, or an activation.
using Value = std::variant<std::monostate, Tensor, Activation>;

class Lifter {
 public:
  // `open_batch` stands for a number of pictures that the file leaves open: a prime that no other extent holds, so that
  // an exporter's shape arithmetic (Shape, Gather, Mul, Div, Concat, Reshape) runs on plain integers and no product
  // hides it.
  Lifter(const Graph& graph, std::int64_t open_batch);

  // Walks all nodes. The error names the first one that computes something which no step of an sMLPNet needs.
  // `image`: the picture's height and width where the file does not fix them.
  Result<Activation> lift(std::optional<std::int64_t> image);

  // Where the picture's size was open: what a mixing matrix says it is, once lift() has met one.
  std::optional<std::int64_t> learned_image() const { return learned_image_; }

  // Whether a node asked for the shape of activations: weights may depend on it.
  bool reads_shape() const { return reads_shape_; }

  Terms& terms() { return terms_; }

 private:
  using Handler = Result<Activation> (Lifter::*)();
  struct Entry {
    std::string_view op;
    Handler handler;
  };
  static std::span<const Entry> table();

  Result<Activation> start(std::optional<std::int64_t> image);
  Result<void> visit(const Node& node);
  Result<Value> compute();

  // Handlers: the current node's result, where its first or second input is an activation.
  Result<Activation> identity();
  Result<Activation> cast();
  Result<Activation> transpose();
  Result<Activation> reshape();
  Result<Activation> flatten();
  Result<Activation> squeeze();
  Result<Activation> unsqueeze();
  Result<Activation> add();
  Result<Activation> subtract();
  Result<Activation> multiply();
  Result<Activation> divide();
  Result<Activation> power();
  Result<Activation> square_root();
  Result<Activation> reciprocal();
  Result<Activation> negate();
  Result<Activation> erf();
  Result<Activation> gelu();
  Result<Activation> reduce_mean();
  Result<Activation> global_average_pool();
  Result<Activation> concat();
  Result<Activation> convolution();
  Result<Activation> batch_norm();
  Result<Activation> layer_norm();
  Result<Activation> matrix_product();
  Result<Activation> gemm();
  Result<Activation> einsum();

  // Inputs of the current node.
  const Activation* activation(std::size_t index) const;
  const Tensor* constant(std::size_t index) const;
  Result<Activation> need(std::size_t index) const;
  Result<std::vector<float>> floats(std::size_t index);

  // Pieces.
  const Extents& extents(const Activation& x) const { return terms_[x.term].extents; }
  std::int64_t axis_size(const Activation& x, std::size_t dimension) const;
  Activation over(int term, Layout layout) const { return {.term = term, .layout = std::move(layout)}; }
  Result<Activation> combine(Activation a, Activation b, std::string_view op);
  Result<Activation> combine(Activation x, const Tensor& constant, std::string_view op);
  Result<Activation> along_axis(const Activation& x, Axis axis, std::vector<float> values, std::string_view op);
  Result<Activation> reduce(const Activation& x, const std::vector<bool>& reduced, bool keep);
  // `weight` is row-major (outputs, inputs); `dimension` is the one that is contracted.
  Result<Activation> contract(const Activation& x, std::size_t dimension, std::int64_t outputs,
                              std::vector<float> weight, std::vector<float> bias);
  Result<Activation> patches(const Activation& x, const Tensor& weight, std::vector<float> bias);
  Result<Activation> depthwise(const Activation& x, const Tensor& weight, std::vector<float> bias);
  Result<std::vector<float>> convolution_bias(std::int64_t outputs);

  const Graph& graph_;
  const std::int64_t open_batch_;
  bool reads_shape_ = false;
  const Node* node_ = nullptr;  // the current one
  int node_index_ = -1;
  std::vector<Value> values_;
  Constants constants_;
  Terms terms_;
  bool image_is_open_ = false;
  std::optional<std::int64_t> learned_image_;
};

// A weight given as (inputs, outputs) becomes (outputs, inputs), without its dimensions of extent 1 in front.
Result<Tensor> as_matrix(const Tensor& weight, bool transposed);

}  // namespace smlp::graph
