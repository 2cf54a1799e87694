#include "image/resize.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "image/resample_weights.h"

namespace smlp {
namespace {

using image::kWeightBits;
using image::ResampleWeights;

std::uint8_t to_byte(std::int32_t sum) { return static_cast<std::uint8_t>(std::clamp(sum >> kWeightBits, 0, 255)); }

// One row of `weights.outputs()` pixels from a row of input pixels.
void resample_row(const std::uint8_t* in, const ResampleWeights& weights, std::uint8_t* out) {
  for (int x = 0; x < weights.outputs(); ++x) {
    const std::int32_t* const w = weights.of(x);
    const std::uint8_t* const from = in + std::ptrdiff_t{3} * weights.first[x];
    std::int32_t sum[3] = {1 << (kWeightBits - 1), 1 << (kWeightBits - 1), 1 << (kWeightBits - 1)};
    for (int k = 0; k < weights.count[x]; ++k) {
      for (int c = 0; c < 3; ++c) sum[c] += from[3 * k + c] * w[k];
    }
    for (int c = 0; c < 3; ++c) out[3 * x + c] = to_byte(sum[c]);
  }
}

// One row of `bytes` samples, the weighted sum of `count` input rows that are `stride` apart.
void blend_rows(const std::uint8_t* in, std::size_t stride, const std::int32_t* weights, int count, std::size_t bytes,
                std::int32_t* sums, std::uint8_t* out) {
  std::fill_n(sums, bytes, 1 << (kWeightBits - 1));
  for (int k = 0; k < count; ++k) {
    const std::uint8_t* const row = in + k * stride;
    for (std::size_t i = 0; i < bytes; ++i) sums[i] += row[i] * weights[k];
  }
  for (std::size_t i = 0; i < bytes; ++i) out[i] = to_byte(sums[i]);
}

Picture resize_window(const Picture& picture, int width, int height, const Window& window) {
  const ResampleWeights across = image::make_resample_weights(picture.width, width, window.x, window.width);
  const ResampleWeights down = image::make_resample_weights(picture.height, height, window.y, window.height);
  const std::size_t in_stride = std::size_t{3} * picture.width;
  const std::size_t out_stride = std::size_t{3} * window.width;

  // Pillow's order: along the rows first, rounded to bytes, then along the columns.
  const int first_row = down.first_input();
  std::vector<std::uint8_t> narrowed((down.end_input() - first_row) * out_stride);
  for (int y = first_row; y < down.end_input(); ++y) {
    const std::uint8_t* const from = picture.rgb.data() + y * in_stride;
    std::uint8_t* const to = narrowed.data() + (y - first_row) * out_stride;
    if (width == picture.width) {
      std::memcpy(to, from + std::size_t{3} * window.x, out_stride);
    } else {
      resample_row(from, across, to);
    }
  }
  Picture result{window.width, window.height, std::vector<std::uint8_t>(out_stride * window.height)};
  std::vector<std::int32_t> sums(out_stride);
  for (int y = 0; y < window.height; ++y) {
    blend_rows(narrowed.data() + (down.first[y] - first_row) * out_stride, out_stride, down.of(y), down.count[y],
               out_stride, sums.data(), result.rgb.data() + y * out_stride);
  }
  return result;
}

}  // namespace

Result<Picture> resize(const Picture& picture, int width, int height, const Window& window) {
  if (picture.width < 1 || picture.height < 1 ||
      picture.rgb.size() != std::size_t{3} * picture.width * picture.height) {
    return fail("a picture of {} x {} with {} bytes cannot be resized", picture.width, picture.height,
                picture.rgb.size());
  }
  const auto inside = [](int from, int size, int whole) { return from >= 0 && size >= 1 && from <= whole - size; };
  if (!inside(window.x, window.width, width) || !inside(window.y, window.height, height)) {
    return fail("a window of {} x {} at {}, {} is not inside a picture of {} x {}", window.width, window.height,
                window.x, window.y, width, height);
  }
  try {
    return resize_window(picture, width, height, window);
  } catch (const std::bad_alloc&) {
    return fail("no memory to resize a picture of {} x {} to {} x {}", picture.width, picture.height, width, height);
  }
}

Result<Picture> resize(const Picture& picture, int width, int height) {
  return resize(picture, width, height, {.x = 0, .y = 0, .width = width, .height = height});
}

}  // namespace smlp
