#include "api/request_queue.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/no_throw.h"
#include "base/thread_pool.h"

namespace smlp {
namespace {

using Clock = std::chrono::steady_clock;

thread_local const RequestQueue* answering = nullptr;  // of which this thread answers a request

Error ended(std::string_view what) { return {.what = std::string(what), .transient = true}; }

// Returns the microseconds.
std::uint64_t add_time(TimeStatistics& to, Clock::duration time) {
  const auto microseconds = static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(time).count()));
  ++to.count;
  to.sum += microseconds;
  to.largest = std::max(to.largest, microseconds);
  ++to.histogram[std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(microseconds)),
                                       to.histogram.size() - 1)];
  return microseconds;
}

// False: it threw, which it is told not to do.
bool call(const Batcher::Answer& answer, Result<Logits> result) noexcept {
  try {
    answer(std::move(result));
  } catch (...) {
    return false;
  }
  return true;
}

}  // namespace

std::optional<Error> why_not_begin(const RequestOptions& options) {
  if (options.cancel.stop_requested()) return ended(kCancelled);
  if (options.deadline && *options.deadline < Clock::now()) return ended(kDeadlinePassed);
  return std::nullopt;
}

RequestQueue::RequestQueue(const BatcherOptions& options) : options_(options) {
  counts_.batches.resize(static_cast<std::size_t>(options.max_batch) + 1);
  counts_.batch_times.resize(counts_.batches.size());
}

Result<void> RequestQueue::take(Request request) {
  {
    const std::lock_guard lock(mutex_);
    if (closing_ || queue_.size() >= options_.max_queue) {
      ++counts_.refused;
      return fail(ended(closing_ ? kShutDown : kQueueFull));
    }
    const auto behind = std::ranges::upper_bound(queue_, request.options.priority, std::greater(),
                                                 [](const Request& other) { return other.options.priority; });
    queue_.insert(behind, std::move(request));
    ++counts_.accepted;
    ++counts_.queued;
    came_.store(true, std::memory_order_release);
  }
  wake_.notify_all();
  const std::lock_guard lock(waking_);
  if (wake_pass_) wake_pass_();
  return {};
}

bool RequestQueue::is_full() const {
  const std::lock_guard lock(mutex_);
  return !closing_ && queue_.size() >= options_.max_queue;
}

void RequestQueue::set_wake(std::function<void()> wake) {
  const std::lock_guard lock(waking_);
  wake_pass_ = std::move(wake);
}

void RequestQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    came_.store(true, std::memory_order_release);
  }
  wake_.notify_all();
}

RequestsNow RequestQueue::now() const {
  RequestsNow now{.queued = queue_.size(),
                  .most = static_cast<std::size_t>(options_.max_batch),
                  .deadline = std::nullopt,
                  .max_delay = options_.max_delay,
                  .closing = closing_};
  if (queue_.empty()) return now;
  now.deadline = queue_.front().options.deadline;
  // Of those that would go, the one that has waited longest: with priorities it need not be the first.
  const auto count = static_cast<std::ptrdiff_t>(std::min(queue_.size(), now.most));
  const auto would_go = std::ranges::subrange(queue_.begin(), queue_.begin() + count);
  now.arrived = std::ranges::min_element(would_go, {}, &Request::arrived)->arrived;
  return now;
}

// A client that waits for its answer asks again soon after it, and to wake this thread then takes as long as much of
// the rest of a small request. So it looks out for a while first; not for longer, since others may need the processor.
void RequestQueue::look_out() const {
  constexpr int kSpins = 2000;  // 40 to 100 us
  for (int i = 0; i < kSpins && !came_.load(std::memory_order_acquire); ++i) relax();
}

bool RequestQueue::wait() {
  look_out();
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [&] { return closing_ || !queue_.empty(); });
  if (queue_.empty()) return false;
  const auto latest = latest_start(now());
  if (latest > Clock::now()) wake_.wait_until(lock, latest, [&] { return is_whole(now()); });
  return true;
}

bool RequestQueue::is_ready() {
  const std::lock_guard lock(mutex_);
  return !queue_.empty() && (is_whole(now()) || latest_start(now()) <= Clock::now());
}

std::optional<Request> RequestQueue::begin_first() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) return std::nullopt;
  Request first = std::move(queue_.front());
  queue_.pop_front();
  came_.store(closing_ || !queue_.empty(), std::memory_order_relaxed);
  --counts_.queued;
  ++counts_.running;
  return first;
}

std::size_t RequestQueue::admit(const std::function<void(Request&&)>& add) {
  const auto group = std::make_shared<RequestGroup>(Clock::now());
  std::vector<Clock::duration> waited;
  waited.reserve(static_cast<std::size_t>(options_.max_batch));
  while (waited.size() < static_cast<std::size_t>(options_.max_batch)) {
    std::optional<Request> request = begin_first();
    if (!request) break;
    const Clock::duration time = group->begun - request->arrived;
    try {
      if (auto why = why_not_begin(request->options)) {
        answer(*request, std::unexpected(std::move(*why)));
        continue;
      }
      request->group = group;
      add(std::move(*request));
      waited.push_back(time);
    } catch (const std::exception&) {  // no memory for a text or for its place: it has not been moved
      request->group = nullptr;
      answer(*request, std::unexpected(out_of_memory()));
    }
  }
  if (waited.empty()) return 0;
  const std::lock_guard lock(mutex_);
  group->left = group->size = waited.size();
  ++counts_.batches[waited.size()];
  for (const Clock::duration time : waited) add_time(counts_.queue, time);
  return waited.size();
}

void RequestQueue::fail_batch() noexcept {
  for (int i = 0; i < options_.max_batch; ++i) {
    std::optional<Request> request = begin_first();
    if (!request) return;
    answer(*request, std::unexpected(out_of_memory()));
  }
}

// Counted before the caller hears it, so that whoever has all answers finds them in the statistics.
void RequestQueue::answer(Request& request, Result<Logits> result) {
  {
    const std::lock_guard lock(mutex_);
    --counts_.running;
    const std::string_view what = result ? std::string_view() : std::string_view(result.error().what);
    ++(result                    ? counts_.answered
       : what == kDeadlinePassed ? counts_.expired
       : what == kCancelled      ? counts_.cancelled
                                 : counts_.failed);
    if (request.group && request.options.times) {
      *request.options.times = {.begun = request.group->begun, .batch = request.group->size};
    }
    if (request.group && --request.group->left == 0) {
      counts_.batch_times[request.group->size] += add_time(counts_.compute, Clock::now() - request.group->begun);
    }
  }
  const RequestQueue* const outer = std::exchange(answering, this);
  (void)call(request.answer, std::move(result));  // nobody else shall suffer for it
  request = Request();
  answering = outer;
}

bool RequestQueue::is_answering_here() const { return answering == this; }

BatcherStatistics RequestQueue::statistics() const {
  const std::lock_guard lock(mutex_);
  try {
    return counts_;
  } catch (const std::bad_alloc&) {  // no memory for the histogram of batches; the rest needs none
    return {.accepted = counts_.accepted,
            .refused = counts_.refused,
            .answered = counts_.answered,
            .failed = counts_.failed,
            .expired = counts_.expired,
            .cancelled = counts_.cancelled,
            .queued = counts_.queued,
            .running = counts_.running,
            .batches = {},
            .batch_times = {},
            .queue = counts_.queue,
            .compute = counts_.compute};
  }
}

}  // namespace smlp
