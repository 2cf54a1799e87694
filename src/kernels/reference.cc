// Layout of every activation: NHWC float32. Weights stay as they come, row-major. Nothing here is clever.
// For bf16, what the fast tables keep as bfloat16 (weights, g, mixed, normalized and hidden activations, and the inputs
// of patch embedding and head) is rounded to bfloat16 and kept as float32. For a product in int8 its inputs become
// bytes as they are, bfloat16 or not, and integers are multiplied.

#include "kernels/reference.h"

#include <cmath>
#include <cstring>

#include "base/float16.h"

namespace smlp::kernels {
namespace {

template <Precision P>
float stored(double value) {
  const auto rounded = static_cast<float>(value);
  return P == Precision::fp32 ? rounded : bfloat16_to_float(float_to_bfloat16(rounded));
}

// Of -inf the limit, -0, as in every table: the formula alone would give -inf * 0.
double gelu(double x) { return std::isinf(x) && x < 0 ? -0.0 : 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }

std::size_t packed_bytes(int outputs, int segments, int inputs) {
  return sizeof(float) * static_cast<std::size_t>(outputs) * static_cast<std::size_t>(segments * inputs);
}

template <Precision P>
void pack(const float* weight, int outputs, int segments, int inputs, void* packed) {
  auto* to = static_cast<float*>(packed);
  const std::size_t count = packed_bytes(outputs, segments, inputs) / sizeof(float);
  for (std::size_t i = 0; i < count; ++i) to[i] = stored<P>(weight[i]);
}

std::size_t packed_mix_bytes(int size) { return packed_bytes(size, 1, size); }

template <Precision P>
void pack_mix(const float* weight, int size, void* packed) {
  pack<P>(weight, size, 1, size, packed);
}

std::size_t mixed_bytes(int pixels, const Shape& shape) {
  return sizeof(float) * static_cast<std::size_t>(pixels) * static_cast<std::size_t>(shape.channels);
}

std::size_t stream_bytes(int images, const Shape& shape) { return mixed_bytes(images * shape.pixels(), shape); }

std::size_t scratch_bytes(const Shape& shape, int stem_inputs) {
  const int block = shape.channels + shape.hidden;
  return sizeof(float) * static_cast<std::size_t>(block > stem_inputs ? block : stem_inputs);
}

std::size_t packed_int8_bytes(int outputs, int segments, int inputs) {
  return static_cast<std::size_t>(outputs) * static_cast<std::size_t>(segments * inputs);
}

void pack_int8(const std::int8_t* weight, int outputs, int segments, int inputs, const ByteRange* ranges, void* packed,
               std::int32_t* start) {
  std::memcpy(packed, weight, packed_int8_bytes(outputs, segments, inputs));
  for (int n = 0; n < outputs; ++n) {
    start[n] = 0;
    for (int s = 0; s < segments; ++s) {
      for (int k = 0; k < inputs; ++k) start[n] -= *weight++ * ranges[s].zero;
    }
  }
}

void show(const Matrix& product, int segment, const float* values, int count) {
  if (product.taps == nullptr) return;
  const Tap& tap = product.taps[segment];
  tap.see(tap.context, values, 1, count, static_cast<std::size_t>(count));
}

int to_byte(double x, const ByteRange& range) {
  const float scaled = static_cast<float>(x) * range.factor + static_cast<float>(range.zero);
  return scaled > 0 ? static_cast<int>(std::nearbyint(scaled < 255.0F ? scaled : 255.0F)) : 0;  // of a NaN, 0
}

// The same of inputs x that have yet to become bytes: `segments` of them, each with `inputs` values.
template <class Store>
void multiply_int8(const Matrix& m, int segments, const float* const* x, Store store) {
  const auto* weight = static_cast<const std::int8_t*>(m.weight);
  const int inputs = m.inputs / segments;
  for (int n = 0; n < m.outputs; ++n) {
    std::int32_t sum = m.start[n];
    for (int s = 0; s < segments; ++s) {
      for (int k = 0; k < inputs; ++k) sum += *weight++ * to_byte(x[s][k], m.ranges[s]);
    }
    store(n, double{m.scale[n]} * static_cast<float>(sum) + m.bias[n]);
  }
}

// y[n] = sum_k W[n][k] x[k] + bias[n], handed to `store(n, y)`.
template <class Store>
void multiply(const Matrix& m, int inputs, const float* x, Store store) {
  if (m.is_int8()) return multiply_int8(m, 1, &x, store);
  const auto* weight = static_cast<const float*>(m.weight);
  for (int n = 0; n < m.outputs; ++n, weight += inputs) {
    double sum = m.bias == nullptr ? 0.0 : m.bias[n];
    for (int k = 0; k < inputs; ++k) sum += double{weight[k]} * x[k];
    store(n, sum);
  }
}

const float* pixel_of(const void* base, const Shape& shape, int image, int row, int column) {
  const std::size_t pixel = (static_cast<std::size_t>(image) * shape.size + row) * shape.size + column;
  return static_cast<const float*>(base) + pixel * shape.channels;
}

float* pixel_of(void* base, const Shape& shape, int image, int row, int column) {
  return const_cast<float*>(pixel_of(const_cast<const void*>(base), shape, image, row, column));
}

// Calls visit(image, row, column) for every pixel of the unit, in order.
template <class Visit>
void each_pixel(const Shape& shape, Unit unit, Visit visit) {
  for (int i = unit.image; i < unit.image + unit.images; ++i) {
    for (int row = unit.row; row < unit.row + unit.rows; ++row) {
      for (int column = 0; column < shape.size; ++column) visit(i, row, column);
    }
  }
}

template <Precision P>
void stem(const Matrix& weights, const Shape& shape, int in_channels, int patch, const float* pictures, Unit unit,
          void* x, void* scratch) {
  const std::size_t image = static_cast<std::size_t>(shape.size) * patch;
  each_pixel(shape, unit, [&](int i, int row, int column) {
    auto* inputs = static_cast<float*>(scratch);
    for (int c = 0; c < in_channels; ++c) {
      for (int dy = 0; dy < patch; ++dy) {
        for (int dx = 0; dx < patch; ++dx) {
          const std::size_t line = (static_cast<std::size_t>(i) * in_channels + c) * image + row * patch + dy;
          *inputs++ = stored<P>(pictures[line * image + column * patch + dx]);
        }
      }
    }
    float* to = pixel_of(x, shape, i, row, column);
    multiply(weights, weights.inputs, static_cast<const float*>(scratch),
             [&](int n, double y) { to[n] = static_cast<float>(y); });
  });
}

template <Precision P>
void downsample(const Matrix& weights, const Shape& finer, const void* from, const Shape& shape, Unit unit, void* x,
                void* scratch) {
  each_pixel(shape, unit, [&](int i, int row, int column) {
    auto* inputs = static_cast<float*>(scratch);
    for (int tap = 0; tap < 4; ++tap, inputs += finer.channels) {
      const float* pixel = pixel_of(from, finer, i, 2 * row + tap / 2, 2 * column + tap % 2);
      for (int c = 0; c < finer.channels; ++c) inputs[c] = stored<P>(pixel[c]);
    }
    float* to = pixel_of(x, shape, i, row, column);
    multiply(weights, 4 * finer.channels, static_cast<const float*>(scratch),
             [&](int n, double y) { to[n] = static_cast<float>(y); });
  });
}

template <Precision P>
void local(const Block& block, const Shape& shape, const void* x, Unit unit, void* g, void*) {
  each_pixel(shape, unit, [&](int i, int row, int column) {
    float* to = pixel_of(g, shape, i, row, column);
    for (int c = 0; c < shape.channels; ++c) {
      double sum = block.depthwise_bias[c];
      for (int tap = 0; tap < 9; ++tap) {
        const int y = row + tap / 3 - 1, z = column + tap % 3 - 1;
        if (y < 0 || y >= shape.size || z < 0 || z >= shape.size) continue;
        const double normalized = double{block.pre_scale[c]} * pixel_of(x, shape, i, y, z)[c] + block.pre_shift[c];
        sum += block.depthwise[tap * shape.channels + c] * gelu(normalized);
      }
      to[c] = stored<P>(gelu(sum));
    }
  });
}

template <Precision P>
void mix(const Block& block, const Shape& shape, const void* g, Unit unit, void* along_width, void* along_height) {
  const auto* width = static_cast<const float*>(block.mix_width.weight);
  const auto* height = static_cast<const float*>(block.mix_height.weight);
  auto *to_width = static_cast<float*>(along_width), *to_height = static_cast<float*>(along_height);
  each_pixel(shape, unit, [&](int i, int row, int column) {
    for (int c = 0; c < shape.channels; ++c) {
      double w = block.mix_width.bias[column], h = block.mix_height.bias[row];
      for (int k = 0; k < shape.size; ++k) {
        w += double{width[column * shape.size + k]} * pixel_of(g, shape, i, row, k)[c];
        h += double{height[row * shape.size + k]} * pixel_of(g, shape, i, k, column)[c];
      }
      const bool is_rounded = !block.fuse.is_int8();
      *to_width++ = is_rounded ? stored<P>(w) : static_cast<float>(w);
      *to_height++ = is_rounded ? stored<P>(h) : static_cast<float>(h);
    }
  });
}

void fuse(const Block& block, const Shape& shape, const void* g, const void* along_width, const void* along_height,
          Unit unit, void* x) {
  const auto *width = static_cast<const float*>(along_width), *height = static_cast<const float*>(along_height);
  const int channels = shape.channels;
  each_pixel(shape, unit, [&](int i, int row, int column) {
    const float* segments[3] = {pixel_of(g, shape, i, row, column), width, height};
    float* to = pixel_of(x, shape, i, row, column);
    for (int s = 0; s < 3; ++s) show(block.fuse, s, segments[s], channels);
    if (block.fuse.is_int8()) {
      multiply_int8(block.fuse, 3, segments, [&](int n, double y) { to[n] += static_cast<float>(y); });
    } else {
      const auto* weight = static_cast<const float*>(block.fuse.weight);
      for (int n = 0; n < channels; ++n) {
        double sum = to[n];
        for (const float* segment : segments) {
          for (int k = 0; k < channels; ++k) sum += double{*weight++} * segment[k];
        }
        to[n] = static_cast<float>(sum);
      }
    }
    width += channels;
    height += channels;
  });
}

template <Precision P>
void channel_mix(const Block& block, const Shape& shape, Unit unit, void* x, void* scratch) {
  const int channels = shape.channels;
  float *normalized = static_cast<float*>(scratch), *activated = normalized + channels;
  each_pixel(shape, unit, [&](int i, int row, int column) {
    float* stream = pixel_of(x, shape, i, row, column);
    double mean = 0, variance = 0;
    for (int c = 0; c < channels; ++c) mean += stream[c];
    mean /= channels;
    for (int c = 0; c < channels; ++c) variance += (stream[c] - mean) * (stream[c] - mean);
    const double scale = 1.0 / std::sqrt(variance / channels + block.norm_epsilon);
    const auto keep = [](const Matrix& reader, double value) {
      return reader.is_int8() ? static_cast<float>(value) : stored<P>(value);
    };
    for (int c = 0; c < channels; ++c) normalized[c] = keep(block.fc1, (stream[c] - mean) * scale);
    show(block.fc1, 0, normalized, channels);
    multiply(block.fc1, channels, normalized, [&](int n, double y) { activated[n] = keep(block.fc2, gelu(y)); });
    show(block.fc2, 0, activated, shape.hidden);
    multiply(block.fc2, shape.hidden, activated,
             [&](int n, double y) { stream[n] = static_cast<float>(stream[n] + y); });
  });
}

template <Precision P>
void head(const Matrix& weights, const Shape& shape, const void* x, int image, float* logits, void* scratch) {
  auto* mean = static_cast<float*>(scratch);
  const float* from = pixel_of(x, shape, image, 0, 0);
  for (int c = 0; c < shape.channels; ++c) {
    double sum = 0;
    for (int p = 0; p < shape.pixels(); ++p) sum += from[static_cast<std::size_t>(p) * shape.channels + c];
    mean[c] = stored<P>(sum / shape.pixels());
  }
  multiply(weights, shape.channels, mean, [&](int n, double y) { logits[n] = static_cast<float>(y); });
}

std::int64_t saturate(std::int64_t rounds) {
  volatile double tiny = 1e-20, out;
  double sums[4] = {0, 1, 2, 3};  // equal chains would be computed once
  const double a = tiny;
  for (std::int64_t r = 0; r < rounds; ++r) {
    for (double& sum : sums) sum += a * a;
  }
  out = sums[0] + sums[1] + sums[2] + sums[3];
  static_cast<void>(out);
  return 4 * rounds;
}

void read_stream(const void* x, const Shape& shape, float* nhwc) { std::memcpy(nhwc, x, stream_bytes(1, shape)); }

template <Precision P>
constexpr Kernels kTable = {.isa = "reference",
                            .precision = P,
                            .unit_pixels = 448,
                            .chunk_pixels = 784,
                            .packed_bytes = packed_bytes,
                            .pack = pack<P>,
                            .packed_int8_bytes = P == Precision::int8 ? packed_int8_bytes : nullptr,
                            .pack_int8 = P == Precision::int8 ? pack_int8 : nullptr,
                            .packed_mix_bytes = packed_mix_bytes,
                            .pack_mix = pack_mix<P>,
                            .stream_bytes = stream_bytes,
                            .local_bytes = stream_bytes,
                            .mixed_bytes = mixed_bytes,
                            .scratch_bytes = scratch_bytes,
                            .stem = stem<P>,
                            .downsample = downsample<P>,
                            .local = local<P>,
                            .mix = mix<P>,
                            .fuse = fuse,
                            .channel_mix = channel_mix<P>,
                            .head = head<P>,
                            .saturate = saturate,
                            .read_stream = read_stream};

}  // namespace

const Kernels* reference(Precision precision) {
  return precision == Precision::fp32   ? &kTable<Precision::fp32>
         : precision == Precision::bf16 ? &kTable<Precision::bf16>
                                        : &kTable<Precision::int8>;
}

}  // namespace smlp::kernels
