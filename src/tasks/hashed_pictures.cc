#include "tasks/hashed_pictures.h"

#include <sys/stat.h>

#include "base/open_file.h"
#include "base/sha256.h"
#include "image/decode.h"

namespace smlp {

Result<Reading> HashedPictures::read(std::size_t index, Room& room) {
  PictureRecord& record = records_[index];
  if (inputs_[index].archive) return read_member(inputs_[index], record, room);
  const std::filesystem::path& path = inputs_[index].file;
  const std::uint64_t limit = DecodeLimits{}.max_file_bytes;
  if (struct stat info = {}; ::stat(path.c_str(), &info) == 0) {  // also of a file that cannot be opened
    record.bytes = static_cast<std::uint64_t>(info.st_size);
    record.mtime_ns = info.st_mtim.tv_sec * std::int64_t{1'000'000'000} + info.st_mtim.tv_nsec;
    if (record.bytes <= limit && !room.take(record.bytes)) return fail("was not read: the pass has ended");
  }
  SMLP_TRY(file, read_bytes(path, limit));
  record.bytes = file.stamp.bytes;  // of the very bytes that are decoded, whatever the name leads to by now
  record.mtime_ns = file.stamp.mtime_ns;
  return Reading{.material = file.bytes(), .owner = file.data};
}

Result<Reading> HashedPictures::read_member(const Input& input, PictureRecord& record, Room& room) {
  record.bytes = input.archive->members()[input.member].bytes;
  record.mtime_ns = input.archive->stamp().mtime_ns;
  return smlp::read_member(input, readers_, room);
}

void HashedPictures::examine(std::size_t index, const Reading& reading) {
  records_[index].sha256 = sha256_of(std::get<std::span<const std::byte>>(reading.material));
}

}  // namespace smlp
