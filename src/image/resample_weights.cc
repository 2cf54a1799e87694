#include "image/resample_weights.h"

#include <algorithm>
#include <cmath>

namespace smlp::image {
namespace {

// Bicubic convolution with a = -0.5, in the order of operations that Pillow uses.
double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

// Half away from zero.
std::int32_t to_fixed(double weight) {
  const double scaled = weight * (1 << kWeightBits);
  return static_cast<std::int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

}  // namespace

ResampleWeights make_resample_weights(int in_size, int out_size, int first_output, int outputs) {
  const double scale = static_cast<double>(in_size) / out_size;
  const double filter_scale = std::max(scale, 1.0);
  const double support = 2.0 * filter_scale;
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
      exact[k] = bicubic((k + begin - center + 0.5) * inverse_scale);
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
