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
  // Errors: no or a damaged central directory, two entries of one name. `file` and `budget`, from which decompressed
  // entries are taken, must outlive the archive.
  static Result<ZipArchive> open(Blob file, Budget& budget);

  const std::vector<ZipEntry>& entries() const { return entries_; }
  const ZipEntry* find(const std::string& name) const;

  // An entry's content, its CRC checked (torch.save may write none: 0 is not checked). Errors: encrypted, an unknown
  // method, damaged data, or more bytes in all than the file has, as entries that overlap give.
  Result<Blob> read(const ZipEntry& entry);

  // Where in the file the content of an entry starts. Meaningful as a place for error messages where it is stored.
  Result<std::uint64_t> data_offset(const ZipEntry& entry) const;
  static bool is_stored(const ZipEntry& entry) { return entry.method == 0; }

 private:
  ZipArchive(Blob file, Budget& budget)
      : file_(std::move(file)), budget_(&budget), stored_left_(kStoredTwice * file_.bytes.size()) {}
  Result<void> read_directory();

  static constexpr std::uint64_t kStoredTwice = 2;  // an entry may be looked at and then be read

  Blob file_;
  Budget* budget_;
  std::uint64_t stored_left_;  // bytes that uncompressed entries may still have
  std::vector<ZipEntry> entries_;
  std::unordered_map<std::string_view, std::size_t> index_;
};

}  // namespace smlp
