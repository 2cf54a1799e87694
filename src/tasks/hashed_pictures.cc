#include "tasks/hashed_pictures.h"

#include "base/open_file.h"
#include "base/sha256.h"
#include "image/decode.h"

namespace smlp {
namespace {

void take_stamp(PictureRecord& record, const FileStamp& stamp) {
  record.bytes = stamp.bytes;
  record.mtime_ns = stamp.mtime_ns;
}

}  // namespace

Result<Reading> HashedPictures::read(std::size_t index, Room& room) {
  PictureRecord& record = records_[index];
  if (inputs_[index].archive) return read_member(inputs_[index], record, room);
  const std::filesystem::path& path = inputs_[index].file;
  const std::uint64_t limit = DecodeLimits{}.max_file_bytes;
  if (const FileStamp stamp = inputs_[index].stamp(); stamp != FileStamp()) {  // also of a file that cannot be opened
    take_stamp(record, stamp);
    if (stamp.bytes <= limit && !room.take(stamp.bytes)) return fail("was not read: the pass has ended");
  }
  SMLP_TRY(file, read_bytes(path, limit));
  take_stamp(record, file.stamp);  // of the very bytes that are decoded, whatever the name leads to by now
  return Reading{.material = file.bytes(), .owner = file.data};
}

Result<Reading> HashedPictures::read_member(const Input& input, PictureRecord& record, Room& room) {
  take_stamp(record, input.stamp());
  return smlp::read_member(input, readers_, room);
}

void HashedPictures::examine(std::size_t index, const Reading& reading) {
  records_[index].sha256 = sha256_of(std::get<std::span<const std::byte>>(reading.material));
}

}  // namespace smlp
