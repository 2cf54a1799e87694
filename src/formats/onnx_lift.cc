#include "formats/onnx_lift.h"

#include <algorithm>
#include <utility>

#include "model/gate.h"

namespace smlp::graph {
namespace {

// Stands for an open height and width until a mixing matrix tells: every usual patch size divides it.
constexpr std::int64_t kOpenImage = std::int64_t{5040} << 12;

constexpr std::int64_t kLargestImage = 1 << 16;

}  // namespace

Lifter::Lifter(const Graph& graph, std::int64_t open_batch)
    : graph_(graph),
      open_batch_(open_batch),
      values_(graph.values.size()),
      constants_(graph.bytes + (std::uint64_t{1} << 20)) {}

std::span<const Lifter::Entry> Lifter::table() {
  static constexpr Entry kEntries[] = {
      {"Identity", &Lifter::identity},
      {"Dropout", &Lifter::identity},
      {"Cast", &Lifter::cast},
      {"CastLike", &Lifter::cast},
      {"Transpose", &Lifter::transpose},
      {"Reshape", &Lifter::reshape},
      {"Flatten", &Lifter::flatten},
      {"Squeeze", &Lifter::squeeze},
      {"Unsqueeze", &Lifter::unsqueeze},
      {"Add", &Lifter::add},
      {"Sum", &Lifter::add},
      {"Sub", &Lifter::subtract},
      {"Mul", &Lifter::multiply},
      {"Div", &Lifter::divide},
      {"Pow", &Lifter::power},
      {"Sqrt", &Lifter::square_root},
      {"Reciprocal", &Lifter::reciprocal},
      {"Neg", &Lifter::negate},
      {"Erf", &Lifter::erf},
      {"Gelu", &Lifter::gelu},
      {"ReduceMean", &Lifter::reduce_mean},
      {"GlobalAveragePool", &Lifter::global_average_pool},
      {"Concat", &Lifter::concat},
      {"Conv", &Lifter::convolution},
      {"BatchNormalization", &Lifter::batch_norm},
      {"LayerNormalization", &Lifter::layer_norm},
      {"MatMul", &Lifter::matrix_product},
      {"Gemm", &Lifter::gemm},
      {"Einsum", &Lifter::einsum},
  };
  return kEntries;
}

Result<Activation> Lifter::start(std::optional<std::int64_t> image) {
  std::vector<std::int64_t> shape = graph_.input_shape;
  if (shape.empty()) shape.assign(4, -1);
  if (shape.size() != 4) {
    return fail("input '{}' has {} dimensions; an sMLPNet takes pictures of shape (N, channels, height, width)",
                graph_.values[graph_.input], shape.size());
  }
  image_is_open_ = (shape[2] < 0 || shape[3] < 0) && !image;
  if (shape[0] < 0) shape[0] = open_batch_;
  for (std::size_t d = 2; d < 4; ++d) {
    if (shape[d] < 0) shape[d] = image.value_or(kOpenImage);
  }
  if (shape[1] < 0) {  // the first convolution knows
    for (const Node& node : graph_.nodes) {
      const auto weight = graph_.constants.find(node.input(1));
      if (node.op != "Conv" || weight == graph_.constants.end() || weight->second.shape.size() != 4) continue;
      shape[1] = weight->second.shape[1];
      break;
    }
  }
  if (shape[2] != shape[3] || shape[1] < 1 || (!image_is_open_ && shape[2] > kLargestImage)) {
    return fail("input '{}' has shape {}; an sMLPNet takes square pictures", graph_.values[graph_.input],
                shape_text(shape));
  }
  const int term = terms_.add({.kind = Kind::input, .extents = Extents{{shape[0], shape[1], shape[2], shape[3]}}});
  return over(term, {{Axis::n}, {Axis::c}, {Axis::h}, {Axis::w}});
}

Result<Activation> Lifter::lift(std::optional<std::int64_t> image) {
  SMLP_TRY(input, start(image));
  for (const auto& [id, tensor] : graph_.constants) values_[id] = tensor;
  values_[graph_.input] = input;
  for (const Node& node : graph_.nodes) {
    node_ = &node;
    ++node_index_;
    SMLP_CHECK(visit(node));
  }
  if (const auto* output = std::get_if<Activation>(&values_[graph_.output])) return *output;
  return fail("output '{}' does not depend on the input", graph_.values[graph_.output]);
}

Result<void> Lifter::visit(const Node& node) {
  auto value = compute();
  if (!value) {
    int sums = 0;
    for (int i = 0; i < terms_.size(); ++i) sums += terms_[i].kind == Kind::sum ? 1 : 0;
    const std::string place =
        sums == 0 ? "before the first block's token mixing is complete"
                  : fmt::format("after block {}'s {} mixing", (sums - 1) / 2, sums % 2 == 1 ? "token" : "channel");
    Error error = std::move(value).error();
    error.what = fmt::format("{} departs from an sMLPNet {}: {}", graph_.label(node), place, error.what);
    return fail(std::move(error));
  }
  if (node.outputs.empty() || node.outputs[0] < 0) return fail("{} has no output", graph_.label(node));
  if (!std::holds_alternative<std::monostate>(values_[node.outputs[0]])) {
    return fail("{} gives '{}', which is there already", graph_.label(node), graph_.values[node.outputs[0]]);
  }
  values_[node.outputs[0]] = std::move(*value);
  return {};
}

Result<Value> Lifter::compute() {
  const Node& node = *node_;
  bool has_activation = false;
  std::vector<const Tensor*> tensors;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    has_activation = has_activation || activation(i) != nullptr;
    tensors.push_back(constant(i));
    const int id = node.inputs[i];
    if (id >= 0 && std::holds_alternative<std::monostate>(values_[id])) {
      return fail("it takes '{}', which no earlier node gives: the graph is damaged or has a cycle", graph_.values[id]);
    }
  }
  if (!has_activation) {
    if (!Constants::can_fold(node)) return fail("an operator that no sMLPNet needs");
    return constants_.fold(node, tensors);
  }
  if (node.op == "Shape" && node.domain.empty()) {
    SMLP_TRY(x, need(0));
    reads_shape_ = true;
    Tensor stand_in;
    stand_in.shape = shape_of(x.layout, extents(x));
    const Tensor* inputs[] = {&stand_in};
    return constants_.fold(node, inputs);
  }
  if (node.op == "CastLike" && constant(0) != nullptr) return constants_.fold(node, std::span(tensors).first(1));
  const bool own_domain = node.domain.empty() || (node.domain == "com.microsoft" && node.op == "Gelu");
  for (const Entry& entry : table()) {
    if (entry.op == node.op && own_domain) return (this->*entry.handler)();
  }
  if (node.op == "Tanh" || node.op == "FastGelu" || node.op == "QuickGelu") {
    return fail("an activation that is not the exact GELU (erf) of an sMLPNet, such as its tanh approximation");
  }
  if (node.op.starts_with("Quantize") || node.op.starts_with("Dequantize") || node.op.starts_with("QLinear")) {
    return fail(Error{.what = "a quantised network", .remedy = "import the float model and compile that"});
  }
  return fail("an operator that no sMLPNet needs");
}

const Activation* Lifter::activation(std::size_t index) const {
  const int id = node_->input(index);
  return id < 0 ? nullptr : std::get_if<Activation>(&values_[id]);
}

const Tensor* Lifter::constant(std::size_t index) const {
  const int id = node_->input(index);
  return id < 0 ? nullptr : std::get_if<Tensor>(&values_[id]);
}

Result<Activation> Lifter::need(std::size_t index) const {
  if (const Activation* x = activation(index)) return *x;
  return fail("its input {} is not an activation", index);
}

Result<std::vector<float>> Lifter::floats(std::size_t index) {
  const Tensor* tensor = constant(index);
  if (tensor == nullptr) return fail("its input {} is not a constant", index);
  return constants_.floats(*tensor);
}

std::int64_t Lifter::axis_size(const Activation& x, std::size_t dimension) const {
  return size_of(x.layout[dimension], extents(x));
}

Result<Activation> Lifter::identity() { return need(0); }

Result<Activation> Lifter::cast() {
  constexpr std::int64_t kFloat = 1, kHalf = 10, kDouble = 11, kBfloat = 16;
  const std::int64_t to = node_->integer("to", kFloat);
  const Tensor* const like = node_->op == "CastLike" ? constant(1) : nullptr;
  if (like != nullptr && !is_floating_point(like->dtype)) return fail("a cast of the activations to integers");
  if (to == kFloat || to == kHalf || to == kDouble || to == kBfloat) return need(0);
  return fail("a cast of the activations to integers");
}

Result<Activation> Lifter::transpose() {
  SMLP_TRY(x, need(0));
  const std::size_t rank = x.layout.size();
  const auto* perm = node_->integers("perm");
  if (perm != nullptr && perm->size() != rank) return fail("a perm of {} for {} dimensions", perm->size(), rank);
  Layout layout;
  std::vector<bool> seen(rank, false);
  for (std::size_t d = 0; d < rank; ++d) {
    SMLP_TRY(from, dimension_index(perm == nullptr ? static_cast<std::int64_t>(rank - 1 - d) : (*perm)[d], rank));
    if (seen[from]) return fail("its perm names dimension {} twice", from);
    seen[from] = true;
    layout.push_back(x.layout[from]);
  }
  x.layout = std::move(layout);
  return x;
}

Result<Activation> Lifter::reshape() {
  SMLP_TRY(x, need(0));
  std::vector<std::int64_t> target;
  if (const Tensor* shape = constant(1)) {
    SMLP_TRY(values, constants_.integers(*shape));
    target = values;
  } else if (const auto* attribute = node_->integers("shape")) {
    target = *attribute;
  } else {
    return fail("a shape that is computed from the pictures");
  }
  if (target.size() > kMaxRank) return fail("{} dimensions; at most {} are possible", target.size(), kMaxRank);
  auto layout = graph::reshape(x.layout, extents(x), target, node_->integer("allowzero", 0) != 0);
  if (!layout) {
    return fail("it reshapes {} to {}, which cuts through an axis", shape_text(shape_of(x.layout, extents(x))),
                shape_text(target));
  }
  x.layout = std::move(*layout);
  return x;
}

Result<Activation> Lifter::flatten() {
  SMLP_TRY(x, need(0));
  const auto rank = static_cast<std::int64_t>(x.layout.size());
  std::int64_t axis = node_->integer("axis", 1);
  if (axis < 0) axis += rank;
  if (axis < 0 || axis > rank) return fail("axis {} of {} dimensions", node_->integer("axis", 1), rank);
  Layout layout(2);
  for (std::int64_t d = 0; d < rank; ++d) {
    Dimension& into = layout[d < axis ? 0 : 1];
    into.insert(into.end(), x.layout[d].begin(), x.layout[d].end());
  }
  x.layout = std::move(layout);
  return x;
}

Result<Activation> Lifter::squeeze() {
  SMLP_TRY(x, need(0));
  SMLP_TRY(axes, axes_of(*node_, constant(1), constants_));
  SMLP_TRY(dropped, named_dimensions(axes, x.layout.size()));
  std::vector<std::int64_t> target;
  for (std::size_t d = 0; d < x.layout.size(); ++d) {
    const std::int64_t size = axis_size(x, d);
    if (axes.empty() ? size == 1 : dropped[d]) {
      if (size != 1) return fail("it drops a dimension of extent {}", size);
    } else {
      target.push_back(size);
    }
  }
  auto layout = graph::reshape(x.layout, extents(x), target, true);
  if (!layout) return fail("it drops every dimension");
  x.layout = std::move(*layout);
  return x;
}

Result<Activation> Lifter::unsqueeze() {
  SMLP_TRY(x, need(0));
  SMLP_TRY(axes, axes_of(*node_, constant(1), constants_));
  const std::size_t rank = x.layout.size() + axes.size();
  if (rank > kMaxRank) return fail("{} dimensions; at most {} are possible", rank, kMaxRank);
  SMLP_TRY(added, named_dimensions(axes, rank));
  if (std::ranges::count(added, true) < std::ssize(axes)) return fail("it names a dimension twice");
  for (std::size_t d = 0; d < rank; ++d) {
    if (added[d]) x.layout.insert(x.layout.begin() + static_cast<std::ptrdiff_t>(d), Dimension{});
  }
  return x;
}

Result<Activation> Lifter::reduce_mean() {
  SMLP_TRY(x, need(0));
  SMLP_TRY(axes, axes_of(*node_, constant(1), constants_));
  SMLP_TRY(reduced, named_dimensions(axes, x.layout.size()));
  if (axes.empty()) return fail("a mean over everything");
  return reduce(x, reduced, node_->integer("keepdims", 1) != 0);
}

Result<Activation> Lifter::global_average_pool() {
  SMLP_TRY(x, need(0));
  std::vector<bool> reduced(x.layout.size(), true);
  for (std::size_t d = 0; d < std::min<std::size_t>(2, reduced.size()); ++d) reduced[d] = false;
  return reduce(x, reduced, true);
}

Result<Activation> Lifter::reduce(const Activation& x, const std::vector<bool>& reduced, bool keep) {
  bool over_axis[4] = {};
  Layout layout;
  for (std::size_t d = 0; d < x.layout.size(); ++d) {
    if (!reduced[d]) {
      layout.push_back(x.layout[d]);
      continue;
    }
    for (const Axis axis : x.layout[d]) over_axis[static_cast<std::size_t>(axis)] = true;
    if (keep) layout.emplace_back();
  }
  const auto [over_n, over_c, over_h, over_w] = over_axis;
  const int input = terms_.plain(x, node_index_);
  Extents left = extents(x);
  if (!over_n && over_c && !over_h && !over_w) {
    left[Axis::c] = 1;
    return over(terms_.derive(Kind::mean, input, Axis::c, left, node_index_), std::move(layout));
  }
  if (!over_n && !over_c && over_h && over_w) {
    left[Axis::h] = left[Axis::w] = 1;
    return over(terms_.derive(Kind::pool, input, std::nullopt, left, node_index_), std::move(layout));
  }
  return fail("a mean that is neither over the channels nor over the whole picture");
}

Result<Activation> Lifter::concat() {
  SMLP_TRY(first, need(0));
  SMLP_TRY(at, dimension_index(node_->integer("axis", 0), first.layout.size()));
  const auto axis = single_axis(first.layout[at], extents(first));
  if (!axis) return fail("a concatenation along several axes at once");
  Term term{.kind = Kind::concat, .axis = axis, .extents = extents(first), .node = node_index_};
  term.extents[*axis] = 0;
  for (std::size_t i = 0; i < node_->inputs.size(); ++i) {
    SMLP_TRY(part, need(i));
    bool fits = part.layout.size() == first.layout.size();
    for (std::size_t d = 0; fits && d < part.layout.size(); ++d) {
      fits = d == at ? single_axis(part.layout[d], extents(part)) == axis
                     : same_axes(part.layout[d], first.layout[d], extents(part)) &&
                           axis_size(part, d) == axis_size(first, d);
    }
    if (!fits) return fail("a concatenation of values whose axes are laid out differently");
    term.extents[*axis] += extents(part)[*axis];
    term.inputs.push_back(terms_.plain(part, node_index_));
  }
  return over(terms_.add(std::move(term)), first.layout);
}

}  // namespace smlp::graph
