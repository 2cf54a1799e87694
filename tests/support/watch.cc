#include "support/watch.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "support/libc_allocator.h"

namespace smlp::test {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

std::atomic<long> allocator_calls = 0, locks_taken = 0;
std::array<std::atomic<long>, kSystemCalls> system_calls_made = {};

std::string name_of(int number) {
  constexpr std::pair<int, const char*> kNames[] = {
      {SYS_read, "read"},     {SYS_write, "write"},
      {SYS_openat, "openat"}, {SYS_close, "close"},
      {SYS_brk, "brk"},       {SYS_mmap, "mmap"},
      {SYS_munmap, "munmap"}, {SYS_mprotect, "mprotect"},
      {SYS_futex, "futex"},   {SYS_madvise, "madvise"},
      {SYS_ioctl, "ioctl"},   {SYS_sched_yield, "sched_yield"},
      {SYS_getpid, "getpid"}, {SYS_sched_getaffinity, "sched_getaffinity"},
      {SYS_gettid, "gettid"}, {SYS_clock_nanosleep, "clock_nanosleep"},
      {SYS_getcpu, "getcpu"}, {SYS_clock_gettime, "clock_gettime"},
  };
  const auto* found = std::ranges::find(kNames, number, &std::pair<int, const char*>::first);
  return found == std::end(kNames) ? "number " + std::to_string(number) : found->second;
}

}  // namespace

namespace watching {

std::atomic<bool> is_on = false;

void count_system_call(long number) {
  const long slot = number >= 0 && number < kSystemCalls ? number : kSystemCalls - 1;
  if (is_on.load(kRelaxed)) system_calls_made[static_cast<std::size_t>(slot)].fetch_add(1, kRelaxed);
}

}  // namespace watching

void start_watching() {
  allocator_calls = 0;
  locks_taken = 0;
  for (auto& calls : system_calls_made) calls.store(0, kRelaxed);
  watching::is_on = true;
}

Requests stop_watching() {
  watching::is_on = false;
  Requests seen{.allocator = allocator_calls, .locks = locks_taken};
  for (std::size_t i = 0; i < seen.system.size(); ++i) seen.system[i] = system_calls_made[i].load(kRelaxed);
  return seen;
}

Requests& Requests::operator+=(const Requests& more) {
  allocator += more.allocator;
  locks += more.locks;
  for (std::size_t i = 0; i < system.size(); ++i) system[i] += more.system[i];
  return *this;
}

long Requests::system_calls() const { return system_calls_but({}); }

long Requests::system_calls_but(std::initializer_list<long> numbers) const {
  long sum = 0;
  for (int i = 0; i < kSystemCalls; ++i) {
    if (std::ranges::find(numbers, i) == numbers.end()) sum += system[static_cast<std::size_t>(i)];
  }
  return sum;
}

std::string Requests::text() const {
  std::string out = std::to_string(allocator) + " allocator calls, " + std::to_string(locks) + " locks, system calls:";
  if (system_calls() == 0) out += " none";
  for (int i = 0; i < kSystemCalls; ++i) {
    const long times = system[static_cast<std::size_t>(i)];
    if (times != 0) out += " " + std::to_string(times) + " x " + name_of(i);
  }
  return out;
}

}  // namespace smlp::test

#if SMLP_CAN_WATCH

namespace {

void count_allocator_call() {
  if (smlp::test::watching::is_on.load(smlp::test::kRelaxed)) {
    smlp::test::allocator_calls.fetch_add(1, smlp::test::kRelaxed);
  }
}

// The definition that this one hides, looked up once.
template <class Function>
Function hidden(std::atomic<Function>& found, const char* name) {
  Function function = found.load(std::memory_order_relaxed);
  if (function == nullptr) {
    function = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
    found.store(function, std::memory_order_relaxed);
  }
  return function;
}

template <class Lock>
int count_lock(std::atomic<int (*)(Lock*)>& found, const char* name, Lock* lock) {
  if (smlp::test::watching::is_on.load(smlp::test::kRelaxed)) {
    smlp::test::locks_taken.fetch_add(1, smlp::test::kRelaxed);
  }
  return hidden(found, name)(lock);
}

}  // namespace

#define SMLP_SEEN __attribute__((visibility("default")))
#define SMLP_COUNTED_LOCK(name, type)                             \
  SMLP_SEEN int name(type* lock) noexcept {                       \
    static constinit std::atomic<int (*)(type*)> found = nullptr; \
    return count_lock(found, #name, lock);                        \
  }

extern "C" {

SMLP_SEEN void* malloc(std::size_t bytes) noexcept { return count_allocator_call(), __libc_malloc(bytes); }
SMLP_SEEN void* calloc(std::size_t count, std::size_t bytes) noexcept {
  return count_allocator_call(), __libc_calloc(count, bytes);
}
SMLP_SEEN void* realloc(void* old, std::size_t bytes) noexcept {
  return count_allocator_call(), __libc_realloc(old, bytes);
}
SMLP_SEEN void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  return count_allocator_call(), __libc_memalign(alignment, bytes);
}
SMLP_SEEN void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept { return memalign(alignment, bytes); }
SMLP_SEEN int posix_memalign(void** to, std::size_t alignment, std::size_t bytes) noexcept {
  *to = memalign(alignment, bytes);
  return *to == nullptr ? ENOMEM : 0;
}
SMLP_SEEN void free(void* old) noexcept { count_allocator_call(), __libc_free(old); }

SMLP_COUNTED_LOCK(pthread_mutex_lock, pthread_mutex_t)
SMLP_COUNTED_LOCK(pthread_mutex_trylock, pthread_mutex_t)
SMLP_COUNTED_LOCK(pthread_rwlock_rdlock, pthread_rwlock_t)
SMLP_COUNTED_LOCK(pthread_rwlock_wrlock, pthread_rwlock_t)

}  // extern "C"

#endif  // SMLP_CAN_WATCH
