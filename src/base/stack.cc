#include "base/stack.h"

#include <pthread.h>
#include <sys/mman.h>

#include <cstdint>
#include <limits>

#include "base/memory.h"

namespace smlp {
namespace {

// Bytes below the caller's frame; the largest number where the system does not tell.
std::size_t stack_left() {
  constexpr std::size_t unknown = std::numeric_limits<std::size_t>::max();
  pthread_attr_t attributes;
  if (::pthread_getattr_np(::pthread_self(), &attributes) != 0) return unknown;
  void* lowest = nullptr;
  std::size_t size = 0;
  const bool told = ::pthread_attr_getstack(&attributes, &lowest, &size) == 0;
  ::pthread_attr_destroy(&attributes);
  if (!told) return unknown;
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  const auto end = reinterpret_cast<std::uintptr_t>(lowest);
  return here > end ? here - end : 0;
}

// Writes to each page of the next `bytes` of the stack. The last write keeps the call from becoming a jump.
[[gnu::noinline]] void touch_pages(std::size_t bytes) {
  volatile char page[4096];
  page[0] = 0;
  if (bytes > sizeof(page)) touch_pages(bytes - sizeof(page));
  page[sizeof(page) - 1] = 0;
}

}  // namespace

Result<void> reserve_stack(std::size_t bytes) {
  if (const std::size_t left = stack_left(); left < bytes) {
    return fail(Error{
        .what = fmt::format("this thread's stack has {} kB left, and {} kB are needed", left / 1024, bytes / 1024),
        .remedy = "give the thread a larger stack (ulimit -s for the first one)"});
  }
  void* const probe = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (probe == MAP_FAILED) return fail(out_of_memory("for the stack", "free some memory"));
  ::munmap(probe, bytes);
  touch_pages(bytes);
  return {};
}

}  // namespace smlp
