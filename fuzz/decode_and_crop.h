// What the picture fuzzers do with a file.
#pragma once

#include <cstdlib>
#include <span>

#include "image/preprocess.h"

namespace smlp {

// A picture that is accepted must have the pixels it claims, lie within the limits, and pass through the preprocessing.
inline void decode_and_crop(std::span<const std::byte> file) {
#ifdef SMLP_FUZZ_REAL_LIMITS
  const DecodeLimits limits;
#else
  // Small limits keep a single input fast.
  const DecodeLimits limits{.max_file_bytes = 1 << 20, .max_side = 4096, .max_pixels = 1 << 20, .max_scans = 10};
#endif
  const auto picture = decode(file, limits);
  if (!picture) {
    if (picture.error().what.empty()) std::abort();
    return;
  }
  const auto pixels = static_cast<std::uint64_t>(picture->width) * static_cast<std::uint64_t>(picture->height);
  if (pixels == 0 || pixels > limits.max_pixels || picture->rgb.size() != 3 * pixels) std::abort();
  const auto crop = resize_and_crop(*picture, {.resize = 16, .crop = 14});
  if (!crop || crop->rgb.size() != 3 * 14 * 14) std::abort();
}

}  // namespace smlp
