#include "base/thread_pool.h"

#include <pthread.h>
#include <sched.h>

namespace smlp {
namespace {

void pin_to(std::thread& thread, int position) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  int seen = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || seen++ != position) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ::pthread_setaffinity_np(thread.native_handle(), sizeof(one), &one);
    return;
  }
}

}  // namespace

ThreadPool::ThreadPool(int size, bool pin) : size_(size < 1 ? 1 : size) {
  for (int worker = 1; worker < size_; ++worker) {
    threads_.emplace_back([this, worker] { work(worker); });
    if (pin) pin_to(threads_.back(), worker);
  }
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::start(void* context, Call call) {
  context_ = context;
  call_ = call;
  running_.store(static_cast<std::uint32_t>(size_ - 1), std::memory_order_relaxed);
  if (size_ > 1) {
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
  }
  call(context, 0);
  for (std::uint32_t left = running_.load(std::memory_order_acquire); left != 0;
       left = running_.load(std::memory_order_acquire)) {
    spin_then_park(running_, left, [&] { return running_.load(std::memory_order_acquire) != left; });
  }
}

void ThreadPool::work(int worker) {
  for (std::uint32_t seen = 0;; ++seen) {
    spin_then_park(round_, seen, [&] { return round_.load(std::memory_order_acquire) != seen; });
    if (stop_) return;
    call_(context_, worker);
    running_.fetch_sub(1, std::memory_order_acq_rel);
    running_.notify_one();
  }
}

}  // namespace smlp
