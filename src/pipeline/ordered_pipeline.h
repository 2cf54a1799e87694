// Items made by several threads, consumed one by one in their order.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/affinity.h"
#include "base/result.h"

namespace smlp {

// Calls produce(i) for i = 0 .. count-1 on `threads` threads and consume(i, item) in order on the calling thread.
// At most `window` items exist at a time, so that a slow consumer bounds the memory. consume returns Result<void>;
// its first error stops everything and is returned. produce must not throw.
template <class Produce, class Consume>
Result<void> ordered_pipeline(std::size_t count, int threads, std::size_t window, Produce produce, Consume consume) {
  using Item = decltype(produce(std::size_t{0}));
  std::mutex mutex;
  std::condition_variable made, wanted;
  std::vector<std::optional<Item>> ring(window);  // item i waits in slot i % window
  std::size_t next = 0, consumed = 0;
  bool stop = false;

  const auto work = [&] {
    std::unique_lock lock(mutex);
    while (true) {
      wanted.wait(lock, [&] { return stop || next >= count || next < consumed + window; });
      if (stop || next >= count) return;
      const std::size_t index = next++;
      lock.unlock();
      Item item = produce(index);
      lock.lock();
      ring[index % window] = std::move(item);
      made.notify_one();
    }
  };

  Result<void> outcome;
  std::vector<std::jthread> workers;
  for (int i = 0; i < threads; ++i) workers.emplace_back(unpinned(work));
  for (std::size_t index = 0; index < count && outcome; ++index) {
    std::unique_lock lock(mutex);
    auto& slot = ring[index % window];
    made.wait(lock, [&] { return slot.has_value(); });
    Item item = std::move(*slot);
    slot.reset();
    consumed = index + 1;
    lock.unlock();
    wanted.notify_all();
    outcome = consume(index, std::move(item));
  }
  {
    const std::lock_guard lock(mutex);
    stop = true;
  }
  wanted.notify_all();
  return outcome;
}

}  // namespace smlp
