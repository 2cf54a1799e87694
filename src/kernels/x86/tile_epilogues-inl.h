// Epilogues of blocks of tiles that are faster than one vector after the other. Included once, by amx-inl.h.

#include "kernels/x86/tile_bytes-inl.h"

// Stores rows `row` and, where there are two, the next one; `bytes` are in fours.
HWY_INLINE void StoreTwoRows(__m512i bytes, const TileBytes& to, int row, bool is_pair, int column, int count) {
  const __m512i rows = InOrder(bytes);
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

template <int N>
HWY_INLINE void FinishBlock(std::int32_t* sums, int row, int rows, int column, int columns,
                            const AddTo<Int8Sums>& epilogue) {
  const D d;
  const DI di;
  if (columns - column < N * 16) return Finish<N>(sums, row, rows, column, columns, epilogue);
  VI start[N];
  V scale[N], bias[N];
  Unroll(kUpTo<N>, [&](auto n) SMLP_INLINE_LAMBDA {
    const int at = column + n * 16;
    start[n] = hn::LoadU(di, epilogue.source.start + at);
    scale[n] = hn::LoadU(d, epilogue.source.scale + at);
    bias[n] = hn::LoadU(d, epilogue.source.bias + at);
  });
  const std::size_t stride = epilogue.stride;
  float* x = epilogue.x + static_cast<std::size_t>(row) * stride + column;
  for (int r = 0; r < rows; ++r, sums += N * 16, x += stride) {
    Unroll(kUpTo<N>, [&](auto n) SMLP_INLINE_LAMBDA {
      const V y = hn::MulAdd(hn::ConvertTo(d, hn::Add(hn::Load(di, sums + n * 16), start[n])), scale[n], bias[n]);
      hn::StoreU(hn::Add(hn::LoadU(d, x + n * 16), y), d, x + n * 16);
    });
  }
}
template <int N>
HWY_INLINE void FinishBlock(std::int32_t* sums, int row, int rows, int column, int columns,
                            const AddToFar<Int8Sums>& epilogue) {
  FinishBlock<N>(sums, row, rows, column, columns, static_cast<const AddTo<Int8Sums>&>(epilogue));
}
