// Element-wise operators: residual sums, per-axis constants, and the parts of GELU and of the normalisation.
#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "formats/onnx_lift.h"

namespace smlp::graph {
namespace {

constexpr double kHalf = 0.5;

Activation negated(Activation x) {
  x.factor = -x.factor;
  x.offset = -x.offset;
  return x;
}

// The dimensions in front that one of the two has not are of extent 1.
void align(Layout& a, Layout& b) {
  while (a.size() < b.size()) a.insert(a.begin(), Dimension{});
  while (b.size() < a.size()) b.insert(b.begin(), Dimension{});
}

}  // namespace

Result<Activation> Lifter::add() {
  if (node_->inputs.size() != 2) return fail("a sum of {} values", node_->inputs.size());
  if (activation(0) != nullptr && activation(1) != nullptr) return combine(*activation(0), *activation(1), "add");
  return activation(0) != nullptr ? combine(*activation(0), *constant(1), "add")
                                  : combine(*activation(1), *constant(0), "add");
}

Result<Activation> Lifter::subtract() {
  if (node_->inputs.size() != 2) return fail("a difference of {} values", node_->inputs.size());
  if (activation(0) != nullptr && activation(1) != nullptr) {
    return combine(*activation(0), negated(*activation(1)), "add");
  }
  return activation(0) != nullptr ? combine(*activation(0), *constant(1), "subtract")
                                  : combine(negated(*activation(1)), *constant(0), "add");
}

Result<Activation> Lifter::multiply() {
  if (node_->inputs.size() != 2) return fail("a product of {} values", node_->inputs.size());
  if (activation(0) != nullptr && activation(1) != nullptr) return combine(*activation(0), *activation(1), "multiply");
  return activation(0) != nullptr ? combine(*activation(0), *constant(1), "multiply")
                                  : combine(*activation(1), *constant(0), "multiply");
}

Result<Activation> Lifter::divide() {
  if (node_->inputs.size() != 2) return fail("a quotient of {} values", node_->inputs.size());
  if (activation(0) != nullptr && activation(1) != nullptr) return combine(*activation(0), *activation(1), "divide");
  if (activation(0) != nullptr) return combine(*activation(0), *constant(1), "divide");
  auto inverse = terms_.reciprocal(*activation(1), node_index_);
  if (!inverse) return fail("a constant divided by activations");
  return combine(*inverse, *constant(0), "multiply");
}

Result<Activation> Lifter::power() {
  SMLP_TRY(x, need(0));
  if (constant(1) == nullptr) return fail("its exponent is not a constant");
  if (constant(1)->shape.size() > x.layout.size()) return fail("an exponent of more dimensions than its base");
  SMLP_TRY(exponent, constants_.numbers(*constant(1)));  // may be an integer where the base is none
  if (exponent.size() == 1 && exponent[0] == 2.0F) return combine(x, x, "multiply");
  if (exponent.size() == 1 && exponent[0] == static_cast<float>(kHalf)) return square_root();
  return fail("a power that is neither a square nor a square root");
}

Result<Activation> Lifter::square_root() {
  SMLP_TRY(x, need(0));
  auto root = terms_.square_root(x, node_index_);
  if (!root) return fail("a square root of what is no variance");
  return *root;
}

Result<Activation> Lifter::reciprocal() {
  SMLP_TRY(x, need(0));
  auto inverse = terms_.reciprocal(x, node_index_);
  if (!inverse) return fail("a reciprocal of what is no standard deviation");
  return *inverse;
}

Result<Activation> Lifter::negate() {
  SMLP_TRY(x, need(0));
  return negated(x);
}

Result<Activation> Lifter::erf() {
  SMLP_TRY(x, need(0));
  return terms_.erf(x, node_index_);
}

Result<Activation> Lifter::gelu() {
  SMLP_TRY(x, need(0));
  if (const std::string form = node_->text("approximate", "none"); form != "none") {
    return fail("a GELU with approximate='{}', where an sMLPNet's is the exact one (erf)", form);
  }
  const int y = terms_.plain(x, node_index_);
  const Extents shape = terms_[y].extents;
  return over(terms_.derive(Kind::gelu, y, std::nullopt, shape, node_index_), x.layout);
}

Result<Activation> Lifter::combine(Activation a, Activation b, std::string_view op) {
  align(a.layout, b.layout);
  // A mean or deviation that was kept as a dimension of extent 1 spreads over the axis it was taken along.
  const auto spreads = [&](const Activation& x, std::size_t d) {
    const Kind kind = terms_[x.term].kind;
    const bool reduced = kind == Kind::mean || kind == Kind::deviation || kind == Kind::inverse_deviation;
    return reduced && x.layout[d].empty();
  };
  bool swap = false;
  for (std::size_t d = 0; d < a.layout.size(); ++d) {
    if (spreads(b, d)) continue;
    if (spreads(a, d)) {
      swap = true;
      continue;
    }
    if (!same_axes(a.layout[d], b.layout[d], extents(a)) || axis_size(a, d) != axis_size(b, d)) {
      return fail("two values whose axes are laid out differently");
    }
  }
  std::optional<Activation> result;
  if (op == "divide") {
    result = terms_.divide(a, b, node_index_);
  } else if (op == "multiply") {
    result = terms_.multiply(a, b, node_index_);
  } else {
    result = terms_.add(a, b, node_index_);
  }
  if (!result) {
    return fail("{} and {} are combined, which no step of an sMLPNet does", kind_name(terms_[a.term].kind),
                kind_name(terms_[b.term].kind));
  }
  result->layout = swap ? b.layout : a.layout;
  return *result;
}

Result<Activation> Lifter::combine(Activation x, const Tensor& tensor, std::string_view op) {
  while (x.layout.size() < tensor.shape.size()) x.layout.insert(x.layout.begin(), Dimension{});
  const std::size_t lead = x.layout.size() - tensor.shape.size();
  std::optional<std::size_t> along;
  for (std::size_t d = 0; d < tensor.shape.size(); ++d) {
    if (tensor.shape[d] == 1) continue;
    if (along || tensor.shape[d] != axis_size(x, lead + d)) {
      return fail("a constant of shape {} for activations of shape {}", tensor.shape_text(),
                  shape_text(shape_of(x.layout, extents(x))));
    }
    along = lead + d;
  }
  SMLP_TRY(values, constants_.floats(tensor));
  if (along) {
    const auto axis = single_axis(x.layout[*along], extents(x));
    if (!axis || *axis == Axis::n) return fail("a constant that varies along more than one axis");
    return along_axis(x, *axis, std::move(values), op);
  }
  const double number = values[0];
  if (op == "add") x.offset += number;
  if (op == "subtract") x.offset -= number;
  if (op == "multiply" || op == "divide") {
    const double factor = op == "multiply" ? number : 1 / number;
    x.factor *= factor;
    x.offset *= factor;
  }
  if (!std::isfinite(x.factor) || !std::isfinite(x.offset)) return fail("a constant factor or term that is not finite");
  return x;
}

Result<Activation> Lifter::along_axis(const Activation& x, Axis axis, std::vector<float> values, std::string_view op) {
  const int input = terms_.plain(x, node_index_);
  Term term{.inputs = {input}, .axis = axis, .extents = extents(x), .node = node_index_};
  if (op == "add" || op == "subtract") {
    if (op == "subtract") std::ranges::transform(values, values.begin(), std::negate<>());
    term.kind = Kind::shift;
    term.bias = std::move(values);
  } else {
    if (op == "divide") std::ranges::transform(values, values.begin(), [](float value) { return 1.0F / value; });
    term.kind = Kind::scale;
    term.weight = std::move(values);
  }
  return over(terms_.add(std::move(term)), x.layout);
}

}  // namespace smlp::graph
