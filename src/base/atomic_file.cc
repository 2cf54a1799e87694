#include "base/atomic_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace smlp {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTemporarySuffix = ".smlp-tmp";

std::string_view remedy_for(int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return "free some space or choose another folder";
    case EFBIG:
      return "the file is larger than this system lets a process write (ulimit -f)";
    case EACCES:
    case EPERM:
      return "check the permissions of the folder";
    case EROFS:
      return "choose a folder that is not mounted read-only";
    case ENOENT:
    case ENOTDIR:
      return "check the path";
    case ENAMETOOLONG:
      return "choose a shorter name";
    default:
      return "";
  }
}

std::unexpected<Error> exists_error(const fs::path& target) {
  return fail(Error{.what = "exists already, and nothing is overwritten unasked",
                    .file = target.string(),
                    .remedy = "give --force to replace it, or choose another name"});
}

bool is_there(const fs::path& path) {
  struct stat info = {};
  return ::lstat(path.c_str(), &info) == 0;
}

// rename(2) that fails with EEXIST instead of replacing; file systems without RENAME_NOREPLACE are asked twice.
int rename_new(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  if (is_there(to)) return EEXIST;
  return ::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

}  // namespace

std::unexpected<Error> system_error(std::string_view doing, int code, const fs::path& path) {
  return fail(Error{.what = fmt::format("cannot {}: {}", doing, std::strerror(code)),
                    .file = path.string(),
                    .remedy = std::string(remedy_for(code))});
}

AtomicFile::AtomicFile(fs::path target, fs::path temporary, Existing existing, int fd)
    : target_(std::move(target)), temporary_(std::move(temporary)), existing_(existing), fd_(fd) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : target_(std::move(other.target_)),
      temporary_(std::move(other.temporary_)),
      existing_(other.existing_),
      fd_(std::exchange(other.fd_, -1)) {}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

Result<AtomicFile> AtomicFile::create(const fs::path& target, Existing existing) {
  static std::atomic<unsigned> counter = 0;
  std::error_code ignored;
  if (fs::is_directory(target, ignored)) return system_error("write", EISDIR, target);
  if (existing == Existing::keep && is_there(target)) return exists_error(target);
  const fs::path temporary = target.parent_path() / fmt::format(".{}.{}-{}{}", target.filename().string(), ::getpid(),
                                                                counter++, kTemporarySuffix);
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return system_error("create", errno, target);
  return AtomicFile(target, temporary, existing, fd);
}

Result<void> AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error("write", errno, target_);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> AtomicFile::commit(Flush flush) {
  if (flush == Flush::now && ::fsync(fd_) != 0 && errno != EINVAL) return system_error("write", errno, target_);
  const int closed = ::close(std::exchange(fd_, -1));
  int code = closed == 0 ? 0 : errno;
  if (code == 0) {
    if (existing_ == Existing::keep) {
      code = rename_new(temporary_, target_);
    } else {
      code = ::rename(temporary_.c_str(), target_.c_str()) == 0 ? 0 : errno;
    }
  }
  if (code == 0) return {};
  ::unlink(temporary_.c_str());
  if (code == EEXIST) return exists_error(target_);
  return system_error("write", code, target_);
}

Result<void> write_file(const fs::path& target, std::initializer_list<std::span<const std::byte>> bytes,
                        Existing existing) {
  SMLP_TRY(file, AtomicFile::create(target, existing));
  for (const auto& piece : bytes) SMLP_CHECK(file.write(piece));
  return file.commit();
}

Result<void> write_file(const fs::path& target, std::string_view text, Existing existing) {
  return write_file(target, {std::as_bytes(std::span(text))}, existing);
}

Result<void> flush_disk(const fs::path& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return system_error("open the folder", errno, directory);
  const int code = ::syncfs(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (code != 0) return system_error("write", code, directory);
  return {};
}

bool is_temporary_name(std::string_view filename) {
  return filename.starts_with('.') && filename.ends_with(kTemporarySuffix);
}

Result<void> remove_temporaries(const fs::path& directory, std::string_view target) {
  const std::string prefix = target.empty() ? "." : fmt::format(".{}.", target);
  std::error_code code;
  for (fs::directory_iterator entry(directory, code), end; !code && entry != end; entry.increment(code)) {
    const std::string name = entry->path().filename().string();
    if (!is_temporary_name(name) || !name.starts_with(prefix)) continue;
    if (::unlink(entry->path().c_str()) != 0 && errno != ENOENT) return system_error("delete", errno, entry->path());
  }
  if (code) return system_error("list", code.value(), directory);
  return {};
}

Result<void> make_directories(const fs::path& directory) {
  std::error_code code;
  fs::create_directories(directory, code);
  if (!code && !fs::is_directory(directory, code)) code = std::make_error_code(std::errc::not_a_directory);
  if (code) return system_error("make the folder", code.value(), directory);
  return {};
}

Result<DirectoryLock> DirectoryLock::acquire(const fs::path& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return system_error("open the folder", errno, directory);
  // File systems that cannot lock (some network ones) say so with another code; there the lock is only a courtesy.
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(fd);
    return fail(Error{.what = "another run of smlp is writing here",
                      .file = directory.string(),
                      .remedy = "wait for it to end or choose another folder"});
  }
  return DirectoryLock(fd);
}

DirectoryLock::~DirectoryLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace smlp
