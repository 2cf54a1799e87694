#include "pipeline/image_source.h"

#include <algorithm>

#include "base/open_file.h"
#include "image/decode.h"

namespace smlp {

Result<Reading> read_picture_file(const std::filesystem::path& path, Room& room) {
  const std::uint64_t limit = DecodeLimits{}.max_file_bytes;
  std::error_code code;
  // What the name leads to may change before it is opened: this is an estimate for the pass, the limit is read_bytes'.
  const std::uint64_t bytes = std::filesystem::file_size(path, code);
  if (!code && bytes <= limit && !room.take(bytes)) return fail(Error{.what = "was not read: the run has ended"});
  SMLP_TRY(file, read_bytes(path, limit));
  return Reading{.material = file.bytes(), .owner = file.data};
}

Result<Reading> read_image(const Image& image, Room& room) {
  if (const auto* path = std::get_if<std::filesystem::path>(&image)) return read_picture_file(*path, room);
  if (const auto* bytes = std::get_if<std::span<const std::byte>>(&image)) return Reading{*bytes, nullptr};
  return Reading{std::get<RgbView>(image), nullptr};
}

bool ImageSource::waits() const {
  return std::ranges::any_of(images_, [](const Image& i) { return std::holds_alternative<std::filesystem::path>(i); });
}

std::string ImageSource::name(std::size_t index) const {
  const auto* path = std::get_if<std::filesystem::path>(&images_[index]);
  return path == nullptr ? std::string() : path->string();
}

}  // namespace smlp
