// A picture from integer arithmetic modulo 2^32; the same formula is in make_fixtures.py.
#pragma once

#include <cstdint>

#include "image/picture.h"

namespace smlp {

inline Picture generated_picture(int width, int height) {
  Picture picture{width, height, {}};
  picture.rgb.reserve(std::size_t{3} * width * height);
  for (std::uint32_t y = 0; y < static_cast<std::uint32_t>(height); ++y) {
    for (std::uint32_t x = 0; x < static_cast<std::uint32_t>(width); ++x) {
      for (std::uint32_t c = 0; c < 3; ++c) {
        const std::uint32_t smooth = x * 5 + y * 3 + c * 60;
        std::uint32_t noise = x * 2654435761U + y * 2246822519U + c * 3266489917U;
        noise ^= noise >> 15;
        const std::uint32_t edges = (((x >> 3) ^ (y >> 4)) & 1) * 200;
        picture.rgb.push_back(static_cast<std::uint8_t>(smooth + edges + (noise >> 26)));
      }
    }
  }
  return picture;
}

}  // namespace smlp
