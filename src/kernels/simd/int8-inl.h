// The third number format: bytes. Included once per target.
//
// A product step takes four values of k at once, unsigned activations q and signed weights w, and adds integers:
//
//   Int8   sum += q(k) w(k) + ... + q(k+3) w(k+3)          vpdpbusd, sdot, or pairs of 16-bit products
//
// No instruction used here saturates: the sum is the same integer everywhere. An activation x is the byte
// q = x factor + zero; the sums are made numbers again by  y = scale (start + sum) + bias  of the column, where start
// takes away what the zero points have added. Where a processor has products of signed bytes alone, activations are
// kept as q - kOffset, and start makes up for that too.
//
// Weights are zero from the last input on, so that it doesn't matter what activations lie beyond it.

#include "kernels/simd/format-inl.h"

struct Int8 {
  using Element = std::uint8_t;  // of weights: the same eight bits
  static constexpr int kGroup = 4, kRowMultiple = kGroup;
  using DSum = DI;
  // A step between two bytes is many times larger than this polynomial's error.
  static constexpr int kGelu = 5;

  static HWY_INLINE VI LoadGroup(const Element* a) {
    std::int32_t group;
    std::memcpy(&group, a, sizeof(group));
    return hn::Set(DI(), group);
  }
  static HWY_INLINE VI LoadGroups(const Element* b) {
    return hn::LoadU(DI(), reinterpret_cast<const std::int32_t*>(b));
  }

#if HWY_ARCH_ARM_A64
  static constexpr int kOffset = 128;
  using Left = VI;
  using Right = VI;
  static HWY_INLINE Left Broadcast(const Element* a) { return LoadGroup(a); }
  static HWY_INLINE Right LoadPacked(const Element* b) { return LoadGroups(b); }
  static HWY_INLINE VI MultiplyAdd(Left a, Right b, VI sum) {
    const int8x16_t x = vreinterpretq_s8_s32(a.raw), w = vreinterpretq_s8_s32(b.raw);
#if defined(__ARM_FEATURE_DOTPROD)
    return VI{vdotq_s32(sum.raw, x, w)};
#else  // weights are at least -127, so that two products are a 16-bit number
    const int16x8_t low = vmull_s8(vget_low_s8(x), vget_low_s8(w)), high = vmull_high_s8(x, w);
    return VI{vpadalq_s16(sum.raw, vpaddq_s16(low, high))};
#endif
  }
#else
  static constexpr int kOffset = 0;
#if defined(__AVX512VNNI__) || defined(__AVXVNNI__)
  using Left = VI;
  using Right = VI;
  static HWY_INLINE Left Broadcast(const Element* a) { return LoadGroup(a); }
  static HWY_INLINE Right LoadPacked(const Element* b) { return LoadGroups(b); }
  static HWY_INLINE VI MultiplyAdd(Left a, Right b, VI sum) {
#if defined(__AVX512VNNI__)
    return VI{_mm512_dpbusd_epi32(sum.raw, a.raw, b.raw)};
#else
    return VI{_mm256_dpbusd_avx_epi32(sum.raw, a.raw, b.raw)};
#endif
  }
#elif HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR
  // The bytes of a group in pairs of 16 bits: the first and third, the second and fourth.
  using D16 = hn::Repartition<std::int16_t, D>;
  struct Pairs {
    hn::Vec<D16> even, odd;
  };
  using Left = Pairs;
  using Right = Pairs;
  static HWY_INLINE Left Broadcast(const Element* a) {
    const hn::Repartition<std::uint16_t, D> d;
    const auto pairs = hn::BitCast(d, LoadGroup(a));
    return {hn::BitCast(D16(), hn::And(pairs, hn::Set(d, 0xFF))), hn::BitCast(D16(), hn::ShiftRight<8>(pairs))};
  }
  static HWY_INLINE Right LoadPacked(const Element* b) {
    const auto pairs = hn::BitCast(D16(), LoadGroups(b));
    return {hn::ShiftRight<8>(hn::ShiftLeft<8>(pairs)), hn::ShiftRight<8>(pairs)};
  }
  static HWY_INLINE VI MultiplyAdd(Left a, Right b, VI sum) {
    VI unused = sum;  // pmaddwd adds neighbours, so that nothing is left for a second sum
    sum = hn::ReorderWidenMulAccumulate(DI(), a.even, b.even, sum, unused);
    return hn::ReorderWidenMulAccumulate(DI(), a.odd, b.odd, sum, unused);
  }
#else
  struct Four {
    VI value[4];
  };
  using Left = Four;
  using Right = Four;
  static HWY_INLINE Left Broadcast(const Element* a) {
    return {hn::Set(DI(), a[0]), hn::Set(DI(), a[1]), hn::Set(DI(), a[2]), hn::Set(DI(), a[3])};
  }
  static HWY_INLINE Right LoadPacked(const Element* b) {
    const VI groups = LoadGroups(b);
    return {hn::ShiftRight<24>(hn::ShiftLeft<24>(groups)), hn::ShiftRight<24>(hn::ShiftLeft<16>(groups)),
            hn::ShiftRight<24>(hn::ShiftLeft<8>(groups)), hn::ShiftRight<24>(groups)};
  }
  static HWY_INLINE VI MultiplyAdd(Left a, Right b, VI sum) {
    Unroll(kUpTo<4>, [&](auto i) SMLP_INLINE_LAMBDA { sum = hn::Add(sum, hn::Mul(a.value[i], b.value[i])); });
    return sum;
  }
#endif
#endif

  static HWY_INLINE Right LoadOnes() {
    HWY_ALIGN Element ones[HWY_MAX_BYTES];
    std::memset(ones, 1, sizeof(ones));
    return LoadPacked(ones);
  }
  static Element Tiny() { return 1; }
  static Element Round(std::int8_t weight) { return static_cast<Element>(weight); }
};

// Where activations become bytes.
template <class Q>
struct ByteRows {
  std::uint8_t* out;
  std::size_t stride;
  float factor, zero;  // of the table's kOffset

  ByteRows(void* to, std::size_t row_stride, const ByteRange& range)
      : out(static_cast<std::uint8_t*>(to)),
        stride(row_stride),
        factor(range.factor),
        zero(static_cast<float>(range.zero - Q::kOffset)) {}

  HWY_INLINE void Put(V y, int row, int column, std::size_t count) const {
    const D d;
    using Byte = std::conditional_t<Q::kOffset == 0, std::uint8_t, std::int8_t>;
    const hn::Rebind<Byte, D> bytes;
    // What is beyond an integer would become the smallest one.
    const V scaled = hn::Min(hn::MulAdd(y, hn::Set(d, factor), hn::Set(d, zero)), hn::Set(d, 255.0F));
    const auto rounded = hn::DemoteTo(bytes, hn::NearestInt(scaled));
    auto* const to = reinterpret_cast<Byte*>(out + static_cast<std::size_t>(row) * stride + column);
    if (HWY_LIKELY(count >= hn::Lanes(d))) {
      hn::StoreU(rounded, bytes, to);
    } else {
      HWY_ALIGN Byte lanes[HWY_MAX_BYTES];
      hn::Store(rounded, bytes, lanes);
      std::memcpy(to, lanes, count);
    }
  }
};

struct Int8Sums {  // y = scale (start + sum) + bias of the column
  const std::int32_t* start;
  const float *scale, *bias;
  explicit Int8Sums(const Matrix& m) : start(m.start), scale(m.scale), bias(m.bias) {}
  HWY_INLINE V operator()(const std::int32_t* sums, int column) const {
    const D d;
    const VI sum = hn::Add(hn::Load(DI(), sums), hn::LoadU(DI(), start + column));
    return hn::MulAdd(hn::ConvertTo(d, sum), hn::LoadU(d, scale + column), hn::LoadU(d, bias + column));
  }
};

// `count` values of the format F, one after the other, as bytes.
template <class F, class Q>
HWY_INLINE void ToBytes(const typename F::Element* from, std::size_t count, const ByteRows<Q>& to) {
  const std::size_t lanes = hn::Lanes(D());
  for (std::size_t i = 0; i < count; i += lanes) to.Put(F::Load(from + i), 0, static_cast<int>(i), count - i);
}
