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

class TarArchive {
 public:
  // Reads every header. Errors name the archive and the offset: compressed, cut off, a header whose checksum or numbers
  // are wrong, a member that is a link, a sparse file or a device.
  static Result<TarArchive> open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const std::vector<TarMember>& members() const { return members_; }  // regular files, in the archive's order

  // The bytes of a member, at most `limit` of them. Safe from several threads.
  Result<std::string> read(const TarMember& member, std::uint64_t limit) const;

 private:
  std::filesystem::path path_;
  std::shared_ptr<const OpenFile> file_;
  std::vector<TarMember> members_;
};

}  // namespace smlp
