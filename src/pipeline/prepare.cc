#include "pipeline/prepare.h"

#include <algorithm>
#include <cstring>

#include "image/decode.h"
#include "image/preprocess.h"

namespace smlp {

Result<Picture> copy_pixels(const RgbView& view) {
  const DecodeLimits limits;
  if (view.data == nullptr || view.width < 1 || view.height < 1) {
    return fail("pixels of {} x {}: there is no picture", view.width, view.height);
  }
  const auto pixels = static_cast<std::uint64_t>(view.width) * static_cast<std::uint64_t>(view.height);
  if (view.width > limits.max_side || view.height > limits.max_side || pixels > limits.max_pixels) {
    return fail("a picture of {} x {} is more than the limit of {} pixels, {} a side", view.width, view.height,
                limits.max_pixels, limits.max_side);
  }
  const std::ptrdiff_t row = std::ptrdiff_t{3} * view.width;
  if (std::max(view.stride, -view.stride) < row) {
    return fail("a stride of {} bytes; {} pixels of RGB have {}", view.stride, view.width, row);
  }
  Picture picture{view.width, view.height, {}};
  picture.rgb.resize(pixels * 3);
  for (int y = 0; y < view.height; ++y) {
    std::memcpy(picture.rgb.data() + y * row, view.data + y * view.stride, static_cast<std::size_t>(row));
  }
  return picture;
}

Result<Picture> crop_of(const Material& material, const Preprocess& how) {
  const auto* bytes = std::get_if<std::span<const std::byte>>(&material);
  SMLP_TRY(picture, bytes != nullptr ? decode(*bytes) : copy_pixels(std::get<RgbView>(material)));
  return resize_and_crop(picture, how);
}

Result<void> check_planes(int channels) {
  if (channels == 3) return {};
  return fail("the model takes {} planes and a picture has 3; it runs prepared tensors only", channels);
}

Result<void> prepare(const Material& material, const Preprocess& how, int channels, std::span<float> chw) {
  const auto side = static_cast<std::size_t>(how.crop);
  const std::size_t wanted = static_cast<std::size_t>(channels) * side * side;
  if (chw.size() != wanted) {
    return fail("room for {} floats; a picture of {} x {} x {} has {}", chw.size(), channels, side, side, wanted);
  }
  if (const auto* floats = std::get_if<std::span<const float>>(&material)) {
    if (floats->size() != wanted) {
      return fail("a prepared picture of {} floats; {} x {} x {} have {}", floats->size(), channels, side, side,
                  wanted);
    }
    std::ranges::copy(*floats, chw.begin());
    return {};
  }
  SMLP_CHECK(check_planes(channels));
  SMLP_TRY(crop, crop_of(material, how));
  normalise(crop, how, chw.data());
  return {};
}

}  // namespace smlp
