// Sources, executors and sinks that say what was asked of them.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "pipeline/pipeline.h"

namespace smlp::test {

// Counts how many are inside at once.
class Gauge {
 public:
  class Inside {
   public:
    explicit Inside(Gauge& gauge) : gauge_(gauge) {
      const int now = ++gauge_.now_;
      int most = gauge_.most_;
      while (now > most && !gauge_.most_.compare_exchange_weak(most, now)) {
      }
    }
    ~Inside() { --gauge_.now_; }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    Gauge& gauge_;
  };
  int now() const { return now_; }
  int most() const { return most_; }

 private:
  std::atomic<int> now_ = 0, most_ = 0;
};

inline void sleep_ms(double ms) { std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(ms)); }

constexpr int kSide = 2;
constexpr std::size_t kFloats = 3 * kSide * kSide;

// Picture i is prepared floats that are all i.
class FakeSource final : public Source {
 public:
  explicit FakeSource(std::size_t count) : count_(count) {}

  std::size_t size() const override { return count_; }
  Result<Reading> read(std::size_t index, Room& room) override {
    const Gauge::Inside inside(reading);
    if (!room.take(bytes)) return fail("ended");
    held += static_cast<std::int64_t>(bytes);
    std::int64_t most = most_held;
    while (held > most && !most_held.compare_exchange_weak(most, held)) {
    }
    ++reads;
    if (delay_ms > 0) sleep_ms(delay_ms);
    const auto values = std::shared_ptr<std::vector<float>>(new std::vector<float>(kFloats, static_cast<float>(index)),
                                                            [this](const std::vector<float>* owned) {
                                                              delete owned;
                                                              held -= static_cast<std::int64_t>(bytes);
                                                            });
    if (on_read) {
      if (auto outcome = on_read(index); !outcome) return std::unexpected(outcome.error());
    }
    return Reading{std::span<const float>(*values), values};
  }
  void set_wake(const std::function<void()>& wake_by) override { wake = wake_by; }
  void examine(std::size_t index, const Reading&) override {
    const Gauge::Inside inside(working);
    if (work_ms > 0) sleep_ms(work_ms);
    if (on_examine) on_examine(index);
  }
  bool waits() const override { return can_wait; }
  bool grows() const override { return !growth.empty(); }
  std::size_t more() override {
    const Gauge::Inside inside(asking);
    ++asked;
    if (on_more) on_more();
    if (asked > growth.size()) return 0;
    return growth[asked - 1];
  }
  std::string name(std::size_t index) const override { return "picture " + std::to_string(index); }

  std::vector<std::size_t> growth;  // what each call of more() answers; then 0
  std::size_t asked = 0;
  std::function<void()> on_more, wake;
  Gauge asking;
  std::function<Result<void>(std::size_t)> on_read;
  std::function<void(std::size_t)> on_examine;
  double delay_ms = 0, work_ms = 0;
  std::uint64_t bytes = 1;
  bool can_wait = true;
  Gauge reading, working;
  std::atomic<std::int64_t> reads = 0, held = 0, most_held = 0;

 private:
  std::size_t count_;
};

// The logits of a picture are its first float, and twice that.
constexpr int kClasses = 2;

class FakeExecutor final : public Executor {
 public:
  FakeExecutor(int workers, int solo) : solo_(solo), meeting_(workers) {}

  void run(const float* pictures, int count, float* logits) override { compute(pictures, count, logits); }
  int solo_pictures() const override { return solo_; }
  void run_solo(int, const float* pictures, int count, float* logits) override {
    const Gauge::Inside inside(running);
    largest_solo = std::max<int>(largest_solo, count);
    ++solo_runs;
    compute(pictures, count, logits);
  }
  void run_share(int worker, const float* pictures, int count, float* logits) override {
    const Gauge::Inside inside(sharing);
    meeting_.wait(worker);
    if (worker == 0) {
      ++shared_runs;
      compute(pictures, count, logits);
    }
    meeting_.wait(worker);
    if (on_share) on_share(worker);
  }

  std::function<void()> on_compute;
  std::function<void(int)> on_share;
  double ms = 0;
  Gauge running, sharing;
  std::atomic<int> solo_runs = 0, shared_runs = 0, largest_solo = 0;

 private:
  void compute(const float* pictures, int count, float* logits) {
    if (on_compute) on_compute();
    if (ms > 0) sleep_ms(ms);
    for (int i = 0; i < count; ++i) {
      logits[i * kClasses] = pictures[static_cast<std::size_t>(i) * kFloats];
      logits[i * kClasses + 1] = 2 * logits[i * kClasses];
    }
  }
  int solo_;
  Barrier meeting_;
};

class FakeSink final : public Sink {
 public:
  Result<void> put(std::size_t index, Result<std::span<const float>> values) override {
    const Gauge::Inside inside(putting);
    order.push_back(index);
    if (values) {
      answers.emplace_back(values->begin(), values->end());
      errors.emplace_back();
    } else {
      answers.emplace_back();
      errors.push_back(values.error().message());
    }
    if (delay_ms > 0) sleep_ms(delay_ms);
    return on_put ? on_put(index) : Result<void>();
  }
  Result<void> finish() override {
    ++finished;
    return {};
  }

  std::function<Result<void>(std::size_t)> on_put;
  double delay_ms = 0;
  std::vector<std::size_t> order;
  std::vector<std::vector<float>> answers;
  std::vector<std::string> errors;
  int finished = 0;
  Gauge putting;
};

}  // namespace smlp::test
