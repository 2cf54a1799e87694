// Numbers to bytes, 64 at a time, where AVX512_VBMI is. Included once, by tile_epilogues-inl.h.
//
//   rounded       a0 a1 b0 b1                           four vectors of 16 int32
//   vpackssdw     a0 a1 in fours | b0 b1 in fours       two of 32 int16
//   vpacksswb     a0 a1 b0 b1 in fours                  one of 64 int8
//   vpermd        a0 a1 b0 b1
//
// These four shuffles do what narrowing one vector after the other does by eight, and all of them saturate. Bytes are
// signed, as TDPBSSD multiplies them: the byte q of a range is kept as q - 128.

using TileBytes = ByteRows<TileInt8>;

// Rounded to nearest. What is beyond an integer would become the smallest one.
HWY_INLINE __m512i WordsOf(V first, V second) {
  const __m512 most = _mm512_set1_ps(32767.0F);
  return _mm512_packs_epi32(_mm512_cvtps_epi32(_mm512_min_ps(first.raw, most)),
                            _mm512_cvtps_epi32(_mm512_min_ps(second.raw, most)));
}

// From fours of four vectors to one after the other.
HWY_INLINE __m512i InOrder(__m512i fours) {
  return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), fours);
}

// The first `count` of 64.
HWY_INLINE void StoreBytes(__m512i bytes, std::uint8_t* to, std::size_t count) {
  if (HWY_LIKELY(count >= 64)) {
    _mm512_storeu_si512(to, bytes);
  } else {
    _mm512_mask_storeu_epi8(to, (std::uint64_t{1} << count) - 1, bytes);
  }
}

// GELU(y) as a byte, looked up by what y would be as a byte. For y the next integer q to y * factor,
//
//   factor GELU(y) + zero = max(q, 0) + (zero - r(|q|)),    r(|q|) = factor (|y| - GELU(|y|))
//
// r falls to nothing, so that 256 entries, or as many pairs of q, hold all of it unless the range is narrow.
//
// Error, in bytes, beside that of float32: 1.13 / 2 for q, since |GELU'| <= 1.13; 1/2 for the entry; where an entry
// stands for two q, 1/4, since |r'| <= 1/2; 1/4 beyond the last entry. Together 1.32: the byte next to the nearest one
// at most.
class GeluBytes {
 public:
  explicit GeluBytes(const TileBytes& to) {
    constexpr float kNothing = 0.25F;
    const float zero = to.zero + static_cast<float>(TileInt8::kOffset);
    shift_ = Rest(255.5F, to.factor) <= kNothing ? 0 : 1;
    // Sums of bytes saturate at both ends: the first term must not do so before r is at its end, nor the second.
    fits_ = Rest(shift_ == 0 ? 255.5F : 511.5F, to.factor) <= kNothing && zero <= 127.0F &&
            Rest(255.0F, to.factor) <= zero + kNothing;
    const float step = static_cast<float>(1 << shift_), middle = (step - 1) / 2;
    const D d;
    for (int i = 0; i < 256; i += 16) {
      const V q = hn::MulAdd(hn::Iota(d, static_cast<float>(i)), hn::Set(d, step), hn::Set(d, middle));
      const V entry = hn::Sub(hn::Set(d, zero), Rest(q, to.factor));
      hn::StoreU(hn::DemoteTo(hn::Rebind<std::int8_t, D>(), hn::NearestInt(entry)), hn::Rebind<std::int8_t, D>(),
                 entries_ + i);
    }
  }
  bool fits() const { return fits_; }

  struct Lookup {
    __m512i part[4];
    __m128i shift;
    // From two rows of q, the bytes of GELU.
    HWY_INLINE __m512i operator()(__m512i a, __m512i b) const {
      const __m512i index = _mm512_packus_epi16(_mm512_srl_epi16(_mm512_abs_epi16(a), shift),
                                                _mm512_srl_epi16(_mm512_abs_epi16(b), shift));
      const __m512i entry =
          _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), _mm512_permutex2var_epi8(part[0], index, part[1]),
                                 _mm512_permutex2var_epi8(part[2], index, part[3]));
      const __m512i linear = _mm512_xor_si512(_mm512_packus_epi16(a, b), _mm512_set1_epi8(-128));
      return _mm512_adds_epi8(linear, entry);
    }
  };
  HWY_INLINE Lookup Load() const {
    return {{_mm512_load_si512(entries_), _mm512_load_si512(entries_ + 64), _mm512_load_si512(entries_ + 128),
             _mm512_load_si512(entries_ + 192)},
            _mm_cvtsi32_si128(shift_)};
  }

 private:
  // r of q
  static HWY_INLINE V Rest(V q, float factor) {
    const D d;
    const V y = hn::Div(q, hn::Set(d, factor));
    V gelu[1] = {y};
    Gelu<Bf16::kExactGelu>(d, gelu);
    return hn::Mul(hn::Sub(y, gelu[0]), hn::Set(d, factor));
  }
  static HWY_INLINE float Rest(float q, float factor) { return hn::GetLane(Rest(hn::Set(D(), q), factor)); }

  alignas(64) std::int8_t entries_[256];  // zero - r
  int shift_;                             // of q to an entry's index
  bool fits_;
};

// LayerNorm's, 64 channels at a time.
HWY_INLINE void PutNormalized(const float* x, int channels, V mean, V scale, int pixel, const TileBytes& to) {
  const D d;
  const V by = hn::Mul(scale, hn::Set(d, to.factor)), zero = hn::Set(d, to.zero);
  const auto number = [&](int c) SMLP_INLINE_LAMBDA {
    const V value = c + 16 <= channels ? hn::LoadU(d, x + c)
                    : c < channels     ? LoadPart(x + c, static_cast<std::size_t>(channels - c))
                                       : mean;
    return hn::MulAdd(hn::Sub(value, mean), by, zero);
  };
  for (int c = 0; c < channels; c += 64) {
    const __m512i first = WordsOf(number(c), number(c + 16)), second = WordsOf(number(c + 32), number(c + 48));
    StoreBytes(InOrder(_mm512_packs_epi16(first, second)), to.out + static_cast<std::size_t>(pixel) * to.stride + c,
               static_cast<std::size_t>(channels - c));
  }
}

// Activations in bfloat16 as bytes. The two of a pair become words of two vectors, and bytes of two pairs of vectors:
//
//   vpackssdw   even and odd values in fours     vpacksswb   even, odd, even, odd in fours     vpermb   all in order
template <>
HWY_INLINE void ToBytes<TileBf16, TileInt8>(const std::uint16_t* from, std::size_t count, const TileBytes& to) {
  const D d;
  const V factor = hn::Set(d, to.factor), zero = hn::Set(d, to.zero);
  alignas(64) std::uint8_t order[64];
  for (int i = 0; i < 64; ++i)
    order[i] = static_cast<std::uint8_t>(i % 32 / 8 * 16 + i / 32 * 8 + i % 2 * 4 + i % 8 / 2);
  const __m512i in_order = _mm512_load_si512(order);
  const auto words = [&](const std::uint16_t* pairs) SMLP_INLINE_LAMBDA {
    const __m512i both = _mm512_loadu_si512(pairs);
    const V even{_mm512_castsi512_ps(_mm512_slli_epi32(both, 16))};
    const V odd{_mm512_castsi512_ps(_mm512_and_si512(both, _mm512_set1_epi32(-65536)))};
    return WordsOf(hn::MulAdd(even, factor, zero), hn::MulAdd(odd, factor, zero));
  };
  for (std::size_t i = 0; i < count; i += 64) {
    const std::size_t left = count - i;
    const __m512i first = words(from + i), second = left > 32 ? words(from + i + 32) : first;
    const __m512i bytes = _mm512_permutexvar_epi8(in_order, _mm512_packs_epi16(first, second));
    StoreBytes(bytes, to.out + i, left);
  }
}
