#include "model/tensor.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>

#include "base/float16.h"

namespace smlp {
namespace {

// A view may repeat its storage (stride 0). Converting one is refused when it would take far more memory than the
// file did.
constexpr std::int64_t kRepeatsAllowedUpTo = 1 << 20;

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

// Walks the view in row-major order; `convert(bytes)` makes one element of `out`.
template <class T, class Convert>
void gather(const Tensor& tensor, std::vector<T>& out, Convert convert) {
  const std::size_t rank = tensor.shape.size();
  const auto size = static_cast<std::int64_t>(dtype_size(tensor.dtype));
  const auto inner = rank == 0 ? 1 : tensor.shape.back();
  const auto step = rank == 0 ? 0 : tensor.strides.back() * size;
  std::vector<std::int64_t> index(rank, 0);
  std::int64_t offset = tensor.offset;
  for (std::size_t written = 0; written < out.size();) {
    const std::byte* at = tensor.storage.data() + offset * size;
    for (std::int64_t i = 0; i < inner; ++i) out[written++] = convert(at + i * step);
    for (std::size_t d = rank; d-- > 1;) {  // the next row: count up the outer indices
      offset += tensor.strides[d - 1];
      if (++index[d - 1] < tensor.shape[d - 1]) break;
      offset -= tensor.strides[d - 1] * tensor.shape[d - 1];
      index[d - 1] = 0;
    }
  }
}

template <class Stored, class T>
void gather_as(const Tensor& tensor, std::vector<T>& out) {
  gather(tensor, out, [](const std::byte* p) { return static_cast<T>(load<Stored>(p)); });
}

// False where the type is none of integers.
template <class T>
bool gather_integers(const Tensor& tensor, std::vector<T>& out) {
  switch (tensor.dtype) {
    case DType::i64:
      gather_as<std::int64_t>(tensor, out);
      return true;
    case DType::i32:
      gather_as<std::int32_t>(tensor, out);
      return true;
    case DType::i16:
      gather_as<std::int16_t>(tensor, out);
      return true;
    case DType::i8:
      gather_as<std::int8_t>(tensor, out);
      return true;
    case DType::u8:
      gather_as<std::uint8_t>(tensor, out);
      return true;
    case DType::boolean:
      gather(tensor, out, [](const std::byte* p) { return static_cast<T>(load<std::uint8_t>(p) != 0); });
      return true;
    default:
      return false;
  }
}

// Room for all elements, which are stored with `size` bytes each.
template <class T>
Result<std::vector<T>> make_room(const Tensor& tensor, std::size_t size) {
  const std::int64_t count = tensor.elements();
  const auto stored = static_cast<std::int64_t>(tensor.storage.size() / size);
  if (count > kRepeatsAllowedUpTo && count / 16 > stored) {
    return fail(
        Error{.what = fmt::format("shape {} repeats a storage of {} elements too often", tensor.shape_text(), stored),
              .tensor = tensor.name});
  }
  return std::vector<T>(static_cast<std::size_t>(count));
}

}  // namespace

std::size_t dtype_size(DType type) {
  switch (type) {
    case DType::f64:
    case DType::i64:
      return 8;
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::f16:
    case DType::bf16:
    case DType::i16:
      return 2;
    case DType::i8:
    case DType::u8:
    case DType::boolean:
      return 1;
    case DType::other:
      return 0;
  }
  return 0;
}

std::string_view dtype_name(DType type) {
  switch (type) {
    case DType::f64:
      return "F64";
    case DType::f32:
      return "F32";
    case DType::f16:
      return "F16";
    case DType::bf16:
      return "BF16";
    case DType::i64:
      return "I64";
    case DType::i32:
      return "I32";
    case DType::i16:
      return "I16";
    case DType::i8:
      return "I8";
    case DType::u8:
      return "U8";
    case DType::boolean:
      return "BOOL";
    case DType::other:
      return "other";
  }
  return "other";
}

std::int64_t Tensor::elements() const {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

std::string Tensor::shape_text() const { return smlp::shape_text(shape); }

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "(";
  for (std::size_t d = 0; d < shape.size(); ++d) text += (d == 0 ? "" : ", ") + std::to_string(shape[d]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

std::vector<std::int64_t> contiguous_strides(std::span<const std::int64_t> shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
  return strides;
}

Result<std::vector<float>> Tensor::to_float() const {
  const std::size_t size = dtype_size(dtype);
  if (size == 0) {
    return fail(Error{.what = fmt::format("its type {} cannot be converted to float32", dtype_text), .tensor = name});
  }
  SMLP_TRY(out, make_room<float>(*this, size));
  if (gather_integers(*this, out)) return std::move(out);
  if (dtype == DType::f64) gather_as<double>(*this, out);
  if (dtype == DType::f32) gather_as<float>(*this, out);
  if (dtype == DType::f16) {
    gather(*this, out, [](const std::byte* p) { return half_to_float(load<std::uint16_t>(p)); });
  }
  if (dtype == DType::bf16) {
    gather(*this, out, [](const std::byte* p) { return bfloat16_to_float(load<std::uint16_t>(p)); });
  }
  return std::move(out);
}

Result<std::vector<std::int64_t>> Tensor::to_integers() const {
  const std::size_t size = dtype_size(dtype);
  if (size > 0) {
    SMLP_TRY(out, make_room<std::int64_t>(*this, size));
    if (gather_integers(*this, out)) return std::move(out);
  }
  return fail(Error{.what = fmt::format("its type {} is none of integers", dtype_text), .tensor = name});
}

}  // namespace smlp
