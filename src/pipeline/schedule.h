// What the threads of a pass do next, under one lock: the bookkeeping of pipeline.cc.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "pipeline/batch_policy.h"
#include "pipeline/source.h"

namespace smlp {

// Pictures that go through the network together. Rows are given out one by one, to several workers at once.
struct Batch {
  AlignedBuffer pictures;
  std::vector<float> logits;
  std::vector<std::size_t> index;  // of the picture in each row
  std::size_t written = 0;         // rows that are whole
  double fill_ms = 0;              // spent writing them
};

struct ScheduleLimits {
  std::size_t count = 0;  // pictures, at the beginning
  bool grows = false;     // the source may get more
  int workers = 1;
  std::size_t floats = 0;   // of a prepared picture
  std::size_t classes = 0;  // floats of an answer; 0: prepared pictures are the answers
  BatchSizes sizes = {};
  bool can_wait = true;  // the source's reading
  int max_readers = 64;
  std::uint64_t read_bytes = 0;
};

// The memory of a pass. Passes that are short and many keep it from one to the next: to get some megabytes from the
// system takes longer than a small network.
class PassMemory {
 public:
  // Bytes that a pass of these limits needs.
  static std::uint64_t bytes(const ScheduleLimits& limits);
  // Whether take() finds everything there.
  bool fits(const ScheduleLimits& limits) const;
  // Makes what is missing, and forgets what an earlier pass has left. May throw std::bad_alloc.
  void take(const ScheduleLimits& limits);

 private:
  friend class Schedule;
  std::vector<Batch> batches_;
  std::vector<float> answers_;  // the logits of picture i: i % window
  AlignedBuffer rows_;          // prepared pictures where there is no executor: i % batches
};

struct Task {
  enum Kind { wait, quit, sink, ask, decode, read, infer, join, start_readers };
  Kind kind = wait;
  std::size_t index = 0;   // sink, decode, read: the picture
  Batch* batch = nullptr;  // infer: by this worker alone
  int readers = 0;         // start_readers: how many
};

// The stages of a picture: claimed for reading -> read -> decoded into a row of a batch -> answered -> sunk.
class Schedule {
 public:
  // `memory` must outlive this, and is nobody else's meanwhile. May throw std::bad_alloc.
  Schedule(const ScheduleLimits& limits, PassMemory& memory);

  // For workers. next() waits until there is something to do; every task but quit, join and start_readers is ended by
  // the function named after it.
  Task next();
  void end_sink();
  void source_grew();                             // from any thread
  void end_ask(std::size_t more, bool can_wait);  // pictures that came, and whether reading them can wait
  const Reading& reading(std::size_t index);      // of a picture to decode
  std::span<float> begin_row(std::size_t index, Batch*& batch);
  void end_row(std::size_t index, Batch* batch, double milliseconds);
  void end_without_row(std::size_t index, Error error);  // the picture is broken
  void end_infer(Batch* batch);
  Result<std::span<const float>> answer(std::size_t index);  // of the picture to sink
  void readers_failed(int count);                            // threads that could not be started

  // Every worker that got `join` calls this; it returns when all have, with the batches to execute together.
  std::span<Batch* const> join();
  void end_join();  // by one of them

  // For reading threads and for workers that got `read`.
  std::optional<std::size_t> claim();  // waits; nothing: there is no more to read
  bool take_room(std::size_t index, std::uint64_t bytes);
  void end_read(std::size_t index, Result<Reading> reading);

  void stop(Error why) noexcept;  // the first reason is kept
  std::optional<Error> why_stopped();

 private:
  struct Item {
    enum class Stage : std::uint8_t { idle, reading, read, decoding, placed, done };
    Stage stage = Stage::idle;
    std::uint64_t bytes = 0;  // of room taken
    Reading reading = {};
    std::optional<Error> error = {};
    const float* values = nullptr;
  };

  Item& item(std::size_t index) { return ring_[index % ring_.size()]; }
  bool has_executor() const { return limits_.classes > 0; }
  Task choose();
  Task infer(Batch* batch);
  BatchesNow batches_now() const;
  Task choose_when_idle();
  Task choose_readers();
  Task gather(std::vector<Batch*> batches);
  bool may_read() const;
  bool may_decode() const;
  bool more_may_come() const;
  bool growth_unknown() const { return limits_.grows && (ask_ || asking_); }
  bool is_over() const { return stopped_ || over_ || (sunk_ == count_ && !growth_unknown()); }
  std::size_t room() const;  // rows that no picture has yet
  std::size_t begin_read();
  void drop_reading(std::size_t index);
  void give_back_room(Item& item);
  void deliver(Batch* batch);
  void changed();  // wakes whoever may go on
  void wake_reader();
  void wake_all();
  std::size_t ahead() const { return 2 * static_cast<std::size_t>(limits_.workers + readers_); }

  const ScheduleLimits limits_;
  std::mutex mutex_;
  std::condition_variable wake_workers_, wake_readers_, wake_room_;

  PassMemory& memory_;
  std::vector<Item> ring_;  // picture i is in i % size
  std::vector<Batch*> free_;
  std::deque<Batch*> full_;
  Batch* filling_ = nullptr;

  std::size_t count_, next_read_ = 0, sunk_ = 0;
  bool ask_ = true, asking_ = false;  // whether the source has more: something happened since it said no
  std::vector<std::size_t> ready_;    // a heap, the lowest first: read, not yet decoded
  std::size_t reading_ = 0, decoding_ = 0, reserved_ = 0, running_ = 0, reads_ = 0;
  std::uint64_t held_bytes_ = 0;
  int readers_ = 0, idle_readers_ = 0, want_room_ = 0, max_readers_;
  std::size_t grow_after_ = 0;  // reads
  bool read_inline_, sinking_ = false;

  bool gathered_ = false, executing_ = false;
  int joined_ = 0;
  std::vector<Batch*> together_;

  bool stopped_ = false;
  bool over_ = false;  // a worker has gone: what the source gets from now on is for another pass
  std::optional<Error> why_;
};

}  // namespace smlp
