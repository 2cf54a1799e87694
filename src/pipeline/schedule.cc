#include "pipeline/schedule.h"

#include <algorithm>
#include <functional>

namespace smlp {

Schedule::Schedule(const ScheduleLimits& limits)
    : limits_(limits),
      ring_(std::max<std::size_t>(1, limits.window)),
      max_readers_(limits.max_readers),
      read_inline_(!limits.can_wait || limits.max_readers < 1 ||
                   limits.count <= static_cast<std::size_t>(limits.workers)) {
  ready_.reserve(ring_.size());
  if (!has_executor()) {
    rows_ = AlignedBuffer(limits.batches * limits.floats * sizeof(float));
    return;
  }
  answers_.resize(ring_.size() * limits.classes);
  batches_.reserve(limits.batches);
  free_.reserve(limits.batches);
  together_.reserve(limits.batches);
  for (std::size_t b = 0; b < limits.batches; ++b) {
    batches_.push_back({.pictures = AlignedBuffer(limits.batch * limits.floats * sizeof(float)),
                        .logits = std::vector<float>(limits.batch * limits.classes),
                        .index = {}});
    batches_.back().index.reserve(limits.batch);
    free_.push_back(&batches_.back());
  }
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
  if (stopped_ || sunk_ == limits_.count) return {.kind = Task::quit};
  if (!sinking_ && item(sunk_).stage == Item::Stage::done) {
    sinking_ = true;
    return {.kind = Task::sink, .index = sunk_};
  }
  if (!limits_.exclusive && !full_.empty()) {
    Batch* const batch = full_.front();
    full_.pop_front();
    ++running_;
    return {.kind = Task::infer, .batch = batch};
  }
  if (may_decode()) {
    std::ranges::pop_heap(ready_, std::greater());
    const std::size_t index = ready_.back();
    ready_.pop_back();
    item(index).stage = Item::Stage::decoding;
    ++decoding_;
    ++reserved_;
    wake_readers_.notify_all();
    return {.kind = Task::decode, .index = index};
  }
  if (read_inline_ && may_read()) return {.kind = Task::read, .index = begin_read()};
  if (const Task task = choose_readers(); task.kind != Task::wait) return task;
  return choose_inference();
}

// Batches that are not full, where nothing better can be done; and executions by all workers together.
Task Schedule::choose_inference() {
  if (!has_executor()) return {};
  const bool last = !more_may_come();
  if (limits_.exclusive) {
    if (decoding_ > 0 || (full_.empty() && !(last && filling_ != nullptr))) return {};
    std::vector<Batch*> all(full_.begin(), full_.end());
    full_.clear();
    if (last && filling_ != nullptr) all.push_back(std::exchange(filling_, nullptr));
    return gather(std::move(all));
  }
  // Rows that decoding workers were promised must still be there without this batch.
  if (filling_ == nullptr || filling_->written < filling_->index.size()) return {};
  if (reserved_ > free_.size() * limits_.batch) return {};
  Batch* const batch = std::exchange(filling_, nullptr);
  if (last && running_ == 0) return gather({batch});  // the end: nobody else has work, so all share it
  ++running_;
  return {.kind = Task::infer, .batch = batch};
}

// Workers have nothing to do because reading is behind: twice as many threads, once a picture.
Task Schedule::choose_readers() {
  if (read_inline_ || idle_readers_ > 0 || readers_ >= max_readers_ || !may_read() || reads_ < grow_after_) return {};
  const int more = std::min(readers_ == 0 ? 2 : readers_, max_readers_ - readers_);
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
  const std::size_t ahead = 2 * static_cast<std::size_t>(limits_.workers + readers_);
  return !stopped_ && next_read_ < limits_.count && next_read_ < sunk_ + ring_.size() &&
         reading_ + ready_.size() < ahead && held_bytes_ <= limits_.read_bytes;
}

bool Schedule::may_decode() const {
  if (ready_.empty()) return false;
  return has_executor() ? room() > 0 : ready_.front() < sunk_ + limits_.batches;
}

// Whether a batch can get another picture without the sink's getting on.
bool Schedule::more_may_come() const { return !ready_.empty() || reading_ > 0 || decoding_ > 0 || may_read(); }

std::size_t Schedule::room() const {
  const std::size_t rows =
      free_.size() * limits_.batch + (filling_ == nullptr ? 0 : limits_.batch - filling_->index.size());
  return rows - std::min(rows, reserved_);
}

void Schedule::changed() {
  wake_workers_.notify_all();
  wake_readers_.notify_all();
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
    return {rows_.as<float>() + index % limits_.batches * limits_.floats, limits_.floats};
  }
  if (filling_ == nullptr) {
    filling_ = free_.back();
    free_.pop_back();
  }
  batch = filling_;
  float* const row = batch->pictures.as<float>() + batch->index.size() * limits_.floats;
  batch->index.push_back(index);
  if (batch->index.size() == limits_.batch) filling_ = nullptr;  // it comes back to full_ when its rows are written
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
    it.values = rows_.as<float>() + index % limits_.batches * limits_.floats;
    it.stage = Item::Stage::done;
  } else {
    it.stage = Item::Stage::placed;
    batch->fill_ms += milliseconds;
    if (++batch->written == limits_.batch) full_.push_back(batch);
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
    float* const to = answers_.data() + index % ring_.size() * limits_.classes;
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

std::size_t Schedule::begin_read() {
  ++reading_;
  item(next_read_).stage = Item::Stage::reading;
  return next_read_++;
}

std::optional<std::size_t> Schedule::claim() {
  std::unique_lock lock(mutex_);
  ++idle_readers_;
  wake_readers_.wait(lock, [&] { return stopped_ || next_read_ == limits_.count || may_read(); });
  --idle_readers_;
  if (stopped_ || next_read_ == limits_.count) return std::nullopt;
  return begin_read();
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
  wake_readers_.wait(lock, [&] {
    return stopped_ || held_bytes_ == 0 || (bytes <= limits_.read_bytes && held_bytes_ <= limits_.read_bytes - bytes) ||
           is_first();
  });
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
  changed();
}

std::optional<Error> Schedule::why_stopped() {
  const std::lock_guard lock(mutex_);
  return why_;
}

}  // namespace smlp
