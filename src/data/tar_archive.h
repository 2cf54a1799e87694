// The members of a tar archive, found once and read in place: nothing is unpacked, and any number of threads may read.
//
// ustar, pax and GNU headers, with their long names and large sizes. An archive is a row of 512-byte blocks: a header,
// then the member's bytes up to a whole block; a block of zeros ends it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/open_file.h"

namespace smlp {

struct TarMember {
  std::string name;          // as the archive has it: never a path to write to
  std::uint64_t offset = 0;  // of its first byte in the archive
  std::uint64_t bytes = 0;
};

class TarArchive;

// An archive's file, open. Any number of threads may read at once.
class TarReader {
 public:
  // The bytes of a member, at most `limit` of them. Errors: an archive that has changed since its headers were read.
  Result<std::string> read(const TarMember& member, std::uint64_t limit) const;
  // Its first bytes, at most `count`.
  Result<std::string> read_start(const TarMember& member, std::size_t count) const;

 private:
  friend class TarArchive;
  TarReader(std::filesystem::path path, OpenFile file) : path_(std::move(path)), file_(std::move(file)) {}

  std::filesystem::path path_;
  OpenFile file_;
};

// What the headers say. The file is open only while a reader is.
class TarArchive {
 public:
  // Reads every header. Errors name the archive and the offset: compressed, cut off, a header whose checksum or numbers
  // are wrong, a member that is a link, a sparse file or a device, two members of one name.
  static Result<TarArchive> open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const FileStamp& stamp() const { return stamp_; }
  const std::vector<TarMember>& members() const { return members_; }  // regular files, in the archive's order
  bool has_end() const { return has_end_; }    // false: no block of zeros ends it, as after a copy that was interrupted
  bool has_more() const { return has_more_; }  // true: something follows its end, as after `cat a.tar b.tar`

  // Opens the file again. Errors: it is not the file any more whose headers were read.
  Result<std::shared_ptr<const TarReader>> reader() const;

 private:
  std::filesystem::path path_;
  FileStamp stamp_;
  std::vector<TarMember> members_;
  bool has_end_ = false, has_more_ = false;
};

}  // namespace smlp
