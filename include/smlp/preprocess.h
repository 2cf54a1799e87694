// What a picture goes through before the network sees it.
#pragma once

#include <array>

namespace smlp {

// RGB; short side resized to `resize` with Pillow's antialiased bicubic, centre crop of crop x crop, then
// (pixel / 255 - mean) / std per channel, float32 CHW. The defaults are those of the ImageNet checkpoints at 224.
struct Preprocess {
  int resize = 256;
  int crop = 224;
  std::array<float, 3> mean = {0.485F, 0.456F, 0.406F};
  std::array<float, 3> std = {0.229F, 0.224F, 0.225F};

  // The rule for another picture size: resize = int(256/224 * size).
  static Preprocess for_image_size(int size) { return {.resize = size * 256 / 224, .crop = size}; }

  bool operator==(const Preprocess&) const = default;
};

}  // namespace smlp
