// From a picture to the network's input: exactly what torchvision's Resize (of a Pillow picture), CenterCrop,
// ToTensor and Normalize make of it, to the last bit.
#pragma once

#include <filesystem>
#include <span>

#include "base/result.h"
#include "image/decode.h"
#include "image/picture.h"
#include "smlp/preprocess.h"

namespace smlp {

// The short side resized to `how.resize`, the long one to int(resize * long / short), and the middle crop x crop of
// that, at offset round((size - crop) / 2) with halves to even. Where the crop is larger than the resized picture, the
// picture lies in the middle of black. Errors: sizes of `how` that are not 1 to 8192.
Result<Picture> resize_and_crop(const Picture& picture, const Preprocess& how);

// crop (crop x crop pixels) -> chw, 3 * crop * crop floats, CHW: (float32(pixel) / 255 - mean) / std, each operation
// rounded to float32.
void normalise(const Picture& crop, const Preprocess& how, float* chw);

// decode_file and resize_and_crop; errors name the file.
Result<Picture> crop_file(const std::filesystem::path& path, const Preprocess& how, const DecodeLimits& limits = {});

// All of it: a file into `chw`, which has room for exactly 3 * crop * crop floats. Nothing is written on error.
Result<void> preprocess_file(const std::filesystem::path& path, const Preprocess& how, std::span<float> chw,
                             const DecodeLimits& limits = {});

}  // namespace smlp
