#include "base/thread_pool.h"

#include "base/affinity.h"

namespace smlp {

ThreadPool::ThreadPool(int size) : size_(size < 1 ? 1 : size), places_(size_) {
  try {
    for (int worker = 1; worker < size_; ++worker) {
      threads_.emplace_back(unpinned([this, worker] { work(worker); }));
    }
  } catch (...) {  // a thread could not be made: those that were must end before the exception goes on
    end();
    throw;
  }
}

ThreadPool::~ThreadPool() { end(); }

void ThreadPool::end() {
  stop_ = true;
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::start(void* context, Call call) {
  context_ = context;
  call_ = call;
  places_.note(0);
  running_.store(static_cast<std::uint32_t>(size_ - 1), std::memory_order_relaxed);
  if (size_ > 1) {
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
  }
  call(context, 0);
  for (std::uint32_t left = running_.load(std::memory_order_acquire); left != 0;
       left = running_.load(std::memory_order_acquire)) {
    spin_then_park(
        running_, left, [&] { return running_.load(std::memory_order_acquire) != left; },
        [&] { return places_.is_shared(0); });
  }
}

void ThreadPool::work(int worker) {
  for (std::uint32_t seen = 0;; ++seen) {
    spin_then_park(
        round_, seen, [&] { return round_.load(std::memory_order_acquire) != seen; },
        [&] { return places_.is_shared(worker); });
    if (stop_) return;
    places_.note(worker);
    call_(context_, worker);
    running_.fetch_sub(1, std::memory_order_acq_rel);
    running_.notify_one();
  }
}

}  // namespace smlp
