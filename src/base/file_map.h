// A whole file, read-only, mapped into memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "base/open_file.h"

namespace smlp {

class FileMap {
 public:
  // Maps a regular file (open_regular).
  static Result<std::shared_ptr<const FileMap>> open(const std::filesystem::path& path);

  FileMap(const FileMap&) = delete;
  FileMap& operator=(const FileMap&) = delete;
  ~FileMap();

  std::span<const std::byte> bytes() const { return {data_, static_cast<std::size_t>(stamp_.bytes)}; }
  const FileStamp& stamp() const { return stamp_; }  // of the file that was mapped

 private:
  FileMap(const std::byte* data, const FileStamp& stamp) : data_(data), stamp_(stamp) {}
  const std::byte* data_;
  FileStamp stamp_;
};

}  // namespace smlp
