// The float32 table, compiled by Highway once per instruction set: AVX-512, AVX2 and the machine's baseline.
//
// Layout of x, g and the mixed buffers: NHWC, float32, no padding:  [picture][row][column][channel]

#include "kernels/simd/fp32.h"

#include <cmath>
#include <cstring>
#include <type_traits>
#include <utility>

#include "kernels/gelu_coefficients.h"

#undef SMLP_INLINE_LAMBDA
#define SMLP_INLINE_LAMBDA __attribute__((always_inline))

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/fp32.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace smlp::kernels {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

#include "kernels/simd/gelu-inl.h"
#include "kernels/simd/gemm-inl.h"
#include "kernels/simd/elementwise-inl.h"

// The two GELUs that Gelu=high_precision and Gelu=high_performance choose.
constexpr int kExactDegree = 17, kFastDegree = 9;

// Pixels that channel mixing takes at once: a multiple of the tile's rows, small enough that the hidden activations
// (alpha C each) stay in the second-level cache.
int MixPixels(const Shape& shape) {
  constexpr int kHiddenFloats = 100 * 1024, kTileRows = 14;
  const int tiles = kHiddenFloats / (shape.hidden * kTileRows);
  return kTileRows * (tiles < 4 ? 4 : tiles > 16 ? 16 : tiles);
}

// Panels as wide as two vectors, the last one half as wide where that is enough.
std::size_t PackedBytes(int outputs, int segments, int inputs) {
  const auto lanes = hn::Lanes(D());
  const std::size_t columns = (static_cast<std::size_t>(outputs) + lanes - 1) / lanes * lanes;
  return columns * static_cast<std::size_t>(segments) * static_cast<std::size_t>(inputs) * sizeof(float);
}

void Pack(const float* weight, int outputs, int segments, int inputs, void* packed) {
  const int lanes = static_cast<int>(hn::Lanes(D())), depth = segments * inputs;
  auto* to = static_cast<float*>(packed);
  for (int column = 0; column < outputs; column += 2 * lanes) {
    const int width = outputs - column > lanes ? 2 * lanes : lanes;
    for (int k = 0; k < depth; ++k) {
      for (int n = 0; n < width; ++n, ++to) {
        *to = column + n < outputs ? weight[static_cast<std::size_t>(column + n) * depth + k] : 0.0F;
      }
    }
  }
}

std::size_t PackedMixBytes(int size) { return static_cast<std::size_t>(size) * size * sizeof(float); }

void PackMix(const float* weight, int size, void* packed) { std::memcpy(packed, weight, PackedMixBytes(size)); }

std::size_t Floats(std::size_t count) { return count * sizeof(float); }

std::size_t StreamBytes(int images, const Shape& shape) {
  return Floats(static_cast<std::size_t>(images) * shape.pixels() * shape.channels);
}

std::size_t MixedBytes(int pixels, const Shape& shape) {
  return Floats(static_cast<std::size_t>(pixels) * shape.channels);
}

// The most any step asks for; the steps divide it among themselves. 64 spare floats: vectors may run over a row's end.
std::size_t ScratchBytes(const Shape& shape, int stem_inputs) {
  const auto size = static_cast<std::size_t>(shape.size), channels = static_cast<std::size_t>(shape.channels);
  const std::size_t rows = 3 * (size + 2) * channels;
  const std::size_t mix = static_cast<std::size_t>(MixPixels(shape)) * (channels + static_cast<std::size_t>(shape.hidden));
  const std::size_t patches = size * static_cast<std::size_t>(stem_inputs);
  const std::size_t most = rows > mix ? rows : mix;
  return Floats((most > patches ? most : patches) + 64);
}

// A row's patches are copied side by side: patch p holds (input channel, dy, dx).
void Stem(const Matrix& weights, const Shape& shape, int in_channels, int patch, const float* pictures, Unit unit,
          void* x, void* scratch) {
  const std::size_t image = static_cast<std::size_t>(shape.size) * patch;
  auto* patches = static_cast<float*>(scratch);
  for (int i = unit.image; i < unit.image + unit.images; ++i) {
    for (int row = unit.row; row < unit.row + unit.rows; ++row) {
      float* to = patches;
      for (int p = 0; p < shape.size; ++p) {
        for (int c = 0; c < in_channels; ++c) {
          const float* from = pictures + ((static_cast<std::size_t>(i) * in_channels + c) * image +
                                          static_cast<std::size_t>(row) * patch) * image +
                              static_cast<std::size_t>(p) * patch;
          for (int dy = 0; dy < patch; ++dy, from += image) {
            for (int dx = 0; dx < patch; ++dx) *to++ = from[dx];
          }
        }
      }
      const Left left = {{patches}, 1, static_cast<std::size_t>(weights.inputs), weights.inputs};
      auto* out = static_cast<float*>(x) + static_cast<std::size_t>(Unit{i, 1, row, 1}.first_pixel(shape)) * shape.channels;
      MultiplyPacked(left, shape.size, static_cast<const float*>(weights.weight), shape.channels,
                     StoreSum{out, static_cast<std::size_t>(shape.channels), weights.bias});
    }
  }
}

// In NHWC the two pixels of a patch's row lie side by side: segments (dy, dx) with a stride of two pixels.
void Downsample(const Matrix& weights, const Shape& shape, const void* from, Unit unit, void* x, void*) {
  const std::size_t inputs = static_cast<std::size_t>(shape.channels) / 2, width = 2 * inputs * shape.size;
  for (int i = unit.image; i < unit.image + unit.images; ++i) {
    for (int row = unit.row; row < unit.row + unit.rows; ++row) {
      const float* top = static_cast<const float*>(from) +
                         (static_cast<std::size_t>(i) * shape.size + row) * 2 * width;
      const Left left = {{top, top + inputs, top + width, top + width + inputs}, 4, 2 * inputs,
                         static_cast<int>(inputs)};
      auto* out = static_cast<float*>(x) + static_cast<std::size_t>(Unit{i, 1, row, 1}.first_pixel(shape)) * shape.channels;
      MultiplyPacked(left, shape.size, static_cast<const float*>(weights.weight), shape.channels,
                     StoreSum{out, static_cast<std::size_t>(shape.channels), weights.bias});
    }
  }
}

// Three padded rows of GELU(BN1(x)) go round in a ring: row r lies in slot (r + 1) % 3.
template <int Degree>
HWY_NOINLINE void LocalOfDegree(const Block& block, const Shape& shape, const float* x, Unit unit, float* g,
                                float* scratch) {
  const std::size_t width = static_cast<std::size_t>(shape.size) * shape.channels;
  const std::size_t padded = width + 2 * static_cast<std::size_t>(shape.channels);
  std::memset(scratch, 0, Floats(3 * padded));
  const auto slot = [&](int row) { return scratch + static_cast<std::size_t>((row + 1) % 3) * padded; };
  for (int i = unit.image; i < unit.image + unit.images; ++i) {
    const std::size_t picture = static_cast<std::size_t>(i) * shape.size * width;
    const auto activate = [&](int row) {
      if (row < 0 || row >= shape.size) {
        std::memset(slot(row), 0, Floats(padded));
      } else {
        ActivateRow<Degree>(x + picture + static_cast<std::size_t>(row) * width, block.pre_scale, block.pre_shift,
                            shape.size, shape.channels, slot(row));
      }
    };
    activate(unit.row - 1);
    activate(unit.row);
    for (int row = unit.row; row < unit.row + unit.rows; ++row) {
      activate(row + 1);
      const float* rows[3] = {slot(row - 1), slot(row), slot(row + 1)};
      ConvolveRow<Degree>(rows, block.depthwise, block.depthwise_bias, shape.size, shape.channels,
                          g + picture + static_cast<std::size_t>(row) * width);
    }
  }
}

void Local(const Block& block, const Shape& shape, const void* x, Unit unit, void* g, void* scratch) {
  const auto run = block.gelu == GeluPrecision::high_precision ? LocalOfDegree<kExactDegree> : LocalOfDegree<kFastDegree>;
  run(block, shape, static_cast<const float*>(x), unit, static_cast<float*>(g), static_cast<float*>(scratch));
}

// Along the width, a row of g is an h x C matrix; along the height, a picture of g is an h x (h C) matrix.
void Mix(const Block& block, const Shape& shape, const void* g, Unit unit, void* along_width, void* along_height) {
  const auto size = static_cast<std::size_t>(shape.size), channels = static_cast<std::size_t>(shape.channels);
  const std::size_t width = size * channels;
  const Left mix_width = {{static_cast<const float*>(block.mix_width.weight)}, 1, size, shape.size};
  const Left mix_height = {{static_cast<const float*>(block.mix_height.weight)}, 1, size, shape.size};
  auto *to_width = static_cast<float*>(along_width), *to_height = static_cast<float*>(along_height);
  for (int i = unit.image; i < unit.image + unit.images; ++i) {
    const float* picture = static_cast<const float*>(g) + static_cast<std::size_t>(i) * size * width;
    for (int row = unit.row; row < unit.row + unit.rows; ++row, to_width += width) {
      MultiplyStrided(mix_width, shape.size, picture + static_cast<std::size_t>(row) * width, channels, shape.channels,
                      StoreSumRowBias{to_width, channels, block.mix_width.bias});
    }
    MultiplyStrided(mix_height.rows_from(unit.row), unit.rows, picture, width, static_cast<int>(width),
                    StoreSumRowBias{to_height, width, block.mix_height.bias + unit.row});
    to_height += static_cast<std::size_t>(unit.rows) * width;
  }
}

void Fuse(const Block& block, const Shape& shape, const void* g, const void* along_width, const void* along_height,
          Unit unit, void* x) {
  const auto channels = static_cast<std::size_t>(shape.channels);
  const std::size_t first = static_cast<std::size_t>(unit.first_pixel(shape)) * channels;
  const Left left = {{static_cast<const float*>(g) + first, static_cast<const float*>(along_width),
                      static_cast<const float*>(along_height)}, 3, channels, shape.channels};
  MultiplyPacked(left, unit.pixels(shape), static_cast<const float*>(block.fuse.weight), shape.channels,
                 AddSum{static_cast<float*>(x) + first, channels, nullptr});
}

template <int Degree>
HWY_NOINLINE void ChannelMixOfDegree(const Block& block, const Shape& shape, Unit unit, float* x, float* scratch) {
  const auto channels = static_cast<std::size_t>(shape.channels), hidden = static_cast<std::size_t>(shape.hidden);
  const int at_once = MixPixels(shape), last = unit.first_pixel(shape) + unit.pixels(shape);
  float *normalized = scratch, *activated = scratch + static_cast<std::size_t>(at_once) * channels;
  for (int pixel = unit.first_pixel(shape); pixel < last; pixel += at_once) {
    const int pixels = last - pixel < at_once ? last - pixel : at_once;
    float* stream = x + static_cast<std::size_t>(pixel) * channels;
    NormalizePixels(stream, pixels, shape.channels, block.norm_epsilon, normalized);
    MultiplyPacked(Left{{normalized}, 1, channels, shape.channels}, pixels,
                   static_cast<const float*>(block.fc1.weight), shape.hidden,
                   StoreGelu<Degree>{activated, hidden, block.fc1.bias});
    MultiplyPacked(Left{{activated}, 1, hidden, shape.hidden}, pixels, static_cast<const float*>(block.fc2.weight),
                   shape.channels, AddSum{stream, channels, block.fc2.bias});
  }
}

void ChannelMix(const Block& block, const Shape& shape, Unit unit, void* x, void* scratch) {
  const auto run = block.gelu == GeluPrecision::high_precision ? ChannelMixOfDegree<kExactDegree>
                                                                : ChannelMixOfDegree<kFastDegree>;
  run(block, shape, unit, static_cast<float*>(x), static_cast<float*>(scratch));
}

void Head(const Matrix& weights, const Shape& shape, const void* x, int image, float* logits, void* scratch) {
  const D d;
  const int lanes = static_cast<int>(hn::Lanes(d)), pixels = shape.pixels(), channels = shape.channels;
  const float* from = static_cast<const float*>(x) + static_cast<std::size_t>(image) * pixels * channels;
  auto* mean = static_cast<float*>(scratch);
  for (int c = 0; c < channels; c += lanes) {
    V sum = hn::Zero(d);
    for (int p = 0; p < pixels; ++p) sum = hn::Add(sum, hn::LoadU(d, from + static_cast<std::size_t>(p) * channels + c));
    StorePart(hn::Div(sum, hn::Set(d, static_cast<float>(pixels))), mean + c, static_cast<std::size_t>(channels - c));
  }
  MultiplyPacked(Left{{mean}, 1, static_cast<std::size_t>(channels), channels}, 1,
                 static_cast<const float*>(weights.weight), weights.outputs,
                 StoreSum{logits, static_cast<std::size_t>(weights.outputs), weights.bias});
}

void ReadStream(const void* x, const Shape& shape, float* nhwc) { std::memcpy(nhwc, x, StreamBytes(1, shape)); }

}  // namespace

Kernels Fp32(const char* isa) {
  return {.isa = isa,
          .precision = Precision::fp32,
          .packed_bytes = PackedBytes,
          .pack = Pack,
          .packed_mix_bytes = PackedMixBytes,
          .pack_mix = PackMix,
          .stream_bytes = StreamBytes,
          .local_bytes = StreamBytes,
          .mixed_bytes = MixedBytes,
          .scratch_bytes = ScratchBytes,
          .stem = Stem,
          .downsample = Downsample,
          .local = Local,
          .mix = Mix,
          .fuse = Fuse,
          .channel_mix = ChannelMix,
          .head = Head,
          .read_stream = ReadStream};
}

}  // namespace HWY_NAMESPACE
}  // namespace smlp::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace smlp::kernels {

const Kernels* fp32_avx512() {
#if HWY_TARGETS & HWY_AVX3
  static const Kernels table = N_AVX3::Fp32("avx512");
  return &table;
#else
  return nullptr;
#endif
}

const Kernels* fp32_avx2() {
#if HWY_TARGETS & HWY_AVX2
  static const Kernels table = N_AVX2::Fp32("avx2");
  return &table;
#else
  return nullptr;
#endif
}

const Kernels* fp32_portable() {
  static const Kernels table = HWY_STATIC_DISPATCH(Fp32)("portable");
  return &table;
}

}  // namespace smlp::kernels
#endif  // HWY_ONCE
