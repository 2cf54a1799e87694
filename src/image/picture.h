// A decoded picture.
#pragma once

#include <cstdint>
#include <vector>

namespace smlp {

// 8-bit RGB, rows top to bottom without padding: rgb[(y * width + x) * 3 + channel].
struct Picture {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;

  bool operator==(const Picture&) const = default;
};

}  // namespace smlp
