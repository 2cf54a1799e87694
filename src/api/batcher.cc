#include "smlp/batcher.h"

#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "api/request_queue.h"
#include "api/session_pass.h"
#include "base/affinity.h"
#include "base/no_throw.h"
#include "pipeline/image_source.h"
#include "pipeline/schedule.h"

namespace smlp {
namespace {

Error copy_of(const Error& error) noexcept {
  try {
    return error;
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

// The requests of a pass: its source, which grows while requests come, and its sink, which answers them.
class Admitted final : public Source, public Sink {
 public:
  explicit Admitted(RequestQueue& queue) : queue_(queue) { admit(); }

  std::size_t size() const override { return requests_.size(); }
  bool grows() const override { return true; }
  void set_wake(const std::function<void()>& wake) override { queue_.set_wake(wake); }
  std::size_t more() override { return queue_.is_ready() ? admit() : 0; }

  Result<Reading> read(std::size_t index, Room& room) override {
    const Request& request = at(index);
    if (auto why = why_not_begin(request.options)) return fail(std::move(*why));
    if (const auto* floats = std::get_if<std::span<const float>>(&request.input)) return Reading{*floats, nullptr};
    if (const auto* bytes = std::get_if<std::span<const std::byte>>(&request.input)) return Reading{*bytes, nullptr};
    if (const auto* pixels = std::get_if<RgbView>(&request.input)) return Reading{*pixels, nullptr};
    return read_picture_file(std::get<std::filesystem::path>(request.input), room);
  }
  bool waits() const override {
    const std::lock_guard lock(mutex_);
    return has_paths_;
  }
  std::string name(std::size_t index) const override {
    const auto* path = std::get_if<std::filesystem::path>(&at(index).input);
    return path == nullptr ? std::string() : path->string();
  }

  Result<void> put(std::size_t index, Result<std::span<const float>> values) override {
    Request& request = at(index);
    if (values) {
      queue_.answer(request, Logits(values->begin(), values->end()));
    } else {
      queue_.answer(request, std::unexpected(std::move(values).error()));
    }
    forget_first();
    return {};
  }

  // What a pass that failed has left.
  void answer_rest(const Error& error) noexcept {
    while (!requests_.empty()) {
      queue_.answer(requests_.front(), std::unexpected(copy_of(error)));
      forget_first();
    }
  }

 private:
  std::size_t admit() {
    return queue_.admit([this](Request&& request) {
      const std::lock_guard lock(mutex_);
      has_paths_ = has_paths_ || std::holds_alternative<std::filesystem::path>(request.input);
      requests_.push_back(std::move(request));
    });
  }

  // Requests stay where they are in memory until they are answered, in order.
  const Request& at(std::size_t index) const {
    const std::lock_guard lock(mutex_);
    return requests_[index - answered_];
  }
  Request& at(std::size_t index) {
    const std::lock_guard lock(mutex_);
    return requests_[index - answered_];
  }
  void forget_first() {
    const std::lock_guard lock(mutex_);
    requests_.pop_front();
    ++answered_;
  }

  RequestQueue& queue_;
  mutable std::mutex mutex_;
  std::deque<Request> requests_;
  std::size_t answered_ = 0;
  bool has_paths_ = false;
};

}  // namespace

// Owned by the batcher and by its thread: an answer may be the end of the batcher.
struct Batcher::State {
  Session session;
  RequestQueue queue;
  PassMemory memory;  // of the thread below
  std::mutex joining;
  std::thread thread;

  State(Session made, const BatcherOptions& options) : session(std::move(made)), queue(options) {}
  ~State() {
    if (thread.joinable()) thread.detach();  // this is it
  }

  void close() {
    queue.close();
    if (queue.is_answering_here()) return;  // it would wait for itself
    const std::lock_guard lock(joining);
    if (thread.joinable()) thread.join();
  }

  void run_requests() {
    Admitted requests(queue);
    if (requests.size() == 0) return;
    PipelineOptions options = pass_options(session);
    options.memory = &memory;
    const auto outcome = no_throw([&] { return run_pass(session, requests, requests, options); });
    if (!outcome) requests.answer_rest(outcome.error());
  }

  void work() noexcept {
    while (queue.wait()) {
      try {
        run_requests();
      } catch (...) {  // memory ran out before a request was begun
        queue.fail_batch();
      }
    }
  }
};

Batcher::Batcher(std::shared_ptr<State> state) : state_(std::move(state)) {}
Batcher::Batcher(Batcher&&) noexcept = default;
Batcher& Batcher::operator=(Batcher&& other) noexcept {
  Batcher(std::move(other)).state_.swap(state_);
  return *this;
}
Batcher::~Batcher() {
  if (state_) state_->close();
}

Result<Batcher> Batcher::create(Session session, const BatcherOptions& options) {
  return no_throw([&]() -> Result<Batcher> {
    if (options.max_batch < 0 || options.max_batch > 65536) {
      return fail("batches of {} requests; 1 to 65536 are possible, or 0 for the session's", options.max_batch);
    }
    if (options.max_queue < 1) return fail("a queue of no requests takes none");
    if (options.max_delay.count() < 0) return fail("a delay of {} microseconds", options.max_delay.count());
    BatcherOptions chosen = options;
    if (chosen.max_batch == 0) chosen.max_batch = session.batch();
    auto state = std::make_shared<State>(std::move(session), chosen);
    try {
      state->thread = std::thread(unpinned([state] { state->work(); }));
    } catch (const std::system_error& error) {
      return fail(Error{.what = fmt::format("cannot start a batcher: {}", error.what()), .transient = true});
    }
    return Batcher(std::move(state));
  });
}

Result<void> Batcher::submit(BatcherInput input, RequestOptions options, Answer answer) {
  return no_throw([&]() -> Result<void> {
    if (!answer) return fail("a request without an answer to call");
    return state_->queue.take(
        {std::move(input), std::move(options), std::move(answer), std::chrono::steady_clock::now()});
  });
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

bool Batcher::is_full() const { return state_->queue.is_full(); }

void Batcher::shut_down() { state_->close(); }

BatcherStatistics Batcher::statistics() const { return state_->queue.statistics(); }

const Model& Batcher::model() const { return state_->session.model(); }

}  // namespace smlp
