#include "image/resample_weights.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace smlp::image {
namespace {

// Pillow's filters, each in the order of operations that Pillow uses.

double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

double triangle(double x) {
  x = std::abs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

// Pillow writes the window's two constants as floats.
double hamming(double x) {
  x = std::abs(x);
  if (x == 0.0) return 1.0;
  if (x >= 1.0) return 0.0;
  x *= std::numbers::pi;
  return std::sin(x) / x * (double{0.54F} + double{0.46F} * std::cos(x));
}

double lanczos(double x) { return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0; }

// Bicubic convolution with a = -0.5.
double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

struct Filter {
  double (*weight)(double);
  double support;  // the weight is 0 beyond
};

Filter filter_of(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::box:
      return {box, 0.5};
    case Interpolation::bilinear:
      return {triangle, 1.0};
    case Interpolation::hamming:
      return {hamming, 1.0};
    case Interpolation::lanczos:
      return {lanczos, 3.0};
    case Interpolation::nearest:
    case Interpolation::bicubic:
      break;
  }
  return {bicubic, 2.0};
}

// Half away from zero.
std::int32_t to_fixed(double weight) {
  const double scaled = weight * (1 << kWeightBits);
  return static_cast<std::int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

}  // namespace

ResampleWeights make_resample_weights(Interpolation interpolation, int in_size, int out_size, int first_output,
                                      int outputs) {
  const Filter filter = filter_of(interpolation);
  const double scale = static_cast<double>(in_size) / out_size;
  const double filter_scale = std::max(scale, 1.0);
  const double support = filter.support * filter_scale;
  const double inverse_scale = 1.0 / filter_scale;

  ResampleWeights result;
  // No more taps than the support spans, nor than there are inputs.
  result.stride = static_cast<int>(std::min(std::ceil(support) * 2 + 1, static_cast<double>(in_size)));
  result.first.resize(outputs);
  result.count.resize(outputs);
  result.weights.assign(static_cast<std::size_t>(outputs) * result.stride, 0);
  std::vector<double> exact(result.stride);
  for (int i = 0; i < outputs; ++i) {
    const double center = (first_output + i + 0.5) * scale;
    // Truncation towards zero, as the cast does, then the edges of the picture.
    const int begin = std::max(static_cast<int>(center - support + 0.5), 0);
    const int end = std::min(static_cast<int>(center + support + 0.5), in_size);
    double sum = 0.0;
    for (int k = 0; k < end - begin; ++k) {
      exact[k] = filter.weight((k + begin - center + 0.5) * inverse_scale);
      sum += exact[k];
    }
    result.first[i] = begin;
    result.count[i] = end - begin;
    std::int32_t* const fixed = result.weights.data() + static_cast<std::ptrdiff_t>(i) * result.stride;
    for (int k = 0; k < end - begin; ++k) fixed[k] = to_fixed(sum != 0.0 ? exact[k] / sum : exact[k]);
  }
  return result;
}

}  // namespace smlp::image
