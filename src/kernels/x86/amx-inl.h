// The matrix product on AMX tiles, for bfloat16 and bytes. Included after simd/steps-inl.h, which it gives formats of
// its own.
//
// A tile is up to 16 rows of 64 bytes. A product of tiles takes 16 cycles and multiplies
//
//     A: r pixels x 32 k        B: 16 pairs of k x 16 columns, the two of a pair side by side      C: r x 16 float32
//     A: r pixels x 64 k        B: 16 fours of k x 16 columns, likewise                            C: r x 16 int32
//
// by TDPBF16PS and, of signed bytes, TDPBSSD.
//
// A block is 2 x 2 tiles of C: each tile that is loaded is multiplied twice.
//
//                     B6 B7            loop over panels of 32 columns        (B's panel stays in the first-level cache)
//                 A4  C0 C1              over runs of at most 20 steps of k  (longer ones would not; C waits in memory)
//                 A5  C2 C3                over blocks of 2 r rows           (A streams by, its loads marked as such)
//                                            over the run's steps of 32 or 64 k
//
// r is the least number of rows that needs no more tiles than 16 would: 49 rows are 4 tiles of 13, and the 3 rows too
// many come to nothing. Tiles cannot be read by vector instructions: a finished block goes through memory, and its
// epilogue runs between the products of the next block, which leave the vector units idle.

struct TileInt8;
struct TileBf16 : Bf16 {
  static constexpr int kRowMultiple = 32;  // rows of activations are whole tiles, 64-byte aligned
  using Bytes = TileInt8;
  template <int C, int A, int B>
  static HWY_INLINE void MultiplyTiles() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(C), "i"(A), "i"(B));
  }
};
struct TileInt8 : Int8 {
  static constexpr int kRowMultiple = 64, kOffset = 128;
  template <int C, int A, int B>
  static HWY_INLINE void MultiplyTiles() {
    asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(C), "i"(A), "i"(B));
  }
};

// Compilers take these for operations on their operands alone; what lies in memory is our affair.
template <int Tile>
HWY_INLINE void LoadTile(const void* from, std::size_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(Tile) : "memory");
}
template <int Tile>
HWY_INLINE void StreamTile(const void* from, std::size_t stride) {
  asm volatile("tileloaddt1 (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(Tile) : "memory");
}
template <int Tile>
HWY_INLINE void StoreTile(void* to, std::size_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(Tile) : "memory");
}
template <int Tile>
HWY_INLINE void ZeroTile() {
  asm volatile("tilezero %%tmm%c0" ::"i"(Tile));
}

// The shapes of the eight tiles, for as long as it lives: `rows` of A and C, all of B.
class TileConfig {
 public:
  explicit TileConfig(int rows) {
    palette_ = 1;
    for (int tile = 0; tile < 8; ++tile) {
      rows_[tile] = static_cast<std::uint8_t>(tile < 6 ? rows : 16);
      row_bytes_[tile] = 64;
    }
    asm volatile("ldtilecfg %0" ::"m"(*this) : "memory");
  }
  ~TileConfig() { asm volatile("tilerelease" ::: "memory"); }
  TileConfig(const TileConfig&) = delete;
  TileConfig& operator=(const TileConfig&) = delete;

 private:
  std::uint8_t palette_ = 1, start_row_ = 0, reserved_[14] = {};
  std::uint16_t row_bytes_[16] = {};
  std::uint8_t rows_[16] = {};
};

template <class F>
struct TileGemm {
  using Element = typename F::Element;
  using Lane = hn::TFromD<typename F::DSum>;  // of C

  static constexpr int kSlackRows = 15;
  static constexpr int kUnitPixels = 784, kChunkPixels = 1568;
  static constexpr int kMixRows = 32, kHiddenBytes = 1 << 20;  // of 2 MB of second-level cache

  static constexpr int kTileElements = 1024 / sizeof(Element), kStep = 64 / sizeof(Element);
  static constexpr int kMaxSteps = 20, kMaxBlocks = 25;
  static constexpr int kBandRows = kMaxBlocks * 32;  // rows whose blocks of C can wait

  static std::size_t PackedBytes(int outputs, int segments, int inputs) {
    return sizeof(Element) * static_cast<std::size_t>(RoundUp(outputs, 16)) *
           static_cast<std::size_t>(segments * Padded<F>(inputs));
  }

  // [panel of 32 columns][step][one or two tiles][16 groups of k][16 columns][kGroup]
  template <class Weight>
  static void Pack(const Weight* weight, int outputs, int segments, int inputs, void* packed) {
    auto* panel = static_cast<Element*>(packed);
    for (int column = 0; column < outputs; column += 32) {
      const int width = outputs - column > 16 ? 32 : 16;
      for (int s = 0; s < segments; ++s) {
        for (int step = 0; step < Padded<F>(inputs); step += kStep, panel += width * kStep) {
          for (int n = 0; n < width; ++n) {
            const Weight* row = weight + (static_cast<std::ptrdiff_t>(column + n) * segments + s) * inputs + step;
            const int left = inputs - step < kStep ? inputs - step : kStep;
            PackRow<F>(row, column + n < outputs ? left : 0, kStep, panel + n / 16 * kTileElements + n % 16 * F::kGroup,
                       16 * F::kGroup);
          }
        }
      }
    }
  }

  // A run of steps of k: where each step's 32 columns of A start, and B's panel for them.
  struct Run {
    const Element* left[kMaxSteps];
    std::size_t stride;  // of A, in elements
    int steps;
    bool is_first, is_last;
    const Element* right;
    const Element* next;  // the weights that come after these, to be fetched meanwhile; null: none
    int next_lines;       // a step's share of them
  };

  // A finished block, [row][16 or 32 columns], and how far its epilogue has got.
  struct Finished {
    Lane* sums;
    int row, rows, column, vectors;
    int done = 0;

    template <class Epilogue>
    HWY_INLINE void Advance(int until, int columns, const Epilogue& epilogue) {
      if (done == until) return;
      Lane* const from = sums + 16 * done * vectors;
      if (vectors == 2) {
        Finish<2>(from, row + done, until - done, column, columns, epilogue);
      } else {
        Finish<1>(from, row + done, until - done, column, columns, epilogue);
      }
      done = until;
    }
  };

  // M x N tiles of C over one run, with `finished` brought to its end meanwhile. `block` holds C between runs.
  template <int M, int N, class Epilogue>
  static HWY_INLINE void Block(const Run& run, int index, int tile_rows, Lane* block, Finished& finished, int columns,
                               const Epilogue& epilogue) {
    constexpr std::size_t kBlockStride = N * 16 * sizeof(Lane);
    const std::size_t second = static_cast<std::size_t>(tile_rows);
    Lane* const below = block + second * N * 16;
    if (run.is_first) {
      ZeroTile<0>();
      if constexpr (N > 1) ZeroTile<1>();
      if constexpr (M > 1) ZeroTile<2>();
      if constexpr (M > 1 && N > 1) ZeroTile<3>();
    } else {
      LoadTile<0>(block, kBlockStride);
      if constexpr (N > 1) LoadTile<1>(block + 16, kBlockStride);
      if constexpr (M > 1) LoadTile<2>(below, kBlockStride);
      if constexpr (M > 1 && N > 1) LoadTile<3>(below + 16, kBlockStride);
    }
    const std::size_t offset = static_cast<std::size_t>(index) * 2 * second * run.stride,
                      stride = run.stride * sizeof(Element);
    const Element* right = run.right;
    const char* next = reinterpret_cast<const char*>(run.next);
    if (next != nullptr) next += static_cast<std::ptrdiff_t>(index * run.steps * run.next_lines) * 64;
    for (int step = 0; step < run.steps; ++step, right += N * kTileElements) {
      const Element* left = run.left[step] + offset;
      LoadTile<6>(right, 64);
      StreamTile<4>(left, stride);
      F::template MultiplyTiles<0, 4, 6>();
      if constexpr (N > 1) {
        LoadTile<7>(right + kTileElements, 64);
        F::template MultiplyTiles<1, 4, 7>();
      }
      if constexpr (M > 1) {
        StreamTile<5>(left + second * run.stride, stride);
        F::template MultiplyTiles<2, 5, 6>();
      }
      if constexpr (M > 1 && N > 1) F::template MultiplyTiles<3, 5, 7>();
      if (next != nullptr) {
        for (int line = 0; line < run.next_lines; ++line, next += 64) _mm_prefetch(next, _MM_HINT_T1);
      }
      finished.Advance(finished.rows * (step + 1) / run.steps, columns, epilogue);
    }
    StoreTile<0>(block, kBlockStride);
    if constexpr (N > 1) StoreTile<1>(block + 16, kBlockStride);
    if constexpr (M > 1) StoreTile<2>(below, kBlockStride);
    if constexpr (M > 1 && N > 1) StoreTile<3>(below + 16, kBlockStride);
  }

  // `rows` <= kBandRows rows against all columns. right_of(column, first_step, steps) gives a run's part of B's panel.
  template <bool kWeights, class Right, class Epilogue>
  static HWY_INLINE void Band(const Left<F>& a, int first_row, int rows, int columns, const Right& right_of,
                              const Epilogue& epilogue) {
    const int tiles = (rows + 15) / 16, tile_rows = (rows + tiles - 1) / tiles, blocks = (tiles + 1) / 2;
    const int segment_steps = a.depth / kStep, steps = a.segments * segment_steps;
    const int runs = (steps + kMaxSteps - 1) / kMaxSteps, most = (steps + runs - 1) / runs;
    alignas(64) Lane sums[kMaxBlocks * 32 * 32];
    const TileConfig config(tile_rows);
    Finished finished = {};
    for (int column = 0; column < columns; column += 32) {
      const int vectors = columns - column > 16 ? 2 : 1;
      for (int first = 0; first < steps; first += most) {
        Run run;
        run.stride = a.stride;
        run.steps = steps - first < most ? steps - first : most;
        run.is_first = first == 0;
        run.is_last = first + run.steps == steps;
        for (int step = 0; step < run.steps; ++step) {
          const int segment = (first + step) / segment_steps, k = (first + step) % segment_steps * kStep;
          run.left[step] = a.segment[segment] + static_cast<std::size_t>(first_row) * a.stride + k;
        }
        run.right = right_of(column, first, run.steps);
        run.next = kWeights ? run.right + run.steps * vectors * kTileElements : nullptr;
        run.next_lines = (16 * vectors + blocks - 1) / blocks;
        for (int b = 0; b < blocks; ++b) {
          const int row = b * 2 * tile_rows;
          const bool single = 2 * b + 1 == tiles;
          Lane* const block = sums + (runs > 1 ? b * 32 * 32 : 0);
          if (vectors > 1) {
            single ? Block<1, 2>(run, b, tile_rows, block, finished, columns, epilogue)
                   : Block<2, 2>(run, b, tile_rows, block, finished, columns, epilogue);
          } else {
            single ? Block<1, 1>(run, b, tile_rows, block, finished, columns, epilogue)
                   : Block<2, 1>(run, b, tile_rows, block, finished, columns, epilogue);
          }
          finished = {};
          if (run.is_last) {
            const int whole = single ? tile_rows : 2 * tile_rows;
            finished = {block, first_row + row, rows - row < whole ? rows - row : whole, column, vectors};
          }
        }
      }
    }
    finished.Advance(finished.rows, columns, epilogue);
  }

  // Bands of nearly equal height.
  template <bool kWeights, class Right, class Epilogue>
  static HWY_INLINE void Bands(const Left<F>& a, int rows, int columns, const Right& right_of,
                               const Epilogue& epilogue) {
    const int bands = (rows + kBandRows - 1) / kBandRows, height = RoundUp((rows + bands - 1) / bands, 32);
    for (int row = 0; row < rows; row += height) {
      Band<kWeights>(a, row, rows - row < height ? rows - row : height, columns, right_of, epilogue);
    }
  }

  template <class Epilogue>
  static HWY_NOINLINE void Packed(const Left<F>& a, int rows, const void* packed, int columns,
                                  const Epilogue& epilogue) {
    const std::ptrdiff_t depth = a.segments * a.depth;
    const auto right_of = [&](int column, int first_step, int) SMLP_INLINE_LAMBDA {
      const int vectors = columns - column > 16 ? 2 : 1;
      return static_cast<const Element*>(packed) + column * depth + first_step * vectors * kTileElements;
    };
    Bands<true>(a, rows, columns, right_of, epilogue);
  }

  // `columns` is a multiple of 32. B's rows are interleaved in pairs, a panel at a time.
  template <class Epilogue>
  static HWY_NOINLINE void Strided(const Left<F>& a, int rows, const Element* b, std::size_t stride, int depth,
                                   int columns, const Epilogue& epilogue) {
    alignas(64) Element panel[kMaxSteps * 2 * kTileElements];
    const auto right_of = [&](int column, int first_step, int steps) SMLP_INLINE_LAMBDA {
      Interleave(b + column, stride, first_step * kStep, depth, steps, panel);
      return static_cast<const Element*>(panel);
    };
    Bands<false>(a, rows, columns, right_of, epilogue);
  }

  // Rows [first, first + 32 steps) of 32 columns as steps of two tiles; rows from `depth` on are zero.
  static HWY_INLINE void Interleave(const Element* b, std::size_t stride, int first, int depth, int steps,
                                    Element* panel) {
    const hn::Full512<std::uint16_t> d;
    const auto load = [&](int k) SMLP_INLINE_LAMBDA {
      return k < depth ? hn::LoadU(d, b + static_cast<std::size_t>(k) * stride) : hn::Zero(d);
    };
    // Lane i of the pairs' first half is lane i / 2 of the even row or, 32 lanes further, of the odd one.
    const auto lane = hn::Iota(d, 0), pair = hn::ShiftRight<1>(lane);
    const auto odd = hn::ShiftLeft<5>(hn::And(lane, hn::Set(d, 1)));
    const __m512i low = hn::Or(pair, odd).raw, high = hn::Add(hn::Or(pair, odd), hn::Set(d, 16)).raw;
    for (int step = 0; step < steps; ++step) {
      for (int p = 0; p < 16; ++p, panel += 32) {
        const int k = first + step * kStep + 2 * p;
        const __m512i even = load(k).raw, next = load(k + 1).raw;
        _mm512_store_si512(panel, _mm512_permutex2var_epi16(even, low, next));
        _mm512_store_si512(panel + kTileElements, _mm512_permutex2var_epi16(even, high, next));
      }
      panel += kTileElements;
    }
  }

  // As the vectors' Saturate: four accumulators, no loads. A tile of A or B that was never loaded holds zeros.
  static std::int64_t Saturate(std::int64_t rounds) {
    alignas(64) Element tiny[kTileElements];
    for (Element& e : tiny) e = F::Tiny();
    const TileConfig config(16);
    LoadTile<4>(tiny, 64);
    LoadTile<5>(tiny, 64);
    LoadTile<6>(tiny, 64);
    LoadTile<7>(tiny, 64);
    for (std::int64_t r = 0; r < rounds; ++r) {
      F::template MultiplyTiles<0, 4, 6>();
      F::template MultiplyTiles<1, 4, 7>();
      F::template MultiplyTiles<2, 5, 6>();
      F::template MultiplyTiles<3, 5, 7>();
    }
    return rounds * 4 * 16 * 16 * kStep;
  }
};

template <>
struct Gemm<TileBf16> : TileGemm<TileBf16> {};
template <>
struct Gemm<TileInt8> : TileGemm<TileInt8> {};
