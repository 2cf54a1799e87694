#include "base/atomic_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "base/folder.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTemporarySuffix = ".smlp-tmp";
constexpr std::size_t kRandomDigits = 16;
constexpr std::size_t kLongestName = 255;  // NAME_MAX of Linux's file systems

std::unexpected<Error> exists_error(const fs::path& target) {
  return fail(Error{.what = "exists already, and nothing is overwritten unasked",
                    .file = target.string(),
                    .remedy = "give --force to replace it, or choose another name"});
}

bool is_same_file(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

// 0 or the error's number.
int rename_over(const PathAt& from, const PathAt& to) {
  return ::renameat(from.folder, from.name.c_str(), to.folder, to.name.c_str()) == 0 ? 0 : errno;
}

// rename(2) that fails with EEXIST instead of replacing; file systems without RENAME_NOREPLACE are asked twice.
int rename_new(const PathAt& from, const PathAt& to) {
  if (::renameat2(from.folder, from.name.c_str(), to.folder, to.name.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  return mode_of(to) != 0 ? EEXIST : rename_over(from, to);
}

Result<void> check_target(const PathAt& target, Existing existing) {
  if (target.name.empty()) return empty_path_error();
  const mode_t mode = mode_of(target);
  if (mode == 0 || (S_ISREG(mode) && existing == Existing::replace)) return {};
  if (S_ISDIR(mode)) return system_error("write", EISDIR, target.shown);
  if (existing == Existing::keep) return exists_error(target.shown);
  Error error{.what = "is neither a file nor free, and is not replaced", .file = target.shown.string()};
  if (S_ISLNK(mode)) {
    error.what = "is a symbolic link, which is neither followed nor replaced";
    error.remedy = "give the name of the file itself, or delete the link";
  }
  return fail(std::move(error));
}

// The part of a temporary's name before the random digits, shortened where the whole would be too long for a name.
std::string temporary_prefix(std::string_view target) {
  constexpr std::size_t room = kLongestName - kRandomDigits - kTemporarySuffix.size() - 2;
  return fmt::format(".{}.", target.substr(0, room));
}

std::optional<std::string> random_digits() {
  std::uint64_t value = 0;
  static_assert(2 * sizeof(value) == kRandomDigits);
  if (::getrandom(&value, sizeof(value), 0) != sizeof(value)) return std::nullopt;
  return fmt::format("{:016x}", value);
}

// Where a file system cannot lock (some network ones), flock fails with another code than EWOULDBLOCK.
enum class Lock { taken, held, unknown };
Lock try_lock(const FileHandle& file) {
  int outcome = 0;
  while ((outcome = ::flock(file.get(), LOCK_EX | LOCK_NB)) != 0 && errno == EINTR) {
  }
  return outcome == 0 ? Lock::taken : errno == EWOULDBLOCK ? Lock::held : Lock::unknown;
}

// False where somebody who clears leftovers away met the new file before it was locked.
bool keep_from_cleaners(const FileHandle& file) {
  struct stat info = {};
  return try_lock(file) != Lock::held && ::fstat(file.get(), &info) == 0 && info.st_nlink > 0;
}

// A leftover that is ours, and whose writer lives no more.
bool is_leftover(const FileHandle& file) {
  struct stat info = {};
  return ::fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == ::geteuid() && info.st_nlink == 1 &&
         try_lock(file) == Lock::taken;
}

Result<void> remove_leftover(const fs::path& path) {
  if (!S_ISREG(mode_of(path))) return {};
  const FileHandle file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (!file.is_open() || !is_leftover(file)) return {};
  return delete_file(path);
}

FileHandle open_folder_of(const PathAt& target) {
  const fs::path parent = target.name.parent_path();
  return FileHandle(::openat(target.folder, parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace

void AtomicFile::discard() {
  if (file_.is_open()) ::unlinkat(temporary_.folder, temporary_.name.c_str(), 0);
  file_.close();
}

Result<AtomicFile> AtomicFile::create(const PathAt& target, Existing existing) {
  SMLP_CHECK(check_target(target, existing));
  const std::string prefix = temporary_prefix(target.name.filename().string());
  for (int attempt = 0; attempt < 100; ++attempt) {
    const auto digits = random_digits();
    if (!digits) return system_error("get random numbers", errno, target.shown);
    const PathAt temporary = target.sibling(fmt::format("{}{}{}", prefix, *digits, kTemporarySuffix));
    FileHandle file(
        ::openat(temporary.folder, temporary.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (!file.is_open() && errno == EEXIST) continue;
    if (!file.is_open()) return system_error("create", errno, target.shown);
    AtomicFile created(target, temporary, existing, std::move(file));
    SMLP_CHECK(created.hold_target());
    if (keep_from_cleaners(created.file_)) return created;
  }
  return system_error("create", EEXIST, target.shown);
}

Result<void> AtomicFile::write(std::span<const std::byte> bytes) { return write_all(file_, bytes, target_.shown); }

Result<FileStamp> AtomicFile::stamp() const {
  struct stat info = {};
  if (::fstat(file_.get(), &info) != 0) return system_error("write", errno, target_.shown);
  return FileStamp{.bytes = static_cast<std::uint64_t>(info.st_size),
                   .mtime_ns = info.st_mtim.tv_sec * std::int64_t{1'000'000'000} + info.st_mtim.tv_nsec};
}

Result<void> AtomicFile::hold_target() {
  is_new_ = mode_of(target_) == 0;
  if (is_new_ || existing_ == Existing::keep) return {};
  old_ = FileHandle(
      ::openat(target_.folder, target_.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (!old_.is_open() || try_lock(old_) != Lock::held) return {};
  return fail(Error{.what = "another run of smlp is writing it",
                    .file = target_.shown.string(),
                    .remedy = "wait for it to end or choose another name"});
}

int AtomicFile::rename_to_target() const {
  if (existing_ == Existing::keep || is_new_) return rename_new(temporary_, target_);
  struct stat was = {}, is = {};
  if (old_.is_open() && ::fstat(old_.get(), &was) == 0) {
    if (::fstatat(target_.folder, target_.name.c_str(), &is, AT_SYMLINK_NOFOLLOW) != 0) {
      return rename_new(temporary_, target_);
    }
    if (!is_same_file(was, is)) return EEXIST;
  }
  return rename_over(temporary_, target_);
}

Result<void> AtomicFile::commit(Flush flush) {
  FileHandle folder;
  if (flush == Flush::now) {
    if (::fsync(file_.get()) != 0 && errno != EINVAL) return system_error("write", errno, target_.shown);
    folder = open_folder_of(target_);
    // A folder may be written to and yet not be read: then its fsync is left to the system.
    if (!folder.is_open() && errno != EACCES) return system_error("open the folder", errno, target_.shown);
  }
  // Some file systems report a failed write only to close(). A copy of the descriptor is closed, because the lock has
  // to last until the file has its final name.
  FileHandle copy(::fcntl(file_.get(), F_DUPFD_CLOEXEC, 0));
  int code = copy.is_open() ? copy.close() : errno;
  if (code != 0) return system_error("write", code, target_.shown);
  code = rename_to_target();
  if (code != 0) {
    discard();
    if (code == EEXIST && existing_ == Existing::keep) return exists_error(target_.shown);
    if (code == EEXIST) {
      return fail(Error{.what = "was written by somebody else meanwhile, and is not replaced",
                        .file = target_.shown.string(),
                        .remedy = "run one command at a time, or choose another name"});
    }
    return system_error("write", code, target_.shown);
  }
  file_.close();
  if (folder.is_open() && ::fsync(folder.get()) != 0 && errno != EINVAL)
    return system_error("write", errno, target_.shown);
  return {};
}

Result<void> write_file(const PathAt& target, std::initializer_list<std::span<const std::byte>> bytes,
                        Existing existing) {
  SMLP_TRY(file, AtomicFile::create(target, existing));
  for (const auto& piece : bytes) SMLP_CHECK(file.write(piece));
  return file.commit();
}

Result<void> write_file(const PathAt& target, std::string_view text, Existing existing) {
  return write_file(target, {std::as_bytes(std::span(text))}, existing);
}

Result<void> flush_disk(const fs::path& directory) {
  const FileHandle folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open()) return system_error("open the folder", errno, directory);
  if (::syncfs(folder.get()) != 0) return system_error("write", errno, directory);
  return {};
}

bool is_temporary_name(std::string_view filename) {
  if (!filename.starts_with('.') || !filename.ends_with(kTemporarySuffix)) return false;
  filename.remove_suffix(kTemporarySuffix.size());
  if (filename.size() < kRandomDigits + 2) return false;
  const std::string_view digits = filename.substr(filename.size() - kRandomDigits);
  return filename[filename.size() - kRandomDigits - 1] == '.' &&
         digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<void> remove_temporaries(const fs::path& directory, std::string_view target) {
  const std::string prefix = temporary_prefix(target);
  const std::size_t length = prefix.size() + kRandomDigits + kTemporarySuffix.size();
  // In a folder that may be written to and not be read, they stay.
  if (::access(directory.c_str(), R_OK) != 0 && errno == EACCES) return {};
  SMLP_TRY(entries, folder_entries(directory));
  for (const FolderEntry& entry : entries) {
    const std::string name = entry.name();
    if (!is_temporary_name(name)) continue;
    if (!target.empty() && (name.size() != length || !name.starts_with(prefix))) continue;
    SMLP_CHECK(remove_leftover(entry.path));
  }
  return {};
}

Result<void> make_directories(const fs::path& directory) {
  if (directory.empty()) return empty_path_error();
  std::error_code code;
  fs::create_directories(directory, code);
  if (!code && !fs::is_directory(directory, code)) code = std::make_error_code(std::errc::not_a_directory);
  if (code) return system_error("make the folder", code.value(), directory);
  return {};
}

Result<DirectoryLock> DirectoryLock::acquire(const fs::path& directory) {
  FileHandle folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open()) return system_error("open the folder", errno, directory);
  // Where the file system cannot lock, the lock is only a courtesy.
  if (try_lock(folder) == Lock::held) {
    return fail(Error{.what = "another run of smlp is writing here",
                      .file = directory.string(),
                      .remedy = "wait for it to end or choose another folder"});
  }
  return DirectoryLock(directory, std::move(folder));
}

Result<void> DirectoryLock::explained(Result<void> outcome) const {
  if (!outcome) SMLP_CHECK(check());
  return outcome;
}

Result<void> DirectoryLock::check() const {
  struct stat locked = {}, named = {};
  if (::fstat(folder_.get(), &locked) == 0 && ::stat(directory_.c_str(), &named) == 0 && is_same_file(locked, named)) {
    return {};
  }
  return fail(Error{.what = "is no longer the folder in which this run began",
                    .file = directory_.string(),
                    .remedy = "put the folder back under its name and run the same command again"});
}

}  // namespace smlp
