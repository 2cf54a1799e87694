// The float32 matrix product that every dense step uses. Included once per target by simd/fp32.cc.
//
//   C(m, n) = sum over segments s and k of A_s(m, k) B(s K + k, n)
//
//   A_s  row-major activations, row stride lda          read one element at a time, broadcast
//   B    columns side by side, row stride ldb           packed weights: panels [n / W][s K + k][W], ldb = W;
//                                                       mixing: the activations themselves, ldb = a pixel or a row
//   a tile of R x (V vectors) accumulators stays in registers while k runs:
//
//            B   b0 b1          registers: R V accumulators + V of B
//        A  a0   c00 c01        AVX-512: 14 x 2 + 2 = 30 of 32; AVX2 and SSE: 6 x 2 + 2 of 16
//           a1   c10 c11
//           ..   ..  ..
//
// Each element's sum runs over k in order, whatever tile it falls into: results don't depend on how work is split.

#if HWY_TARGET <= HWY_AVX3
constexpr int kRows = 14;
#else
constexpr int kRows = 6;
#endif

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// A's segments, at the tile's first row.
struct Left {
  const float* segment[4];
  int segments;
  std::size_t stride;
  int depth;  // K of one segment

  Left rows_from(int row) const {
    Left out = *this;
    for (int s = 0; s < segments; ++s) out.segment[s] += static_cast<std::size_t>(row) * stride;
    return out;
  }
};

// Writes the first `count` lanes; the lanes beyond may belong to another thread.
HWY_INLINE void StorePart(V v, float* to, std::size_t count) {
  const D d;
  if (HWY_LIKELY(count >= hn::Lanes(d))) {
    hn::StoreU(v, d, to);
    return;
  }
  HWY_ALIGN float lanes[HWY_MAX_BYTES / sizeof(float)];
  hn::Store(v, d, lanes);
  for (std::size_t i = 0; i < count; ++i) to[i] = lanes[i];
}

// Calls f(0), f(1), ... with the index as a constant: what is indexed by it can live in registers.
template <int... I, class F>
HWY_INLINE void Unroll(std::integer_sequence<int, I...>, F f) {
  (f(std::integral_constant<int, I>()), ...);
}
template <int Count>
constexpr auto kUpTo = std::make_integer_sequence<int, Count>();

// The finished tile passes through memory (its lines stay in the first-level cache) so that the epilogue is one small
// loop and not R N copies of itself.
template <int R, int N, class Epilogue>
HWY_INLINE void Tile(const Left& a, const float* b, std::size_t ldb, int row, int column, int columns,
                     const Epilogue& epilogue) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  V sum[R * N];
  Unroll(kUpTo<R * N>, [&](auto i) SMLP_INLINE_LAMBDA { sum[i] = hn::Zero(d); });
  for (int s = 0; s < a.segments; ++s) {
    const float* left = a.segment[s];
    const float* const end = left + a.depth;
    for (; left != end; ++left, b += ldb) {
      const V right0 = hn::LoadU(d, b), right1 = N > 1 ? hn::LoadU(d, b + lanes) : right0;
      Unroll(kUpTo<R>, [&](auto r) SMLP_INLINE_LAMBDA {
        const V value = hn::Set(d, left[r * a.stride]);
        sum[r * N] = hn::MulAdd(value, right0, sum[r * N]);
        if constexpr (N > 1) sum[r * N + 1] = hn::MulAdd(value, right1, sum[r * N + 1]);
      });
    }
  }
  HWY_ALIGN float block[R * N * HWY_MAX_BYTES / sizeof(float)];
  Unroll(kUpTo<R * N>, [&](auto i) SMLP_INLINE_LAMBDA { hn::Store(sum[i], d, block + i * lanes); });
  const float* from = block;
  for (int r = 0; r < R; ++r) {
    for (int n = 0; n < N; ++n, from += lanes) {
      const int first = column + n * static_cast<int>(lanes);
      if (first < columns) epilogue(hn::Load(d, from), row + r, first, static_cast<std::size_t>(columns - first));
    }
  }
}

// All rows of one panel of N vectors of columns.
template <int N, class Epilogue>
HWY_INLINE void Panel(const Left& a, int rows, const float* b, std::size_t ldb, int column, int columns,
                      const Epilogue& epilogue) {
  int row = 0;
  for (; row + kRows <= rows; row += kRows) Tile<kRows, N>(a.rows_from(row), b, ldb, row, column, columns, epilogue);
  if (kRows > 8 && row + 8 <= rows) {
    Tile<8, N>(a.rows_from(row), b, ldb, row, column, columns, epilogue);
    row += 8;
  }
  if (row + 4 <= rows) {
    Tile<4, N>(a.rows_from(row), b, ldb, row, column, columns, epilogue);
    row += 4;
  }
  if (row + 2 <= rows) {
    Tile<2, N>(a.rows_from(row), b, ldb, row, column, columns, epilogue);
    row += 2;
  }
  if (row < rows) Tile<1, N>(a.rows_from(row), b, ldb, row, column, columns, epilogue);
}

// B = packed weights. The last panel is half as wide where that is enough.
template <class Epilogue>
HWY_NOINLINE void MultiplyPacked(const Left& a, int rows, const float* packed, int columns, const Epilogue& epilogue) {
  const int lanes = static_cast<int>(hn::Lanes(D())), depth = a.segments * a.depth;
  for (int column = 0; column < columns; column += 2 * lanes) {
    const float* panel = packed + static_cast<std::size_t>(column) * static_cast<std::size_t>(depth);
    if (columns - column > lanes) {
      Panel<2>(a, rows, panel, static_cast<std::size_t>(2 * lanes), column, columns, epilogue);
    } else {
      Panel<1>(a, rows, panel, static_cast<std::size_t>(lanes), column, columns, epilogue);
    }
  }
}

// B = activations with row stride ldb; up to a vector beyond the last column is read, never written.
template <class Epilogue>
HWY_NOINLINE void MultiplyStrided(const Left& a, int rows, const float* b, std::size_t ldb, int columns,
                                  const Epilogue& epilogue) {
  const int lanes = static_cast<int>(hn::Lanes(D()));
  for (int column = 0; column < columns; column += 2 * lanes) {
    if (columns - column > lanes) {
      Panel<2>(a, rows, b + column, ldb, column, columns, epilogue);
    } else {
      Panel<1>(a, rows, b + column, ldb, column, columns, epilogue);
    }
  }
}

// What happens to a finished sum: out(row, column...) = ...
struct StoreSum {  // sum + bias of the column (null: none)
  float* out;
  std::size_t stride;
  const float* bias;
  HWY_INLINE void operator()(V sum, int row, int column, std::size_t count) const {
    const D d;
    if (bias != nullptr) sum = hn::Add(sum, hn::LoadU(d, bias + column));
    StorePart(sum, out + static_cast<std::size_t>(row) * stride + column, count);
  }
};

struct StoreSumRowBias {  // sum + bias of the row
  float* out;
  std::size_t stride;
  const float* bias;
  HWY_INLINE void operator()(V sum, int row, int column, std::size_t count) const {
    const D d;
    StorePart(hn::Add(sum, hn::Set(d, bias[row])), out + static_cast<std::size_t>(row) * stride + column, count);
  }
};

template <int Degree>
struct StoreGelu {  // GELU(sum + bias of the column)
  float* out;
  std::size_t stride;
  const float* bias;
  HWY_INLINE void operator()(V sum, int row, int column, std::size_t count) const {
    const D d;
    const V y = Gelu<Degree>(d, hn::Add(sum, hn::LoadU(d, bias + column)));
    StorePart(y, out + static_cast<std::size_t>(row) * stride + column, count);
  }
};

struct AddSum {  // out + sum + bias of the column (null: none)
  float* out;
  std::size_t stride;
  const float* bias;
  HWY_INLINE void operator()(V sum, int row, int column, std::size_t count) const {
    const D d;
    float* to = out + static_cast<std::size_t>(row) * stride + column;
    if (bias != nullptr) sum = hn::Add(sum, hn::LoadU(d, bias + column));
    StorePart(hn::Add(hn::LoadU(d, to), sum), to, count);
  }
};
