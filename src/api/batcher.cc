#include "smlp/batcher.h"

#include <algorithm>
#include <bit>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "api/session_pass.h"
#include "base/affinity.h"
#include "base/no_throw.h"
#include "pipeline/image_source.h"

namespace smlp {
namespace {

using Clock = std::chrono::steady_clock;

struct Request {
  BatcherInput input;
  RequestOptions options;
  Batcher::Answer answer;
  Clock::time_point arrived;
  bool answered = false;
};

Error ended(std::string_view what) { return {.what = std::string(what), .transient = true}; }

void add_time(TimeStatistics& to, Clock::duration time) {
  const auto microseconds = static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(time).count()));
  ++to.count;
  to.sum += microseconds;
  to.largest = std::max(to.largest, microseconds);
  ++to.histogram[std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(microseconds)),
                                       to.histogram.size() - 1)];
}

// When the batch that begins with `first` should go, whoever else comes: a request with an early deadline does not wait
// until it has passed.
Clock::time_point latest_start(const Request& first, Clock::duration max_delay) {
  const auto by_delay = first.arrived + max_delay;
  if (!first.options.deadline) return by_delay;
  return std::min(by_delay, first.arrived + (*first.options.deadline - first.arrived) / 2);
}

// A batch as a source and a sink of the pipeline.
class BatchSource final : public Source {
 public:
  explicit BatchSource(std::span<Request> requests) : requests_(requests) {}

  std::size_t size() const override { return requests_.size(); }
  Result<Reading> read(std::size_t index, Room& room) override {
    const Request& request = requests_[index];
    if (request.options.cancel.stop_requested()) return fail(ended(kCancelled));
    if (const auto* floats = std::get_if<std::span<const float>>(&request.input)) return Reading{*floats, nullptr};
    if (const auto* bytes = std::get_if<std::span<const std::byte>>(&request.input)) return Reading{*bytes, nullptr};
    if (const auto* pixels = std::get_if<RgbView>(&request.input)) return Reading{*pixels, nullptr};
    return read_picture_file(std::get<std::filesystem::path>(request.input), room);
  }
  bool waits() const override {
    return std::ranges::any_of(requests_,
                               [](const Request& r) { return std::holds_alternative<std::filesystem::path>(r.input); });
  }
  std::string name(std::size_t index) const override {
    const auto* path = std::get_if<std::filesystem::path>(&requests_[index].input);
    return path == nullptr ? std::string() : path->string();
  }

 private:
  std::span<Request> requests_;
};

}  // namespace

struct Batcher::State {
  Session session;
  const BatcherOptions options;
  mutable std::mutex mutex;
  std::condition_variable wake;
  std::deque<Request> queue;
  std::vector<Request> batch;  // of the thread alone; its room is there before memory can run out
  bool closing = false;
  BatcherStatistics counts;
  std::mutex joining;
  std::thread thread;

  State(Session made, const BatcherOptions& chosen) : session(std::move(made)), options(chosen) {
    counts.batches.resize(static_cast<std::size_t>(options.max_batch) + 1);
    batch.reserve(static_cast<std::size_t>(options.max_batch));
  }

  ~State() { close(); }

  void close() {
    {
      const std::lock_guard lock(mutex);
      closing = true;
    }
    wake.notify_all();
    const std::lock_guard lock(joining);
    if (thread.joinable()) thread.join();
  }

  Result<void> take(Request request) {
    {
      const std::lock_guard lock(mutex);
      const bool full = queue.size() >= options.max_queue;
      if (closing || full) {
        ++counts.refused;
        return fail(ended(closing ? kShutDown : kQueueFull));
      }
      queue.push_back(std::move(request));
      ++counts.accepted;
      ++counts.queued;
    }
    wake.notify_all();
    return {};
  }

  // Counted before the caller hears it, so that whoever has all answers finds them in the statistics.
  void answer(Request& request, Result<Logits> result) {
    if (std::exchange(request.answered, true)) return;
    {
      const std::lock_guard lock(mutex);
      --counts.running;
      const std::string_view what = result ? std::string_view() : std::string_view(result.error().what);
      ++(result                    ? counts.answered
         : what == kDeadlinePassed ? counts.expired
         : what == kCancelled      ? counts.cancelled
                                   : counts.failed);
    }
    try {
      request.answer(std::move(result));
    } catch (...) {  // it is told not to throw; nobody else shall suffer for it
    }
  }

  // Waits for a batch; empty: the end.
  void gather() {
    batch.clear();
    std::unique_lock lock(mutex);
    wake.wait(lock, [&] { return closing || !queue.empty(); });
    if (queue.empty()) return;
    const auto whole = [&] { return closing || queue.size() >= static_cast<std::size_t>(options.max_batch); };
    wake.wait_until(lock, latest_start(queue.front(), options.max_delay), whole);
    while (!queue.empty() && batch.size() < static_cast<std::size_t>(options.max_batch)) {
      batch.push_back(std::move(queue.front()));
      queue.pop_front();
      --counts.queued;
      ++counts.running;
    }
  }

  void run_batch();
  void work() noexcept;
};

namespace {

class BatchSink final : public Sink {
 public:
  using Put = std::function<void(std::size_t, Result<Logits>)>;
  explicit BatchSink(Put put) : put_(std::move(put)) {}
  Result<void> put(std::size_t index, Result<std::span<const float>> values) override {
    if (values) {
      put_(index, Logits(values->begin(), values->end()));
    } else {
      put_(index, std::unexpected(std::move(values).error()));
    }
    return {};
  }

 private:
  Put put_;
};

}  // namespace

void Batcher::State::run_batch() {
  const auto start = Clock::now();
  // Those whose time is over go first and take no place in the batch.
  std::erase_if(batch, [&](Request& request) {
    const bool cancelled = request.options.cancel.stop_requested();
    const bool late = request.options.deadline && *request.options.deadline < start;
    if (cancelled || late) answer(request, std::unexpected(ended(cancelled ? kCancelled : kDeadlinePassed)));
    return request.answered;
  });
  if (batch.empty()) return;
  {
    const std::lock_guard lock(mutex);
    ++counts.batches[batch.size()];
    for (const Request& request : batch) add_time(counts.queue, start - request.arrived);
  }
  BatchSource source(batch);
  BatchSink sink([&](std::size_t index, Result<Logits> result) { answer(batch[index], std::move(result)); });
  const auto outcome = run_pass(session, source, sink, pass_options(session));
  {
    const std::lock_guard lock(mutex);
    add_time(counts.compute, Clock::now() - start);
  }
  if (outcome) return;
  for (Request& request : batch) answer(request, std::unexpected(outcome.error()));
}

void Batcher::State::work() noexcept {
  while (true) {
    gather();
    if (batch.empty()) return;
    try {
      run_batch();
    } catch (...) {  // memory ran out: what was begun gets an error, what waits gets another try
      for (Request& request : batch)
        answer(request, std::unexpected(Error{.what = "out of memory", .transient = true}));
    }
  }
}

Batcher::Batcher(std::unique_ptr<State> state) : state_(std::move(state)) {}
Batcher::Batcher(Batcher&&) noexcept = default;
Batcher& Batcher::operator=(Batcher&&) noexcept = default;
Batcher::~Batcher() = default;

Result<Batcher> Batcher::create(Session session, const BatcherOptions& options) {
  return no_throw([&]() -> Result<Batcher> {
    if (options.max_batch < 0 || options.max_batch > 65536) {
      return fail("batches of {} requests; 1 to 65536 are possible, or 0 for the session's", options.max_batch);
    }
    if (options.max_queue < 1) return fail("a queue of no requests takes none");
    if (options.max_delay.count() < 0) return fail("a delay of {} microseconds", options.max_delay.count());
    BatcherOptions chosen = options;
    if (chosen.max_batch == 0) chosen.max_batch = session.batch();
    auto state = std::make_unique<State>(std::move(session), chosen);
    try {
      state->thread = std::thread(unpinned([at = state.get()] { at->work(); }));
    } catch (const std::system_error& error) {
      return fail(Error{.what = fmt::format("cannot start a batcher: {}", error.what()), .transient = true});
    }
    return Batcher(std::move(state));
  });
}

Result<void> Batcher::submit(BatcherInput input, RequestOptions options, Answer answer) {
  if (!answer) return no_throw([]() -> Result<void> { return fail("a request without an answer to call"); });
  return no_throw(
      [&] { return state_->take({std::move(input), std::move(options), std::move(answer), Clock::now()}); });
}

Result<std::future<Result<Logits>>> Batcher::submit(BatcherInput input, RequestOptions options) {
  return no_throw([&]() -> Result<std::future<Result<Logits>>> {
    const auto promise = std::make_shared<std::promise<Result<Logits>>>();
    auto future = promise->get_future();
    SMLP_CHECK(submit(std::move(input), std::move(options),
                      [promise](Result<Logits> result) { promise->set_value(std::move(result)); }));
    return future;
  });
}

void Batcher::shut_down() { state_->close(); }

BatcherStatistics Batcher::statistics() const {
  const std::lock_guard lock(state_->mutex);
  return state_->counts;
}

const Model& Batcher::model() const { return state_->session.model(); }

}  // namespace smlp
