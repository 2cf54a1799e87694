#include "tensors.h"

#include <fmt/format.h>
#include <nanobind/stl/string.h>

#include <algorithm>

#include "refusals.h"

namespace smlp::python {
namespace {

using Array = nb::ndarray<nb::ro>;

constexpr int kDeepest = 16;  // mappings in mappings

DType type_of(const Array& array) {
  using Code = nb::dlpack::dtype_code;
  const int bits = array.dtype().bits;
  if (array.dtype().lanes != 1) return DType::other;
  switch (static_cast<Code>(array.dtype().code)) {
    case Code::Float:
      return bits == 64 ? DType::f64 : bits == 32 ? DType::f32 : bits == 16 ? DType::f16 : DType::other;
    case Code::Bfloat:
      return bits == 16 ? DType::bf16 : DType::other;
    case Code::Int:
      return bits == 64   ? DType::i64
             : bits == 32 ? DType::i32
             : bits == 16 ? DType::i16
             : bits == 8  ? DType::i8
                          : DType::other;
    case Code::UInt:
      return bits == 8 ? DType::u8 : DType::other;
    case Code::Bool:
      return DType::boolean;
    default:
      return DType::other;
  }
}

std::string name_of(const nb::object& key) {
  std::string name;
  if (!nb::try_cast(key, name)) refuse("a tensor's name with half a character in it", "name it in text");
  return name;
}

bool is_mapping(nb::handle x) { return nb::isinstance(x, nb::module_::import_("collections.abc").attr("Mapping")); }

}  // namespace

Tensors::Tensors(nb::handle mapping) {
  file_.format = "tensors in memory";
  add(mapping, "", 0);
}

void Tensors::add(nb::handle mapping, const std::string& container, int depth) {
  if (depth > kDeepest) return;
  for (const nb::handle pair : nb::iter(mapping.attr("items")())) {
    const nb::object key = pair[0];
    if (!nb::isinstance<nb::str>(key)) continue;
    // A parameter is read for what it is now.
    const nb::object value = requires_gradient(pair[1]) ? nb::object(pair[1].attr("detach")()) : nb::object(pair[1]);
    const std::string name = name_of(key);
    if (is_mapping(value)) {
      add(value, container.empty() ? name : fmt::format("{}.{}", container, name), depth + 1);
    } else if (auto array = import_array(
                   value, "pass it in this machine's byte order, as float32 for one: x.astype(numpy.float32)")) {
      add_array(std::move(*array), container, name);
    }
  }
}

void Tensors::add_array(Array array, const std::string& container, const std::string& name) {
  if (array.device_type() != nb::device::cpu::value) {
    refuse_type("tensor '" + name + "' is in the memory of another device", "pass it from the CPU: tensor.cpu()");
  }
  Tensor tensor;
  tensor.name = name;
  tensor.container = container;
  tensor.dtype = type_of(array);
  tensor.dtype_text = dtype_text(array);
  // From the first byte that any element has to the last one: strides may be negative.
  std::int64_t lowest = 0, highest = 0;
  for (std::size_t d = 0; d < array.ndim(); ++d) {
    tensor.shape.push_back(static_cast<std::int64_t>(array.shape(d)));
    tensor.strides.push_back(array.stride(d));
    const std::int64_t reach = (tensor.shape.back() - 1) * array.stride(d);
    (reach < 0 ? lowest : highest) += reach;
  }
  if (array.size() > 0) {
    const auto size = static_cast<std::int64_t>(array.itemsize());
    const auto* first = static_cast<const std::byte*>(array.data_handle()) + array.byte_offset();
    tensor.offset = -lowest;
    tensor.storage = std::span(first + lowest * size, static_cast<std::size_t>((highest - lowest + 1) * size));
  }
  file_.tensors.push_back(std::move(tensor));
  arrays_.push_back(std::move(array));
}

}  // namespace smlp::python
