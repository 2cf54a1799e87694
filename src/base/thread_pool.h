// A fixed team of threads that all run one function, and the barrier they meet at.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace smlp {

// Tells the processor that this is a spinning wait.
inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// On which processors the members of a team were last seen. Who spins while another member needs that very processor
// keeps him from what it waits for: the system may leave both there for many time slices.
class Places {
 public:
  explicit Places(int members) : cpus_(static_cast<std::size_t>(members)) {}

  void note(int member) { cpus_[static_cast<std::size_t>(member)].store(here(), std::memory_order_relaxed); }

  // Whether another member was last seen where `member` runs now.
  bool is_shared(int member) const {
    const int cpu = here();
    for (std::size_t i = 0; i < cpus_.size(); ++i) {
      if (static_cast<int>(i) != member && cpu != 0 && cpus_[i].load(std::memory_order_relaxed) == cpu) return true;
    }
    return false;
  }

 private:
  static int here() { return ::sched_getcpu() + 1; }  // no call of the system; 0: it does not tell

  std::vector<std::atomic<int>> cpus_;
};

// Waits until done(): first spinning (a hand-over costs a fraction of a microsecond), parked in the kernel only when it
// lasts. Where is_hindering() says that whoever is waited for needs this processor, he gets it now and then: a thread
// that parked there instead would look to the system as if there were no work for a second processor. Whoever makes
// done() true changes `word` from `seen` first, and notifies.
template <class Done, class IsHindering>
void spin_then_park(const std::atomic<std::uint32_t>& word, std::uint32_t seen, Done done, IsHindering is_hindering) {
  constexpr int kSpins = 20000, kPatience = 200;  // about 0.3 to 1 ms; 3 to 10 us
  for (int i = 1; i <= kSpins; ++i) {
    if (done()) return;
    if (i % kPatience == 0 && is_hindering()) std::this_thread::yield();
    relax();
  }
  while (!done()) {
    word.wait(seen);
    seen = word.load(std::memory_order_acquire);
  }
}

// Every one of `members` threads calls wait(), each with a number of its own, 0 .. members-1; all return once the last
// has called.
class Barrier {
 public:
  explicit Barrier(int members) : members_(static_cast<std::uint32_t>(members)), places_(members) {}

  void wait(int member) {
    if (members_ == 1) return;
    places_.note(member);
    const std::uint32_t round = round_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == members_) {
      arrived_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      round_.notify_all();
      return;
    }
    spin_then_park(
        round_, round, [&] { return round_.load(std::memory_order_acquire) != round; },
        [&] { return places_.is_shared(member); });
  }

 private:
  const std::uint32_t members_;
  alignas(64) std::atomic<std::uint32_t> arrived_ = 0;
  alignas(64) std::atomic<std::uint32_t> round_ = 0;
  alignas(64) Places places_;
};

// `size` workers, the calling thread among them.
class ThreadPool {
 public:
  // Throws std::system_error where the system refuses a thread.
  explicit ThreadPool(int size);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return size_; }

  // Calls job(worker) once for each worker 0 .. size-1, worker 0 on the calling thread, and returns when all are done.
  // Takes no lock and no memory. One call at a time. The job must not throw.
  template <class Job>
  void run(Job& job) {
    start(&job, [](void* context, int worker) { (*static_cast<Job*>(context))(worker); });
  }

 private:
  using Call = void (*)(void* context, int worker);
  void start(void* context, Call call);
  void end();
  void work(int worker);

  const int size_;
  void* context_ = nullptr;
  Call call_ = nullptr;
  bool stop_ = false;
  alignas(64) std::atomic<std::uint32_t> round_ = 0;
  alignas(64) std::atomic<std::uint32_t> running_ = 0;
  Places places_;
  std::vector<std::thread> threads_;
};

}  // namespace smlp
