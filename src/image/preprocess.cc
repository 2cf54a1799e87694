#include "image/preprocess.h"

#include <algorithm>
#include <cstring>

#include "base/no_throw.h"
#include "base/preprocess_limits.h"
#include "image/resize.h"

namespace smlp {
namespace {

// The stretch of one axis that the crop keeps, and where it goes in the crop.
struct Span {
  int from;    // in the resized picture
  int length;  // pixels kept
  int to;      // in the crop
};

// torchvision's center_crop: round((size - crop) / 2) with halves to even; where the picture is smaller it is first
// padded by (crop - size) / 2, rounded down, in front.
Span centre(int size, int crop) {
  if (size < crop) return {.from = 0, .length = size, .to = (crop - size) / 2};
  const int gap = size - crop;
  const int half = gap / 2;
  const bool round_up = gap % 2 == 1 && half % 2 == 1;
  return {.from = half + (round_up ? 1 : 0), .length = crop, .to = 0};
}

// int(resize * long_side / short_side). Exact in Python's doubles too: the quotient is far below 2^53 / short_side.
int resized_long_side(int resize, int long_side, int short_side) {
  return static_cast<int>(std::int64_t{resize} * long_side / short_side);
}

}  // namespace

Result<Picture> resize_and_crop(const Picture& picture, const Preprocess& how) {
  for (const int size : {how.resize, how.crop}) {
    if (size < 1 || size > kMaxPreprocessSize)
      return fail("preprocessing to a size of {}; 1 to {} are supported", size, kMaxPreprocessSize);
  }
  if (picture.width < 1 || picture.height < 1)
    return fail("a picture of {} x {} has no pixels", picture.width, picture.height);
  const auto [short_side, long_side] = std::minmax(picture.width, picture.height);
  const int resized_long = resized_long_side(how.resize, long_side, short_side);
  const int width = picture.width <= picture.height ? how.resize : resized_long;
  const int height = picture.width <= picture.height ? resized_long : how.resize;

  const Span across = centre(width, how.crop);
  const Span down = centre(height, how.crop);
  SMLP_TRY(middle, resize(picture, width, height,
                          {.x = across.from, .y = down.from, .width = across.length, .height = down.length},
                          how.interpolation));
  if (across.length == how.crop && down.length == how.crop) return std::move(middle);

  const std::size_t stride = std::size_t{3} * how.crop;
  return no_throw([&]() -> Result<Picture> {
    Picture padded{how.crop, how.crop, std::vector<std::uint8_t>(stride * how.crop)};
    for (int y = 0; y < down.length; ++y) {
      const std::size_t bytes = std::size_t{3} * across.length;
      std::memcpy(padded.rgb.data() + (down.to + y) * stride + std::size_t{3} * across.to,
                  middle.rgb.data() + y * bytes, bytes);
    }
    return padded;
  });
}

void normalise(const Picture& crop, const Preprocess& how, float* chw) {
  // A pixel has 256 values: dividing once per value and channel gives the same bits as dividing per pixel.
  float value_of[3][256];
  for (int c = 0; c < 3; ++c) {
    for (int v = 0; v < 256; ++v) value_of[c][v] = (static_cast<float>(v) / 255.0F - how.mean[c]) / how.std[c];
  }
  const std::uint8_t* const rgb = crop.rgb.data();
  const std::size_t pixels = crop.rgb.size() / 3;
  for (std::size_t i = 0; i < pixels; ++i) {
    chw[i] = value_of[0][rgb[3 * i]];
    chw[i + pixels] = value_of[1][rgb[3 * i + 1]];
    chw[i + 2 * pixels] = value_of[2][rgb[3 * i + 2]];
  }
}

Result<Picture> crop_file(const std::filesystem::path& path, const Preprocess& how, const DecodeLimits& limits) {
  SMLP_TRY(picture, decode_file(path, limits));
  auto crop = resize_and_crop(picture, how);
  if (!crop) return fail(std::move(crop).error().in(path.string()));
  return crop;
}

Result<void> preprocess_file(const std::filesystem::path& path, const Preprocess& how, std::span<float> chw,
                             const DecodeLimits& limits) {
  const auto wanted = std::size_t{3} * static_cast<std::size_t>(how.crop) * static_cast<std::size_t>(how.crop);
  if (chw.size() != wanted) return fail("room for {} floats, a crop of {} needs {}", chw.size(), how.crop, wanted);
  SMLP_TRY(crop, crop_file(path, how, limits));
  normalise(crop, how, chw.data());
  return {};
}

}  // namespace smlp
