#include "image/resize.h"

#include <cstring>
#include <new>

#include "image/resample_passes.h"
#include "image/resample_weights.h"

namespace smlp {
namespace {

using image::kRowPadding;
using image::ResampleWeights;

// Rows [first, end) of the picture, resampled along the row into rows of `stride` bytes.
std::vector<std::uint8_t> resample_rows(const Picture& picture, int first, int end, const ResampleWeights& weights,
                                        std::size_t stride) {
  const image::RowWeights spread(weights);
  const std::size_t in_stride = std::size_t{3} * picture.width;
  std::vector<std::uint8_t> result((end - first) * stride + kRowPadding);
  std::vector<std::uint8_t> padded(in_stride + kRowPadding);
  for (int y = first; y < end; ++y) {
    const std::size_t offset = y * in_stride;
    const std::uint8_t* row = picture.rgb.data() + offset;
    if (picture.rgb.size() - offset < padded.size()) {
      std::memcpy(padded.data(), row, in_stride);
      row = padded.data();
    }
    image::resample_row(row, spread, result.data() + (y - first) * stride);
  }
  return result;
}

// Of `outputs` outputs from `first_output` on, the nearest inputs; -1 for one that rounding puts past the last. Pillow
// adds up the step instead of multiplying it, and so must we: the roundings differ.
std::vector<int> nearest_inputs(int in_size, int out_size, int first_output, int outputs) {
  const double step = static_cast<double>(in_size) / out_size;
  std::vector<int> inputs;
  inputs.reserve(outputs);
  double position = step * 0.5;
  for (int i = 0; i < first_output + outputs; ++i, position += step) {
    if (i < first_output) continue;
    const int input = static_cast<int>(position);
    inputs.push_back(input < in_size ? input : -1);
  }
  return inputs;
}

Picture nearest_window(const Picture& picture, int width, int height, const Window& window) {
  const std::vector<int> columns = nearest_inputs(picture.width, width, window.x, window.width);
  const std::vector<int> rows = nearest_inputs(picture.height, height, window.y, window.height);
  Picture result{window.width, window.height, std::vector<std::uint8_t>(std::size_t{3} * window.width * window.height)};
  std::uint8_t* to = result.rgb.data();
  for (const int y : rows) {
    for (const int x : columns) {
      if (x >= 0 && y >= 0) std::memcpy(to, picture.rgb.data() + (std::size_t{3} * picture.width * y + 3 * x), 3);
      to += 3;
    }
  }
  return result;
}

Picture resize_window(const Picture& picture, int width, int height, const Window& window,
                      Interpolation interpolation) {
  if (interpolation == Interpolation::nearest) return nearest_window(picture, width, height, window);
  const ResampleWeights across =
      image::make_resample_weights(interpolation, picture.width, width, window.x, window.width);
  const ResampleWeights down =
      image::make_resample_weights(interpolation, picture.height, height, window.y, window.height);

  // Along the rows first, rounded to bytes, then along the columns: the order of Pillow up to version 12. (Version 13
  // turns it around for pictures that lose more than twice as many rows as columns, which changes some roundings.)
  const std::size_t stride = std::size_t{3} * window.width;
  const int first_row = down.first_input();
  const std::vector<std::uint8_t> rows = resample_rows(picture, first_row, down.end_input(), across, stride);
  Picture result{window.width, window.height, std::vector<std::uint8_t>(stride * window.height + kRowPadding)};
  for (int y = 0; y < window.height; ++y) {
    image::blend_rows(rows.data() + (down.first[y] - first_row) * stride, stride, down.of(y), down.count[y], stride,
                      result.rgb.data() + y * stride);
  }
  result.rgb.resize(stride * window.height);
  return result;
}

}  // namespace

Result<Picture> resize(const Picture& picture, int width, int height, const Window& window,
                       Interpolation interpolation) {
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
    return resize_window(picture, width, height, window, interpolation);
  } catch (const std::bad_alloc&) {
    return fail(Error{.what = fmt::format("no memory to resize a picture of {} x {} to {} x {}", picture.width,
                                          picture.height, width, height),
                      .transient = true});
  }
}

Result<Picture> resize(const Picture& picture, int width, int height) {
  return resize(picture, width, height, {.x = 0, .y = 0, .width = width, .height = height});
}

}  // namespace smlp
