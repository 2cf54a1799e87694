// A whole file, read-only, mapped into memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "base/result.h"

namespace smlp {

class FileMap {
 public:
  // Maps a regular file. Errors name the path: missing, a directory, no permission.
  static Result<std::shared_ptr<const FileMap>> open(const std::filesystem::path& path);

  FileMap(const FileMap&) = delete;
  FileMap& operator=(const FileMap&) = delete;
  ~FileMap();

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  FileMap(const std::byte* data, std::size_t size) : data_(data), size_(size) {}
  const std::byte* data_;
  std::size_t size_;
};

}  // namespace smlp
