#include "image/resample_passes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "image/resample_passes.cc"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set
// Highway's own order of includes.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace smlp::image {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::int32_t kHalf = 1 << (kWeightBits - 1);

#if HWY_TARGET == HWY_SCALAR

// Without SIMD: the definition of both passes, which the vectors below have to equal.
std::uint8_t to_byte(std::int32_t sum) {
  const std::int32_t value = sum >> kWeightBits;
  return static_cast<std::uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

void resample_row(const std::uint8_t* in, const std::int32_t* first, const std::int32_t* count,
                  const std::int32_t* weights, int stride, int outputs, std::uint8_t* out) {
  for (int x = 0; x < outputs; ++x, weights += stride) {
    for (int c = 0; c < 3; ++c) {
      std::int32_t sum = kHalf;
      for (int k = 0; k < count[x]; ++k) sum += in[first[x] + 3 * k + c] * weights[4 * k];
      out[3 * x + c] = to_byte(sum);
    }
  }
}

void blend_rows(const std::uint8_t* in, std::size_t stride, const std::int32_t* weights, int count, std::size_t size,
                std::uint8_t* out) {
  for (std::size_t i = 0; i < size; ++i) {
    std::int32_t sum = kHalf;
    for (int k = 0; k < count; ++k) sum += in[i + k * stride] * weights[k];
    out[i] = to_byte(sum);
  }
}

#else

// Four taps at most fit the 16 bytes that are loaded at once (12 of them are pixels).
using Sums = hn::CappedTag<std::int32_t, 16>;
using Pixel = hn::FixedTag<std::int32_t, 4>;

// r g b r g b ... -> one 32-bit lane a byte, a block of four lanes a pixel: { r g b 0 }.
HWY_ALIGN constexpr std::uint8_t kSpread[64] = {
    0, 255, 255, 255, 1,  255, 255, 255, 2,  255, 255, 255, 255, 255, 255, 255,  // pixel 0
    3, 255, 255, 255, 4,  255, 255, 255, 5,  255, 255, 255, 255, 255, 255, 255,  // pixel 1
    6, 255, 255, 255, 7,  255, 255, 255, 8,  255, 255, 255, 255, 255, 255, 255,  // pixel 2
    9, 255, 255, 255, 10, 255, 255, 255, 11, 255, 255, 255, 255, 255, 255, 255,  // pixel 3
};

// The sum of the blocks of four lanes.
template <class D, class V>
HWY_INLINE hn::Vec<Pixel> sum_blocks(D d, V v) {
  if constexpr (hn::MaxLanes(d) == 4) {
    return v;
  } else {
    const hn::Half<D> half;
    return sum_blocks(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}

void resample_row(const std::uint8_t* HWY_RESTRICT in, const std::int32_t* HWY_RESTRICT first,
                  const std::int32_t* HWY_RESTRICT count, const std::int32_t* HWY_RESTRICT weights, int stride,
                  int outputs, std::uint8_t* HWY_RESTRICT out) {
  const Sums d;
  const hn::Repartition<std::uint8_t, Sums> bytes;
  const Pixel pixel;
  const hn::Rebind<std::uint8_t, Pixel> pixel_bytes;
  const auto spread = hn::Load(bytes, kSpread);
  const int taps = static_cast<int>(hn::Lanes(d)) / 4;
  for (int x = 0; x < outputs; ++x, weights += stride) {
    const std::uint8_t* from = in + first[x];
    auto sum = hn::Zero(d);
    for (int k = 0; k < count[x]; k += taps, from += 3 * taps) {
      const auto values = hn::BitCast(d, hn::TableLookupBytesOr0(hn::LoadDup128(bytes, from), spread));
      sum = hn::Add(sum, hn::Mul(values, hn::LoadU(d, weights + 4 * k)));
    }
    const auto rounded = hn::Add(sum_blocks(d, sum), hn::Set(pixel, kHalf));
    // Four bytes, of which the fourth is overwritten by the next pixel.
    hn::StoreU(hn::DemoteTo(pixel_bytes, hn::ShiftRight<kWeightBits>(rounded)), pixel_bytes, out + 3 * x);
  }
}

void blend_rows(const std::uint8_t* HWY_RESTRICT in, std::size_t stride, const std::int32_t* HWY_RESTRICT weights,
                int count, std::size_t size, std::uint8_t* HWY_RESTRICT out) {
  const Sums d;
  const hn::Rebind<std::uint8_t, Sums> bytes;
  const std::size_t lanes = hn::Lanes(d);
  // Four vectors at a time, at most 64 bytes: the stretch that kRowPadding allows for.
  for (std::size_t i = 0; i < size; i += 4 * lanes) {
    auto sum0 = hn::Set(d, kHalf);
    auto sum1 = sum0;
    auto sum2 = sum0;
    auto sum3 = sum0;
    const std::uint8_t* row = in + i;
    for (int k = 0; k < count; ++k, row += stride) {
      const auto weight = hn::Set(d, weights[k]);
      sum0 = hn::Add(sum0, hn::Mul(weight, hn::PromoteTo(d, hn::LoadU(bytes, row))));
      sum1 = hn::Add(sum1, hn::Mul(weight, hn::PromoteTo(d, hn::LoadU(bytes, row + lanes))));
      sum2 = hn::Add(sum2, hn::Mul(weight, hn::PromoteTo(d, hn::LoadU(bytes, row + 2 * lanes))));
      sum3 = hn::Add(sum3, hn::Mul(weight, hn::PromoteTo(d, hn::LoadU(bytes, row + 3 * lanes))));
    }
    hn::StoreU(hn::DemoteTo(bytes, hn::ShiftRight<kWeightBits>(sum0)), bytes, out + i);
    hn::StoreU(hn::DemoteTo(bytes, hn::ShiftRight<kWeightBits>(sum1)), bytes, out + i + lanes);
    hn::StoreU(hn::DemoteTo(bytes, hn::ShiftRight<kWeightBits>(sum2)), bytes, out + i + 2 * lanes);
    hn::StoreU(hn::DemoteTo(bytes, hn::ShiftRight<kWeightBits>(sum3)), bytes, out + i + 3 * lanes);
  }
}

#endif  // HWY_TARGET == HWY_SCALAR

}  // namespace HWY_NAMESPACE
}  // namespace smlp::image
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace smlp::image {

HWY_EXPORT(resample_row);
HWY_EXPORT(blend_rows);

RowWeights::RowWeights(const ResampleWeights& weights)
    : outputs(weights.outputs()), first(weights.first), count(weights.count) {
  constexpr int kWidest = 4;  // taps in the widest vector
  stride = (weights.stride + kWidest - 1) / kWidest * kWidest * 4;
  lanes.assign(static_cast<std::size_t>(outputs) * stride, 0);
  for (int x = 0; x < outputs; ++x) {
    first[x] *= 3;
    std::int32_t* const to = lanes.data() + static_cast<std::ptrdiff_t>(x) * stride;
    for (int k = 0; k < count[x]; ++k) {
      for (int c = 0; c < 3; ++c) to[4 * k + c] = weights.of(x)[k];
    }
  }
}

void resample_row(const std::uint8_t* in, const RowWeights& weights, std::uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(resample_row)
  (in, weights.first.data(), weights.count.data(), weights.lanes.data(), weights.stride, weights.outputs, out);
}

void blend_rows(const std::uint8_t* in, std::size_t stride, const std::int32_t* weights, int count, std::size_t bytes,
                std::uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(blend_rows)(in, stride, weights, count, bytes, out);
}

}  // namespace smlp::image
#endif  // HWY_ONCE
