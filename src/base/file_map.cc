#include "base/file_map.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <vector>

namespace smlp {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPart = std::size_t{1} << 20;
constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;  // read() takes no more than 2 GiB

std::unexpected<Error> out_of_memory(const fs::path& path) {
  return fail(Error{.what = "not enough memory to read it", .file = path.string(), .transient = true});
}

// Bytes put into `room`: all that it has place for, or those up to the file's end.
Result<std::size_t> fill(const OpenFile& file, std::span<std::byte> room, const fs::path& path) {
  std::size_t done = 0;
  while (done < room.size()) {
    const ssize_t got = ::read(file.handle.get(), room.data() + done, std::min(room.size() - done, kMostAtOnce));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read", errno, path);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

// After the last fill(): the file is still what it was when it was opened.
Result<void> check_unchanged(const OpenFile& file, std::uint64_t bytes_read, const fs::path& path) {
  SMLP_TRY(now, stamp_of(file.handle, path));
  if (now == file.stamp && bytes_read == file.stamp.bytes) return {};
  return fail(Error{.what = "changed while it was read",
                    .file = path.string(),
                    .remedy = "run it again when nobody writes the file"});
}

}  // namespace

Result<std::shared_ptr<const FileMap>> FileMap::open(const fs::path& path, std::uint64_t limit) try {
  SMLP_TRY(file, open_regular(path));
  if (file.stamp.bytes > limit) {
    return fail(Error{.what = fmt::format("{} bytes; at most {} are read", file.stamp.bytes, limit),
                      .file = path.string(),
                      .remedy = "check that it is the right file"});
  }
  AlignedBuffer buffer(static_cast<std::size_t>(file.stamp.bytes));
  SMLP_TRY(done, fill(file, {buffer.data(), buffer.size()}, path));
  SMLP_CHECK(check_unchanged(file, done, path));
  return std::shared_ptr<const FileMap>(new FileMap(std::move(buffer), file.stamp));
} catch (const std::bad_alloc&) {
  return out_of_memory(path);
}

Result<void> read_in_parts(const fs::path& path, const std::function<void(std::span<const std::byte> part)>& take) try {
  SMLP_TRY(file, open_regular(path));
  std::vector<std::byte> room(kPart);
  std::uint64_t total = 0;
  while (total <= file.stamp.bytes) {  // a file that grows with every part has no end
    SMLP_TRY(done, fill(file, room, path));
    if (done == 0) break;
    total += done;
    take(std::span(room).first(done));
  }
  return check_unchanged(file, total, path);
} catch (const std::bad_alloc&) {
  return out_of_memory(path);
}

}  // namespace smlp
