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

template <int R, int N, class Epilogue>
HWY_INLINE void Tile(const Left& a, const float* b, std::size_t ldb, int row, int column, int columns,
                     const Epilogue& epilogue) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  V sum[R][N];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n) sum[r][n] = hn::Zero(d);
  }
  for (int s = 0; s < a.segments; ++s) {
    const float* left = a.segment[s];
    for (int k = 0; k < a.depth; ++k, b += ldb) {
      V right[N];
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) right[n] = hn::LoadU(d, b + static_cast<std::size_t>(n) * lanes);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const V value = hn::Set(d, left[static_cast<std::size_t>(r) * a.stride + static_cast<std::size_t>(k)]);
#pragma GCC unroll 2
        for (int n = 0; n < N; ++n) sum[r][n] = hn::MulAdd(value, right[n], sum[r][n]);
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n) {
      const int first = column + n * static_cast<int>(lanes);
      if (first < columns) epilogue(sum[r][n], row + r, first, static_cast<std::size_t>(columns - first));
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
