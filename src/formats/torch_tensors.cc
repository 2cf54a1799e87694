#include "formats/torch_tensors.h"

#include <algorithm>
#include <limits>

#include "formats/budget.h"

namespace smlp {
namespace {

using Kind = PickleKind;

constexpr int kMaxDepth = 64;               // of dicts in dicts
constexpr std::size_t kMaxRank = 64;        // PyTorch's own limit
constexpr std::size_t kMaxSparseParts = 8;  // PyTorch writes five at most
constexpr std::size_t kMaxTensors = std::size_t{1} << 18;

// A call: what is called, and the arguments. Null for any other value.
const PickleValue* arguments_of(const Pickle& pickle, const PickleValue& value, std::string_view* callee) {
  if (value.kind != Kind::object) return nullptr;
  const PickleValue& arguments = pickle[value.items[1]];
  if (arguments.kind != Kind::tuple) return nullptr;
  *callee = pickle[value.items[0]].text;
  return &arguments;
}

// A tuple or list of integers, or a torch.Size of one.
Result<std::vector<std::int64_t>> read_extents(const Pickle& pickle, PickleRef ref) {
  const PickleValue* value = &pickle[ref];
  std::string_view callee;
  if (const auto* arguments = arguments_of(pickle, *value, &callee); arguments != nullptr && callee == "torch.Size") {
    if (arguments->items.size() == 1) value = &pickle[arguments->items[0]];
  }
  if (value->kind != Kind::tuple && value->kind != Kind::list) return fail("a size that is no tuple of numbers");
  if (value->items.size() > kMaxRank) return fail("{} dimensions; PyTorch allows {}", value->items.size(), kMaxRank);
  std::vector<std::int64_t> out;
  for (const PickleRef item : value->items) {
    if (pickle[item].kind != Kind::integer) return fail("a size that is no tuple of numbers");
    out.push_back(pickle[item].integer);
  }
  return out;
}

// Checks that the element count does not overflow and that the view lies inside `elements` of its storage.
Result<void> check_view(const Tensor& tensor, std::int64_t elements) {
  const auto bad = [&](std::string_view why) {
    return fail("shape {}, strides {}, offset {}: {}", tensor.shape_text(), shape_text(tensor.strides), tensor.offset,
                why);
  };
  if (tensor.strides.size() != tensor.shape.size()) return bad("one stride per dimension expected");
  std::int64_t count = 1, last = tensor.offset;
  bool empty = false, overflow = false;
  for (std::size_t d = 0; d < tensor.shape.size(); ++d) {
    const std::int64_t extent = tensor.shape[d], stride = tensor.strides[d];
    if (extent < 0 || stride < 0) return bad("negative");
    empty |= extent == 0;
    std::int64_t reach = 0;
    overflow |= __builtin_mul_overflow(count, std::max<std::int64_t>(extent, 1), &count);
    overflow |= __builtin_mul_overflow(std::max<std::int64_t>(extent, 1) - 1, stride, &reach);
    overflow |= __builtin_add_overflow(last, reach, &last);
  }
  if (tensor.offset < 0) return bad("negative");
  if (empty && !overflow) return {};
  if (overflow || last >= elements) return bad(fmt::format("outside of its storage of {} elements", elements));
  return {};
}

class Collector {
 public:
  Collector(const Pickle& pickle, const TorchStorageReader& read_storage, TensorFile& file)
      : pickle_(pickle),
        read_storage_(read_storage),
        file_(file),
        visited_(pickle.values.size()),
        budget_(description_budget(pickle.bytes)) {}

  // One value: a tensor is added under `name`, whatever holds further values is walked.
  Result<void> visit(PickleRef ref, const std::string& container, const std::string& name, int depth) {
    std::string_view function;
    const PickleValue* arguments = tensor_call(ref, &function);
    if (arguments != nullptr) {
      auto added = add(function, *arguments, container, name);
      if (!added) return fail(std::move(added).error().of_tensor(name));
      return {};
    }
    const PickleValue& value = pickle_[ref];
    if (value.items.empty() && value.state == kNoPickleRef) return {};
    if (visited_[ref]) return {};
    visited_[ref] = true;
    if (depth > kMaxDepth) return fail("values nested more than {} deep, deeper than any checkpoint", kMaxDepth);
    const std::string inner = container.empty() || name.empty() ? container + name : container + "." + name;
    switch (value.kind) {
      case Kind::dict:
        return walk_dict(value, inner, depth);
      case Kind::list:
      case Kind::tuple:
      case Kind::set:
        for (std::size_t i = 0; i < value.items.size(); ++i) {
          SMLP_CHECK(take(inner.size()));
          SMLP_CHECK(visit(value.items[i], inner, std::to_string(i), depth + 1));
        }
        return {};
      case Kind::object:
        return value.state == kNoPickleRef ? Result<void>{} : visit(value.state, inner, "", depth + 1);
      default:
        return {};
    }
  }

 private:
  Result<void> walk_dict(const PickleValue& dict, const std::string& container, int depth) {
    for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
      const PickleValue& key = pickle_[dict.items[i]];
      const bool numeric = key.kind == Kind::integer || key.kind == Kind::boolean;
      const std::string name = numeric                  ? std::to_string(key.integer)
                               : key.kind == Kind::text ? std::string(key.text)
                                                        : "(no text)";  // bytes are no text's equal in Python
      SMLP_CHECK(take(name.size() + container.size()));
      SMLP_CHECK(visit(dict.items[i + 1], container, name, depth + 1));
    }
    return {};
  }

  Result<void> take(std::size_t bytes) {
    if (!budget_.take(bytes)) return budget_.exceeded("names and shapes of tensors");
    return {};
  }

  // The _rebuild_tensor* call behind a value, seen through Parameter wrappers; null for anything but a tensor.
  const PickleValue* tensor_call(PickleRef ref, std::string_view* function) const {
    for (int wrappers = 0; wrappers < 8; ++wrappers) {
      const PickleValue* arguments = arguments_of(pickle_, pickle_[ref], function);
      if (arguments == nullptr) return nullptr;
      const auto& items = arguments->items;
      if (*function == "torch._tensor._rebuild_from_type_v2" && items.size() == 4) {
        // (function, type, arguments, state): a tensor with attributes of its own
        *function = pickle_[items[0]].text;
        arguments = &pickle_[items[2]];
        if (arguments->kind != Kind::tuple) return nullptr;
      }
      if (function->starts_with("torch._utils._rebuild_parameter")) {
        if (arguments->items.empty()) return nullptr;
        ref = arguments->items[0];
        continue;
      }
      return function->starts_with("torch._utils._rebuild_") ? arguments : nullptr;
    }
    return nullptr;
  }

  // _rebuild_tensor(storage, offset, size, stride), _v2(..., requires_grad, hooks[, metadata]),
  // _v3(..., requires_grad, hooks, dtype[, metadata]), _rebuild_qtensor(..., quantizer, requires_grad, hooks),
  // _rebuild_sparse_tensor(layout, (indices..., values, size)).
  Result<void> add(std::string_view function, const PickleValue& arguments, const std::string& container,
                   const std::string& name) {
    Tensor tensor;
    tensor.name = name;
    tensor.container = container;
    const auto& items = arguments.items;
    if (function == "torch._utils._rebuild_sparse_tensor") {
      SMLP_CHECK(fill_sparse(items, tensor));
    } else {
      if (items.size() < 4 || pickle_[items[1]].kind != Kind::integer) return fail("a malformed call of {}", function);
      SMLP_TRY(id, read_storage_id(pickle_, pickle_[items[0]]));
      tensor.offset = pickle_[items[1]].integer;
      SMLP_TRY(shape, read_extents(pickle_, items[2]));
      SMLP_TRY(strides, read_extents(pickle_, items[3]));
      tensor.shape = std::move(shape);
      tensor.strides = std::move(strides);
      SMLP_CHECK(fill_type_and_storage(function, items, id, tensor));
    }
    if (file_.tensors.size() >= kMaxTensors) return fail("more than {} tensors", kMaxTensors);
    // A list of tensors that grows holds them up to three times for a moment.
    SMLP_CHECK(take(3 * sizeof(Tensor) + name.size() + container.size() + 16 * tensor.shape.size()));
    file_.tensors.push_back(std::move(tensor));
    return {};
  }

  Result<void> fill_type_and_storage(std::string_view function, const std::vector<PickleRef>& items,
                                     const TorchStorageId& id, Tensor& tensor) {
    const TorchType* type = id.type;
    const bool v3 = function == "torch._utils._rebuild_tensor_v3";
    if (v3) type = items.size() < 7 ? nullptr : find_torch_dtype(pickle_[items[6]].text);
    if (type == nullptr || type->dtype.empty()) return fail("a tensor without a type");
    tensor.dtype = function == "torch._utils._rebuild_qtensor" ? DType::other : type->type;
    tensor.dtype_text = type->text();
    const std::size_t metadata = v3 ? 7 : 6;
    SMLP_TRY(negated, is_negated(items.size() > metadata ? &pickle_[items[metadata]] : nullptr));
    if (negated) {
      tensor.dtype = DType::other;
      tensor.dtype_text += " (negated view)";
    }
    const std::int64_t bytes = id.view ? id.view->elements * id.type->size : id.bytes();
    if (tensor.dtype == DType::other) return check_view(tensor, std::numeric_limits<std::int64_t>::max());
    SMLP_CHECK(check_view(tensor, bytes / type->size));
    SMLP_TRY(storage, read_storage_(id));
    tensor.storage = id.view ? storage.subspan(id.view->offset * id.type->size, bytes) : storage.first(bytes);
    return {};
  }

  // Tensors may share their metadata, so what is searched is charged to each.
  Result<bool> is_negated(const PickleValue* metadata) {
    if (metadata == nullptr) return false;
    SMLP_CHECK(take(metadata->items.size() * sizeof(PickleRef)));
    return pickle_.find(*metadata, "neg") != nullptr;
  }

  Result<void> fill_sparse(const std::vector<PickleRef>& items, Tensor& tensor) {
    tensor.dtype = DType::other;
    tensor.dtype_text = "sparse";
    if (items.size() != 2 || pickle_[items[1]].items.size() > kMaxSparseParts) {
      return fail("a malformed sparse tensor");
    }
    for (const PickleRef part : pickle_[items[1]].items) {
      std::string_view function;
      if (tensor_call(part, &function) != nullptr) continue;
      auto extents = read_extents(pickle_, part);
      if (!extents) continue;
      tensor.shape = std::move(*extents);
      tensor.strides = std::vector<std::int64_t>(tensor.shape.size(), 0);
      return check_view(tensor, 1);
    }
    return fail("a sparse tensor without a size");
  }

  const Pickle& pickle_;
  const TorchStorageReader& read_storage_;
  TensorFile& file_;
  std::vector<bool> visited_;
  Budget budget_;
};

}  // namespace

Result<TorchStorageId> read_storage_id(const Pickle& pickle, const PickleValue& persistent) {
  const auto malformed = [] { return fail("a malformed storage; the file is damaged or not written by torch.save"); };
  if (persistent.kind != Kind::persistent) return malformed();
  const PickleValue& id = pickle[persistent.items[0]];
  if (id.kind != Kind::tuple || id.items.size() < 5 || pickle[id.items[0]].text != "storage") return malformed();
  const PickleValue& type = pickle[id.items[1]];
  const PickleValue& key = pickle[id.items[2]];
  const PickleValue& elements = pickle[id.items[4]];
  if (type.kind != Kind::global || key.kind != Kind::text || elements.kind != Kind::integer) return malformed();
  TorchStorageId out{.type = find_torch_storage(type.text), .key = key.text, .elements = elements.integer};
  const auto fits = [&](std::int64_t count) { return count >= 0 && count <= (std::int64_t{1} << 56) / out.type->size; };
  if (out.type == nullptr || !fits(out.elements)) return malformed();
  if (id.items.size() < 6 || pickle[id.items[5]].kind == Kind::none) return out;
  // (key of the view, offset, elements)
  const PickleValue& view = pickle[id.items[5]];
  if (view.kind != Kind::tuple || view.items.size() != 3) return malformed();
  const std::int64_t offset = pickle[view.items[1]].integer, count = pickle[view.items[2]].integer;
  if (!fits(offset) || !fits(count) || offset + count > out.elements) return malformed();
  out.view = {offset, count};
  return out;
}

Result<void> collect_tensors(const Pickle& pickle, const TorchStorageReader& read_storage, TensorFile& file) {
  const bool lone_tensor = pickle.top().kind == Kind::object;
  return Collector(pickle, read_storage, file).visit(pickle.root, "", lone_tensor ? "tensor" : "", 0);
}

}  // namespace smlp
