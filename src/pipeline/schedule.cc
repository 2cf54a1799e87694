#include "pipeline/schedule.h"

#include <algorithm>
#include <functional>

namespace smlp {

std::uint64_t PassMemory::bytes(const ScheduleLimits& limits) {
  const std::uint64_t row = (limits.floats + limits.classes) * sizeof(float);
  return limits.sizes.batches * limits.sizes.rows * row + limits.sizes.window * limits.classes * sizeof(float);
}

bool PassMemory::fits(const ScheduleLimits& limits) const {
  const std::size_t row = limits.floats * sizeof(float);
  if (limits.classes == 0) return rows_.size() == limits.sizes.batches * row;
  return batches_.size() == limits.sizes.batches && answers_.size() == limits.sizes.window * limits.classes &&
         batches_.front().pictures.size() == limits.sizes.rows * row &&
         batches_.front().logits.size() == limits.sizes.rows * limits.classes;
}

void PassMemory::take(const ScheduleLimits& limits) {
  if (!fits(limits)) {
    *this = {};
    if (limits.classes == 0) {
      rows_ = AlignedBuffer(limits.sizes.batches * limits.floats * sizeof(float));
      return;
    }
    answers_.resize(limits.sizes.window * limits.classes);
    for (std::size_t b = 0; b < limits.sizes.batches; ++b) {
      batches_.push_back({.pictures = AlignedBuffer(limits.sizes.rows * limits.floats * sizeof(float)),
                          .logits = std::vector<float>(limits.sizes.rows * limits.classes),
                          .index = {}});
      batches_.back().index.reserve(limits.sizes.rows);
    }
  }
  for (Batch& batch : batches_) {
    batch.index.clear();
    batch.written = 0;
    batch.fill_ms = 0;
  }
}

Schedule::Schedule(const ScheduleLimits& limits, PassMemory& memory)
    : limits_(limits),
      memory_(memory),
      ring_(std::max<std::size_t>(1, limits.sizes.window)),
      count_(limits.count),
      max_readers_(limits.max_readers),
      read_inline_(!limits.can_wait || limits.max_readers < 1 ||
                   limits.count <= static_cast<std::size_t>(limits.workers)) {
  memory_.take(limits);
  ready_.reserve(ring_.size());
  free_.reserve(limits.sizes.batches);
  together_.reserve(limits.sizes.batches);
  for (Batch& batch : memory_.batches_) free_.push_back(&batch);
}

Task Schedule::next() {
  std::unique_lock lock(mutex_);
  while (true) {
    if (const Task task = choose(); task.kind != Task::wait) return task;
    wake_workers_.wait(lock);
  }
}

// A worker's choice, best first: what frees memory, then what keeps others busy.
Task Schedule::choose() {
  if (gathered_) return {.kind = Task::join};  // all must come, even when the pass has been stopped
  if (is_over()) {
    if (!std::exchange(over_, true)) wake_all();
    return {.kind = Task::quit};
  }
  if (!sinking_ && item(sunk_).stage == Item::Stage::done) {
    sinking_ = true;
    return {.kind = Task::sink, .index = sunk_};
  }
  if (limits_.grows && ask_ && !asking_ && next_read_ == count_) {
    asking_ = true;
    ask_ = false;
    return {.kind = Task::ask};
  }
  if (before_decoding(batches_now()) == Execution::by_one) {
    Batch* const batch = full_.front();
    full_.pop_front();
    return infer(batch);
  }
  if (may_decode()) {
    std::ranges::pop_heap(ready_, std::greater());
    const std::size_t index = ready_.back();
    ready_.pop_back();
    item(index).stage = Item::Stage::decoding;
    ++decoding_;
    ++reserved_;
    wake_reader();
    return {.kind = Task::decode, .index = index};
  }
  if (read_inline_ && may_read()) return {.kind = Task::read, .index = begin_read()};
  if (const Task task = choose_readers(); task.kind != Task::wait) return task;
  return choose_when_idle();
}

BatchesNow Schedule::batches_now() const {
  return {.exclusive = limits_.sizes.exclusive,
          .full = !full_.empty(),
          .partial = filling_ != nullptr && filling_->written == filling_->index.size(),
          .last = !more_may_come(),
          .can_spare = reserved_ <= free_.size() * limits_.sizes.rows,
          .decoding = decoding_ > 0,
          .running = running_ > 0};
}

Task Schedule::infer(Batch* batch) {
  ++running_;
  return {.kind = Task::infer, .batch = batch};
}

Task Schedule::choose_when_idle() {
  if (!has_executor()) return {};
  const BatchesNow now = batches_now();
  switch (when_idle(now)) {
    case Execution::none:
      return {};
    case Execution::by_one:
      return infer(std::exchange(filling_, nullptr));
    case Execution::by_all:
      break;
  }
  std::vector<Batch*> all(full_.begin(), full_.end());
  full_.clear();
  if (now.partial && now.last) all.push_back(std::exchange(filling_, nullptr));
  return gather(std::move(all));
}

// Workers have nothing to do because reading is behind: four times as many threads, once a picture. Where each open
// takes 20 ms, the steps to all of them take the time of three opens.
Task Schedule::choose_readers() {
  if (read_inline_ || idle_readers_ > 0 || readers_ >= max_readers_ || !may_read() || reads_ < grow_after_) return {};
  const int more = std::min(readers_ == 0 ? 4 : 3 * readers_, max_readers_ - readers_);
  readers_ += more;
  grow_after_ = reads_ + 1;
  return {.kind = Task::start_readers, .readers = more};
}

Task Schedule::gather(std::vector<Batch*> batches) {
  together_ = std::move(batches);
  gathered_ = true;
  wake_workers_.notify_all();
  return {.kind = Task::join};
}

bool Schedule::may_read() const {
  return !stopped_ && next_read_ < count_ && next_read_ < sunk_ + ring_.size() && reading_ + ready_.size() < ahead() &&
         held_bytes_ <= limits_.read_bytes;
}

bool Schedule::may_decode() const {
  if (ready_.empty()) return false;
  return has_executor() ? room() > 0 : ready_.front() < sunk_ + limits_.sizes.batches;
}

// Whether a batch can get another picture without the sink's getting on.
bool Schedule::more_may_come() const {
  return !ready_.empty() || reading_ > 0 || decoding_ > 0 || may_read() || (growth_unknown() && next_read_ == count_);
}

std::size_t Schedule::room() const {
  const std::size_t rows =
      free_.size() * limits_.sizes.rows + (filling_ == nullptr ? 0 : limits_.sizes.rows - filling_->index.size());
  return rows - std::min(rows, reserved_);
}

void Schedule::changed() {
  ask_ = true;
  wake_workers_.notify_all();
  wake_reader();
  if (want_room_ > 0) wake_room_.notify_all();
}

// Once a half of what may be read ahead is gone, not for every picture: to wake a thread costs more than to read a
// small file. It goes on until there is enough, and wakes the next one where there is much to read.
void Schedule::wake_reader() {
  if (idle_readers_ > 0 && may_read() && 2 * (reading_ + ready_.size()) <= ahead()) wake_readers_.notify_one();
}

void Schedule::wake_all() {
  wake_workers_.notify_all();
  wake_readers_.notify_all();
  wake_room_.notify_all();
}

const Reading& Schedule::reading(std::size_t index) {
  const std::lock_guard lock(mutex_);
  return item(index).reading;
}

std::span<float> Schedule::begin_row(std::size_t index, Batch*& batch) {
  const std::lock_guard lock(mutex_);
  --reserved_;
  if (!has_executor()) {
    batch = nullptr;
    return {memory_.rows_.as<float>() + index % limits_.sizes.batches * limits_.floats, limits_.floats};
  }
  if (filling_ == nullptr) {
    filling_ = free_.back();
    free_.pop_back();
  }
  batch = filling_;
  float* const row = batch->pictures.as<float>() + batch->index.size() * limits_.floats;
  batch->index.push_back(index);
  if (batch->index.size() == limits_.sizes.rows)
    filling_ = nullptr;  // it comes back to full_ when its rows are written
  return {row, limits_.floats};
}

// The memory goes before the room that was taken for it is given back, and outside of the lock.
void Schedule::drop_reading(std::size_t index) {
  const Reading done = [&] {
    const std::lock_guard lock(mutex_);
    return std::exchange(item(index).reading, {});
  }();
}

void Schedule::end_row(std::size_t index, Batch* batch, double milliseconds) {
  drop_reading(index);
  const std::lock_guard lock(mutex_);
  --decoding_;
  Item& it = item(index);
  give_back_room(it);
  if (batch == nullptr) {
    it.values = memory_.rows_.as<float>() + index % limits_.sizes.batches * limits_.floats;
    it.stage = Item::Stage::done;
  } else {
    it.stage = Item::Stage::placed;
    batch->fill_ms += milliseconds;
    if (++batch->written == limits_.sizes.rows) full_.push_back(batch);
  }
  changed();
}

void Schedule::end_without_row(std::size_t index, Error error) {
  drop_reading(index);
  const std::lock_guard lock(mutex_);
  --decoding_;
  --reserved_;
  Item& it = item(index);
  give_back_room(it);
  it.error = std::move(error);
  it.stage = Item::Stage::done;
  changed();
}

void Schedule::deliver(Batch* batch) {
  for (std::size_t row = 0; row < batch->index.size(); ++row) {
    const std::size_t index = batch->index[row];
    float* const to = memory_.answers_.data() + index % ring_.size() * limits_.classes;
    std::copy_n(batch->logits.data() + row * limits_.classes, limits_.classes, to);
    item(index).values = to;
    item(index).stage = Item::Stage::done;
  }
  batch->index.clear();
  batch->written = 0;
  batch->fill_ms = 0;
  free_.push_back(batch);
}

void Schedule::end_infer(Batch* batch) {
  const std::lock_guard lock(mutex_);
  --running_;
  deliver(batch);
  changed();
}

std::span<Batch* const> Schedule::join() {
  std::unique_lock lock(mutex_);
  if (++joined_ == limits_.workers) {
    executing_ = true;
    wake_workers_.notify_all();
  } else {
    wake_workers_.wait(lock, [&] { return executing_; });
  }
  return together_;
}

void Schedule::end_join() {
  const std::lock_guard lock(mutex_);
  for (Batch* batch : together_) deliver(batch);
  together_.clear();
  gathered_ = executing_ = false;
  joined_ = 0;
  changed();
}

Result<std::span<const float>> Schedule::answer(std::size_t index) {
  const std::lock_guard lock(mutex_);
  Item& it = item(index);
  if (it.error) return fail(std::move(*it.error));
  return std::span(it.values, has_executor() ? limits_.classes : limits_.floats);
}

void Schedule::end_sink() {
  const std::lock_guard lock(mutex_);
  item(sunk_) = {};
  ++sunk_;
  sinking_ = false;
  changed();
}

void Schedule::source_grew() {
  const std::lock_guard lock(mutex_);
  ask_ = true;
  wake_workers_.notify_all();
}

void Schedule::end_ask(std::size_t more, bool can_wait) {
  const std::lock_guard lock(mutex_);
  asking_ = false;
  count_ += more;
  if (more > 0 && can_wait && max_readers_ > 0) read_inline_ = false;
  wake_all();
}

std::size_t Schedule::begin_read() {
  ++reading_;
  item(next_read_).stage = Item::Stage::reading;
  return next_read_++;
}

std::optional<std::size_t> Schedule::claim() {
  std::unique_lock lock(mutex_);
  ++idle_readers_;
  const auto no_more = [&] { return stopped_ || over_ || (!limits_.grows && next_read_ == count_); };
  wake_readers_.wait(lock, [&] { return no_more() || may_read(); });
  --idle_readers_;
  if (no_more()) return std::nullopt;
  const std::size_t index = begin_read();
  if (next_read_ == count_ && !limits_.grows) wake_readers_.notify_all();  // nothing is left for the others
  wake_reader();
  return index;
}

bool Schedule::take_room(std::size_t index, std::uint64_t bytes) {
  std::unique_lock lock(mutex_);
  const auto is_first = [&] {
    for (std::size_t i = sunk_; i < index; ++i) {
      const Item::Stage stage = item(i).stage;
      if (stage == Item::Stage::reading || stage == Item::Stage::read || stage == Item::Stage::decoding) return false;
    }
    return true;
  };
  ++want_room_;
  wake_room_.wait(lock, [&] {
    return stopped_ || held_bytes_ == 0 || (bytes <= limits_.read_bytes && held_bytes_ <= limits_.read_bytes - bytes) ||
           is_first();
  });
  --want_room_;
  if (stopped_) return false;
  held_bytes_ += bytes;
  item(index).bytes += bytes;
  return true;
}

void Schedule::give_back_room(Item& it) {
  held_bytes_ -= it.bytes;
  it.bytes = 0;
}

void Schedule::end_read(std::size_t index, Result<Reading> reading) {
  const std::lock_guard lock(mutex_);
  --reading_;
  ++reads_;
  Item& it = item(index);
  if (reading) {
    it.reading = std::move(*reading);
    it.stage = Item::Stage::read;
    ready_.push_back(index);
    std::ranges::push_heap(ready_, std::greater());
  } else {
    give_back_room(it);
    it.error = std::move(reading).error();
    it.stage = Item::Stage::done;
  }
  changed();
}

void Schedule::readers_failed(int count) {
  const std::lock_guard lock(mutex_);
  readers_ -= count;
  max_readers_ = readers_;
  read_inline_ = readers_ == 0;
  changed();
}

void Schedule::stop(Error why) noexcept {
  const std::lock_guard lock(mutex_);
  if (!why_) why_ = std::move(why);
  stopped_ = true;
  wake_all();
}

std::optional<Error> Schedule::why_stopped() {
  const std::lock_guard lock(mutex_);
  return why_;
}

}  // namespace smlp
