// Zip archives in memory, with zip64. Entries that are stored uncompressed are given as views.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "formats/inflate.h"

namespace smlp {

struct ZipEntry {
  std::string_view name;
  std::uint16_t flags = 0, method = 0;
  std::uint32_t crc = 0;
  std::uint64_t compressed = 0, size = 0, header = 0;
};

class ZipArchive {
 public:
  // Errors: no or a damaged central directory, two entries of one name. `file` must outlive the archive.
  static Result<ZipArchive> open(Blob file);

  const std::vector<ZipEntry>& entries() const { return entries_; }
  const ZipEntry* find(const std::string& name) const;

  // An entry's content, its CRC checked (torch.save may write none: 0 is not checked). Errors: encrypted, an unknown
  // method, damaged data.
  Result<Blob> read(const ZipEntry& entry);

  // Where in the file the content of an entry starts. Meaningful as a place for error messages where it is stored.
  Result<std::uint64_t> data_offset(const ZipEntry& entry) const;
  static bool is_stored(const ZipEntry& entry) { return entry.method == 0; }

 private:
  Result<void> read_directory();

  Blob file_;
  std::vector<ZipEntry> entries_;
  std::unordered_map<std::string_view, std::size_t> index_;
  std::uint64_t inflated_ = 0;
};

}  // namespace smlp
