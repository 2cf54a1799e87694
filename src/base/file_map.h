// A whole file in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>

#include "base/aligned_buffer.h"
#include "base/open_file.h"

namespace smlp {

// Files of more bytes are not read whole: the largest network with its optimizer state in float64 has a fifth of them.
inline constexpr std::uint64_t kMaxFileBytes = std::uint64_t{8} << 30;

// The bytes are read, not mapped. Another process may cut a file off at any time, and a program that touches what is
// then missing of a mapping dies of SIGBUS. It also means that what was checked is what is used, whoever writes to the
// file meanwhile. Resident memory is the same: the pages of a mapping count, too, once they are touched.
class FileMap {
 public:
  // Reads a regular file (open_regular) of at most `limit` bytes. Errors name the path: too large, changed while it was
  // read, no memory.
  static Result<std::shared_ptr<const FileMap>> open(const std::filesystem::path& path,
                                                     std::uint64_t limit = kMaxFileBytes);

  std::span<const std::byte> bytes() const { return {buffer_.data(), buffer_.size()}; }
  const FileStamp& stamp() const { return stamp_; }  // of the file that was read

 private:
  FileMap(AlignedBuffer buffer, const FileStamp& stamp) : buffer_(std::move(buffer)), stamp_(stamp) {}
  AlignedBuffer buffer_;
  FileStamp stamp_;
};

// Hands a regular file of any size to `take`, part by part, in order. The same errors, but for the size.
Result<void> read_in_parts(const std::filesystem::path& path,
                           const std::function<void(std::span<const std::byte> part)>& take);

}  // namespace smlp
