// The number formats of weights and activations, as the matrix product sees them. Included once per target.
//
// A product step takes kGroup values of k at once: one float32, or a pair of bfloat16 (even k in the low half):
//
//   Fp32   sum += a(k) b(k)
//   Bf16   sum += a(k) b(k) + a(k+1) b(k+1)       vdpbf16ps, bfdot, or two float32 products of the widened halves
//
// Sums are float32 in both; int8-inl.h has the third format, whose sums are integers. Rows in memory are padded to a
// multiple of kRowMultiple elements, the padding is finite.

#include "kernels/simd/gelu-inl.h"

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
using DU = hn::RebindToUnsigned<D>;
using VU = hn::Vec<DU>;
using DI = hn::RebindToSigned<D>;
using VI = hn::Vec<DI>;

struct Int8;

struct Fp32 {
  using Element = float;
  static constexpr int kGroup = 1, kRowMultiple = kGroup;
  static constexpr Precision kPrecision = Precision::fp32;
  static constexpr int kExactGelu = 17, kFastGelu = 9;  // polynomial degrees

  using DSum = D;
  using Bytes = Int8;  // the format of int8 products beside it

  using Left = V;   // a(k), broadcast
  using Right = V;  // b(k) of a vector of columns
  static HWY_INLINE Left Broadcast(const Element* a) { return hn::Set(D(), *a); }
  static HWY_INLINE Right LoadPacked(const Element* b) { return hn::LoadU(D(), b); }
  static HWY_INLINE Right LoadOnes() { return hn::Set(D(), 1.0F); }
  static HWY_INLINE Right LoadRows(const Element* b, std::size_t, bool) { return hn::LoadU(D(), b); }
  static HWY_INLINE V MultiplyAdd(Left a, Right b, V sum) { return hn::MulAdd(a, b, sum); }

  static HWY_INLINE V Load(const Element* from) { return hn::LoadU(D(), from); }
  static HWY_INLINE void Store(V v, Element* to) { hn::StoreU(v, D(), to); }
  static Element Round(float value) { return value; }
  static Element Tiny() { return 1e-20F; }
};

struct Bf16 {
  using Element = std::uint16_t;
  static constexpr int kGroup = 2, kRowMultiple = kGroup;
  static constexpr Precision kPrecision = Precision::bf16;
  static constexpr int kExactGelu = 9, kFastGelu = 5;

  using DSum = D;
  using Bytes = Int8;

  static HWY_INLINE VU LoadPair(const Element* a) {
    std::uint32_t pair;
    std::memcpy(&pair, a, sizeof(pair));
    return hn::Set(DU(), pair);
  }

#if defined(__AVX512BF16__)
  using Left = VU;
  using Right = VU;
  static HWY_INLINE Left Broadcast(const Element* a) { return LoadPair(a); }
  static HWY_INLINE Right Pairs(VU pairs) { return pairs; }
  static HWY_INLINE V MultiplyAdd(Left a, Right b, V sum) {
    return V{_mm512_dpbf16_ps(sum.raw, reinterpret_cast<__m512bh>(a.raw), reinterpret_cast<__m512bh>(b.raw))};
  }
#elif defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
  using Left = VU;
  using Right = VU;
  static HWY_INLINE Left Broadcast(const Element* a) { return LoadPair(a); }
  static HWY_INLINE Right Pairs(VU pairs) { return pairs; }
  static HWY_INLINE V MultiplyAdd(Left a, Right b, V sum) {
    return V{vbfdotq_f32(sum.raw, vreinterpretq_bf16_u32(a.raw), vreinterpretq_bf16_u32(b.raw))};
  }
#else
  struct Halves {
    V even, odd;
  };
  using Left = Halves;
  using Right = Halves;
  static HWY_INLINE Halves Pairs(VU pairs) {
    return {hn::BitCast(D(), hn::ShiftLeft<16>(pairs)), hn::BitCast(D(), hn::And(pairs, hn::Set(DU(), 0xFFFF0000U)))};
  }
  static HWY_INLINE Left Broadcast(const Element* a) { return Pairs(LoadPair(a)); }
  static HWY_INLINE V MultiplyAdd(Left a, Right b, V sum) {
    return hn::MulAdd(a.odd, b.odd, hn::MulAdd(a.even, b.even, sum));
  }
#endif

  static HWY_INLINE Right LoadPacked(const Element* b) {
    return Pairs(hn::LoadU(DU(), reinterpret_cast<const std::uint32_t*>(b)));
  }
  static HWY_INLINE Right LoadOnes() { return Pairs(hn::Set(DU(), 0x3F803F80U)); }
  // Rows k and k + 1 of a row-major matrix, paired by column; `single` where there is no row k + 1.
  static HWY_INLINE Right LoadRows(const Element* b, std::size_t row_stride, bool single) {
    const hn::Rebind<Element, D> half;
    const VU even = hn::PromoteTo(DU(), hn::LoadU(half, b));
    if (single) return Pairs(even);
    return Pairs(hn::Or(even, hn::ShiftLeft<16>(hn::PromoteTo(DU(), hn::LoadU(half, b + row_stride)))));
  }

  static HWY_INLINE V Load(const Element* from) {
    const hn::Rebind<Element, D> half;
    return hn::BitCast(D(), hn::ShiftLeft<16>(hn::PromoteTo(DU(), hn::LoadU(half, from))));
  }
  // To nearest, ties to even; NaN stays NaN.
  static HWY_INLINE void Store(V v, Element* to) {
#if defined(__AVX512BF16__)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v.raw)));
#elif defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
    vst1_u16(to, vreinterpret_u16_bf16(vcvt_bf16_f32(v.raw)));
#else
    const VU bits = hn::BitCast(DU(), v);
    const VU tie = hn::And(hn::ShiftRight<16>(bits), hn::Set(DU(), 1));
    const VU rounded = hn::ShiftRight<16>(hn::Add(hn::Add(bits, tie), hn::Set(DU(), 0x7FFF)));
    const VU quiet = hn::ShiftRight<16>(hn::Or(bits, hn::Set(DU(), 0x400000)));
    const VU out = hn::IfThenElse(hn::RebindMask(DU(), hn::IsNaN(v)), quiet, rounded);
    const hn::Rebind<Element, D> half;
    const hn::RebindToSigned<DU> wide;
    hn::StoreU(hn::DemoteTo(half, hn::BitCast(wide, out)), half, to);
#endif
  }
  static Element Tiny() { return Round(1e-20F); }
  static Element Round(float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    if (value != value) return static_cast<Element>(bits >> 16 | 0x40);
    return static_cast<Element>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
  }
};

// The first `count` lanes, zeros beyond: the lanes beyond may belong to another thread.
HWY_INLINE V LoadPart(const float* from, std::size_t count) {
  const D d;
  if (HWY_LIKELY(count >= hn::Lanes(d))) return hn::LoadU(d, from);
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  return hn::MaskedLoad(hn::FirstN(d, count), d, from);
#else  // where Highway loads the whole vector, and on SSE an aligned one, before it masks
  HWY_ALIGN float lanes[HWY_MAX_BYTES / sizeof(float)] = {};
  std::memcpy(lanes, from, count * sizeof(float));
  return hn::Load(d, lanes);
#endif
}

constexpr int RoundUp(int count, int multiple) { return (count + multiple - 1) / multiple * multiple; }

// Elements that a row of `count` values takes in memory.
template <class F>
constexpr int Padded(int count) {
  return RoundUp(count, F::kRowMultiple);
}

// Writes the first `count` lanes, and zeros up to the group's end; what lies beyond may belong to another thread.
template <class F>
HWY_INLINE void StorePart(V v, typename F::Element* to, std::size_t count) {
  const D d;
  constexpr std::size_t kGroup = F::kGroup;  // a vector of one lane is less than a group
  if (HWY_LIKELY(count >= HWY_MAX(hn::Lanes(d), kGroup))) {
    F::Store(v, to);
    return;
  }
  HWY_ALIGN typename F::Element lanes[HWY_MAX(HWY_MAX_BYTES / sizeof(float), kGroup)] = {};
  F::Store(hn::IfThenElseZero(hn::FirstN(d, count), v), lanes);
  // Rows start at a group's start, so the address tells where in its group the first element lies.
  const auto before = static_cast<int>(reinterpret_cast<std::uintptr_t>(to) / sizeof(*to) % kGroup);
  const int written = RoundUp(before + static_cast<int>(count), F::kGroup) - before;
  std::memcpy(to, lanes, static_cast<std::size_t>(written) * sizeof(*to));
}

// Zeros what StorePart leaves of the padding of `rows` rows of `count` values.
template <class F>
HWY_INLINE void ClearPadding(typename F::Element* to, int rows, int count) {
  const int padded = Padded<F>(count), written = RoundUp(count, F::kGroup);
  if (F::kRowMultiple == F::kGroup || written == padded) return;
  const std::size_t bytes = static_cast<std::size_t>(padded - written) * sizeof(*to);
  for (int r = 0; r < rows; ++r, to += padded) std::memset(to + written, 0, bytes);
}
