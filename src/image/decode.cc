#include "image/decode.h"

#include <algorithm>
#include <array>
#include <new>
#include <string_view>

#include "base/file_map.h"
#include "base/no_throw.h"
#include "image/codec.h"

namespace smlp {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kJpeg = "\xFF\xD8\xFF"sv;
constexpr std::string_view kPng = "\x89PNG\r\n\x1A\n"sv;

struct Signature {
  std::size_t offset;
  std::string_view bytes;
  const char* name;
};

// Kinds of file that people take for pictures we read, so that the error can say what they have.
constexpr std::array kOthers = {
    Signature{0, "GIF8"sv, "a GIF picture"},
    Signature{8, "WEBP"sv, "a WebP picture"},
    Signature{4, "ftypavif"sv, "an AVIF picture"},
    Signature{4, "ftypavis"sv, "an AVIF picture"},
    Signature{4, "ftyphei"sv, "a HEIC picture"},
    Signature{4, "ftyphev"sv, "a HEIC picture"},
    Signature{4, "ftypmif1"sv, "a HEIF picture"},
    Signature{4, "ftyp"sv, "an MP4 or QuickTime file"},
    Signature{0, "BM"sv, "a BMP picture"},
    Signature{0, "II*\0"sv, "a TIFF picture"},
    Signature{0, "MM\0*"sv, "a TIFF picture"},
    Signature{4, "jP  "sv, "a JPEG 2000 picture"},
    Signature{0, "\xFF\x4F\xFF\x51"sv, "a JPEG 2000 picture"},
    Signature{4, "JXL "sv, "a JPEG XL picture"},
    Signature{0, "\xFF\x0A"sv, "a JPEG XL picture"},
    Signature{0, "8BPS"sv, "a Photoshop file"},
    Signature{0, "%PDF"sv, "a PDF document"},
    Signature{0, "PK\x03\x04"sv, "a ZIP archive"},
    Signature{0, "\x1F\x8B"sv, "a gzip archive"},
    Signature{0, "\x93NUMPY"sv, "a NumPy array"},
};

bool looks_like_text(std::string_view head) {
  return std::ranges::all_of(head, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7F) || byte == '\t' || byte == '\n' || byte == '\r';
  });
}

const char* name_of(std::string_view head) {
  if (head.empty()) return "an empty file";
  for (const Signature& other : kOthers) {
    if (head.size() > other.offset && head.substr(other.offset).starts_with(other.bytes)) return other.name;
  }
  if (std::ranges::all_of(head, [](char c) { return c == '\0'; })) return "a file of zeros";
  return looks_like_text(head) ? "text" : "data of an unknown kind";
}

Result<Picture> decode_any(std::span<const std::byte> file, const DecodeLimits& limits) {
  if (file.size() > limits.max_file_bytes) {
    return fail(Error{.what = fmt::format("a picture file of {} bytes is more than the limit of {}", file.size(),
                                          limits.max_file_bytes),
                      .remedy = "make it smaller"});
  }
  const std::string_view head(reinterpret_cast<const char*>(file.data()), std::min<std::size_t>(file.size(), 64));
  if (head.starts_with(kJpeg)) return image::decode_jpeg(file, limits);
  if (head.starts_with(kPng)) return image::decode_png(file, limits);
  if (!head.empty() && (kJpeg.starts_with(head) || kPng.starts_with(head))) {
    return fail(image::cut_off(kPng.starts_with(head) ? "PNG" : "JPEG"));
  }
  return fail(Error{.what = fmt::format("is not a JPEG or PNG picture: this is {}", name_of(head)),
                    .remedy = "convert it to JPEG or PNG"});
}

}  // namespace

Result<Picture> decode(std::span<const std::byte> file, const DecodeLimits& limits) {
  return no_throw([&] { return decode_any(file, limits); });
}

Result<Picture> decode_file(const std::filesystem::path& path, const DecodeLimits& limits) {
  SMLP_TRY(file, FileMap::open(path, limits.max_file_bytes));
  auto picture = decode(file->bytes(), limits);
  if (!picture) return fail(std::move(picture).error().in(path.string()));
  return picture;
}

namespace image {

Result<void> check_size(std::uint64_t width, std::uint64_t height, const DecodeLimits& limits) {
  const auto max_side = static_cast<std::uint64_t>(limits.max_side);
  if (width == 0 || height == 0) return fail("a picture of {} x {} has no pixels", width, height);
  if (width > max_side || height > max_side || width * height > limits.max_pixels) {
    return fail(Error{.what = fmt::format("a picture of {} x {} is more than the limit of {} pixels, {} a side", width,
                                          height, limits.max_pixels, limits.max_side),
                      .remedy = "make it smaller"});
  }
  return {};
}

Result<Picture> make_picture(std::uint64_t width, std::uint64_t height, const DecodeLimits& limits) {
  SMLP_CHECK(check_size(width, height, limits));
  try {
    Picture picture{static_cast<int>(width), static_cast<int>(height), {}};
    picture.rgb.resize(width * height * 3);
    return picture;
  } catch (const std::bad_alloc&) {
    return fail(Error{.what = fmt::format("no memory for a picture of {} x {}", width, height), .transient = true});
  }
}

Error cut_off(const char* format) {
  return {.what = fmt::format("the {} data end too soon", format), .remedy = "the file is cut off; get it again"};
}

Error damaged(const char* format, const char* detail) {
  return {.what = fmt::format("the {} data are damaged ({})", format, detail), .remedy = "get the file again"};
}

}  // namespace image
}  // namespace smlp
