#include "base/waiting.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>
#include <tuple>
#include <vector>

#include "base/affinity.h"
#include "base/no_throw.h"

namespace smlp {
namespace {

constexpr std::size_t kTimed = 8;
constexpr std::chrono::milliseconds kSlow{8};  // for all that are timed: below, threads cost more than they save
constexpr std::size_t kThreads = 64;

// The calls that are left, by whoever comes.
class Calls {
 public:
  Calls(std::size_t first, std::size_t count, const std::function<Result<void>(std::size_t)>& work)
      : next_(first), count_(count), work_(work) {}

  void take_all() {
    for (std::size_t i; (i = next_++) < end_;) {
      if (auto outcome = no_throw([&] { return work_(i); }); !outcome) fail_at(i, std::move(outcome).error());
    }
  }
  Result<void> outcome() { return error_ ? Result<void>(std::unexpected(std::move(*error_))) : Result<void>(); }

 private:
  void fail_at(std::size_t index, Error error) {
    const std::lock_guard lock(mutex_);
    if (error_ && error_at_ < index) return;
    error_ = std::move(error);
    error_at_ = index;
    end_ = index;  // those before it may still have an error of their own
  }

  std::atomic<std::size_t> next_;
  const std::size_t count_;
  std::atomic<std::size_t> end_ = count_;
  const std::function<Result<void>(std::size_t)>& work_;
  std::mutex mutex_;
  std::optional<Error> error_;
  std::size_t error_at_ = 0;
};

}  // namespace

Result<void> for_each_waiting(std::size_t count, const std::function<Result<void>(std::size_t)>& work) {
  const auto start = std::chrono::steady_clock::now();
  const std::size_t timed = std::min(count, kTimed);
  for (std::size_t i = 0; i < timed; ++i) SMLP_CHECK(no_throw([&] { return work(i); }));
  Calls calls(timed, count, work);
  {
    std::vector<std::jthread> threads;
    if (count > timed && std::chrono::steady_clock::now() - start >= kSlow) {
      // Where one cannot be started, those that there are must do.
      std::ignore = no_throw([&]() -> Result<void> {
        const std::size_t wanted = std::min(kThreads, count - timed);
        threads.reserve(wanted);
        for (std::size_t t = 1; t < wanted; ++t) threads.emplace_back(unpinned([&] { calls.take_all(); }));
        return {};
      });
    }
    calls.take_all();
  }
  return calls.outcome();
}

}  // namespace smlp
