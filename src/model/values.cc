#include "model/values.h"

#include <algorithm>
#include <bit>
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

// Ordered as integers, magnitudes are ordered as numbers, infinity and NaN behind all of them: the first whose
// magnitude is beyond bfloat16's largest number.
template <class Bits, class T>
std::optional<std::size_t> first_beyond(std::span<const T> values, Bits sign, Bits largest) {
  constexpr std::size_t kBlock = 4096;
  const auto magnitude = [&](const T& value) { return static_cast<Bits>(std::bit_cast<Bits>(value) & ~sign); };
  for (std::size_t start = 0; start < values.size(); start += kBlock) {
    const auto block = values.subspan(start, std::min(kBlock, values.size() - start));
    Bits most = 0;
    for (const T& value : block) most = std::max(most, magnitude(value));
    if (most <= largest) continue;
    const auto at = std::ranges::find_if(block, [&](const T& value) { return magnitude(value) > largest; });
    return start + static_cast<std::size_t>(at - block.begin());
  }
  return std::nullopt;
}

constexpr std::uint16_t kLargestBfloat16 = 0x7F7F;

}  // namespace

std::optional<std::size_t> first_unusable(std::span<const float> values) {
  return first_beyond<std::uint32_t>(values, 0x80000000U, std::uint32_t{kLargestBfloat16} << 16);
}

std::optional<std::size_t> Values::first_unusable() const {
  if (!bfloat16_.empty()) return first_beyond<std::uint16_t>(bfloat16_, 0x8000, kLargestBfloat16);
  if (!integers_.empty()) {
    for (std::size_t i = 0; i < integers_.size(); ++i) {
      const float value = (*this)[i];
      if (smlp::first_unusable({&value, 1})) return i;
    }
    return std::nullopt;
  }
  return smlp::first_unusable(own_.empty() ? float32_ : std::span<const float>(own_));
}

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

Values Values::scaled(std::vector<std::int8_t> integers, std::vector<float> factors, std::size_t run) {
  const auto owner = std::make_shared<const std::vector<std::int8_t>>(std::move(integers));
  Values values;
  values.integers_ = *owner;
  values.owner_ = owner;
  values.factors_ = std::make_shared<const std::vector<float>>(std::move(factors));
  values.run_ = run;
  return values;
}

Result<Values> Values::scaled_view(const Tensor& tensor, std::shared_ptr<const void> owner, std::vector<float> factors,
                                   std::size_t run) {
  const auto integers = in_place<std::int8_t>(tensor);
  if (integers.size() != factors.size() * run) {
    return fail("{} integers for {} factors of {} each", integers.size(), factors.size(), run);
  }
  Values values;
  values.integers_ = integers;
  values.owner_ = std::move(owner);
  values.factors_ = std::make_shared<const std::vector<float>>(std::move(factors));
  values.run_ = run;
  return values;
}

std::size_t Values::size() const { return own_.size() + float32_.size() + bfloat16_.size() + integers_.size(); }

float Values::operator[](std::size_t i) const {
  if (!own_.empty()) return own_[i];
  if (!integers_.empty()) return static_cast<float>(integers_[i]) * (*factors_)[i / run_];
  return float32_.empty() ? bfloat16_to_float(bfloat16_[i]) : float32_[i];
}

std::span<const float> Values::floats(std::vector<float>& room) const {
  if (!own_.empty()) return own_;
  if (!float32_.empty()) return float32_;
  if (!integers_.empty()) {
    room.resize(std::max(room.size(), integers_.size()));
    std::size_t i = 0;
    for (const float factor : *factors_) {
      for (const std::size_t end = i + run_; i < end; ++i) room[i] = static_cast<float>(integers_[i]) * factor;
    }
    return {room.data(), integers_.size()};
  }
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
