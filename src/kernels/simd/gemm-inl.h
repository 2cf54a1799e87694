// The matrix product that every dense step uses, for each format. Included once per target.
//
//   C(m, n) = sum over segments s and k of A_s(m, k) B(s K + k, n)
//
//   A_s  row-major activations, row stride `stride`     read one group at a time, broadcast
//   B    packed weights: panels [n / W][group][W][kGroup], W = 2 vectors of columns; or
//        the activations themselves, row-major, when it is A that holds the weights (mixing)
//   a tile of R x (N vectors) accumulators stays in registers while k runs:
//
//            B   b0 b1          registers: R N accumulators + N of B
//        A  a0   c00 c01        AVX-512, NEON: 14 x 2 + 2 = 30 of 32; others: 6 x 2 + 2 of 16
//           a1   c10 c11
//           ..   ..  ..
//
// Each element's sum runs over k in order, whatever tile it falls into: results don't depend on how work is split.

#include "kernels/simd/int8-inl.h"

#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr int kRegisters = 32;
#else
constexpr int kRegisters = 16;
#endif
// Two registers for B, one for A, and one for a product where it cannot be added in the same instruction.
constexpr int kRows = (kRegisters - 4) / 2;

// A's segments, at the first row.
template <class F>
struct Left {
  const typename F::Element* segment[4];
  int segments;
  std::size_t stride;
  int depth;  // K of one segment, a multiple of F::kGroup

  Left rows_from(int row) const {
    Left out = *this;
    for (int s = 0; s < segments; ++s) out.segment[s] += static_cast<std::size_t>(row) * stride;
    return out;
  }
};

// B as packed weights: the next group follows the last. Meanwhile every tile fetches one half of what lies behind the
// panel, which is the next panel: all weights together are more than the caches hold.
template <class F, int N>
struct PackedRight {
  const typename F::Element* at;
  std::ptrdiff_t size;  // of the panel, in elements
  const typename F::Element* ahead = nullptr;
  static constexpr int kVectors = N;
  HWY_INLINE PackedRight ForTile(int index) const { return {at, size, at + size + index % 2 * (size / 2)}; }
  HWY_INLINE typename F::Right Load(int n) const { return F::LoadPacked(at + n * Step()); }
  HWY_INLINE void Next() {
    constexpr int kForReading = 0, kToSecondLevel = 2;
    __builtin_prefetch(ahead, kForReading, kToSecondLevel);
    at += N * Step();
    ahead += N * Step() / 2;
  }
  static HWY_INLINE std::ptrdiff_t Step() { return static_cast<std::ptrdiff_t>(hn::Lanes(D())) * F::kGroup; }
};

// B as row-major activations of `rows` rows; up to a vector beyond the last column is read, never written.
template <class F, int N>
struct StridedRight {
  const typename F::Element* at;
  std::size_t stride;
  int rows;
  static constexpr int kVectors = N;
  HWY_INLINE StridedRight ForTile(int) const { return *this; }
  HWY_INLINE typename F::Right Load(int n) const {
    return F::LoadRows(at + n * static_cast<std::ptrdiff_t>(hn::Lanes(D())), stride, rows < F::kGroup);
  }
  HWY_INLINE void Next() {
    at += F::kGroup * stride;
    rows -= F::kGroup;
  }
};

// What becomes of `rows` finished rows of N vectors of sums: first what the epilogue makes of them, then where it puts
// them. `columns` - column may be less than N vectors.
template <int N, class Lane, class Epilogue>
HWY_INLINE void Finish(Lane* sums, int row, int rows, int column, int columns, const Epilogue& epilogue) {
  const Epilogue own = epilogue;  // a store could change the caller's, for all that the compiler knows
  const int lanes = static_cast<int>(hn::Lanes(D()));
  if constexpr (requires { own.template Transform<N>(sums, 0, 0); }) own.template Transform<N>(sums, rows * N, column);
  for (int r = row; r < row + rows; ++r) {
    Unroll(kUpTo<N>, [&](auto n) SMLP_INLINE_LAMBDA {
      const int first = column + n * lanes;
      own.Put(sums, r, first, static_cast<std::size_t>(columns - first));
      sums += lanes;
    });
  }
}

// The finished tile passes through memory (its lines stay in the first-level cache) so that the epilogue is one small
// loop and not R N copies of itself.
template <int R, class F, class B, class Epilogue>
HWY_INLINE void Tile(const Left<F>& a, B b, int row, int column, int columns, const Epilogue& epilogue) {
  constexpr int N = B::kVectors;
  const typename F::DSum d;
  const std::size_t lanes = hn::Lanes(d);
  hn::Vec<typename F::DSum> sum[R * N];
  Unroll(kUpTo<R * N>, [&](auto i) SMLP_INLINE_LAMBDA { sum[i] = hn::Zero(d); });
  for (int s = 0; s < a.segments; ++s) {
    const typename F::Element* left = a.segment[s];
    const typename F::Element* const end = left + a.depth;
    for (; left != end; left += F::kGroup, b.Next()) {
      const typename F::Right right0 = b.Load(0), right1 = b.Load(N - 1);
      Unroll(kUpTo<R>, [&](auto r) SMLP_INLINE_LAMBDA {
        const typename F::Left value = F::Broadcast(left + r * a.stride);
        sum[r * N] = F::MultiplyAdd(value, right0, sum[r * N]);
        if constexpr (N > 1) sum[r * N + 1] = F::MultiplyAdd(value, right1, sum[r * N + 1]);
      });
    }
  }
  HWY_ALIGN hn::TFromD<typename F::DSum> block[R * N * HWY_MAX_BYTES / sizeof(float)];
  Unroll(kUpTo<R * N>, [&](auto i) SMLP_INLINE_LAMBDA { hn::Store(sum[i], d, block + i * lanes); });
  Finish<N>(block, row, R, column, columns, epilogue);
}

// All rows of one panel of columns.
template <class F, class B, class Epilogue>
HWY_INLINE void Panel(const Left<F>& a, int rows, B b, int column, int columns, const Epilogue& epilogue) {
  int row = 0;
  for (; row + kRows <= rows; row += kRows)
    Tile<kRows>(a.rows_from(row), b.ForTile(row / kRows), row, column, columns, epilogue);
  const auto rest = [&](auto height) SMLP_INLINE_LAMBDA {
    if (row + height > rows) return;
    Tile<height>(a.rows_from(row), b.ForTile(row / kRows), row, column, columns, epilogue);
    row += height;
  };
  if constexpr (kRows > 7)
    rest(std::integral_constant<int, 7>());  // grids of the common networks are 7 times a power of two
  rest(std::integral_constant<int, 4>());
  rest(std::integral_constant<int, 2>());
  rest(std::integral_constant<int, 1>());
}

// One output's weights, a group of k every `step` elements; zeros from `inputs` on.
template <class F, class Weight>
HWY_INLINE void PackRow(const Weight* row, int inputs, int padded, typename F::Element* to, int step) {
  int k = 0;
  for (; k + F::kGroup <= inputs; k += F::kGroup, to += step) {
    for (int i = 0; i < F::kGroup; ++i) to[i] = F::Round(row[k + i]);
  }
  for (; k < padded; k += F::kGroup, to += step) {
    for (int i = 0; i < F::kGroup; ++i) to[i] = F::Round(k + i < inputs ? row[k + i] : Weight{});
  }
}

// The product and the layout of its weights. A format with a product unit of its own specialises it (x86/amx-inl.h).
template <class F>
struct Gemm {
  using Element = typename F::Element;

  static constexpr int kSlackRows = 0;  // rows of A that may be read, and come to nothing, beyond the last
  static constexpr int kUnitPixels = 448, kChunkPixels = 784;  // see kernels.h
  // Channel mixing takes a multiple of so many pixels at once; their hidden activations stay in the second-level cache.
  static constexpr int kMixRows = kRows, kHiddenBytes = 400 * 1024;

  static std::size_t PackedBytes(int outputs, int segments, int inputs) {
    const int columns = RoundUp(outputs, static_cast<int>(hn::Lanes(D())));
    return sizeof(Element) * static_cast<std::size_t>(columns) * static_cast<std::size_t>(segments * Padded<F>(inputs));
  }

  // Panels as wide as two vectors, the last one half as wide where that is enough.
  template <class Weight>
  static void Pack(const Weight* weight, int outputs, int segments, int inputs, void* packed) {
    const int lanes = static_cast<int>(hn::Lanes(D()));
    auto* panel = static_cast<Element*>(packed);
    for (int column = 0; column < outputs; column += 2 * lanes) {
      const int width = outputs - column > lanes ? 2 * lanes : lanes;
      for (int s = 0; s < segments; ++s, panel += width * Padded<F>(inputs)) {
        for (int n = 0; n < width; ++n) {
          const Weight* row = weight + (static_cast<std::ptrdiff_t>(column + n) * segments + s) * inputs;
          PackRow<F>(row, column + n < outputs ? inputs : 0, Padded<F>(inputs), panel + n * F::kGroup,
                     width * F::kGroup);
        }
      }
    }
  }

  // B = packed weights.
  template <class Epilogue>
  static HWY_NOINLINE void Packed(const Left<F>& a, int rows, const void* packed, int columns,
                                  const Epilogue& epilogue) {
    const int lanes = static_cast<int>(hn::Lanes(D())), depth = a.segments * a.depth;
    for (int column = 0; column < columns; column += 2 * lanes) {
      const auto* panel = static_cast<const Element*>(packed) + static_cast<std::ptrdiff_t>(column) * depth;
      if (columns - column > lanes) {
        Panel(a, rows, PackedRight<F, 2>{panel, std::ptrdiff_t{2} * lanes * depth}, column, columns, epilogue);
      } else {
        Panel(a, rows, PackedRight<F, 1>{panel, std::ptrdiff_t{1} * lanes * depth}, column, columns, epilogue);
      }
    }
  }

  // B = `depth` rows of activations; A is one segment.
  template <class Epilogue>
  static HWY_NOINLINE void Strided(const Left<F>& a, int rows, const Element* b, std::size_t stride, int depth,
                                   int columns, const Epilogue& epilogue) {
    const int lanes = static_cast<int>(hn::Lanes(D()));
    for (int column = 0; column < columns; column += 2 * lanes) {
      if (columns - column > lanes) {
        Panel(a, rows, StridedRight<F, 2>{b + column, stride, depth}, column, columns, epilogue);
      } else {
        Panel(a, rows, StridedRight<F, 1>{b + column, stride, depth}, column, columns, epilogue);
      }
    }
  }

  // Multiply-accumulates of a loop that keeps every product unit busy; returns how many. So many independent chains:
  // enough to hide the latency of a product, few enough for the registers.
  static std::int64_t Saturate(std::int64_t rounds) {
    using DSum = typename F::DSum;
    using Lane = hn::TFromD<DSum>;
    constexpr int kChains = kRows > 7 ? 24 : 12;
    alignas(4) Element tiny[F::kGroup];
    for (Element& e : tiny) e = F::Tiny();
    typename F::Left a = F::Broadcast(tiny);
    hn::Vec<DSum> sum[kChains];
    // Each chain starts elsewhere: equal ones would be computed once.
    Unroll(kUpTo<kChains>, [&](auto i) SMLP_INLINE_LAMBDA { sum[i] = hn::Set(DSum(), static_cast<Lane>(i)); });
    const typename F::Right b = F::LoadOnes();
    for (std::int64_t r = 0; r < rounds; ++r) {
      // Sums of integers could be multiplied out: let the factor be loaded again, for all that the compiler knows.
      if constexpr (std::is_integral_v<Lane>) {
        const Element* from = tiny;
        asm volatile("" : "+r"(from) : : "memory");
        a = F::Broadcast(from);
      }
      Unroll(kUpTo<kChains>, [&](auto i) SMLP_INLINE_LAMBDA { sum[i] = F::MultiplyAdd(a, b, sum[i]); });
    }
    hn::Vec<DSum> total = hn::Zero(DSum());
    Unroll(kUpTo<kChains>, [&](auto i) SMLP_INLINE_LAMBDA { total = hn::Add(total, sum[i]); });
    // Never so large; but the compiler cannot know, and keeps the loop.
    const std::int64_t impossible = hn::GetLane(total) > static_cast<Lane>(2e9) ? 1 : 0;
    return rounds * kChains * F::kGroup * static_cast<std::int64_t>(hn::Lanes(D())) + impossible;
  }
};

// Epilogues are put together of a source, which makes numbers of a vector of sums, and a sink, which puts them where
// they belong. Transform(), where there is one, works on `count` vectors of sums in place; Put() takes the vector of
// (row, column...), of which `count` columns, maybe more than a vector's, exist.

struct FloatSums {    // y = sum + bias of the column
  const float* bias;  // null: none
  HWY_INLINE V operator()(const float* sums, int column) const {
    const V sum = hn::Load(D(), sums);
    return bias == nullptr ? sum : hn::Add(sum, hn::LoadU(D(), bias + column));
  }
};

template <class F>
struct Rows {  // of the format F
  typename F::Element* out;
  std::size_t stride;
  HWY_INLINE void Put(V y, int row, int column, std::size_t count) const {
    StorePart<F>(y, out + static_cast<std::size_t>(row) * stride + column, count);
  }
};

template <class Source, class Sink>
struct Store {  // out = y
  Source source;
  Sink sink;
  template <class Lane>
  HWY_INLINE void Put(const Lane* sums, int row, int column, std::size_t count) const {
    sink.Put(source(sums, column), row, column, count);
  }
};

template <class Sink>
struct StoreRowBias {  // out = sum + bias of the row
  const float* bias;
  Sink sink;
  HWY_INLINE void Put(const float* sums, int row, int column, std::size_t count) const {
    sink.Put(hn::Add(hn::Load(D(), sums), hn::Set(D(), bias[row])), row, column, count);
  }
};

template <class Source, class Sink, int Degree>
struct StoreGelu {  // out = GELU(y)
  Source source;
  Sink sink;

  template <int N, class Lane>
  HWY_INLINE void Transform(Lane* sums, int count, int column) const {
    const D d;
    const hn::Rebind<Lane, D> in_place;
    const int lanes = static_cast<int>(hn::Lanes(d));
    InGroups(count, [&](int i, auto together) SMLP_INLINE_LAMBDA {
      constexpr int kCount = decltype(together)::value;
      V v[kCount];
      Lane* const at = sums + static_cast<std::ptrdiff_t>(i) * lanes;
      Unroll(kUpTo<kCount>,
             [&](auto n) SMLP_INLINE_LAMBDA { v[n] = source(at + n * lanes, column + (i + n) % N * lanes); });
      Gelu<Degree>(d, v);
      Unroll(kUpTo<kCount>,
             [&](auto n) SMLP_INLINE_LAMBDA { hn::Store(hn::BitCast(in_place, v[n]), in_place, at + n * lanes); });
    });
  }
  template <class Lane>
  HWY_INLINE void Put(const Lane* sums, int row, int column, std::size_t count) const {
    sink.Put(hn::BitCast(D(), hn::Load(hn::Rebind<Lane, D>(), sums)), row, column, count);
  }
};

template <class Source>
struct AddTo {  // x += y
  Source source;
  float* x;
  std::size_t stride;
  template <class Lane>
  HWY_INLINE void Put(const Lane* sums, int row, int column, std::size_t count) const {
    float* to = x + static_cast<std::size_t>(row) * stride + column;
    StorePart<Fp32>(hn::Add(LoadPart(to, count), source(sums, column)), to, count);
  }
};

template <class Source>
struct AddToFar : AddTo<Source> {  // where no step has just had x
  // Asks for what Put will read and write of a row's two vectors.
  HWY_INLINE void Fetch(int row, int column) const {
    constexpr int kForWriting = 1, kToFirstLevel = 3;
    const float* const to = this->x + static_cast<std::size_t>(row) * this->stride + column;
    __builtin_prefetch(to, kForWriting, kToFirstLevel);
    __builtin_prefetch(to + hn::Lanes(D()), kForWriting, kToFirstLevel);
  }
};
