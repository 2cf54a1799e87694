#include "base/open_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace smlp {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;  // a read takes no more than 2 GiB

std::unexpected<Error> not_regular(mode_t mode, const fs::path& path) {
  Error error{.what = "is not a regular file", .file = path.string(), .remedy = "give a file"};
  if (S_ISDIR(mode)) error.what = "is a directory, a file was expected";
  if (S_ISLNK(mode)) {
    error.what = "is a symbolic link, and files of this name are written in place";
    error.remedy = "delete the link";
  }
  if (S_ISFIFO(mode)) {
    error.what = "is a pipe, not a file";
    error.remedy = "save what it carries in a file and give that";
  }
  if (S_ISSOCK(mode)) error.what = "is a socket, not a file";
  if (S_ISCHR(mode) || S_ISBLK(mode)) error.what = "is a device, not a file";
  return fail(std::move(error));
}

std::unexpected<Error> changed_while_read(const fs::path& path) {
  return fail(Error{.what = "changed while it was read",
                    .file = path.string(),
                    .remedy = "run it again when nobody writes the file"});
}

FileStamp stamp_of(const struct stat& info) {
  return {.bytes = static_cast<std::uint64_t>(info.st_size),
          .mtime_ns = info.st_mtim.tv_sec * std::int64_t{1'000'000'000} + info.st_mtim.tv_nsec};
}

// At most `count` bytes from where the file stands; fewer only at its end.
Result<std::string> read_up_to(const FileHandle& file, std::size_t count, const fs::path& path) {
  std::string text(count, '\0');
  std::size_t filled = 0;
  while (filled < count) {
    const ssize_t got = ::read(file.get(), text.data() + filled, count - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read", errno, path);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  text.resize(filled);
  return text;
}

// What is under a name of ours, a link not followed: nothing, or a regular file that has no other name.
Result<void> check_own(const struct stat& info, const fs::path& path) {
  if (!S_ISREG(info.st_mode)) return not_regular(info.st_mode, path);
  if (info.st_nlink > 1) {
    return fail(Error{.what = "has another name as well (a hard link), and writing here would change both",
                      .file = path.string(),
                      .remedy = "replace it by a copy of itself"});
  }
  return {};
}

}  // namespace

int FileHandle::close() {
  if (fd_ < 0) return 0;
  return ::close(std::exchange(fd_, -1)) == 0 ? 0 : errno;
}

Result<FileStamp> check_regular(const fs::path& path) {
  if (path.empty()) return empty_path_error();
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return system_error("open", errno, path);
  if (!S_ISREG(info.st_mode)) return not_regular(info.st_mode, path);
  return stamp_of(info);
}

Result<OpenFile> open_regular(const fs::path& path) {
  // Looked at first, because opening a pipe or a device can have effects; and again once it is open, because the name
  // may lead elsewhere by then. O_NONBLOCK: even then nothing is waited for.
  SMLP_CHECK(check_regular(path));
  struct stat info = {};
  FileHandle handle(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!handle.is_open()) return system_error("open", errno, path);
  if (::fstat(handle.get(), &info) != 0) return system_error("open", errno, path);
  if (!S_ISREG(info.st_mode)) return not_regular(info.st_mode, path);
  return OpenFile{.handle = std::move(handle), .stamp = stamp_of(info)};
}

Result<FileStamp> stamp_of(const FileHandle& file, const fs::path& path) {
  struct stat info = {};
  if (::fstat(file.get(), &info) != 0) return system_error("read", errno, path);
  return stamp_of(info);
}

FileStamp stamp_by_name(const PathAt& path) {
  struct stat info = {};
  return ::fstatat(path.folder, path.name.c_str(), &info, 0) == 0 ? stamp_of(info) : FileStamp();
}

mode_t mode_of(const PathAt& path) {
  struct stat info = {};
  return ::fstatat(path.folder, path.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 ? info.st_mode : 0;
}

bool name_is_taken(const PathAt& path) { return mode_of(path) != 0; }

namespace {

Result<OpenFile> open_up_to(const fs::path& path, std::uint64_t limit) {
  SMLP_TRY(file, open_regular(path));
  if (file.stamp.bytes <= limit) return std::move(file);
  return fail(Error{.what = fmt::format("{} bytes; at most {} are read", file.stamp.bytes, limit),
                    .file = path.string(),
                    .remedy = "check that it is the right file"});
}

Result<void> check_unchanged(const OpenFile& file, const fs::path& path) {
  SMLP_TRY(now, stamp_of(file.handle, path));
  return now == file.stamp ? Result<void>() : changed_while_read(path);
}

}  // namespace

Result<std::string> read_text(const fs::path& path, std::uint64_t limit) {
  SMLP_TRY(file, open_up_to(path, limit));
  SMLP_TRY(text, read_up_to(file.handle, file.stamp.bytes, path));
  if (text.size() != file.stamp.bytes) return changed_while_read(path);
  SMLP_CHECK(check_unchanged(file, path));
  return std::move(text);
}

Result<FileBytes> read_bytes(const fs::path& path, std::uint64_t limit) {
  SMLP_TRY(file, open_up_to(path, limit));
  const auto size = static_cast<std::size_t>(file.stamp.bytes);
  const auto data = std::make_shared_for_overwrite<std::byte[]>(size);
  SMLP_CHECK(read_at(file.handle, 0, {data.get(), size}, path));
  SMLP_CHECK(check_unchanged(file, path));
  return FileBytes{.data = data, .size = size, .stamp = file.stamp};
}

Result<std::string> read_start(const fs::path& path, std::size_t count) {
  SMLP_TRY(file, open_regular(path));
  return read_up_to(file.handle, count, path);
}

Result<void> read_at(const FileHandle& file, std::uint64_t offset, std::span<std::byte> room, const fs::path& path) {
  while (!room.empty()) {
    const ssize_t got =
        ::pread(file.get(), room.data(), std::min(room.size(), kMostAtOnce), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read", errno, path);
    if (got == 0) return changed_while_read(path);
    room = room.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

Result<FileHandle> create_own(const PathAt& path) {
  if (path.name.empty()) return empty_path_error();
  struct stat info = {};
  if (::fstatat(path.folder, path.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    if (!S_ISREG(info.st_mode)) return not_regular(info.st_mode, path.shown);
    SMLP_CHECK(delete_file(path));
  }
  FileHandle handle(::openat(path.folder, path.name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!handle.is_open()) return system_error("create", errno, path.shown);
  return handle;
}

Result<FileHandle> reopen_own(const PathAt& path) {
  if (path.name.empty()) return empty_path_error();
  struct stat info = {};
  if (::fstatat(path.folder, path.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return system_error("open", errno, path.shown);
  }
  SMLP_CHECK(check_own(info, path.shown));
  FileHandle handle(::openat(path.folder, path.name.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!handle.is_open()) return system_error("open", errno, path.shown);
  if (::fstat(handle.get(), &info) != 0) return system_error("open", errno, path.shown);
  SMLP_CHECK(check_own(info, path.shown));
  return handle;
}

Result<void> delete_file(const PathAt& path) {
  if (::unlinkat(path.folder, path.name.c_str(), 0) == 0 || errno == ENOENT) return {};
  return system_error("delete", errno, path.shown);
}

Result<void> write_all(const FileHandle& file, std::span<const std::byte> bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error("write", errno, path);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace smlp
