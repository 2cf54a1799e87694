#include "model/values.h"

#include <algorithm>
#include <cstdint>

#include "base/float16.h"

namespace smlp {
namespace {

// The tensor's elements where they lie, if they lie as a row-major matrix of T would.
template <class T>
std::span<const T> in_place(const Tensor& tensor) {
  const auto elements = static_cast<std::size_t>(tensor.elements());
  const std::byte* at = tensor.storage.data() + tensor.offset * static_cast<std::int64_t>(sizeof(T));
  const bool is_aligned = reinterpret_cast<std::uintptr_t>(at) % alignof(T) == 0;
  if (!is_aligned || tensor.strides != contiguous_strides(tensor.shape)) return {};
  return {reinterpret_cast<const T*>(at), elements};
}

}  // namespace

Result<Values> Values::view(const Tensor& tensor, std::shared_ptr<const void> owner) {
  Values values;
  if (tensor.dtype == DType::f32) values.float32_ = in_place<float>(tensor);
  if (tensor.dtype == DType::bf16) values.bfloat16_ = in_place<std::uint16_t>(tensor);
  if (values.empty()) {
    SMLP_TRY(converted, tensor.to_float());
    values.own_ = std::move(converted);
  } else {
    values.owner_ = std::move(owner);
  }
  return values;
}

std::size_t Values::size() const { return own_.size() + float32_.size() + bfloat16_.size(); }

float Values::operator[](std::size_t i) const {
  if (!own_.empty()) return own_[i];
  return float32_.empty() ? bfloat16_to_float(bfloat16_[i]) : float32_[i];
}

std::span<const float> Values::floats(std::vector<float>& room) const {
  if (!own_.empty()) return own_;
  if (!float32_.empty()) return float32_;
  room.resize(std::max(room.size(), bfloat16_.size()));
  std::ranges::transform(bfloat16_, room.begin(), bfloat16_to_float);
  return {room.data(), bfloat16_.size()};
}

bool operator==(const Values& a, const Values& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

}  // namespace smlp
