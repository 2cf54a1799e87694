// JPEG and PNG files -> RGB pictures, pixel for pixel what Pillow's Image.open(f).convert('RGB') gives.
//
// No EXIF rotation, no gamma or colour profile; transparency is dropped, not blended; 16-bit colour keeps the high
// byte, while 16-bit grey saturates at 255 (as Pillow does); of an animated PNG the default picture is taken. As with
// Pillow, a file that is cut off is an error, and so is damaged data that the decoder cannot get past; what is missing
// may only be what follows the last row. (Pillow is more lenient in that it takes a PNG with too few rows, or with no
// palette where one is needed.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "base/result.h"
#include "image/picture.h"

namespace smlp {

// All are checked before memory for the pixels is taken. Every photograph is far below them: cameras write one scan,
// programs for the web ten or so.
struct DecodeLimits {
  std::uint64_t max_file_bytes = std::uint64_t{512} << 20;
  int max_side = 65500;                      // libjpeg's own limit, used for PNG too
  std::uint64_t max_pixels = 178'956'970;    // where Pillow refuses a picture as a decompression bomb
  std::uint64_t max_memory = 1'100'000'000;  // bytes: the picture, and the coefficients of a JPEG of several scans
  int max_scans = 500;                       // of a JPEG, as many as libjpeg-turbo's own fuzzers allow
  // Each scan is a pass over the whole picture even where it holds nothing: this many take some seconds.
  std::uint64_t max_pixel_scans = 4'000'000'000;
};

// `file` is the whole file. Its first bytes decide what it is; its name does not matter.
Result<Picture> decode(std::span<const std::byte> file, const DecodeLimits& limits = {});

// The same for a file on disk; errors name it.
Result<Picture> decode_file(const std::filesystem::path& path, const DecodeLimits& limits = {});

}  // namespace smlp
