// The matrix product on AMX tiles, for bfloat16 and bytes. Included after simd/steps-inl.h, which it gives formats of
// its own.
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

// After the formats, which it needs.
#include "kernels/x86/tile_epilogues-inl.h"
#include "kernels/x86/tiles-inl.h"

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
  static constexpr int kSliceBytes = 640 * 1024;     // of A, in the second-level cache

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
    const Element* right;
    const Element* next;  // the weights that come after these, to be fetched meanwhile; null: none
    int next_lines;       // a step's share of them

    Run(const Left<F>& a, int row, int first, int count) : stride(a.stride), steps(count) {
      const int segment_steps = a.depth / kStep;
      for (int step = 0; step < steps; ++step) {
        const int segment = (first + step) / segment_steps, k = (first + step) % segment_steps * kStep;
        left[step] = a.segment[segment] + static_cast<std::size_t>(row) * a.stride + k;
      }
    }
  };

  // How `rows` <= kBandRows rows are cut up.
  struct Grid {
    int tiles, tile_rows, blocks;  // a block is two tiles high; the last one maybe one
    int runs, most_steps;
    Grid(const Left<F>& a, int rows)
        : tiles((rows + 15) / 16), tile_rows((rows + tiles - 1) / tiles), blocks((tiles + 1) / 2) {
      const int steps = Steps(a);
      runs = (steps + kMaxSteps - 1) / kMaxSteps;
      most_steps = (steps + runs - 1) / runs;
    }
    static int Steps(const Left<F>& a) { return a.segments * (a.depth / kStep); }
    bool is_single(int block) const { return 2 * block + 1 == tiles; }
    int whole_rows(int block) const { return is_single(block) ? tile_rows : 2 * tile_rows; }
  };

  // Where a block of M x N tiles belongs: rows `stride` elements apart. M = 0: nothing.
  struct Place {
    Lane* c;
    std::size_t stride;
    int m, n;
  };

  template <int Tile>
  static HWY_INLINE void StoreC(const Place& place, std::size_t tile_rows) {
    StoreTile<Tile>(place.c + Tile / 2 * tile_rows * place.stride + Tile % 2 * 16, place.stride * sizeof(Lane));
  }
  template <int Tile>
  static HWY_INLINE void StartC(const Place& place, std::size_t tile_rows, bool from_zero) {
    if (from_zero) return ZeroTile<Tile>();
    LoadTile<Tile>(place.c + Tile / 2 * tile_rows * place.stride + Tile % 2 * 16, place.stride * sizeof(Lane));
  }
  static HWY_INLINE void StoreAll(const Place& place, std::size_t tile_rows) {
    if (place.m == 0) return;
    StoreC<0>(place, tile_rows);
    if (place.n > 1) StoreC<1>(place, tile_rows);
    if (place.m > 1) StoreC<2>(place, tile_rows);
    if (place.m > 1 && place.n > 1) StoreC<3>(place, tile_rows);
  }

  // M x N tiles of C over one run; meanwhile(step) is called between its products. C starts at zero, or goes on from
  // what is in `c`. It stays in its tiles: those of the block `before` are stored between this one's first products,
  // each right before it is needed. Four stores in a row would stop all products.
  template <int M, int N, class Meanwhile>
  static HWY_INLINE void Block(const Run& run, int index, int tile_rows, bool from_zero, const Place& c,
                               const Place& before, const Meanwhile& meanwhile) {
    const std::size_t second = static_cast<std::size_t>(tile_rows);
    const std::size_t offset = static_cast<std::size_t>(index) * 2 * second * run.stride,
                      stride = run.stride * sizeof(Element);
    const bool is_alike = before.m == M && before.n == N;
    if (!is_alike) StoreAll(before, second);
    const Element* right = run.right;
    const char* next = reinterpret_cast<const char*>(run.next);
    if (next != nullptr) next += static_cast<std::ptrdiff_t>(index * run.steps * run.next_lines) * 64;
    const auto products = [&](const Element* left, auto start) SMLP_INLINE_LAMBDA {
      LoadTile<6>(right, 64);
      StreamTile<4>(left, stride);
      start(std::integral_constant<int, 0>());
      F::template MultiplyTiles<0, 4, 6>();
      if constexpr (N > 1) {
        LoadTile<7>(right + kTileElements, 64);
        start(std::integral_constant<int, 1>());
        F::template MultiplyTiles<1, 4, 7>();
      }
      if constexpr (M > 1) {
        StreamTile<5>(left + second * run.stride, stride);
        start(std::integral_constant<int, 2>());
        F::template MultiplyTiles<2, 5, 6>();
      }
      if constexpr (M > 1 && N > 1) {
        start(std::integral_constant<int, 3>());
        F::template MultiplyTiles<3, 5, 7>();
      }
    };
    for (int step = 0; step < run.steps; ++step, right += N * kTileElements) {
      const Element* left = run.left[step] + offset;
      if (step == 0) {
        products(left, [&](auto tile) SMLP_INLINE_LAMBDA {
          if (is_alike) StoreC<decltype(tile)::value>(before, second);
          StartC<decltype(tile)::value>(c, second, from_zero);
        });
      } else {
        products(left, [](auto) SMLP_INLINE_LAMBDA {});
      }
      if (next != nullptr) {
        for (int line = 0; line < run.next_lines; ++line, next += 64) _mm_prefetch(next, _MM_HINT_T1);
      }
      meanwhile(step);
    }
  }

  template <class Meanwhile>
  static HWY_INLINE void AnyBlock(const Grid& grid, const Run& run, int index, bool from_zero, const Place& c,
                                  const Place& before, const Meanwhile& meanwhile) {
    const auto block = [&](auto m, auto n) SMLP_INLINE_LAMBDA {
      Block<decltype(m)::value, decltype(n)::value>(run, index, grid.tile_rows, from_zero, c, before, meanwhile);
    };
    constexpr std::integral_constant<int, 1> one;
    constexpr std::integral_constant<int, 2> two;
    if (c.n > 1) {
      c.m > 1 ? block(two, two) : block(one, two);
    } else {
      c.m > 1 ? block(two, one) : block(one, one);
    }
  }

  // --- Sums that an epilogue takes further

  // A finished block, [row][16 or 32 columns], and how far its epilogue has got.
  struct Finished {
    Lane* sums;
    int row, rows, column, vectors;
    int done = 0;

    template <class Epilogue>
    HWY_INLINE void Advance(int until, int columns, const Epilogue& epilogue) {
      if (until > rows) until = rows;
      if (done >= until) return;
      Lane* const from = sums + 16 * done * vectors;
      if (vectors == 2) {
        FinishBlock<2>(from, row + done, until - done, column, columns, epilogue);
      } else {
        FinishBlock<1>(from, row + done, until - done, column, columns, epilogue);
      }
      done = until;
    }
    // Before the epilogue starts: asks for the lines that it will need.
    template <class Epilogue>
    HWY_INLINE void Fetch(int from, int until, const Epilogue& epilogue) const {
      if constexpr (requires { epilogue.Fetch(row, column); }) {
        for (int r = from; r < until && r < rows; ++r) epilogue.Fetch(row + r, column);
      }
    }
  };

  // `rows` <= kBandRows rows against all columns. right_of(column, first_step, steps) gives a run's part of B's panel.
  // A block is stored when the next one starts, and its epilogue runs between the products of the one after that.
  template <bool kWeights, class Right, class Epilogue>
  static HWY_INLINE void Band(const Left<F>& a, int first_row, int rows, int columns, const Right& right_of,
                              const Epilogue& epilogue) {
    const Grid grid(a, rows);
    const int steps = Grid::Steps(a);
    alignas(64) Lane sums[kMaxBlocks * 32 * 32];
    const TileConfig config(grid.tile_rows);
    Finished finished = {}, latest = {};  // in memory; still in tiles
    Place before = {};
    const auto finish_all = [&] {
      finished.Advance(finished.rows, columns, epilogue);
      StoreAll(before, static_cast<std::size_t>(grid.tile_rows));
      latest.Advance(latest.rows, columns, epilogue);
      before = {};
      finished = latest = {};
    };
    int turn = 0;
    for (int column = 0; column < columns; column += 32) {
      const int vectors = columns - column > 16 ? 2 : 1;
      for (int first = 0; first < steps; first += grid.most_steps) {
        Run run(a, first_row, first, steps - first < grid.most_steps ? steps - first : grid.most_steps);
        const bool is_last = first + run.steps == steps;
        // What waits for its next run must be in memory by then, and its epilogue done before the run after the last.
        if (grid.runs > 1 && grid.blocks < 3) finish_all();
        run.right = right_of(column, first, run.steps);
        run.next = kWeights ? run.right + run.steps * vectors * kTileElements : nullptr;
        run.next_lines = (16 * vectors + grid.blocks - 1) / grid.blocks;
        for (int b = 0; b < grid.blocks; ++b, turn ^= 1) {
          const Place c = {sums + (grid.runs > 1 ? b : turn) * 32 * 32, static_cast<std::size_t>(16 * vectors),
                           grid.is_single(b) ? 1 : 2, vectors};
          const int share = RoundUp((finished.rows + run.steps - 1) / run.steps, kTogether);
          const int asked = (latest.rows + run.steps - 1) / run.steps;
          AnyBlock(grid, run, b, first == 0, c, before, [&](int step) SMLP_INLINE_LAMBDA {
            finished.Advance(share * (step + 1), columns, epilogue);
            latest.Fetch(asked * step, asked * (step + 1), epilogue);
          });
          finished = latest;
          latest = {};
          before = c;
          if (is_last) {
            const int row = b * 2 * grid.tile_rows, whole = grid.whole_rows(b);
            latest = {c.c, first_row + row, rows - row < whole ? rows - row : whole, column, vectors};
          }
        }
      }
    }
    finish_all();
  }

  // --- Sums that stay where they belong: out = bias + A B, or x += bias + A B

  // A block of C whose turn comes next: its lines are fetched, and given their bias before the first run.
  template <bool kAdds>
  struct Ahead {
    float* c;
    std::size_t stride;
    const float* bias;  // null: none, or none any more
    int rows, columns;  // that exist
    int done = 0;

    HWY_INLINE void Advance(int until) {
      if (until > rows) until = rows;
      for (; done < until; ++done) {
        float* const to = c + static_cast<std::size_t>(done) * stride;
        if (bias == nullptr) {
          _mm_prefetch(to, _MM_HINT_T0);
          _mm_prefetch(to + 16, _MM_HINT_T0);
          continue;
        }
        for (int n = 0; n < columns; n += 16) {
          const auto count = static_cast<std::size_t>(columns - n);
          const V b = hn::LoadU(D(), bias + n);
          StorePart<Fp32>(kAdds ? hn::Add(LoadPart(to + n, count), b) : b, to + n, count);
        }
      }
    }
    HWY_INLINE void Copy(const float* from, std::size_t from_stride, float* to, std::size_t to_stride) const {
      for (int r = 0; r < rows; ++r, from += from_stride, to += to_stride) {
        std::memcpy(to, from, static_cast<std::size_t>(columns) * sizeof(float));
      }
    }
  };

  // A run passes all columns before the next one starts, so that its part of A stays in the second-level cache.
  template <bool kAdds>
  static HWY_INLINE void BandInPlace(const Left<F>& a, int first_row, int rows, const Element* packed, int columns,
                                     float* out, std::size_t stride, const float* bias) {
    const Grid grid(a, rows);
    const int steps = Grid::Steps(a);
    const auto panel = [&](int column, int first) SMLP_INLINE_LAMBDA {
      const int vectors = columns - column > 16 ? 2 : 1;
      return packed + static_cast<std::ptrdiff_t>(column) * steps * kStep + first * vectors * kTileElements;
    };
    const auto at = [&](int first, int column, int b) SMLP_INLINE_LAMBDA {
      const int row = b * 2 * grid.tile_rows, whole = grid.whole_rows(b);
      return Ahead<kAdds>{out + static_cast<std::size_t>(first_row + row) * stride + column, stride,
                          first == 0 && bias != nullptr ? bias + column : nullptr,
                          rows - row < whole ? rows - row : whole, columns - column < 32 ? columns - column : 32};
    };
    alignas(64) float edge[32 * 32];
    Place before = {};
    const TileConfig config(grid.tile_rows);
    const auto flush = [&] {
      StoreAll(before, static_cast<std::size_t>(grid.tile_rows));
      before = {};
    };
    Ahead<kAdds> ahead = at(0, 0, 0);
    ahead.Advance(ahead.rows);
    for (int first = 0; first < steps; first += grid.most_steps) {
      Run run(a, first_row, first, steps - first < grid.most_steps ? steps - first : grid.most_steps);
      const bool from_zero = first == 0 && !kAdds && bias == nullptr;
      // A block's last lines should be there before it starts.
      const int share = run.steps > 1 ? (32 + run.steps - 2) / (run.steps - 1) : 32;
      for (int column = 0; column < columns; column += 32) {
        const int vectors = columns - column > 16 ? 2 : 1;
        run.right = panel(column, first);
        run.next = column + 32 < columns       ? panel(column + 32, first)
                   : first + run.steps < steps ? panel(0, first + run.steps)
                                               : run.right + run.steps * vectors * kTileElements;
        run.next_lines = (16 * vectors + grid.blocks - 1) / grid.blocks;
        if (grid.blocks < 3) flush();  // a block's next run must find its sums in memory
        for (int b = 0; b < grid.blocks; ++b) {
          const Ahead<kAdds> here = ahead;
          ahead = b + 1 < grid.blocks         ? at(first, column, b + 1)
                  : column + 32 < columns     ? at(first, column + 32, 0)
                  : first + run.steps < steps ? at(first + run.steps, 0, 0)
                                              : Ahead<kAdds>{};
          const bool is_whole = here.rows == grid.whole_rows(b) && here.columns == 16 * vectors;
          if (!is_whole && !from_zero) here.Copy(here.c, stride, edge, 32);
          const Place c = {is_whole ? here.c : edge, is_whole ? stride : 32, grid.is_single(b) ? 1 : 2, vectors};
          AnyBlock(grid, run, b, from_zero, c, before,
                   [&](int step) SMLP_INLINE_LAMBDA { ahead.Advance(share * (step + 1)); });
          before = c;
          if (!is_whole) {
            StoreAll(before, static_cast<std::size_t>(grid.tile_rows));
            here.Copy(edge, 32, here.c, stride);
            before = {};
          }
        }
      }
    }
    flush();
  }

  template <bool kAdds>
  static HWY_NOINLINE void InPlace(const Left<F>& a, int rows, const void* packed, int columns, float* out,
                                   std::size_t stride, const float* bias) {
    // In bands of nearly equal height, of which a run's part of A leaves room in the second-level cache.
    const int most = kSliceBytes / (Grid(a, 1).most_steps * 64);
    const int bands = (rows + most - 1) / most, height = RoundUp((rows + bands - 1) / bands, 32);
    for (int row = 0; row < rows; row += height) {
      BandInPlace<kAdds>(a, row, rows - row < height ? rows - row : height, static_cast<const Element*>(packed),
                         columns, out, stride, bias);
    }
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
    if constexpr (std::is_same_v<Epilogue, AddTo<FloatSums>>) {
      return InPlace<true>(a, rows, packed, columns, epilogue.x, epilogue.stride, epilogue.source.bias);
    } else if constexpr (std::is_same_v<Epilogue, Store<FloatSums, Rows<Fp32>>>) {
      return InPlace<false>(a, rows, packed, columns, epilogue.sink.out, epilogue.sink.stride, epilogue.source.bias);
    }
    const std::ptrdiff_t depth = a.segments * a.depth;
    const auto right_of = [&](int column, int first_step, int) SMLP_INLINE_LAMBDA {
      const int vectors = columns - column > 16 ? 2 : 1;
      return static_cast<const Element*>(packed) + column * depth + first_step * vectors * kTileElements;
    };
    Bands<true>(a, rows, columns, right_of, epilogue);
  }

  // GELU's bytes are looked up where the range allows it.
  template <class Source, int Degree>
  static void Packed(const Left<F>& a, int rows, const void* packed, int columns,
                     const StoreGelu<Source, TileBytes, Degree>& epilogue) {
    const GeluBytes gelu(epilogue.sink);
    if (gelu.fits()) {
      Packed(a, rows, packed, columns, StoreGeluBytes<Source>{epilogue.source, epilogue.sink, &gelu});
    } else {
      Packed<StoreGelu<Source, TileBytes, Degree>>(a, rows, packed, columns, epilogue);
    }
  }

  // `columns` is a multiple of 32. B's rows are interleaved in pairs, a panel at a time; where its panels are single
  // runs, one ahead: a tile that is loaded from what has just been stored waits.
  template <class Epilogue>
  static HWY_NOINLINE void Strided(const Left<F>& a, int rows, const Element* b, std::size_t stride, int depth,
                                   int columns, const Epilogue& epilogue) {
    alignas(64) Element panels[2][kMaxSteps * 2 * kTileElements];
    const bool is_single_run = Grid::Steps(a) <= kMaxSteps;
    // No pair of rows is written to a panel's end, which must be zero.
    const auto clear_end = [&](Element* panel, int first_step, int steps) SMLP_INLINE_LAMBDA {
      const int written = (depth - first_step * kStep) / kStep;  // whole steps
      if (written >= steps) return;
      std::memset(panel + written * 2 * kTileElements, 0, static_cast<std::size_t>(steps - written) * 2 * 1024);
    };
    if (is_single_run) {
      for (Element* panel : panels) clear_end(panel, 0, Grid::Steps(a));
    }
    int turn = 0, ready = -1;  // the panel to be handed out next, and the column that it holds
    const auto right_of = [&](int column, int first_step, int steps) SMLP_INLINE_LAMBDA {
      Element* const here = panels[turn];
      if (!is_single_run) clear_end(here, first_step, steps);
      if (ready != column) Interleave(b + column, stride, first_step * kStep, depth, steps, here);
      ready = -1;
      if (is_single_run && column + 32 < columns) {
        turn ^= 1;
        ready = column + 32;
        Interleave(b + ready, stride, 0, depth, steps, panels[turn]);
      }
      return static_cast<const Element*>(here);
    };
    Bands<false>(a, rows, columns, right_of, epilogue);
  }

  // Those of rows [first, first + 32 steps) that are below `depth`, 32 columns, as steps of two tiles.
  static HWY_INLINE void Interleave(const Element* b, std::size_t stride, int first, int depth, int steps,
                                    Element* panel) {
    const hn::Full512<std::uint16_t> d;
    const auto load = [&](int k) SMLP_INLINE_LAMBDA { return hn::LoadU(d, b + static_cast<std::size_t>(k) * stride); };
    // Lane i of the pairs' first half is lane i / 2 of the even row or, 32 lanes further, of the odd one.
    const auto lane = hn::Iota(d, 0), pair = hn::ShiftRight<1>(lane);
    const auto odd = hn::ShiftLeft<5>(hn::And(lane, hn::Set(d, 1)));
    const __m512i low = hn::Or(pair, odd).raw, high = hn::Add(hn::Or(pair, odd), hn::Set(d, 16)).raw;
    for (int step = 0; step < steps; ++step, panel += 2 * kTileElements) {
      const int from = first + step * kStep, left = depth - from, pairs = left < kStep ? (left + 1) / 2 : kStep / 2;
      for (int p = 0; p < pairs; ++p) {
        const int k = from + 2 * p;
        const __m512i even = load(k).raw, next = k + 1 < depth ? load(k + 1).raw : _mm512_setzero_si512();
        _mm512_store_si512(panel + p * 32, _mm512_permutex2var_epi16(even, low, next));
        _mm512_store_si512(panel + p * 32 + kTileElements, _mm512_permutex2var_epi16(even, high, next));
      }
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
