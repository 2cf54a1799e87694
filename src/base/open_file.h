// How files are opened, in one place: what others wrote is read only where it is a regular file, and what we write in
// place is ours. Files that are written whole go through AtomicFile instead.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/path_at.h"
#include "base/system_error.h"

namespace smlp {

// A file descriptor that is closed at its end.
class FileHandle {
 public:
  FileHandle() = default;
  explicit FileHandle(int fd) : fd_(fd) {}
  FileHandle(FileHandle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileHandle& operator=(FileHandle&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileHandle() { close(); }

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int close();  // 0 or the error's number

 private:
  int fd_ = -1;
};

// What tells one content of a file from another without reading it.
struct FileStamp {
  std::uint64_t bytes = 0;
  std::int64_t mtime_ns = 0;

  bool operator==(const FileStamp&) const = default;
};

struct OpenFile {
  FileHandle handle;
  FileStamp stamp;  // of this very file, whatever its name leads to later
};

// Opens a file that somebody else may have written, for reading. Symbolic links are followed. Anything but a regular
// file (a directory, pipe, socket or device) is refused, and nothing is ever waited for. Errors name the path.
Result<OpenFile> open_regular(const std::filesystem::path& path);

// What open_regular() would find under this name, and its errors, without opening it: where opening takes long, that is
// asked for many files first.
Result<FileStamp> check_regular(const std::filesystem::path& path);

// What an open file is by now.
Result<FileStamp> stamp_of(const FileHandle& file, const std::filesystem::path& path);

// Of what a name leads to; zero where that cannot be told: opening it says why.
FileStamp stamp_by_name(const PathAt& path);

// Whether there is anything under this very name, be it a link that leads nowhere.
bool name_is_taken(const PathAt& path);
// Its type and rights as lstat(2) has them, a link not followed; 0 for nothing.
mode_t mode_of(const PathAt& path);

// The whole content of such a file, at most `limit` bytes. A file that changes while it is read is an error.
Result<std::string> read_text(const std::filesystem::path& path, std::uint64_t limit);

struct FileBytes {
  std::shared_ptr<const std::byte[]> data = nullptr;
  std::size_t size = 0;
  FileStamp stamp = {};  // of the very file that was read

  std::span<const std::byte> bytes() const { return {data.get(), size}; }
};

// The same as bytes that may be handed on.
Result<FileBytes> read_bytes(const std::filesystem::path& path, std::uint64_t limit);

// Its first bytes, at most `count`.
Result<std::string> read_start(const std::filesystem::path& path, std::size_t count);

// The bytes from `offset` on, as many as there is room for; the file's position plays no part, so that several threads
// may read one file. A file that ends before is an error.
Result<void> read_at(const FileHandle& file, std::uint64_t offset, std::span<std::byte> room,
                     const std::filesystem::path& path);

// A file that we write in place because it grows: a journal, a part of a result. Under its name nothing but a regular
// file with this one name is touched: neither a symbolic link nor another file is ever written through.
Result<FileHandle> create_own(const PathAt& path);  // new and empty; replaces one that is there
Result<FileHandle> reopen_own(const PathAt& path);  // for reading and writing, at its start

// A file, or a link itself; one that is not there is fine.
Result<void> delete_file(const PathAt& path);

// Writes all of it; errors name `path`.
Result<void> write_all(const FileHandle& file, std::span<const std::byte> bytes, const std::filesystem::path& path);

}  // namespace smlp
