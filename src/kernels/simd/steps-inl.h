// The table's steps for a format F, on vectors of any width. Included once per target.
//
// Layouts, all NHWC:  x    float32     [picture][row][column][C]
//                     g    F::Element  [picture][row][column][C padded to F::kGroup]; mixed and hidden likewise

#include "kernels/simd/elementwise-inl.h"

template <class F>
struct Steps {
  using Element = typename F::Element;
  using A = Left<F>;

  // --- Packing and memory

  static std::size_t PackedBytes(int outputs, int segments, int inputs) {
    const int lanes = static_cast<int>(hn::Lanes(D())), columns = (outputs + lanes - 1) / lanes * lanes;
    return sizeof(Element) * static_cast<std::size_t>(columns) * static_cast<std::size_t>(segments * Padded<F>(inputs));
  }

  // Panels as wide as two vectors, the last one half as wide where that is enough.
  static void Pack(const float* weight, int outputs, int segments, int inputs, void* packed) {
    const int lanes = static_cast<int>(hn::Lanes(D()));
    auto* to = static_cast<Element*>(packed);
    for (int column = 0; column < outputs; column += 2 * lanes) {
      const int width = outputs - column > lanes ? 2 * lanes : lanes;
      for (int s = 0; s < segments; ++s) {
        for (int k = 0; k < Padded<F>(inputs); k += F::kGroup) {
          for (int n = column; n < column + width; ++n) {
            for (int i = k; i < k + F::kGroup; ++i) {
              const bool inside = n < outputs && i < inputs;
              *to++ = F::Round(inside ? weight[(static_cast<std::size_t>(n) * segments + s) * inputs + i] : 0.0F);
            }
          }
        }
      }
    }
  }

  static std::size_t PackedMixBytes(int size) {
    return sizeof(Element) * static_cast<std::size_t>(size) * static_cast<std::size_t>(Padded<F>(size));
  }

  static void PackMix(const float* weight, int size, void* packed) {
    auto* to = static_cast<Element*>(packed);
    for (int row = 0; row < size; ++row, weight += size) {
      for (int k = 0; k < Padded<F>(size); ++k) *to++ = F::Round(k < size ? weight[k] : 0.0F);
    }
  }

  static std::size_t StreamBytes(int images, const Shape& shape) {
    return sizeof(float) * static_cast<std::size_t>(images) * shape.pixels() * shape.channels;
  }

  static std::size_t MixedBytes(int pixels, const Shape& shape) {
    return sizeof(Element) * static_cast<std::size_t>(pixels) * Padded<F>(shape.channels);
  }

  static std::size_t LocalBytes(int images, const Shape& shape) { return MixedBytes(images * shape.pixels(), shape); }

  // Pixels that channel mixing takes at once: a multiple of the tile's rows, few enough that the hidden activations
  // stay in the second-level cache.
  static int MixPixels(const Shape& shape) {
    constexpr int kHiddenBytes = 400 * 1024, kTileRows = 14;
    const int tiles = kHiddenBytes / (Padded<F>(shape.hidden) * static_cast<int>(sizeof(Element)) * kTileRows);
    return kTileRows * (tiles < 4 ? 4 : tiles > 16 ? 16 : tiles);
  }

  // The most any step asks for; the steps divide it among themselves. Vectors may run over a row's end by a little.
  static std::size_t ScratchBytes(const Shape& shape, int stem_inputs) {
    const auto size = static_cast<std::size_t>(shape.size);
    const std::size_t rows = 3 * (size + 2) * static_cast<std::size_t>(shape.channels) * sizeof(float);
    const std::size_t mix = static_cast<std::size_t>(MixPixels(shape)) * sizeof(Element) *
                            static_cast<std::size_t>(Padded<F>(shape.channels) + Padded<F>(shape.hidden));
    const std::size_t patches = size * static_cast<std::size_t>(Padded<F>(stem_inputs) + 4) * sizeof(Element);
    const std::size_t most = rows > mix ? rows : mix;
    return (most > patches ? most : patches) + 256;
  }

  // --- Patch embedding

  static float* PixelRow(void* x, const Shape& shape, int image, int row) {
    return static_cast<float*>(x) + static_cast<std::size_t>(image * shape.size + row) * shape.size * shape.channels;
  }

  // A row's patches are copied side by side: patch p holds (input channel, dy, dx).
  static void Stem(const Matrix& weights, const Shape& shape, int in_channels, int patch, const float* pictures,
                   Unit unit, void* x, void* scratch) {
    const std::size_t image = static_cast<std::size_t>(shape.size) * patch;
    auto* patches = static_cast<Element*>(scratch);
    const int depth = Padded<F>(weights.inputs);
    for (int i = unit.image; i < unit.image + unit.images; ++i) {
      for (int row = unit.row; row < unit.row + unit.rows; ++row) {
        for (int p = 0; p < shape.size; ++p) {
          Element* to = patches + static_cast<std::size_t>(p) * depth;
          to[depth - 1] = 0;
          for (int c = 0; c < in_channels; ++c) {
            const float* from =
                pictures +
                ((static_cast<std::size_t>(i) * in_channels + c) * image + static_cast<std::size_t>(row) * patch) *
                    image +
                static_cast<std::size_t>(p) * patch;
            for (int dy = 0; dy < patch; ++dy, from += image) {
              for (int dx = 0; dx < patch; ++dx) *to++ = F::Round(from[dx]);
            }
          }
        }
        MultiplyPacked<F>(A{{patches}, 1, static_cast<std::size_t>(depth), depth}, shape.size, weights.weight,
                          shape.channels, RowOfX(shape, x, i, row));
      }
    }
  }

  static StoreSum<Fp32> RowOfX(const Shape& shape, void* x, int image, int row) {
    return {PixelRow(x, shape, image, row), static_cast<std::size_t>(shape.channels), nullptr};
  }

  // A row's 2 x 2 patches, each as four segments (dy, dx) of the finer stage's channels.
  static void Downsample(const Matrix& weights, const Shape& finer, const void* from, const Shape& shape, Unit unit,
                         void* x, void* scratch) {
    const int inputs = finer.channels, padded = Padded<F>(inputs), lanes = static_cast<int>(hn::Lanes(D()));
    const std::size_t width = static_cast<std::size_t>(finer.size) * inputs;
    auto* patches = static_cast<Element*>(scratch);
    for (int i = unit.image; i < unit.image + unit.images; ++i) {
      for (int row = unit.row; row < unit.row + unit.rows; ++row) {
        const float* top = static_cast<const float*>(from) + static_cast<std::size_t>(i * finer.size + 2 * row) * width;
        Element* to = patches;
        for (int p = 0; p < shape.size; ++p) {
          for (int tap = 0; tap < 4; ++tap, to += padded) {
            const float* pixel =
                top + static_cast<std::size_t>(tap / 2) * width + static_cast<std::size_t>(2 * p + tap % 2) * inputs;
            for (int c = 0; c < inputs; c += lanes) {
              StorePart<F>(hn::LoadU(D(), pixel + c), to + c, static_cast<std::size_t>(inputs - c));
            }
          }
        }
        MultiplyPacked<F>(A{{patches}, 1, static_cast<std::size_t>(4 * padded), 4 * padded}, shape.size, weights.weight,
                          shape.channels, RowOfX(shape, x, i, row));
      }
    }
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
        ConvolveRow<F, Degree>(rows, block.depthwise, block.depthwise_bias, shape.size, shape.channels,
                               g + (picture + static_cast<std::size_t>(row) * size) * g_stride, g_stride);
      }
    }
  }

  static void Local(const Block& block, const Shape& shape, const void* x, Unit unit, void* g, void* scratch) {
    const auto run =
        block.gelu == GeluPrecision::high_precision ? LocalOfDegree<F::kExactGelu> : LocalOfDegree<F::kFastGelu>;
    run(block, shape, static_cast<const float*>(x), unit, static_cast<Element*>(g), static_cast<float*>(scratch));
  }

  // Along the width, a row of g is an h x C matrix; along the height, a picture of g is an h x (h C) matrix.
  static void Mix(const Block& block, const Shape& shape, const void* g, Unit unit, void* along_width,
                  void* along_height) {
    const int size = shape.size, depth = Padded<F>(size), channels = Padded<F>(shape.channels);
    const std::size_t pixel = static_cast<std::size_t>(channels), width = pixel * static_cast<std::size_t>(size);
    const A by_width = {
        {static_cast<const Element*>(block.mix_width.weight)}, 1, static_cast<std::size_t>(depth), depth};
    const A by_height = {
        {static_cast<const Element*>(block.mix_height.weight)}, 1, static_cast<std::size_t>(depth), depth};
    auto *to_width = static_cast<Element*>(along_width), *to_height = static_cast<Element*>(along_height);
    for (int i = unit.image; i < unit.image + unit.images; ++i) {
      const Element* picture = static_cast<const Element*>(g) + static_cast<std::size_t>(i) * size * width;
      for (int row = unit.row; row < unit.row + unit.rows; ++row, to_width += width) {
        MultiplyStrided<F>(by_width, size, picture + static_cast<std::size_t>(row) * width, pixel, size, channels,
                           StoreSumRowBias<F>{to_width, pixel, block.mix_width.bias});
      }
      MultiplyStrided<F>(by_height.rows_from(unit.row), unit.rows, picture, width, size, size * channels,
                         StoreSumRowBias<F>{to_height, width, block.mix_height.bias + unit.row});
      to_height += static_cast<std::size_t>(unit.rows) * width;
    }
  }

  static void Fuse(const Block& block, const Shape& shape, const void* g, const void* along_width,
                   const void* along_height, Unit unit, void* x) {
    const int depth = Padded<F>(shape.channels);
    const auto first = static_cast<std::size_t>(unit.first_pixel(shape)), stride = static_cast<std::size_t>(depth);
    const A left = {{static_cast<const Element*>(g) + first * stride, static_cast<const Element*>(along_width),
                     static_cast<const Element*>(along_height)},
                    3,
                    stride,
                    depth};
    const auto channels = static_cast<std::size_t>(shape.channels);
    MultiplyPacked<F>(left, unit.pixels(shape), block.fuse.weight, shape.channels,
                      AddSum{static_cast<float*>(x) + first * channels, channels, nullptr});
  }

  // --- Channel mixing

  template <int Degree>
  static HWY_NOINLINE void ChannelMixOfDegree(const Block& block, const Shape& shape, Unit unit, float* x,
                                              Element* scratch) {
    const auto channels = static_cast<std::size_t>(shape.channels);
    const int depth = Padded<F>(shape.channels), hidden = Padded<F>(shape.hidden);
    const auto depth_stride = static_cast<std::size_t>(depth), hidden_stride = static_cast<std::size_t>(hidden);
    const int at_once = MixPixels(shape), last = unit.first_pixel(shape) + unit.pixels(shape);
    Element *normalized = scratch, *activated = scratch + static_cast<std::size_t>(at_once) * depth_stride;
    for (int pixel = unit.first_pixel(shape); pixel < last; pixel += at_once) {
      const int pixels = last - pixel < at_once ? last - pixel : at_once;
      float* stream = x + static_cast<std::size_t>(pixel) * channels;
      NormalizePixels<F>(stream, pixels, shape.channels, block.norm_epsilon, normalized, depth_stride);
      MultiplyPacked<F>(A{{normalized}, 1, depth_stride, depth}, pixels, block.fc1.weight, shape.hidden,
                        StoreGelu<F, Degree>{activated, hidden_stride, block.fc1.bias});
      MultiplyPacked<F>(A{{activated}, 1, hidden_stride, hidden}, pixels, block.fc2.weight, shape.channels,
                        AddSum{stream, channels, block.fc2.bias});
    }
  }

  static void ChannelMix(const Block& block, const Shape& shape, Unit unit, void* x, void* scratch) {
    const auto run = block.gelu == GeluPrecision::high_precision ? ChannelMixOfDegree<F::kExactGelu>
                                                                 : ChannelMixOfDegree<F::kFastGelu>;
    run(block, shape, unit, static_cast<float*>(x), static_cast<Element*>(scratch));
  }

  // --- Head

  static void Head(const Matrix& weights, const Shape& shape, const void* x, int image, float* logits, void* scratch) {
    const D d;
    const int lanes = static_cast<int>(hn::Lanes(d)), pixels = shape.pixels(), channels = shape.channels;
    const float* from = PixelRow(const_cast<void*>(x), shape, image, 0);
    auto* mean = static_cast<Element*>(scratch);
    for (int c = 0; c < channels; c += lanes) {
      V sum = hn::Zero(d);
      for (int p = 0; p < pixels; ++p)
        sum = hn::Add(sum, hn::LoadU(d, from + static_cast<std::size_t>(p) * channels + c));
      StorePart<F>(hn::Div(sum, hn::Set(d, static_cast<float>(pixels))), mean + c,
                   static_cast<std::size_t>(channels - c));
    }
    const int depth = Padded<F>(channels);
    MultiplyPacked<F>(A{{mean}, 1, static_cast<std::size_t>(depth), depth}, 1, weights.weight, weights.outputs,
                      StoreSum<Fp32>{logits, static_cast<std::size_t>(weights.outputs), weights.bias});
  }

  // --- Measuring

  // Twelve independent chains: enough to hide the latency of a product on every processor, few enough for 16 registers.
  static std::int64_t Saturate(std::int64_t rounds) {
    constexpr int kChains = 12;
    alignas(4) Element tiny[2] = {F::Round(1e-20F), F::Round(1e-20F)};
    const typename F::Left a = F::Broadcast(tiny);
    V sum[kChains];
    // Each chain starts elsewhere: equal ones would be computed once.
    Unroll(kUpTo<kChains>, [&](auto i) SMLP_INLINE_LAMBDA { sum[i] = hn::Set(D(), static_cast<float>(i)); });
    const typename F::Right b = F::LoadOnes();
    for (std::int64_t r = 0; r < rounds; ++r) {
      Unroll(kUpTo<kChains>, [&](auto i) SMLP_INLINE_LAMBDA { sum[i] = F::MultiplyAdd(a, b, sum[i]); });
    }
    V total = hn::Zero(D());
    Unroll(kUpTo<kChains>, [&](auto i) SMLP_INLINE_LAMBDA { total = hn::Add(total, sum[i]); });
    // Never so large; but the compiler cannot know, and keeps the loop.
    const std::int64_t impossible = hn::GetLane(total) > 1e30F ? 1 : 0;
    return rounds * kChains * F::kGroup * static_cast<std::int64_t>(hn::Lanes(D())) + impossible;
  }

  static void ReadStream(const void* x, const Shape& shape, float* nhwc) {
    std::memcpy(nhwc, x, StreamBytes(1, shape));
  }

  static Kernels Table(const char* isa) {
    return {.isa = isa,
            .precision = F::kPrecision,
            .packed_bytes = PackedBytes,
            .pack = Pack,
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
            .saturate = Saturate,
            .read_stream = ReadStream};
  }
};
