#include "formats/onnx_constants.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "formats/onnx_layout.h"

namespace smlp::graph {
namespace {

constexpr std::int64_t kMostElements = std::int64_t{1} << 40;
constexpr std::array kFolded = {
    "Constant", "Identity", "Cast",       "CastLike",       "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Expand",
    "Gather",   "Slice",    "Concat",     "Shape",          "Add",       "Sub",     "Mul",     "Div",       "Pow",
    "Sqrt",     "Neg",      "Reciprocal", "ConstantOfShape"};

bool is_float(DType type) {
  return type == DType::f32 || type == DType::f64 || type == DType::f16 || type == DType::bf16;
}

bool is_contiguous(const Tensor& x) { return x.strides == contiguous_strides(x.shape); }

// numpy's rule; nothing where the shapes do not fit.
std::optional<std::vector<std::int64_t>> broadcast_shape(const std::vector<std::int64_t>& a,
                                                         const std::vector<std::int64_t>& b) {
  const auto& longer = a.size() >= b.size() ? a : b;
  const auto& shorter = a.size() >= b.size() ? b : a;
  std::vector<std::int64_t> shape = longer;
  const std::size_t lead = longer.size() - shorter.size();
  for (std::size_t d = 0; d < shorter.size(); ++d) {
    std::int64_t& extent = shape[lead + d];
    if (extent == 1) extent = shorter[d];
    if (shorter[d] != 1 && shorter[d] != extent) return std::nullopt;
  }
  return shape;
}

template <class T>
std::optional<T> apply(std::string_view op, T a, T b) {
  if (op == "Add") return a + b;
  if (op == "Sub") return a - b;
  if (op == "Mul") return a * b;
  if (op == "Pow") return static_cast<T>(std::pow(a, b));
  return a / b;
}

// Integers that come from a file: what overflows has no meaning as a shape.
template <>
std::optional<std::int64_t> apply(std::string_view op, std::int64_t a, std::int64_t b) {
  std::int64_t out = 0;
  if (op == "Add") return __builtin_add_overflow(a, b, &out) ? std::nullopt : std::optional(out);
  if (op == "Sub") return __builtin_sub_overflow(a, b, &out) ? std::nullopt : std::optional(out);
  if (op == "Mul") return __builtin_mul_overflow(a, b, &out) ? std::nullopt : std::optional(out);
  if (op == "Div" && b != 0 && b != -1) return a / b;
  return std::nullopt;
}

template <class T>
std::optional<std::vector<T>> combine(std::string_view op, const std::vector<T>& a, const std::vector<T>& b) {
  std::vector<T> out;
  out.reserve(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto value = apply(op, a[i], b[i]);
    if (!value) return std::nullopt;
    out.push_back(*value);
  }
  return out;
}

constexpr std::int64_t kInt32 = 6;  // of TensorProto.DataType

// True for floating-point numbers, false for integers as shapes have them. Others have rules of their own.
Result<bool> casts_to_float(const Node& node) {
  constexpr std::int64_t kFloat = 1, kInt64 = 7, kHalf = 10, kDouble = 11, kBfloat = 16;
  const std::int64_t to = node.integer("to", kFloat);
  if (to == kInt32 || to == kInt64) return false;
  if (to == kFloat || to == kHalf || to == kDouble || to == kBfloat) return true;
  return fail("a cast of constants to type {}, which no sMLPNet needs", to);
}

// Integers that shapes are made of; narrow ones and booleans would wrap around.
bool counts(DType type) { return is_float(type) || type == DType::i64 || type == DType::i32; }

// Chained operators that each add dimensions would take time and memory that no real graph asks for.
Result<void> check_rank(std::uint64_t rank) {
  if (rank > kMaxRank) return fail("{} dimensions; at most {} are possible", rank, kMaxRank);
  return {};
}

// What does not fit wraps around in other programs.
Result<void> check_int32(const std::vector<std::int64_t>& values) {
  for (const std::int64_t value : values) {
    if (value != static_cast<std::int32_t>(value)) return fail("{} is no 32-bit integer", value);
  }
  return {};
}

}  // namespace

bool Constants::can_fold(const Node& node) {
  return node.domain.empty() && std::ranges::find(kFolded, node.op) != kFolded.end();
}

Result<Tensor> Constants::fold(const Node& node, std::span<const Tensor* const> inputs) {
  const std::string_view op = node.op;
  if (op == "Constant") return constant(node);
  const Tensor* first = inputs.empty() ? nullptr : inputs[0];
  const Tensor* second = inputs.size() > 1 ? inputs[1] : nullptr;
  if (first == nullptr) return fail("it has no input");
  if (op == "Identity") return *first;
  if (op == "Cast") {
    SMLP_TRY(to_float, casts_to_float(node));
    SMLP_TRY(out, cast(*first, to_float));
    if (node.integer("to", 0) != kInt32) return std::move(out);
    SMLP_TRY(values, integers(out));
    SMLP_CHECK(check_int32(values));
    return std::move(out);
  }
  if (op == "CastLike" && second != nullptr && !counts(second->dtype)) {
    return fail("a cast of constants to type {}, which no sMLPNet needs", second->dtype_text);
  }
  if (op == "CastLike") return cast(*first, second == nullptr || is_float(second->dtype));
  if (op == "Transpose") return transpose(node, *first);
  if (op == "Squeeze") return squeeze(node, *first, second);
  if (op == "Unsqueeze") return unsqueeze(node, *first, second);
  if (op == "Concat") return concat(node, inputs);
  if (op == "Slice") return slice(*first, inputs);
  if (op == "Sqrt" || op == "Neg" || op == "Reciprocal") return unary(node, *first);
  if (op == "Shape") {
    const auto rank = static_cast<std::int64_t>(first->shape.size());
    const auto clip = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
    const std::int64_t start = clip(node.integer("start", 0)), end = clip(node.integer("end", rank));
    const auto& shape = first->shape;
    std::vector<std::int64_t> part(shape.begin() + start, shape.begin() + std::max(start, end));
    const auto count = static_cast<std::int64_t>(part.size());
    return make({count}, std::move(part));
  }
  if (op == "ConstantOfShape") {
    const Tensor* value = node.tensor("value");
    Tensor filling = value != nullptr ? *value : make(std::vector<std::int64_t>{1}, std::vector<float>{0.0F});
    return expand(std::move(filling), *first);
  }
  if (second == nullptr) return fail("it lacks its second input");
  if (op == "Reshape") return reshape(node, *first, *second);
  if (op == "Expand") return expand(*first, *second);
  if (op == "Gather") return gather(node, *first, *second);
  if (!counts(first->dtype) || !counts(second->dtype)) return fail("arithmetic with narrow integers");
  return arithmetic(node, *first, *second);
}

template <class T>
Tensor Constants::own(DType type, std::vector<std::int64_t> shape, std::vector<T> values) {
  auto owner = std::make_shared<const std::vector<T>>(std::move(values));
  Tensor tensor;
  tensor.dtype = type;
  tensor.dtype_text = dtype_name(type);
  tensor.strides = contiguous_strides(shape);
  tensor.shape = std::move(shape);
  tensor.storage = std::as_bytes(std::span(*owner));
  owners_.push_back(std::move(owner));
  return tensor;
}

Tensor Constants::make(std::vector<std::int64_t> shape, std::vector<std::int64_t> values) {
  return own(DType::i64, std::move(shape), std::move(values));
}

Tensor Constants::make(std::vector<std::int64_t> shape, std::vector<float> values) {
  return own(DType::f32, std::move(shape), std::move(values));
}

Result<void> Constants::charge(std::int64_t elements) {
  if (static_cast<std::uint64_t>(elements) > budget_)
    return fail("its constants unfold to far more than the file holds");
  budget_ -= static_cast<std::uint64_t>(elements);
  return {};
}

Result<std::vector<float>> Constants::numbers(const Tensor& tensor) {
  SMLP_CHECK(charge(tensor.elements()));
  return tensor.to_float();
}

Result<std::vector<float>> Constants::floats(const Tensor& tensor) {
  if (!is_float(tensor.dtype)) {
    return fail("weights '{}' of type {}, where floating-point numbers were expected", tensor.name, tensor.dtype_text);
  }
  return numbers(tensor);
}

Result<std::vector<std::int64_t>> Constants::integers(const Tensor& tensor) {
  if (!is_float(tensor.dtype)) {
    SMLP_CHECK(charge(tensor.elements()));
    return tensor.to_integers();
  }
  SMLP_TRY(values, numbers(tensor));
  std::vector<std::int64_t> out;
  for (const float value : values) {
    if (!(std::abs(value) < 1e15F)) return fail("a constant that is to be an integer is {}", value);
    out.push_back(static_cast<std::int64_t>(value));
  }
  return out;
}

Result<Tensor> Constants::constant(const Node& node) {
  if (const Tensor* value = node.tensor("value")) return *value;
  if (const auto* values = node.integers("value_ints")) {
    SMLP_CHECK(charge(std::ssize(*values)));  // the node of a function that is called again and again
    return make({static_cast<std::int64_t>(values->size())}, *values);
  }
  if (const auto* values = node.reals("value_floats")) {
    SMLP_CHECK(charge(std::ssize(*values)));
    return make({static_cast<std::int64_t>(values->size())}, *values);
  }
  if (node.attributes.contains("value_int")) return make({}, std::vector<std::int64_t>{node.integer("value_int", 0)});
  if (node.attributes.contains("value_float")) return make({}, std::vector<float>{node.real("value_float", 0)});
  return fail("a constant of a kind that no sMLPNet has");
}

Result<Tensor> Constants::cast(const Tensor& x, bool to_float) {
  if (to_float == is_float(x.dtype)) return x;
  if (to_float) {
    SMLP_TRY(values, numbers(x));
    return make(x.shape, std::move(values));
  }
  SMLP_TRY(values, integers(x));
  return make(x.shape, std::move(values));
}

Result<Tensor> Constants::transpose(const Node& node, Tensor x) {
  const std::size_t rank = x.shape.size();
  const auto* perm = node.integers("perm");
  Tensor out = x;
  if (perm != nullptr && perm->size() != rank) return fail("a perm of {} for {} dimensions", perm->size(), rank);
  std::vector<bool> seen(rank, false);
  for (std::size_t d = 0; d < rank; ++d) {
    SMLP_TRY(from, dimension_index(perm == nullptr ? static_cast<std::int64_t>(rank - 1 - d) : (*perm)[d], rank));
    if (seen[from]) return fail("its perm names dimension {} twice", from);
    seen[from] = true;
    out.shape[d] = x.shape[from];
    out.strides[d] = x.strides[from];
  }
  return out;
}

Result<Tensor> Constants::reshape(const Node& node, Tensor x, const Tensor& shape) {
  SMLP_TRY(target, integers(shape));
  SMLP_CHECK(check_rank(target.size()));
  const std::int64_t total = x.elements();
  std::int64_t known = 1;
  std::optional<std::size_t> open;
  for (std::size_t d = 0; d < target.size(); ++d) {
    if (target[d] == 0 && node.integer("allowzero", 0) == 0 && d < x.shape.size()) target[d] = x.shape[d];
    if (target[d] == -1 && !open) {
      open = d;
    } else if (target[d] < 0 || __builtin_mul_overflow(known, target[d], &known)) {
      return fail("it cannot reshape to {}", shape_text(target));
    }
  }
  if (open) target[*open] = known == 0 ? 0 : total / known;
  if (open ? known == 0 || total % known != 0 : known != total) {
    return fail("it cannot reshape {} to {}", x.shape_text(), shape_text(target));
  }
  if (!is_contiguous(x)) {
    if (is_float(x.dtype)) {
      SMLP_TRY(values, floats(x));
      return make(std::move(target), std::move(values));
    }
    SMLP_TRY(values, integers(x));
    return make(std::move(target), std::move(values));
  }
  x.strides = contiguous_strides(target);
  x.shape = std::move(target);
  return x;
}

Result<Tensor> Constants::unsqueeze(const Node& node, Tensor x, const Tensor* axes_input) {
  SMLP_TRY(axes, axes_of(node, axes_input, *this));
  const std::size_t rank = x.shape.size() + axes.size();
  SMLP_CHECK(check_rank(rank));
  SMLP_TRY(added, named_dimensions(axes, rank));
  for (std::size_t d = 0; d < rank; ++d) {
    if (!added[d]) continue;
    if (d > x.shape.size()) return fail("it names a dimension twice");
    x.shape.insert(x.shape.begin() + static_cast<std::ptrdiff_t>(d), 1);
    x.strides.insert(x.strides.begin() + static_cast<std::ptrdiff_t>(d), 1);
  }
  return x;
}

Result<Tensor> Constants::squeeze(const Node& node, Tensor x, const Tensor* axes_input) {
  SMLP_TRY(axes, axes_of(node, axes_input, *this));
  SMLP_TRY(dropped, named_dimensions(axes, x.shape.size()));
  Tensor out = x;
  out.shape.clear();
  out.strides.clear();
  for (std::size_t d = 0; d < x.shape.size(); ++d) {
    if (axes.empty() ? x.shape[d] == 1 : dropped[d]) {
      if (x.shape[d] != 1) return fail("it drops dimension {} of shape {}", d, x.shape_text());
      continue;
    }
    out.shape.push_back(x.shape[d]);
    out.strides.push_back(x.strides[d]);
  }
  return out;
}

Result<Tensor> Constants::broadcast(Tensor x, const std::vector<std::int64_t>& shape) {
  const std::size_t lead = shape.size() - x.shape.size();
  std::vector<std::int64_t> strides(shape.size(), 0);
  std::int64_t count = 1;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (d >= lead && x.shape[d - lead] != 1) strides[d] = x.strides[d - lead];
    if (__builtin_mul_overflow(count, shape[d], &count) || count > kMostElements) {
      return fail("shape {} is too large", shape_text(shape));
    }
  }
  x.shape = shape;
  x.strides = std::move(strides);
  return x;
}

Result<Tensor> Constants::expand(Tensor x, const Tensor& shape) {
  SMLP_TRY(target, integers(shape));
  SMLP_CHECK(check_rank(target.size()));
  const auto whole = broadcast_shape(x.shape, target);
  if (!whole || std::ranges::any_of(target, [](std::int64_t extent) { return extent < 0; })) {
    return fail("it cannot expand {} to {}", x.shape_text(), shape_text(target));
  }
  return broadcast(std::move(x), *whole);
}

Result<Tensor> Constants::gather(const Node& node, Tensor x, const Tensor& index) {
  SMLP_TRY(axis, dimension_index(node.integer("axis", 0), x.shape.size()));
  SMLP_TRY(wanted, integers(index));
  const std::int64_t extent = x.shape[axis];
  for (std::int64_t& at : wanted) {
    if (at < 0) at += extent;
    if (at < 0 || at >= extent) return fail("index {} into {} along dimension {}", at, x.shape_text(), axis);
  }
  const auto place = static_cast<std::ptrdiff_t>(axis);
  if (index.shape.empty() && wanted.size() == 1) {
    x.offset += wanted[0] * x.strides[axis];
    x.shape.erase(x.shape.begin() + place);
    x.strides.erase(x.strides.begin() + place);
    return x;
  }
  if (x.shape.size() != 1 || index.shape.size() != 1 || is_float(x.dtype)) {
    return fail("a choice of weights by index, which no sMLPNet has");
  }
  SMLP_TRY(values, integers(x));
  std::vector<std::int64_t> out;
  out.reserve(wanted.size());
  for (const std::int64_t at : wanted) out.push_back(values[at]);
  return make(index.shape, std::move(out));
}

// Inputs: data, starts, ends, axes, steps.
Result<Tensor> Constants::slice(Tensor x, std::span<const Tensor* const> inputs) {
  if (inputs.size() < 3 || inputs[1] == nullptr || inputs[2] == nullptr) return fail("a Slice of an old opset");
  SMLP_TRY(starts, integers(*inputs[1]));
  SMLP_TRY(ends, integers(*inputs[2]));
  const bool has_axes = inputs.size() > 3 && inputs[3] != nullptr,
             has_steps = inputs.size() > 4 && inputs[4] != nullptr;
  std::vector<std::int64_t> axes, steps(starts.size(), 1);
  for (std::size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  if (has_axes) {
    SMLP_TRY(given, integers(*inputs[3]));
    axes = given;
  }
  if (has_steps) {
    SMLP_TRY(given, integers(*inputs[4]));
    steps = given;
  }
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size()) {
    return fail("its starts, ends, axes and steps differ in number");
  }
  for (std::size_t i = 0; i < starts.size(); ++i) {
    SMLP_TRY(d, dimension_index(axes[i], x.shape.size()));
    const std::int64_t extent = x.shape[d];
    const auto clip = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + extent : at, 0, extent); };
    if (steps[i] < 1) return fail("a step of {}", steps[i]);
    const std::int64_t start = clip(starts[i]), length = std::max<std::int64_t>(0, clip(ends[i]) - start);
    const std::int64_t step = std::min(steps[i], std::max<std::int64_t>(1, extent));
    x.shape[d] = length / step + (length % step != 0 ? 1 : 0);
    if (x.shape[d] > 0) x.offset += start * x.strides[d];
    x.strides[d] *= step;
  }
  return x;
}

Result<Tensor> Constants::concat(const Node& node, std::span<const Tensor* const> inputs) {
  std::vector<std::int64_t> values;
  for (const Tensor* x : inputs) {
    if (x == nullptr || x->shape.size() != 1 || is_float(x->dtype)) {
      return fail("weights joined from parts, which no sMLPNet has");
    }
    SMLP_TRY(part, integers(*x));
    values.insert(values.end(), part.begin(), part.end());
  }
  if (const std::int64_t axis = node.integer("axis", 0); axis != 0 && axis != -1)
    return fail("axis {} of a list", axis);
  const auto count = static_cast<std::int64_t>(values.size());
  return make({count}, std::move(values));
}

Result<Tensor> Constants::arithmetic(const Node& node, const Tensor& a, const Tensor& b) {
  const auto shape = broadcast_shape(a.shape, b.shape);
  if (!shape) return fail("shapes {} and {} do not fit together", a.shape_text(), b.shape_text());
  SMLP_TRY(wide_a, broadcast(a, *shape));
  SMLP_TRY(wide_b, broadcast(b, *shape));
  if (is_float(a.dtype)) {
    SMLP_TRY(left, floats(wide_a));
    SMLP_TRY(right, node.op == "Pow" ? numbers(wide_b) : floats(wide_b));
    return make(*shape, *combine(node.op, left, right));
  }
  SMLP_TRY(left, integers(wide_a));
  SMLP_TRY(right, integers(wide_b));
  auto values = combine(node.op, left, right);
  if (!values) return fail("integer arithmetic that has no result");
  if (a.dtype == DType::i32 || b.dtype == DType::i32) SMLP_CHECK(check_int32(*values));
  return make(*shape, std::move(*values));
}

Result<Tensor> Constants::unary(const Node& node, const Tensor& x) {
  if (!is_float(x.dtype)) return fail("arithmetic on integers that no sMLPNet has");
  SMLP_TRY(values, floats(x));
  for (float& value : values) {
    value = node.op == "Sqrt" ? std::sqrt(value) : node.op == "Neg" ? -value : 1.0F / value;
  }
  return make(x.shape, std::move(values));
}

Result<std::vector<std::int64_t>> axes_of(const Node& node, const Tensor* input, Constants& constants) {
  std::vector<std::int64_t> axes;
  if (const auto* attribute = node.integers("axes")) {
    SMLP_CHECK(check_rank(attribute->size()));
    axes = *attribute;
  } else if (input != nullptr) {
    SMLP_CHECK(check_rank(static_cast<std::uint64_t>(input->elements())));
    SMLP_TRY(values, constants.integers(*input));
    axes = std::move(values);
  }
  return axes;
}

}  // namespace smlp::graph
