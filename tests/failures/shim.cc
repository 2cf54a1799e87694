// A library for LD_PRELOAD that watches a program's file system calls, and makes one of them fail.
//
//   SMLP_SHIM_UNDER=DIR        only calls on files below DIR count
//   SMLP_SHIM_LOG=FILE         a line a call: NAME<TAB>PATH<TAB>second path, flags in octal, or bytes<TAB>OUTCOME
//   SMLP_SHIM_FAIL=NAME:N:CODE the N-th call NAME (from 1) fails with this errno; NAME:N:short writes half of the
//                              bytes; NAME:N:stop stops the process right before the call, until it gets SIGCONT
//
// Calls that the C library makes inside itself, such as stdio's, are not seen.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

constexpr int kFiles = 1024;
constexpr int kShort = -1, kStop = -2;

struct Shim {
  const char* under = std::getenv("SMLP_SHIM_UNDER");
  int log = -1;
  std::array<char, 32> name = {};
  long nth = 0;
  int code = 0;
  std::atomic<long> seen = 0;
  std::array<std::array<char, 512>, kFiles> paths = {};  // of open descriptors

  Shim() {
    if (const char* file = std::getenv("SMLP_SHIM_LOG")) {
      const long fd = ::syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
      // Far from the numbers that the program gets.
      log = static_cast<int>(::syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 900));
      ::syscall(SYS_close, fd);
    }
    if (const char* fail = std::getenv("SMLP_SHIM_FAIL")) {
      std::array<char, 16> word = {};
      if (std::sscanf(fail, "%31[^:]:%ld:%15s", name.data(), &nth, word.data()) != 3) std::abort();
      const std::string_view what = word.data();
      code = what == "short" ? kShort : what == "stop" ? kStop : std::atoi(word.data());
    }
  }
};

Shim& shim() {
  static Shim the;
  return the;
}

const char* path_of(int fd) { return fd < 0 || fd >= kFiles ? "" : shim().paths[static_cast<std::size_t>(fd)].data(); }

void set_path(int fd, const char* path) {
  if (fd < 0 || fd >= kFiles) return;
  std::snprintf(shim().paths[static_cast<std::size_t>(fd)].data(), 512, "%s", path);
}

bool counts(const char* path) {
  return path != nullptr &&
         (shim().under == nullptr || std::strncmp(path, shim().under, std::strlen(shim().under)) == 0);
}

void note(const char* name, const char* path, const char* more, long outcome) {
  if (shim().log < 0) return;
  char line[1400];
  const int code = errno;
  const int length = std::snprintf(line, sizeof(line), "%s\t%s\t%s\t%ld\n", name, path, more, outcome);
  ::syscall(SYS_write, shim().log, line, static_cast<std::size_t>(length));
  errno = code;
}

// The errno that this call has to fail with, kShort, or 0. Where the process is to stop it does so here.
int fate(const char* name) {
  Shim& s = shim();
  if (s.nth == 0 || std::strcmp(name, s.name.data()) != 0) return 0;
  if (++s.seen != s.nth) return 0;
  if (s.code != kStop) return s.code;
  ::syscall(SYS_kill, ::syscall(SYS_getpid), SIGSTOP);
  return 0;
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

// Calls real() unless it is this call's turn to fail, and notes what came of it.
template <class Real>
auto watched(const char* name, const char* path, const char* more, Real real) -> decltype(real()) {
  if (!counts(path)) return real();
  if (const int code = fate(name); code > 0) {
    errno = code;
    note(name, path, more, -1);
    return static_cast<decltype(real())>(-1);
  }
  const auto outcome = real();
  note(name, path, more, static_cast<long>(outcome));
  return outcome;
}

// The path of a name below an open folder; "." is the folder.
struct PathBelow {
  char text[1100];
  PathBelow(int folder, const char* name) {
    const bool below = folder >= 0 && *name != '/', itself = below && std::strcmp(name, ".") == 0;
    std::snprintf(text, sizeof(text), "%s%s%s", below ? path_of(folder) : "", below && !itself ? "/" : "",
                  itself ? "" : name);
  }
};

int watched_open(int folder, const char* name, int flags, mode_t mode) {
  const PathBelow below(folder, name);
  const char* path = below.text;
  char octal[16];
  std::snprintf(octal, sizeof(octal), "%o", static_cast<unsigned>(flags));
  const int fd =
      watched("open", path, octal, [&] { return static_cast<int>(::syscall(SYS_openat, folder, name, flags, mode)); });
  set_path(fd, path);
  return fd;
}

// An argument as text that stays while the call lasts.
struct Text {
  char text[600];
  explicit Text(const char* path) { std::snprintf(text, sizeof(text), "%s", path); }
  explicit Text(std::size_t bytes) { std::snprintf(text, sizeof(text), "%zu", bytes); }
};

mode_t mode_argument(int flags, va_list list) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? static_cast<mode_t>(va_arg(list, int)) : 0;
}

template <class Real>
ssize_t watched_write(int fd, std::size_t count, Real real) {
  const char* path = path_of(fd);
  if (!counts(path) || *path == '\0') return real(count);
  const int code = fate("write");
  if (code > 0) {
    errno = code;
    note("write", path, Text(count).text, -1);
    return -1;
  }
  const ssize_t written = real(code == kShort ? std::max<std::size_t>(count / 2, 1) : count);
  note("write", path, Text(count).text, written);
  return written;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = mode_argument(flags, list);
  va_end(list);
  return watched_open(AT_FDCWD, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = mode_argument(flags, list);
  va_end(list);
  return watched_open(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = mode_argument(flags, list);
  va_end(list);
  return watched_open(folder, path, flags, mode);
}

int close(int fd) {
  const Text path(path_of(fd));
  set_path(fd, "");
  // A descriptor is closed even where close() reports an error.
  const auto real = [&] { return static_cast<int>(::syscall(SYS_close, fd)); };
  if (path.text[0] == '\0' || !counts(path.text)) return real();
  if (const int code = fate("close"); code > 0) {
    real();
    errno = code;
    note("close", path.text, "", -1);
    return -1;
  }
  const int outcome = real();
  note("close", path.text, "", outcome);
  return outcome;
}

int fcntl64(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  const auto argument = va_arg(list, unsigned long);
  va_end(list);
  const int outcome = static_cast<int>(::syscall(SYS_fcntl, fd, command, argument));
  if (command == F_DUPFD_CLOEXEC || command == F_DUPFD) set_path(outcome, path_of(fd));
  return outcome;
}

int fcntl(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  const auto argument = va_arg(list, unsigned long);
  va_end(list);
  return fcntl64(fd, command, argument);
}

ssize_t write(int fd, const void* data, std::size_t count) {
  return watched_write(fd, count, [&](std::size_t n) { return ::syscall(SYS_write, fd, data, n); });
}

ssize_t pwrite(int fd, const void* data, std::size_t count, off_t at) {
  return watched_write(fd, count, [&](std::size_t n) { return ::syscall(SYS_pwrite64, fd, data, n, at); });
}

ssize_t pwrite64(int fd, const void* data, std::size_t count, off_t at) { return pwrite(fd, data, count, at); }

int fsync(int fd) {
  return watched("fsync", path_of(fd), "", [&] { return static_cast<int>(::syscall(SYS_fsync, fd)); });
}

int syncfs(int fd) noexcept {
  return watched("syncfs", path_of(fd), "", [&] { return static_cast<int>(::syscall(SYS_syncfs, fd)); });
}

int ftruncate(int fd, off_t size) noexcept {
  return watched("ftruncate", path_of(fd), Text(static_cast<std::size_t>(size)).text,
                 [&] { return static_cast<int>(::syscall(SYS_ftruncate, fd, size)); });
}

int ftruncate64(int fd, off_t size) noexcept { return ftruncate(fd, size); }

off_t lseek(int fd, off_t at, int from) noexcept {
  return watched("lseek", path_of(fd), "", [&] { return static_cast<off_t>(::syscall(SYS_lseek, fd, at, from)); });
}

off_t lseek64(int fd, off_t at, int from) noexcept { return lseek(fd, at, from); }

int flock(int fd, int operation) noexcept {
  return watched("flock", path_of(fd), "", [&] { return static_cast<int>(::syscall(SYS_flock, fd, operation)); });
}

int fstat(int fd, struct stat* info) noexcept {
  return watched("fstat", path_of(fd), "", [&] { return next<int(int, struct stat*)>("fstat")(fd, info); });
}

int fstat64(int fd, struct stat64* info) noexcept {
  return watched("fstat", path_of(fd), "", [&] { return next<int(int, struct stat64*)>("fstat64")(fd, info); });
}

int rename(const char* from, const char* to) noexcept {
  return watched("rename", from, to,
                 [&] { return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0)); });
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) noexcept {
  return watched("rename", PathBelow(from_folder, from).text, PathBelow(to_folder, to).text,
                 [&] { return static_cast<int>(::syscall(SYS_renameat2, from_folder, from, to_folder, to, flags)); });
}

int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  return renameat2(from_folder, from, to_folder, to, 0);
}

int unlinkat(int folder, const char* path, int flags) noexcept {
  return watched("unlink", PathBelow(folder, path).text, "",
                 [&] { return static_cast<int>(::syscall(SYS_unlinkat, folder, path, flags)); });
}

int unlink(const char* path) noexcept {
  return watched("unlink", path, "", [&] { return static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, 0)); });
}

int remove(const char* path) noexcept {
  return watched("unlink", path, "", [&] { return next<int(const char*)>("remove")(path); });
}

int mkdir(const char* path, mode_t mode) noexcept {
  return watched("mkdir", path, "", [&] { return static_cast<int>(::syscall(SYS_mkdirat, AT_FDCWD, path, mode)); });
}

}  // extern "C"
