// The pictures of the public API as a source.
#pragma once

#include <filesystem>
#include <span>

#include "pipeline/source.h"

namespace smlp {

// The whole of a file, with room taken for it. Reading, not mapping: whoever decodes never waits for a disk, and a file
// that shrinks meanwhile is an error.
Result<Reading> read_picture_file(const std::filesystem::path& path, Room& room);

// What an image gives to decode; a path is read.
Result<Reading> read_image(const Image& image, Room& room);

// `images` must outlive it.
class ImageSource final : public Source {
 public:
  explicit ImageSource(std::span<const Image> images) : images_(images) {}

  std::size_t size() const override { return images_.size(); }
  Result<Reading> read(std::size_t index, Room& room) override { return read_image(images_[index], room); }
  bool waits() const override;
  std::string name(std::size_t index) const override;

 private:
  std::span<const Image> images_;
};

}  // namespace smlp
