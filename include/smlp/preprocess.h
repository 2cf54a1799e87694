// What a picture goes through before the network sees it.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace smlp {

// Pillow's filters for resizing. All but `nearest` are antialiased.
enum class Interpolation { nearest, box, bilinear, hamming, bicubic, lanczos };

// Their names, in the order of the enum.
inline constexpr std::array<std::string_view, 6> interpolation_names = {"nearest", "box",     "bilinear",
                                                                        "hamming", "bicubic", "lanczos"};

constexpr std::string_view interpolation_name(Interpolation interpolation) {
  return interpolation_names[static_cast<std::size_t>(interpolation)];
}

constexpr std::optional<Interpolation> find_interpolation(std::string_view name) {
  for (std::size_t i = 0; i < interpolation_names.size(); ++i) {
    if (interpolation_names[i] == name) return static_cast<Interpolation>(i);
  }
  return std::nullopt;
}

// RGB; short side resized to `resize` as Pillow resizes with `interpolation`, centre crop of crop x crop, then
// (pixel / 255 - mean) / std per channel, float32 CHW. The defaults are those of the ImageNet checkpoints at 224.
struct Preprocess {
  int resize = 256;
  int crop = 224;
  std::array<float, 3> mean = {0.485F, 0.456F, 0.406F};
  std::array<float, 3> std = {0.229F, 0.224F, 0.225F};
  Interpolation interpolation = Interpolation::bicubic;

  // The rule for another picture size: resize = int(256/224 * size).
  static Preprocess for_image_size(int size) { return {.resize = size * 256 / 224, .crop = size}; }

  bool operator==(const Preprocess&) const = default;
};

}  // namespace smlp
