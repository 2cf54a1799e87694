// A fixed team of threads that all run one function, and the barrier they meet at.
#pragma once

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

// Waits until done(): first spinning (a hand-over costs a fraction of a microsecond), parked in the kernel only when it
// lasts. Whoever makes done() true changes `word` from `seen` first, and notifies.
template <class Done>
void spin_then_park(const std::atomic<std::uint32_t>& word, std::uint32_t seen, Done done) {
  constexpr int kSpins = 20000;  // about 0.3 to 1 ms
  for (int i = 0; i < kSpins; ++i) {
    if (done()) return;
    relax();
  }
  while (!done()) {
    word.wait(seen);
    seen = word.load(std::memory_order_acquire);
  }
}

// Every one of `members` threads calls wait(); all return once the last has called.
class Barrier {
 public:
  explicit Barrier(int members) : members_(static_cast<std::uint32_t>(members)) {}

  void wait() {
    if (members_ == 1) return;
    const std::uint32_t round = round_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == members_) {
      arrived_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      round_.notify_all();
      return;
    }
    spin_then_park(round_, round, [&] { return round_.load(std::memory_order_acquire) != round; });
  }

 private:
  const std::uint32_t members_;
  alignas(64) std::atomic<std::uint32_t> arrived_ = 0;
  alignas(64) std::atomic<std::uint32_t> round_ = 0;
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
  std::vector<std::thread> threads_;
};

}  // namespace smlp
