// The two decoders behind decode(), and what they share.
#pragma once

#include "image/decode.h"

namespace smlp::image {

Result<Picture> decode_jpeg(std::span<const std::byte> file, const DecodeLimits& limits);
Result<Picture> decode_png(std::span<const std::byte> file, const DecodeLimits& limits);

// An error where the size is beyond the limits.
Result<void> check_size(std::uint64_t width, std::uint64_t height, const DecodeLimits& limits);

// A black picture of this size, or an error where the size is beyond the limits.
Result<Picture> make_picture(std::uint64_t width, std::uint64_t height, const DecodeLimits& limits);

// The errors for a file that ends too soon, and for one whose data make no sense ("detail" is the library's own word).
Error cut_off(const char* format);
Error damaged(const char* format, const char* detail);

}  // namespace smlp::image
