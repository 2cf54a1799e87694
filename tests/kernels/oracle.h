// The mathematics of each step in double, from the network's description, with a bound on what a table may lose.
//
// A number is carried as (value, error): |what a table computes - value| <= error. Let u = 2^-24.
//   sum of n products + bias   error = sum |w| e_x + (n + 2) u (sum |w x| + |bias|)       (any order of summing)
//   GELU                       error = 1.13 e_x + gelu_error(x)                           (1.13: its largest slope)
//   rounding to bfloat16       [value - error, value + error] rounded at both ends: rounding is monotone, so no error
//                              at all is left unless a tie lies in between
// Products of two bfloat16 are exact in float32, so a product of pairs (vdpbf16ps) rounds no more often than n + 2
// times either. It flushes subnormals, operands and results: kSmallest each.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "base/float16.h"
#include "base/precision.h"
#include "kernels/gelu_coefficients.h"

namespace smlp::test {

constexpr double kUnit = 0x1p-24;
constexpr double kSmallest = 0x1p-126;

struct Number {
  double value = 0, error = 0;
};

// Of -inf the limit; the formula alone would give -inf * 0.
inline double exact_gelu(double x) { return std::isinf(x) && x < 0 ? -0.0 : 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }

inline double rounded_to_bfloat16(double x) { return bfloat16_to_float(float_to_bfloat16(static_cast<float>(x))); }

// What a table rounds, and which polynomial stands for its GELU.
struct Arithmetic {
  Precision precision = Precision::fp32;
  GeluPrecision gelu_precision = GeluPrecision::high_precision;
  bool starts_at_x = false;  // tiles hold the stream while products are added to it

  double weight(float w) const { return precision == Precision::fp32 ? w : rounded_to_bfloat16(w); }

  Number stored(const Number& x) const {
    if (precision == Precision::fp32) return x;
    const double low = rounded_to_bfloat16(x.value - x.error), high = rounded_to_bfloat16(x.value + x.error);
    const double middle = rounded_to_bfloat16(x.value);
    return {middle, std::max(high - middle, middle - low) + kSmallest};
  }

  // The polynomial's own error, and some float32 roundings of it and of the result.
  double gelu_error(double x) const {
    using namespace kernels;
    const bool exact = gelu_precision == GeluPrecision::high_precision;
    const double fit = precision == Precision::fp32 ? (exact ? GeluFit<17>::error : GeluFit<9>::error)
                                                    : (exact ? GeluFit<9>::error : GeluFit<5>::error);
    return fit + 4 * kUnit * std::min(std::abs(x), 6.0) + 2 * kUnit * std::abs(exact_gelu(x));
  }

  // An infinite value is no nearer to any other for its error.
  Number gelu(const Number& x) const {
    const double inherited = std::isinf(x.value) ? 0 : 1.13 * x.error;
    return {exact_gelu(x.value), inherited + gelu_error(x.value)};
  }
};

// Adds products to a sum, then closes it.
class Sum {
 public:
  void add(double weight, const Number& x) {
    value_ += weight * x.value;
    size_ += std::abs(weight * x.value);
    error_ += std::abs(weight) * x.error + kSmallest * (1 + std::abs(weight) + std::abs(x.value));
    ++count_;
  }
  void add(double weight, double x) { add(weight, Number{x, 0}); }
  Number close(double start = 0) const {
    return {value_ + start, error_ + (count_ + 2) * kUnit * (size_ + std::abs(start))};
  }

 private:
  double value_ = 0, size_ = 0, error_ = 0;
  int count_ = 0;
};

// x + (sum + bias), the sum first; or, where a table's sums start at x + bias, one sum of them all.
inline Number add(const Arithmetic& a, double x, const Sum& sum, double bias = 0) {
  if (a.starts_at_x) {
    const Number y = sum.close(x + bias);
    return {y.value, y.error + kUnit * std::abs(x + bias)};
  }
  const Number y = sum.close(bias);
  return {x + y.value, y.error + kUnit * (std::abs(x + y.value) + y.error)};
}

// A block's weights as a network has them: row-major, nothing packed.
struct PlainBlock {
  int size, channels, hidden;
  std::vector<float> pre_scale, pre_shift;       // C
  std::vector<float> depthwise, depthwise_bias;  // (C, 9), C
  std::vector<float> width, width_bias, height, height_bias;
  std::vector<float> fuse;  // (C, 3C)
  std::vector<float> fc1, fc1_bias, fc2, fc2_bias;
  float epsilon = 1e-5F;
};

// x, NHWC of one picture -> x + fuse(concat[g, mixW(g), mixH(g)])
inline std::vector<Number> token_mix(const Arithmetic& a, const PlainBlock& b, const std::vector<float>& x) {
  const int h = b.size, c_count = b.channels;
  const auto at = [&](int i, int j, int c) { return static_cast<std::size_t>((i * h + j) * c_count + c); };
  std::vector<Number> activated(x.size()), g(x.size()), out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = i % static_cast<std::size_t>(c_count);
    const double scaled = static_cast<double>(b.pre_scale[c]) * x[i], y = scaled + b.pre_shift[c];
    activated[i] = a.gelu({y, kUnit * (std::abs(scaled) + std::abs(y))});
  }
  for (int i = 0; i < h; ++i) {
    for (int j = 0; j < h; ++j) {
      for (int c = 0; c < c_count; ++c) {
        Sum sum;
        for (int di = -1; di <= 1; ++di) {
          for (int dj = -1; dj <= 1; ++dj) {
            if (i + di < 0 || i + di >= h || j + dj < 0 || j + dj >= h) continue;
            const int tap = (di + 1) * 3 + dj + 1;
            sum.add(b.depthwise[static_cast<std::size_t>(c * 9 + tap)], activated[at(i + di, j + dj, c)]);
          }
        }
        g[at(i, j, c)] = a.stored(a.gelu(sum.close(b.depthwise_bias[static_cast<std::size_t>(c)])));
      }
    }
  }
  std::vector<Number> joined(static_cast<std::size_t>(3 * c_count));
  for (int i = 0; i < h; ++i) {
    for (int j = 0; j < h; ++j) {
      for (int c = 0; c < c_count; ++c) {
        Sum along_width, along_height;
        for (int k = 0; k < h; ++k) {
          along_width.add(a.weight(b.width[static_cast<std::size_t>(j * h + k)]), g[at(i, k, c)]);
          along_height.add(a.weight(b.height[static_cast<std::size_t>(i * h + k)]), g[at(k, j, c)]);
        }
        const auto first = static_cast<std::size_t>(c), stride = static_cast<std::size_t>(c_count);
        joined[first] = g[at(i, j, c)];
        joined[first + stride] = a.stored(along_width.close(b.width_bias[static_cast<std::size_t>(j)]));
        joined[first + 2 * stride] = a.stored(along_height.close(b.height_bias[static_cast<std::size_t>(i)]));
      }
      for (int n = 0; n < c_count; ++n) {
        Sum sum;
        const float* weight = b.fuse.data() + static_cast<std::size_t>(n) * joined.size();
        for (const Number& y : joined) sum.add(a.weight(*weight++), y);
        out[at(i, j, n)] = add(a, x[at(i, j, n)], sum);
      }
    }
  }
  return out;
}

// (x - mean) / sqrt(variance + epsilon) of one pixel
inline std::vector<Number> normalise(const float* x, int count, double epsilon) {
  Sum sum;
  for (int c = 0; c < count; ++c) sum.add(1.0 / count, x[c]);
  const Number mean = sum.close();
  Sum squares;
  std::vector<Number> out;
  for (int c = 0; c < count; ++c) {
    const double centred = x[c] - mean.value, error = mean.error + kUnit * std::abs(centred);
    out.push_back({centred, error});
    squares.add(1.0 / count, Number{centred * centred, 2 * std::abs(centred) * error + error * error});
  }
  const Number variance = squares.close();
  const double root = std::sqrt(variance.value + epsilon);
  const double relative = 0.5 * variance.error / (variance.value + epsilon) + 4 * kUnit;  // of 1 / root
  for (Number& y : out) {
    y = {y.value / root, (y.error + (relative + kUnit) * (std::abs(y.value) + y.error)) / root};
  }
  return out;
}

// x + FC2(GELU(FC1(normalise(x)))), every pixel alone
inline std::vector<Number> channel_mix(const Arithmetic& a, const PlainBlock& b, const std::vector<float>& x) {
  const auto channels = static_cast<std::size_t>(b.channels), hidden = static_cast<std::size_t>(b.hidden);
  std::vector<Number> out;
  for (std::size_t pixel = 0; pixel < x.size(); pixel += channels) {
    std::vector<Number> z = normalise(x.data() + pixel, b.channels, b.epsilon);
    for (Number& y : z) y = a.stored(y);
    std::vector<Number> activated(hidden);
    for (std::size_t n = 0; n < hidden; ++n) {
      Sum sum;
      for (std::size_t k = 0; k < channels; ++k) sum.add(a.weight(b.fc1[n * channels + k]), z[k]);
      activated[n] = a.stored(a.gelu(sum.close(b.fc1_bias[n])));
    }
    for (std::size_t n = 0; n < channels; ++n) {
      Sum sum;
      for (std::size_t k = 0; k < hidden; ++k) sum.add(a.weight(b.fc2[n * hidden + k]), activated[k]);
      out.push_back(add(a, x[pixel + n], sum, b.fc2_bias[n]));
    }
  }
  return out;
}

// Patch embedding: pictures (in_channels, size * patch, size * patch) of which `image` is meant, weight
// (channels, in_channels * patch * patch) -> x, NHWC
inline std::vector<Number> stem(const Arithmetic& a, const std::vector<float>& weight, int size, int channels,
                                int in_channels, int patch, const std::vector<float>& pictures, int image) {
  const int inputs = in_channels * patch * patch, side = size * patch;
  std::vector<Number> out;
  for (int i = 0; i < size; ++i) {
    for (int j = 0; j < size; ++j) {
      for (int n = 0; n < channels; ++n) {
        Sum sum;
        for (int k = 0; k < inputs; ++k) {
          const int c = k / (patch * patch), dy = k / patch % patch, dx = k % patch;
          const float pixel = pictures[static_cast<std::size_t>(
              ((image * in_channels + c) * side + i * patch + dy) * side + j * patch + dx)];
          sum.add(a.weight(weight[static_cast<std::size_t>(n * inputs + k)]), a.stored({pixel, 0}));
        }
        out.push_back(sum.close());
      }
    }
  }
  return out;
}

// 2 x 2 pixels of `from`, NHWC of finer_size x finer_size x half, become one of x, NHWC of size x size x channels.
inline std::vector<Number> downsample(const Arithmetic& a, const std::vector<float>& weight, int size, int channels,
                                      int finer_size, int half, const std::vector<float>& from) {
  std::vector<Number> out;
  for (int i = 0; i < size; ++i) {
    for (int j = 0; j < size; ++j) {
      for (int n = 0; n < channels; ++n) {
        Sum sum;
        for (int tap = 0; tap < 4; ++tap) {
          const int pixel = (2 * i + tap / 2) * finer_size + 2 * j + tap % 2;
          for (int c = 0; c < half; ++c) {
            sum.add(a.weight(weight[static_cast<std::size_t>((n * 4 + tap) * half + c)]),
                    a.stored({from[static_cast<std::size_t>(pixel * half + c)], 0}));
          }
        }
        out.push_back(sum.close());
      }
    }
  }
  return out;
}

// logits of the mean over the pixels of a picture, NHWC
inline std::vector<Number> head(const Arithmetic& a, const std::vector<float>& weight, const std::vector<float>& bias,
                                int channels, const std::vector<float>& picture) {
  const auto width = static_cast<std::size_t>(channels), pixels = picture.size() / width;
  std::vector<Number> means, out;
  for (std::size_t c = 0; c < width; ++c) {
    Sum mean;
    for (std::size_t p = 0; p < pixels; ++p) mean.add(1.0 / static_cast<double>(pixels), picture[p * width + c]);
    means.push_back(a.stored(mean.close()));
  }
  for (std::size_t n = 0; n < bias.size(); ++n) {
    Sum sum;
    for (std::size_t c = 0; c < width; ++c) sum.add(a.weight(weight[n * width + c]), means[c]);
    out.push_back(sum.close(bias[n]));
  }
  return out;
}

}  // namespace smlp::test
