// Operators with weights: convolutions, matrix products, normalisations.
#include <algorithm>
#include <utility>

#include "formats/onnx_lift.h"
#include "model/gate.h"

namespace smlp::graph {
namespace {

constexpr std::int64_t kLargestKernel = 1 << 12;

bool all_are(const std::vector<std::int64_t>* values, std::int64_t wanted) {
  return values == nullptr || std::ranges::all_of(*values, [&](std::int64_t value) { return value == wanted; });
}

// (out, in) with the dimensions swapped as views go: no copy.
Tensor swapped(Tensor matrix) {
  std::swap(matrix.shape[0], matrix.shape[1]);
  std::swap(matrix.strides[0], matrix.strides[1]);
  return matrix;
}

// A linear operator of f x is the operator with f times the weight: optimisers move the half of a GELU there.
Activation absorb_factor(Activation x, std::vector<float>& weight) {
  if (x.offset != 0) return x;
  for (float& value : weight) value = static_cast<float>(value * x.factor);
  x.factor = 1;
  return x;
}

// "bhwc,oc->bhwo" -> its three terms, blanks dropped; empty where it is anything else.
std::vector<std::string> equation_parts(std::string equation) {
  std::erase(equation, ' ');
  const std::size_t comma = equation.find(','), arrow = equation.find("->");
  if (comma == std::string::npos || arrow == std::string::npos || comma > arrow) return {};
  std::vector<std::string> parts = {equation.substr(0, comma), equation.substr(comma + 1, arrow - comma - 1),
                                    equation.substr(arrow + 2)};
  for (const std::string& part : parts) {
    for (const char letter : part) {
      if (std::ranges::count(part, letter) != 1 || letter == '.' || letter == ',') return {};
    }
  }
  return parts;
}

// Broadcast as ONNX does, from the last dimension: `channels` numbers in the dimension that is `from_end` from it.
bool runs_along(const Tensor& numbers, std::size_t from_end, std::int64_t channels) {
  const std::vector<std::int64_t>& shape = numbers.shape;
  if (shape.size() < from_end) return false;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] != (d + from_end == shape.size() ? channels : 1)) return false;
  }
  return true;
}

}  // namespace

Result<Tensor> as_matrix(const Tensor& weight, bool transposed) {
  Tensor matrix = weight;
  while (matrix.shape.size() > 2 && matrix.shape[0] == 1) {
    matrix.shape.erase(matrix.shape.begin());
    matrix.strides.erase(matrix.strides.begin());
  }
  if (matrix.shape.size() != 2) return fail("a weight of shape {}, where a matrix was expected", weight.shape_text());
  return transposed ? swapped(std::move(matrix)) : matrix;
}

Result<Activation> Lifter::contract(const Activation& x, std::size_t dimension, std::int64_t outputs,
                                    std::vector<float> weight, std::vector<float> bias) {
  const auto axis = single_axis(x.layout[dimension], extents(x));
  if (!axis || *axis == Axis::n) return fail("a matrix product over more than one axis");
  const auto inputs = static_cast<std::int64_t>(weight.size()) / std::max<std::int64_t>(1, outputs);
  const bool spatial = *axis == Axis::h || *axis == Axis::w;
  if (outputs < 1 || inputs < 1) return fail("a weight without elements");
  if (image_is_open_ && spatial && inputs == outputs) {
    // extents are in units of the stand-in picture: its ratio to the grid is the patches' size
    learned_image_ = inputs * (terms_[0].extents[Axis::h] / extents(x)[*axis]);
    return fail("the picture's size is open until here");
  }
  if (inputs != extents(x)[*axis]) {
    return fail("a weight for {} inputs where the axis has {}", inputs, extents(x)[*axis]);
  }
  const int input = terms_.plain(absorb_factor(x, weight), node_index_);
  Term term{.kind = Kind::contract,
            .inputs = {input},
            .axis = axis,
            .weight = std::move(weight),
            .bias = std::move(bias),
            .extents = extents(x),
            .node = node_index_};
  term.extents[*axis] = outputs;
  Layout layout = x.layout;
  layout[dimension] = {*axis};
  return over(terms_.add(std::move(term)), std::move(layout));
}

Result<std::vector<float>> Lifter::convolution_bias(std::int64_t outputs) {
  if (node_->input(2) < 0) return std::vector<float>{};
  SMLP_TRY(bias, floats(2));
  if (static_cast<std::int64_t>(bias.size()) != outputs) return fail("{} biases for {} outputs", bias.size(), outputs);
  if (std::ranges::all_of(bias, [](float value) { return value == 0.0F; })) bias.clear();
  return std::move(bias);
}

Result<Activation> Lifter::convolution() {
  SMLP_TRY(x, need(0));
  const Tensor* weight = constant(1);
  if (weight == nullptr) return fail("a convolution whose weight is not a constant");
  const std::size_t rank = weight->shape.size();
  if (rank < 3 || rank != x.layout.size()) {
    return fail("a weight of shape {} for activations of {} dimensions", weight->shape_text(), x.layout.size());
  }
  if (!all_are(node_->integers("dilations"), 1)) return fail("a dilated convolution");
  SMLP_TRY(bias, convolution_bias(weight->shape[0]));
  const std::int64_t kernel = weight->shape[2], group = node_->integer("group", 1);
  const bool same = node_->text("auto_pad", "NOTSET").starts_with("SAME");
  const bool square = std::ranges::all_of(weight->shape.begin() + 2, weight->shape.end(),
                                          [&](std::int64_t extent) { return extent == kernel; });
  const bool unpadded = all_are(node_->integers("pads"), 0) && !same;
  const bool padded = same || (node_->integers("pads") != nullptr && all_are(node_->integers("pads"), 1));
  const auto* strides = node_->integers("strides");

  if (square && kernel == 1 && group == 1 && all_are(strides, 1) && (unpadded || same)) {
    SMLP_TRY(values, floats(1));
    return contract(x, 1, weight->shape[0], std::move(values), std::move(bias));
  }
  const bool planes = rank == 4 && single_axis(x.layout[1], extents(x)) == Axis::c && x.layout[2].size() == 1 &&
                      x.layout[3].size() == 1;
  if (planes && square && kernel == 3 && padded && all_are(strides, 1) && weight->shape[1] == 1 &&
      group == weight->shape[0] && group == extents(x)[Axis::c]) {
    return depthwise(x, *weight, std::move(bias));
  }
  if (planes && square && group == 1 && unpadded && kernel > 1 && strides != nullptr && all_are(strides, kernel)) {
    return patches(x, *weight, std::move(bias));
  }
  return fail(
      "a convolution with weight {}, stride {}, {} and group {}; an sMLPNet has patch embeddings (kernel = "
      "stride), 3x3 depthwise convolutions with padding 1, and 1x1 convolutions",
      weight->shape_text(), strides == nullptr || strides->empty() ? 1 : strides->front(),
      unpadded ? "no padding" : "padding", group);
}

Result<Activation> Lifter::patches(const Activation& x, const Tensor& weight, std::vector<float> bias) {
  const std::int64_t kernel = weight.shape[2];
  const bool upright = x.layout[2][0] == Axis::h && x.layout[3][0] == Axis::w;
  if (!upright) return fail("patches of a transposed picture");
  Term term{.kind = Kind::patch, .axis = {}, .extents = extents(x), .node = node_index_};
  if (weight.shape[1] != term.extents[Axis::c]) {
    return fail("a weight of shape {} for {} channels", weight.shape_text(), term.extents[Axis::c]);
  }
  if (kernel > kLargestKernel || term.extents[Axis::h] < kernel || term.extents[Axis::w] < kernel) {
    return fail("patches of {0}x{0} do not fit a grid of {1}x{2}", kernel, term.extents[Axis::h],
                term.extents[Axis::w]);
  }
  SMLP_TRY(values, constants_.floats(weight));
  term.inputs = {terms_.plain(absorb_factor(x, values), node_index_)};
  term.weight = std::move(values);
  term.bias = std::move(bias);
  term.kernel = static_cast<int>(kernel);
  term.extents[Axis::c] = weight.shape[0];
  term.extents[Axis::h] /= kernel;
  term.extents[Axis::w] /= kernel;
  return over(terms_.add(std::move(term)), x.layout);
}

Result<Activation> Lifter::depthwise(const Activation& x, const Tensor& weight, std::vector<float> bias) {
  Tensor upright = weight;
  if (x.layout[2][0] == Axis::w && x.layout[3][0] == Axis::h) {
    std::swap(upright.strides[2], upright.strides[3]);
  } else if (x.layout[2][0] != Axis::h || x.layout[3][0] != Axis::w) {
    return fail("a depthwise convolution that is not over rows and columns");
  }
  SMLP_TRY(values, constants_.floats(upright));
  const int input = terms_.plain(absorb_factor(x, values), node_index_);
  return over(terms_.add({.kind = Kind::depthwise,
                          .inputs = {input},
                          .weight = std::move(values),
                          .bias = std::move(bias),
                          .kernel = 3,
                          .extents = extents(x),
                          .node = node_index_}),
              x.layout);
}

Result<Activation> Lifter::batch_norm() {
  SMLP_TRY(x, need(0));
  const auto outputs = std::ranges::count_if(node_->outputs, [](int id) { return id >= 0; });
  if (node_->integer("training_mode", 0) != 0 || outputs > 1) {
    return fail(
        Error{.what = "a batch normalisation in training mode", .remedy = "export the model after model.eval()"});
  }
  if (x.layout.size() < 2) return fail("a batch normalisation of {} dimensions", x.layout.size());
  const auto axis = single_axis(x.layout[1], extents(x));
  if (axis != Axis::c) return fail("a batch normalisation along another axis than the channels");
  Term term{.kind = Kind::batch_norm,
            .inputs = {terms_.plain(x, node_index_)},
            .axis = axis,
            .extents = extents(x),
            .node = node_index_};
  term.norm.epsilon = node_->real("epsilon", 1e-5F);
  std::vector<float>* const parts[] = {&term.norm.weight, &term.norm.bias, &term.norm.mean, &term.norm.variance};
  for (std::size_t i = 0; i < std::size(parts); ++i) {
    SMLP_TRY(values, floats(i + 1));
    *parts[i] = std::move(values);
    if (static_cast<std::int64_t>(parts[i]->size()) != extents(x)[Axis::c]) {
      return fail("{} statistics for {} channels", parts[i]->size(), extents(x)[Axis::c]);
    }
  }
  if (auto fine = check_variances(term.norm.variance); !fine) {
    return fail(std::move(fine).error().of_tensor(constant(4)->name));
  }
  return over(terms_.add(std::move(term)), x.layout);
}

Result<Activation> Lifter::layer_norm() {
  SMLP_TRY(x, need(0));
  SMLP_TRY(at, dimension_index(node_->integer("axis", -1), x.layout.size()));
  for (std::size_t d = at; d < x.layout.size(); ++d) {
    if (d != at && axis_size(x, d) != 1) return fail("a layer normalisation over several axes");
  }
  const auto axis = single_axis(x.layout[at], extents(x));
  if (axis != Axis::c) return fail("a layer normalisation along another axis than the channels");
  const int input = terms_.plain(x, node_index_);
  const int term = terms_.derive(Kind::normalised, input, axis, extents(x), node_index_, node_->real("epsilon", 1e-5F));
  Activation result = over(term, x.layout);
  const char* const ops[] = {"multiply", "add"};
  for (std::size_t i = 0; i < 2; ++i) {
    if (node_->input(i + 1) < 0) continue;
    SMLP_TRY(values, floats(i + 1));
    if (!runs_along(*constant(i + 1), x.layout.size() - at, extents(x)[Axis::c])) {
      return fail("numbers of shape {} for {} channels in dimension {} of {}", constant(i + 1)->shape_text(),
                  extents(x)[Axis::c], at, x.layout.size());
    }
    SMLP_TRY(next, along_axis(result, Axis::c, std::move(values), ops[i]));
    result = next;
  }
  return result;
}

Result<Activation> Lifter::matrix_product() {
  const bool weight_first = constant(0) != nullptr;
  SMLP_TRY(x, need(weight_first ? 1 : 0));
  const Tensor* weight = constant(weight_first ? 0 : 1);
  if (weight == nullptr) return fail("a product of activations with activations, as attention has");
  const std::size_t rank = x.layout.size();
  if (rank < 2) return fail("a product with {} dimensions", rank);
  if (weight->shape.size() > rank) {
    return fail("a weight of shape {} for activations of {} dimensions", weight->shape_text(), rank);
  }
  SMLP_TRY(matrix, as_matrix(*weight, !weight_first));
  SMLP_TRY(values, constants_.floats(matrix));
  return contract(x, weight_first ? rank - 2 : rank - 1, matrix.shape[0], std::move(values), {});
}

Result<Activation> Lifter::gemm() {
  SMLP_TRY(x, need(0));
  const Tensor* weight = constant(1);
  if (weight == nullptr || weight->shape.size() != 2 || x.layout.size() != 2) {
    return fail("a Gemm whose weight is no constant matrix");
  }
  if (node_->integer("transA", 0) != 0) std::swap(x.layout[0], x.layout[1]);
  SMLP_TRY(matrix, as_matrix(*weight, node_->integer("transB", 0) == 0));
  SMLP_TRY(values, constants_.floats(matrix));
  const double alpha = node_->real("alpha", 1.0F);
  x.factor *= alpha;
  x.offset *= alpha;
  SMLP_TRY(product, contract(x, 1, matrix.shape[0], std::move(values), {}));
  if (node_->input(2) < 0) return std::move(product);
  if (constant(2) == nullptr) return fail("a Gemm whose bias is no constant");
  if (const float beta = node_->real("beta", 1.0F); beta != 1.0F) return fail("a Gemm with beta {}", beta);
  return combine(std::move(product), *constant(2), "add");
}

// One operand is a constant matrix that shares one letter with the activations: "bhwc,wo->bhoc".
Result<Activation> Lifter::einsum() {
  const auto parts = equation_parts(node_->text("equation", ""));
  if (parts.empty() || node_->inputs.size() != 2) return fail("an einsum '{}'", node_->text("equation", ""));
  const bool weight_first = constant(0) != nullptr;
  SMLP_TRY(x, need(weight_first ? 1 : 0));
  const Tensor* weight = constant(weight_first ? 0 : 1);
  const std::string& of_x = parts[weight_first ? 1 : 0];
  const std::string& of_weight = parts[weight_first ? 0 : 1];
  std::string result = parts[2];
  if (weight == nullptr || weight->shape.size() != 2 || of_weight.size() != 2 || of_x.size() != x.layout.size() ||
      result.size() != of_x.size()) {
    return fail("an einsum '{}' that is no product with a matrix", node_->text("equation", ""));
  }
  const bool out_first = of_x.contains(of_weight[1]);
  const char in = of_weight[out_first ? 1 : 0], out = of_weight[out_first ? 0 : 1];
  const bool replaces = of_x.contains(in) && !result.contains(in) && result.contains(out) && !of_x.contains(out);
  if (!replaces) return fail("an einsum '{}' that is no product with a matrix", node_->text("equation", ""));
  SMLP_TRY(matrix, as_matrix(*weight, !out_first));
  SMLP_TRY(values, constants_.floats(matrix));
  SMLP_TRY(product, contract(x, of_x.find(in), matrix.shape[0], std::move(values), {}));
  std::ranges::replace(result, out, in);
  Layout layout;
  for (const char letter : result) {
    const std::size_t at = of_x.find(letter);
    if (at == std::string::npos) return fail("an einsum '{}'", node_->text("equation", ""));
    layout.push_back(product.layout[at]);
  }
  product.layout = std::move(layout);
  return std::move(product);
}

}  // namespace smlp::graph
