// Finished blocks of tiles that become bytes, two rows of 32 columns at a time. Included once, by amx-inl.h.
//
//   numbers, rounded      row 0: a0 a1   row 1: b0 b1      four vectors of 16 int32
//   vpackssdw             a0 a1 in fours | b0 b1 in fours  two of 32 int16
//   vpacksswb             a0 a1 b0 b1 in fours             one of 64 int8
//   vpermd                a0 a1 | b0 b1                    two rows
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

// Stores rows `row` and, where there are two, the next one; `bytes` are in fours.
HWY_INLINE void StoreTwoRows(__m512i bytes, const TileBytes& to, int row, bool is_pair, int column, int count) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i rows = _mm512_permutexvar_epi32(order, bytes);
  std::uint8_t* const first = to.out + static_cast<std::size_t>(row) * to.stride + column;
  const auto store = [&](std::uint8_t* at, __m256i values) SMLP_INLINE_LAMBDA {
    if (HWY_LIKELY(count >= 32)) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), values);
    } else {
      _mm256_mask_storeu_epi8(at, (std::uint32_t{1} << count) - 1, values);
    }
  };
  store(first, _mm512_castsi512_si256(rows));
  if (is_pair) store(first + to.stride, _mm512_extracti64x4_epi64(rows, 1));
}

// Calls words(row, first, second) for the rows of a block, N vectors each, and stores bytes(words of two rows).
template <int N, class Lane, class Words, class Bytes>
HWY_INLINE void StorePairs(const Lane* sums, int row, int rows, int column, int columns, const TileBytes& to,
                           const Words& words, const Bytes& bytes) {
  const auto next = [&](int r) SMLP_INLINE_LAMBDA {
    const Lane* const first = sums + static_cast<std::ptrdiff_t>(r) * N * 16;
    return words(row + r, first, first + (N - 1) * 16);
  };
  for (int r = 0; r < rows; r += 2) {
    const bool is_pair = r + 1 < rows;
    const __m512i first = next(r);
    StoreTwoRows(bytes(first, is_pair ? next(r + 1) : first), to, row + r, is_pair, column, columns - column);
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

// y * factor of up to two vectors of columns.
template <class Source>
struct ScaledColumns;
template <>
struct ScaledColumns<Int8Sums> {  // the zero points' share becomes part of the bias
  V scale[2], bias[2];
  template <int N>
  static HWY_INLINE ScaledColumns Of(const Int8Sums& source, int column, float by) {
    const D d;
    ScaledColumns out;
    Unroll(kUpTo<2>, [&](auto n) SMLP_INLINE_LAMBDA {
      const int at = column + n % N * 16;
      const V factor = hn::Set(d, by), scale = hn::Mul(hn::LoadU(d, source.scale + at), factor);
      const V start = hn::ConvertTo(d, hn::LoadU(DI(), source.start + at));
      out.scale[n] = scale;
      out.bias[n] = hn::MulAdd(start, scale, hn::Mul(hn::LoadU(d, source.bias + at), factor));
    });
    return out;
  }
  HWY_INLINE V operator()(const std::int32_t* sums, int n) const {
    return hn::MulAdd(hn::ConvertTo(D(), hn::Load(DI(), sums)), scale[n], bias[n]);
  }
};
template <>
struct ScaledColumns<FloatSums> {
  V factor, bias[2];
  template <int N>
  static HWY_INLINE ScaledColumns Of(const FloatSums& source, int column, float by) {
    const D d;
    ScaledColumns out = {hn::Set(d, by), {hn::Zero(d), hn::Zero(d)}};
    if (source.bias == nullptr) return out;
    Unroll(kUpTo<2>, [&](auto n) SMLP_INLINE_LAMBDA {
      out.bias[n] = hn::Mul(hn::LoadU(d, source.bias + column + n % N * 16), out.factor);
    });
    return out;
  }
  HWY_INLINE V operator()(const float* sums, int n) const { return hn::MulAdd(hn::Load(D(), sums), factor, bias[n]); }
};

template <class Source>
struct StoreGeluBytes {  // out = GELU(y)
  Source source;
  TileBytes sink;
  const GeluBytes* gelu;
};

// An epilogue on `rows` finished rows of N vectors: as every table does it, or two rows at a time.
template <int N, class Lane, class Epilogue>
HWY_INLINE void FinishBlock(Lane* sums, int row, int rows, int column, int columns, const Epilogue& epilogue) {
  Finish<N>(sums, row, rows, column, columns, epilogue);
}

template <int N, class Lane, class Source>
HWY_INLINE void FinishBlock(Lane* sums, int row, int rows, int column, int columns,
                            const StoreGeluBytes<Source>& epilogue) {
  const auto columns_of = ScaledColumns<Source>::template Of<N>(epilogue.source, column, epilogue.sink.factor);
  StorePairs<N>(
      sums, row, rows, column, columns, TileBytes(epilogue.sink),
      [&](int, const Lane* first, const Lane* second)
          SMLP_INLINE_LAMBDA { return WordsOf(columns_of(first, 0), columns_of(second, 1)); },
      epilogue.gelu->Load());
}

template <int N>
HWY_INLINE void FinishBlock(float* sums, int row, int rows, int column, int columns,
                            const StoreRowBias<TileBytes>& epilogue) {
  const D d;
  const TileBytes to = epilogue.sink;
  const V factor = hn::Set(d, to.factor), zero = hn::Set(d, to.zero);
  const float* const row_bias = epilogue.bias;
  StorePairs<N>(
      sums, row, rows, column, columns, to,
      [&](int r, const float* first, const float* second) SMLP_INLINE_LAMBDA {
        const V bias = hn::MulAdd(hn::Set(d, row_bias[r]), factor, zero);
        return WordsOf(hn::MulAdd(hn::Load(d, first), factor, bias), hn::MulAdd(hn::Load(d, second), factor, bias));
      },
      [](__m512i a, __m512i b) SMLP_INLINE_LAMBDA { return _mm512_packs_epi16(a, b); });
}
