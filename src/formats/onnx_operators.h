// The operators of the network, spelt as an opset has them. Includes protobuf's headers: for .cc files of the exporter
// only.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "formats/onnx_builder.h"

namespace smlp::graph {

// What the two exporters of weights, as trained and as folded, have in common. Each function returns the name of its
// result; `name` becomes the name of the node that gives it.
class Operators {
 public:
  using Axes = std::vector<std::int64_t>;

  Operators(GraphBuilder& builder, int opset) : builder_(builder), opset_(opset) {}

  std::string conv(const std::string& name, std::initializer_list<std::string> inputs, std::int64_t kernel,
                   std::int64_t stride, std::int64_t padding, std::int64_t group);

  // A 1x1 convolution.
  std::string pointwise(const std::string& name, std::initializer_list<std::string> inputs) {
    return conv(name, inputs, 1, 1, 0, 1);
  }

  std::string transpose(const std::string& name, const std::string& x, Axes perm);

  std::string gelu(const std::string& name, const std::string& x);

  // (batch, channels, rows, columns) -> (batch, channels)
  std::string pool(const std::string& name, const std::string& x);

  // Over the last dimension. `weight` and `bias` are names of vectors of its length; the epsilon's name begins with
  // `key`.
  std::string layer_norm(const std::string& name, const std::string& key, const std::string& x,
                         const std::string& weight, const std::string& bias, float epsilon);

  // Those of the network: a product along the rows of a picture and one along its columns.
  std::string mix_width(const std::string& name, const std::string& x, const std::string& weight,
                        const std::string& bias) {
    return mixing(name, x, weight, bias, {0, 3, 1, 2}, {0, 2, 3, 1});
  }
  std::string mix_height(const std::string& name, const std::string& x, const std::string& weight,
                         const std::string& bias) {
    return mixing(name, x, weight, bias, {0, 2, 1, 3}, {0, 2, 1, 3});
  }

  std::string gemm(const std::string& name, const std::string& x, const std::string& weight, const std::string& bias);

 private:
  // A 1x1 convolution over the axis that `to` brings into the channels' place.
  std::string mixing(const std::string& name, const std::string& x, const std::string& weight, const std::string& bias,
                     Axes to, Axes back);
  std::string number(const std::string& name, float value);
  std::string mean(const std::string& name, const std::string& x, const char* axes_name, Axes axes, bool keep);

  GraphBuilder& builder_;
  int opset_;
};

// (rows, columns) -> (columns, rows)
template <class T>
std::vector<T> transposed(const std::vector<T>& matrix, std::size_t rows) {
  const std::size_t columns = matrix.size() / rows;
  std::vector<T> out(matrix.size());
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) out[c * rows + r] = matrix[r * columns + c];
  }
  return out;
}

}  // namespace smlp::graph
