// The table's steps for a format F, on vectors of any width. Included once per target.
//
// Layouts, all NHWC:  x    float32     [picture][row][column][C]
//                     g    F::Element  [picture][row][column][C padded to F::kGroup]; mixed and hidden likewise
//
// Where fuse is a product of bytes, the unit's mixed activations and, after those along the width, its g are bytes:
// [pixel][C padded as g's].

#include "kernels/simd/elementwise-inl.h"

template <class F>
struct Steps {
  using Element = typename F::Element;
  using A = Left<F>;
  using Q = typename F::Bytes;
  static constexpr bool kHasInt8 = F::kPrecision == Precision::bf16;  // tables of the others take no such weights

  // --- Packing and memory

  static std::size_t RowBytes(int rows, int count) {
    return sizeof(Element) * static_cast<std::size_t>(rows) * static_cast<std::size_t>(Padded<F>(count));
  }

  static std::size_t PackedMixBytes(int size) { return RowBytes(size + Gemm<F>::kSlackRows, size); }

  static void PackMix(const float* weight, int size, void* packed) {
    auto* to = static_cast<Element*>(packed);
    for (int row = 0; row < size; ++row, weight += size) {
      for (int k = 0; k < Padded<F>(size); ++k) *to++ = F::Round(k < size ? weight[k] : 0.0F);
    }
    std::memset(to, 0, RowBytes(Gemm<F>::kSlackRows, size));
  }

  static std::size_t StreamBytes(int images, const Shape& shape) {
    return sizeof(float) * static_cast<std::size_t>(images) * shape.pixels() * shape.channels;
  }

  static std::size_t MixedBytes(int pixels, const Shape& shape) {
    return RowBytes(pixels + Gemm<F>::kSlackRows, shape.channels);
  }

  static std::size_t LocalBytes(int images, const Shape& shape) { return MixedBytes(images * shape.pixels(), shape); }

  // Pixels that channel mixing takes at once.
  static int MixPixels(const Shape& shape) {
    constexpr int kStep = Gemm<F>::kMixRows;
    const int blocks = Gemm<F>::kHiddenBytes / static_cast<int>(RowBytes(kStep, shape.hidden));
    return kStep * (blocks < 4 ? 4 : blocks > 16 ? 16 : blocks);
  }

  // The most any step asks for; the steps divide it among themselves. Vectors may run over a row's end by a little.
  static std::size_t ScratchBytes(const Shape& shape, int stem_inputs) {
    const std::size_t ring =
        3 * static_cast<std::size_t>(shape.size + 2) * static_cast<std::size_t>(shape.channels) * sizeof(float);
    const int mixed = MixPixels(shape) + Gemm<F>::kSlackRows;
    const std::size_t mix = RowBytes(mixed, shape.channels) + RowBytes(mixed, shape.hidden);
    // Downsampling pads each of its four segments.
    const int patch_rows = PatchRows(shape) * shape.size + Gemm<F>::kSlackRows;
    const std::size_t patches = 4 * RowBytes(patch_rows, (stem_inputs + 3) / 4);
    const std::size_t most = ring > mix ? ring : mix;
    return (most > patches ? most : patches) + 256;
  }

  // --- Patch embedding

  // Patches of some rows are copied side by side, and multiplied when there are enough of them to reuse the weights.
  static int PatchRows(const Shape& shape) {
    constexpr int kPatches = 112;
    return shape.size < kPatches ? kPatches / shape.size : 1;
  }

  // gather(image, row, to) copies a row's patches, of `segments` segments of `inputs` values.
  template <class GatherRow>
  static void MultiplyPatches(const Matrix& weights, int segments, int inputs, const Shape& shape, Unit unit, void* x,
                              void* scratch, const GatherRow& gather) {
    auto* patches = static_cast<Element*>(scratch);
    const int depth = segments * Padded<F>(inputs), rows = unit.images * unit.rows, at_once = PatchRows(shape);
    const auto row_elements = static_cast<std::size_t>(shape.size) * static_cast<std::size_t>(depth);
    const auto channels = static_cast<std::size_t>(shape.channels);
    float* to = static_cast<float*>(x) + static_cast<std::size_t>(unit.first_pixel(shape)) * channels;
    for (int first = 0; first < rows; first += at_once) {
      const int some = rows - first < at_once ? rows - first : at_once;
      for (int r = 0; r < some; ++r) {
        const int row = first + r;
        gather(unit.image + row / unit.rows, unit.row + row % unit.rows,
               patches + static_cast<std::size_t>(r) * row_elements);
      }
      Gemm<F>::Packed(A{{patches}, 1, static_cast<std::size_t>(depth), depth}, some * shape.size, weights.weight,
                      shape.channels, Store<FloatSums, Rows<Fp32>>{{nullptr}, {to, channels}});
      to += static_cast<std::size_t>(some * shape.size) * channels;
    }
  }

  // Patch p holds (input channel, dy, dx).
  static void Stem(const Matrix& weights, const Shape& shape, int in_channels, int patch, const float* pictures,
                   Unit unit, void* x, void* scratch) {
    const std::size_t image = static_cast<std::size_t>(shape.size) * patch;
    const int depth = Padded<F>(weights.inputs);
    const auto gather = [&](int i, int row, Element* patches) {
      for (int c = 0; c < in_channels; ++c) {
        const float* from =
            pictures +
            ((static_cast<std::size_t>(i) * in_channels + c) * image + static_cast<std::size_t>(row) * patch) * image;
        for (int dy = 0; dy < patch; ++dy, from += image) {
          Element* to = patches + (c * patch + dy) * patch;
          if (patch == 4) {
            CutRow<4>(from, shape.size, to, depth);
          } else {
            for (int p = 0; p < shape.size; ++p) {
              for (int dx = 0; dx < patch; ++dx) to[p * depth + dx] = F::Round(from[p * patch + dx]);
            }
          }
        }
      }
      for (int p = 0; p < shape.size; ++p) {
        for (int k = weights.inputs; k < depth; ++k) patches[p * depth + k] = 0;
      }
    };
    MultiplyPatches(weights, 1, weights.inputs, shape, unit, x, scratch, gather);
  }

  // `pieces` times Size values, one piece every `depth` elements.
  template <int Size>
  static void CutRow(const float* from, int pieces, Element* to, int depth) {
    const D d;
    const int lanes = static_cast<int>(hn::Lanes(d)), total = pieces * Size;
    HWY_ALIGN Element rounded[HWY_MAX_BYTES / sizeof(float) + Size];
    int i = 0;
    for (; lanes % Size == 0 && i + lanes <= total; i += lanes) {
      F::Store(hn::LoadU(d, from + i), rounded);
      for (int piece = 0; piece < lanes; piece += Size, to += depth) {
        std::memcpy(to, rounded + piece, Size * sizeof(Element));
      }
    }
    for (; i < total; i += Size, to += depth) {
      for (int k = 0; k < Size; ++k) to[k] = F::Round(from[i + k]);
    }
  }

  // A 2 x 2 patch is four segments (dy, dx) of the finer stage's channels.
  static void Downsample(const Matrix& weights, const Shape& finer, const void* from, const Shape& shape, Unit unit,
                         void* x, void* scratch) {
    const int inputs = finer.channels, lanes = static_cast<int>(hn::Lanes(D()));
    const std::size_t width = static_cast<std::size_t>(finer.size) * inputs;
    const auto gather = [&](int i, int row, Element* to) {
      const float* top = static_cast<const float*>(from) + static_cast<std::size_t>(i * finer.size + 2 * row) * width;
      for (int p = 0; p < shape.size; ++p) {
        for (int tap = 0; tap < 4; ++tap, to += Padded<F>(inputs)) {
          const float* pixel =
              top + static_cast<std::size_t>(tap / 2) * width + static_cast<std::size_t>(2 * p + tap % 2) * inputs;
          for (int c = 0; c < inputs; c += lanes) {
            StorePart<F>(hn::LoadU(D(), pixel + c), to + c, static_cast<std::size_t>(inputs - c));
          }
          ClearPadding<F>(to, 1, inputs);
        }
      }
    };
    MultiplyPatches(weights, 4, inputs, shape, unit, x, scratch, gather);
  }

  // --- Token mixing

  // Three padded rows of GELU(BN1(x)) go round in a ring: row r lies in slot (r + 1) % 3.
  template <int Degree>
  static HWY_NOINLINE void LocalOfDegree(const Block& block, const Shape& shape, const float* x, Unit unit, Element* g,
                                         float* ring) {
    const auto size = static_cast<std::size_t>(shape.size), channels = static_cast<std::size_t>(shape.channels);
    const std::size_t padded = (size + 2) * channels, g_stride = static_cast<std::size_t>(Padded<F>(shape.channels));
    std::memset(ring, 0, 3 * padded * sizeof(float));
    const auto slot = [&](int row) { return ring + static_cast<std::size_t>((row + 1) % 3) * padded; };
    for (int i = unit.image; i < unit.image + unit.images; ++i) {
      const std::size_t picture = static_cast<std::size_t>(i) * size * size;
      const auto activate = [&](int row) {
        if (row < 0 || row >= shape.size) {
          std::memset(slot(row), 0, padded * sizeof(float));
        } else {
          ActivateRow<Degree>(x + (picture + static_cast<std::size_t>(row) * size) * channels, block.pre_scale,
                              block.pre_shift, shape.size, shape.channels, slot(row));
        }
      };
      activate(unit.row - 1);
      activate(unit.row);
      for (int row = unit.row; row < unit.row + unit.rows; ++row) {
        activate(row + 1);
        const float* rows[3] = {slot(row - 1), slot(row), slot(row + 1)};
        Element* to = g + (picture + static_cast<std::size_t>(row) * size) * g_stride;
        ConvolveRow<F, Degree>(rows, block.depthwise, block.depthwise_bias, shape.size, shape.channels, to, g_stride);
        ClearPadding<F>(to, shape.size, shape.channels);
      }
    }
  }

  static void Local(const Block& block, const Shape& shape, const void* x, Unit unit, void* g, void* scratch) {
    auto run = block.gelu == GeluPrecision::high_precision ? LocalOfDegree<F::kExactGelu> : LocalOfDegree<F::kFastGelu>;
    if constexpr (kHasInt8) {
      if (block.fuse.is_int8()) run = LocalOfDegree<Q::kGelu>;  // since g becomes bytes
    }
    run(block, shape, static_cast<const float*>(x), unit, static_cast<Element*>(g), static_cast<float*>(scratch));
  }

  // g of the unit's pixels as bytes, in the buffer of what is mixed along the width.
  static std::uint8_t* LocalBytesOf(void* along_width, const Shape& shape, Unit unit) {
    return static_cast<std::uint8_t*>(along_width) + MixedBytes(unit.pixels(shape), shape) / sizeof(Element);
  }

  static void Mix(const Block& block, const Shape& shape, const void* g, Unit unit, void* along_width,
                  void* along_height) {
    const auto channels = static_cast<std::size_t>(Padded<F>(shape.channels)),
               width = channels * static_cast<std::size_t>(shape.size);
    if constexpr (kHasInt8) {
      if (block.fuse.is_int8()) {
        const ByteRange* ranges = block.fuse.ranges;
        MixTo(block, shape, g, unit, ByteRows<Q>(along_width, channels, ranges[1]),
              ByteRows<Q>(along_height, width, ranges[2]));
        const auto first = static_cast<std::size_t>(unit.first_pixel(shape)),
                   pixels = static_cast<std::size_t>(unit.pixels(shape));
        ToBytes<F>(static_cast<const Element*>(g) + first * channels, pixels * channels,
                   ByteRows<Q>(LocalBytesOf(along_width, shape, unit), 0, ranges[0]));
        return;
      }
    }
    MixTo(block, shape, g, unit, Rows<F>{static_cast<Element*>(along_width), channels},
          Rows<F>{static_cast<Element*>(along_height), width});
  }

  // Along the width, a row of g is an h x C matrix; along the height, a picture of g is an h x (h C) matrix.
  template <class Sink>
  static void MixTo(const Block& block, const Shape& shape, const void* g, Unit unit, Sink to_width, Sink to_height) {
    const int size = shape.size, depth = Padded<F>(size), channels = Padded<F>(shape.channels);
    const std::size_t pixel = static_cast<std::size_t>(channels), width = pixel * static_cast<std::size_t>(size);
    const A by_width = {
        {static_cast<const Element*>(block.mix_width.weight)}, 1, static_cast<std::size_t>(depth), depth};
    const A by_height = {
        {static_cast<const Element*>(block.mix_height.weight)}, 1, static_cast<std::size_t>(depth), depth};
    for (int i = unit.image; i < unit.image + unit.images; ++i) {
      const Element* picture = static_cast<const Element*>(g) + static_cast<std::size_t>(i) * size * width;
      for (int row = unit.row; row < unit.row + unit.rows; ++row, to_width.out += width) {
        Gemm<F>::Strided(by_width, size, picture + static_cast<std::size_t>(row) * width, pixel, size, channels,
                         StoreRowBias<Sink>{block.mix_width.bias, to_width});
      }
      Gemm<F>::Strided(by_height.rows_from(unit.row), unit.rows, picture, width, size, size * channels,
                       StoreRowBias<Sink>{block.mix_height.bias + unit.row, to_height});
      to_height.out += static_cast<std::size_t>(unit.rows) * width;
    }
  }

  static void Fuse(const Block& block, const Shape& shape, const void* g, const void* along_width,
                   const void* along_height, Unit unit, void* x) {
    const auto first = static_cast<std::size_t>(unit.first_pixel(shape)),
               stride = static_cast<std::size_t>(Padded<F>(shape.channels)),
               channels = static_cast<std::size_t>(shape.channels);
    float* const to = static_cast<float*>(x) + first * channels;
    if constexpr (kHasInt8) {
      if (block.fuse.is_int8()) {
        const Left<Q> bytes = {
            {LocalBytesOf(const_cast<void*>(along_width), shape, unit), static_cast<const std::uint8_t*>(along_width),
             static_cast<const std::uint8_t*>(along_height)},
            3,
            stride,
            Padded<Q>(shape.channels)};
        Gemm<Q>::Packed(bytes, unit.pixels(shape), block.fuse.weight, shape.channels,
                        AddToFar<Int8Sums>{{Int8Sums(block.fuse), to, channels}});
        return;
      }
    }
    const A left = {{static_cast<const Element*>(g) + first * stride, static_cast<const Element*>(along_width),
                     static_cast<const Element*>(along_height)},
                    3,
                    stride,
                    Padded<F>(shape.channels)};
    for (int s = 0; s < 3; ++s) Show(block.fuse, s, left.segment[s], unit.pixels(shape), shape.channels, stride);
    Gemm<F>::Packed(left, unit.pixels(shape), block.fuse.weight, shape.channels,
                    AddTo<FloatSums>{{nullptr}, to, channels});
  }

  static void Show(const Matrix& product, int segment, const void* values, int rows, int columns, std::size_t stride) {
    if constexpr (F::kPrecision == Precision::fp32) {
      if (product.taps == nullptr) return;
      const Tap& tap = product.taps[segment];
      tap.see(tap.context, static_cast<const float*>(values), rows, columns, stride);
    }
  }

  // --- Channel mixing

  // What a dense layer reads and how its sums become numbers, in the format G.
  template <class G>
  static auto SourceOf(const Matrix& m) {
    if constexpr (std::is_same_v<G, Q>) {
      return Int8Sums(m);
    } else {
      return FloatSums{m.bias};
    }
  }
  template <class G>
  static auto SinkOf(typename G::Element* to, std::size_t stride, const Matrix& reader) {
    if constexpr (std::is_same_v<G, Q>) {
      return ByteRows<Q>(to, stride, reader.ranges[0]);
    } else {
      static_cast<void>(reader);
      return Rows<F>{to, stride};
    }
  }

  // In and Hidden are the formats of FC1's product and of FC2's.
  template <class In, class Hidden, int Degree>
  static HWY_NOINLINE void ChannelMixOf(const Block& block, const Shape& shape, Unit unit, float* x, void* scratch) {
    const auto channels = static_cast<std::size_t>(shape.channels);
    const int depth = Padded<In>(shape.channels), hidden = Padded<Hidden>(shape.hidden);
    const auto depth_stride = static_cast<std::size_t>(depth), hidden_stride = static_cast<std::size_t>(hidden);
    // In parts of nearly equal size.
    const int first = unit.first_pixel(shape), last = first + unit.pixels(shape);
    const int parts = (last - first + MixPixels(shape) - 1) / MixPixels(shape);
    const int at_once = RoundUp((last - first + parts - 1) / parts, Gemm<F>::kMixRows);
    auto* const normalized = static_cast<typename In::Element*>(scratch);
    auto* const activated = reinterpret_cast<typename Hidden::Element*>(
        static_cast<std::byte*>(scratch) + RowBytes(at_once + Gemm<F>::kSlackRows, shape.channels));
    ClearPadding<In>(normalized, at_once, shape.channels);
    ClearPadding<Hidden>(activated, at_once, shape.hidden);
    const auto to_normalized = SinkOf<In>(normalized, depth_stride, block.fc1);
    const auto to_activated = SinkOf<Hidden>(activated, hidden_stride, block.fc2);
    const auto sums1 = SourceOf<In>(block.fc1);
    const auto sums2 = SourceOf<Hidden>(block.fc2);
    for (int pixel = first; pixel < last; pixel += at_once) {
      const int pixels = last - pixel < at_once ? last - pixel : at_once;
      float* stream = x + static_cast<std::size_t>(pixel) * channels;
      NormalizePixels(stream, pixels, shape.channels, block.norm_epsilon, to_normalized);
      Show(block.fc1, 0, normalized, pixels, shape.channels, depth_stride);
      Gemm<In>::Packed(
          Left<In>{{normalized}, 1, depth_stride, depth}, pixels, block.fc1.weight, shape.hidden,
          StoreGelu<std::remove_const_t<decltype(sums1)>, std::remove_const_t<decltype(to_activated)>, Degree>{
              sums1, to_activated});
      Show(block.fc2, 0, activated, pixels, shape.hidden, hidden_stride);
      Gemm<Hidden>::Packed(Left<Hidden>{{activated}, 1, hidden_stride, hidden}, pixels, block.fc2.weight,
                           shape.channels, AddTo<std::remove_const_t<decltype(sums2)>>{sums2, stream, channels});
    }
  }

  static void ChannelMix(const Block& block, const Shape& shape, Unit unit, void* x, void* scratch) {
    const bool exact = block.gelu == GeluPrecision::high_precision;
    auto run = exact ? ChannelMixOf<F, F, F::kExactGelu> : ChannelMixOf<F, F, F::kFastGelu>;
    if constexpr (kHasInt8) {
      const bool is_fc1_int8 = block.fc1.is_int8();
      if (block.fc2.is_int8()) {
        run = is_fc1_int8 ? ChannelMixOf<Q, Q, Q::kGelu> : ChannelMixOf<F, Q, Q::kGelu>;
      } else if (is_fc1_int8) {
        run = exact ? ChannelMixOf<Q, F, F::kExactGelu> : ChannelMixOf<Q, F, F::kFastGelu>;
      }
    }
    run(block, shape, unit, static_cast<float*>(x), scratch);
  }

  // --- Head

  static void Head(const Matrix& weights, const Shape& shape, const void* x, int image, float* logits, void* scratch) {
    const D d;
    const int lanes = static_cast<int>(hn::Lanes(d)), pixels = shape.pixels(), channels = shape.channels;
    const float* from = static_cast<const float*>(x) + static_cast<std::size_t>(image * pixels) * channels;
    auto* mean = static_cast<Element*>(scratch);
    for (int c = 0; c < channels; c += lanes) {
      V sum = hn::Zero(d);
      for (int p = 0; p < pixels; ++p)
        sum = hn::Add(sum, hn::LoadU(d, from + static_cast<std::size_t>(p) * channels + c));
      StorePart<F>(hn::Div(sum, hn::Set(d, static_cast<float>(pixels))), mean + c,
                   static_cast<std::size_t>(channels - c));
    }
    ClearPadding<F>(mean, 1, channels);
    const int depth = Padded<F>(channels);
    Gemm<F>::Packed(A{{mean}, 1, static_cast<std::size_t>(depth), depth}, 1, weights.weight, weights.outputs,
                    Store<FloatSums, Rows<Fp32>>{{weights.bias}, {logits, static_cast<std::size_t>(weights.outputs)}});
  }

  // --- Reading

  static void ReadStream(const void* x, const Shape& shape, float* nhwc) {
    std::memcpy(nhwc, x, StreamBytes(1, shape));
  }

  // --- Weights of products in bytes

  static void PackInt8(const std::int8_t* weight, int outputs, int segments, int inputs, const ByteRange* ranges,
                       void* packed, std::int32_t* start) {
    Gemm<Q>::Pack(weight, outputs, segments, inputs, packed);
    for (int n = 0; n < outputs; ++n) {
      std::int32_t zeros = 0;
      for (int s = 0; s < segments; ++s, weight += inputs) {
        std::int32_t sum = 0;
        for (int k = 0; k < inputs; ++k) sum += weight[k];
        zeros += sum * (ranges[s].zero - Q::kOffset);
      }
      start[n] = -zeros;
    }
  }

  // --- The table

  static constexpr Kernels Table(const char* isa) {
    return {.isa = isa,
            .precision = F::kPrecision,
            .unit_pixels = Gemm<F>::kUnitPixels,
            .chunk_pixels = Gemm<F>::kChunkPixels,
            .packed_bytes = Gemm<F>::PackedBytes,
            .pack = Gemm<F>::template Pack<float>,
            .packed_int8_bytes = nullptr,
            .pack_int8 = nullptr,
            .packed_mix_bytes = PackedMixBytes,
            .pack_mix = PackMix,
            .stream_bytes = StreamBytes,
            .local_bytes = LocalBytes,
            .mixed_bytes = MixedBytes,
            .scratch_bytes = ScratchBytes,
            .stem = Stem,
            .downsample = Downsample,
            .local = Local,
            .mix = Mix,
            .fuse = Fuse,
            .channel_mix = ChannelMix,
            .head = Head,
            .saturate = Gemm<F>::Saturate,
            .read_stream = ReadStream};
  }

  // For networks with products in int8; what is not in int8 is as in the table above.
  static constexpr Kernels Int8Table(const char* isa) {
    Kernels table = Table(isa);
    table.precision = Precision::int8;
    table.packed_int8_bytes = Gemm<Q>::PackedBytes;
    table.pack_int8 = PackInt8;
    table.saturate = Gemm<Q>::Saturate;
    return table;
  }
};
