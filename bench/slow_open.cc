// For LD_PRELOAD: a disk on which opening takes long. Every open of a path below $SMLP_SLOW_UNDER waits for
// smlp_slow_open_ms milliseconds first; the program that is loaded finds the number by its name and sets it.
#include <dlfcn.h>
#include <fcntl.h>

#include <atomic>
#include <cstdarg>
#include <cstdlib>
#include <ctime>
#include <string_view>

extern "C" {

__attribute__((visibility("default"))) std::atomic<int> smlp_slow_open_ms = 0;

namespace {

void wait_for_the_disk(const char* path) {
  static const char* const under = std::getenv("SMLP_SLOW_UNDER");
  const int ms = smlp_slow_open_ms;
  if (ms <= 0 || under == nullptr || !std::string_view(path).starts_with(under)) return;
  timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1'000'000L};
  while (::nanosleep(&left, &left) != 0) {
  }
}

int open_by(const char* name, const char* path, int flags, mode_t mode) {
  using Open = int (*)(const char*, int, ...);
  wait_for_the_disk(path);
  return reinterpret_cast<Open>(::dlsym(RTLD_NEXT, name))(path, flags, mode);
}

mode_t mode_of(int flags, std::va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

__attribute__((visibility("default"))) int open(const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_by("open", path, flags, mode);
}

__attribute__((visibility("default"))) int open64(const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_by("open64", path, flags, mode);
}
}
