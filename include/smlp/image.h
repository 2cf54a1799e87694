// What a caller may give as a picture.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <variant>

namespace smlp {

// Decoded 8-bit RGB in the caller's memory: row y starts at data + y * stride, pixel x of it is 3 bytes at 3 * x.
struct RgbView {
  const std::uint8_t* data = nullptr;
  int width = 0, height = 0;
  std::ptrdiff_t stride = 0;  // bytes from one row to the next, 3 * width or more; negative: rows from bottom to top
};

// A JPEG or PNG file by its path, the bytes of such a file, or decoded pixels. Bytes and pixels stay the caller's and
// must live until the call that takes them has answered.
using Image = std::variant<std::filesystem::path, std::span<const std::byte>, RgbView>;

}  // namespace smlp
