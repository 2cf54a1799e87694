// What all threads of a process ask of the allocator, of locks and of the kernel between two moments.
//
// For the one test program that compiles watch.cc and system_calls.cc in: its own malloc and pthread_mutex_lock stand
// before the C library's, and count. The address and thread sanitizers do the same for purposes of their own, so with
// them nothing is watched.
#pragma once

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <new>
#include <string>
#include <type_traits>

#include "support/sanitizers.h"

#define SMLP_CAN_WATCH (!SMLP_UNDER_SANITIZER)

namespace smlp::test {

inline constexpr int kSystemCalls = 512;  // a higher number counts as the last

struct Requests {
  long allocator = 0;  // malloc and its kin, free among them; operator new calls them
  long locks = 0;      // mutexes and read-write locks of pthreads
  std::array<long, kSystemCalls> system = {};

  Requests& operator+=(const Requests& more);
  long system_calls() const;
  long system_calls_but(std::initializer_list<long> numbers) const;
  std::string text() const;  // "2 allocator calls, 1 lock, system calls: 1 x write"
};

// From here on the system calls of every thread are seen. It cannot be undone, every thread must be past its start, and
// none may start or end afterwards: for forked children alone. Returns an empty text, or why it cannot be done here.
std::string watch_system_calls();

void start_watching();
Requests stop_watching();

// Runs body(result) in a forked child and returns what it left in `result`. The child has this thread alone, and ends
// without running destructors. `failure` is empty, or how the child ended before it was done.
template <class Result, class Body>
Result in_child(std::string& failure, Body body) {
  static_assert(std::is_trivially_copyable_v<Result>);
  struct Shared {
    Result result;
    bool is_done;
  };
  void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    failure = std::strerror(errno);
    return {};
  }
  auto* shared = new (memory) Shared{};
  const pid_t child = ::fork();
  if (child == 0) {
    body(shared->result);
    shared->is_done = true;
    ::_exit(0);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) {
    failure = std::strerror(errno);
  } else if (WIFSIGNALED(status)) {
    failure = std::string("the child died of ") + ::strsignal(WTERMSIG(status));
  } else if (!shared->is_done) {
    failure = "the child ended early with status " + std::to_string(WEXITSTATUS(status));
  }
  const Result result = shared->result;
  ::munmap(memory, sizeof(Shared));
  return result;
}

namespace watching {  // between watch.cc and system_calls.cc

extern std::atomic<bool> is_on;
void count_system_call(long number);

}  // namespace watching
}  // namespace smlp::test
