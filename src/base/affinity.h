// Which processors a thread may run on, and threads that keep to one.
#pragma once

#include <sched.h>

#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"

namespace smlp {

// As many processors as Linux can be built for.
struct CpuMask {
  cpu_set_t parts[8];
};

// Processors of the calling thread's affinity mask; where it is pinned, those of the mask it had before. Ascending,
// empty where the system does not tell.
std::vector<int> allowed_cpus();

// The same in the order that threads should be pinned in: one processor of each core, then the cores' second ones.
std::vector<int> pinning_order();

// Keeps a thread on one processor. Several may pin the same thread; its mask comes back with the last one's end.
class PinnedThread {
 public:
  // Pins the calling thread until the object's end, in whatever thread that is.
  static Result<PinnedThread> pin(int cpu);
  PinnedThread(PinnedThread&& other) noexcept : thread_(std::exchange(other.thread_, 0)) {}
  PinnedThread& operator=(PinnedThread&& other) noexcept {
    std::swap(thread_, other.thread_);
    return *this;
  }
  ~PinnedThread();

 private:
  explicit PinnedThread(pid_t thread) : thread_(thread) {}
  pid_t thread_;
};

// The calling thread's mask before it was pinned; nothing where it is not.
std::optional<CpuMask> mask_before_pinning();
void set_mask(const CpuMask& mask);  // of the calling thread

// A thread inherits its maker's mask, and so the one processor of a maker that is pinned. std::thread(unpinned(work))
// runs where the maker could before.
template <class Work>
auto unpinned(Work work) {
  return [work = std::move(work), mask = mask_before_pinning()]() mutable {
    if (mask) set_mask(*mask);
    work();
  };
}

}  // namespace smlp
