// Answers single pictures from many threads by gathering them into batches.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>
#include <variant>
#include <vector>

#include "smlp/error.h"
#include "smlp/export.h"
#include "smlp/image.h"
#include "smlp/session.h"

namespace smlp {

struct BatcherOptions {
  int max_batch = 0;                          // requests that go through together; 0: the session's batch
  std::chrono::microseconds max_delay{2000};  // how long the first of a batch waits for others
  std::size_t max_queue = 256;                // requests that wait; more are refused
};

// A picture, or one prepared for the model (in_channels x image x image floats). Bytes, pixels and floats stay the
// caller's and must live until the answer; RequestOptions::owner may hold them until then.
using BatcherInput = std::variant<std::filesystem::path, std::span<const std::byte>, RgbView, std::span<const float>>;

// When a request began, and with how many; written before its answer is called.
struct RequestTimes {
  std::chrono::steady_clock::time_point begun = {};  // of its batch; the epoch: it did not begin
  std::size_t batch = 0;                             // requests that were begun together
};

struct RequestOptions {
  // A request that has not begun by then is answered with the error kDeadlinePassed.
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  // A request that is cancelled before it begins is answered with the error kCancelled.
  std::stop_token cancel = {};
  // Those of higher priority begin before those of lower, however long these wait.
  int priority = 0;
  // Where to say when it began; null: nobody asks.
  std::shared_ptr<RequestTimes> times = {};
  // What the input points into, if it shall live as long as the request: the body of a message, a buffer of another
  // language. Let go of after the answer, in a thread of the batcher.
  std::shared_ptr<const void> owner = {};
};

// What Error::what says where the batcher itself refuses or ends a request; all are `transient`.
inline constexpr std::string_view kQueueFull = "the queue is full";
inline constexpr std::string_view kShutDown = "the batcher is shut down";
inline constexpr std::string_view kDeadlinePassed = "the deadline has passed";
inline constexpr std::string_view kCancelled = "cancelled";

// Times in microseconds. Bucket b of a histogram counts times below 2^b, the last one all longer ones.
struct TimeStatistics {
  std::uint64_t count = 0, sum = 0, largest = 0;
  std::array<std::uint64_t, 32> histogram = {};
};

// Consistent at one moment: accepted == answered + failed + expired + cancelled + queued + running.
struct BatcherStatistics {
  std::uint64_t accepted = 0;              // requests that submit() took
  std::uint64_t refused = 0;               // and that it did not
  std::uint64_t answered = 0, failed = 0;  // with logits; with an error of the picture or of the run
  std::uint64_t expired = 0, cancelled = 0;
  std::uint64_t queued = 0, running = 0;  // now
  // [n]: so often n were begun together, and what those that ended took, microseconds; both empty: no memory.
  std::vector<std::uint64_t> batches = {}, batch_times = {};
  TimeStatistics queue;    // from submit() to the beginning, a request
  TimeStatistics compute;  // from the beginning to the last answer, a batch
};

// Owns a session and a thread. All functions may be called from any number of threads at once. Requests are begun and
// answered in the order of their priority and, within one, in that in which they were taken; each that submit() takes
// is answered exactly once. The pictures of a batch are read and decoded while those before it are still being
// inferred.
class SMLP_API Batcher {
 public:
  using Answer = std::function<void(Result<Logits>)>;

  // Errors: options that make no sense, a thread that the system refuses.
  static Result<Batcher> create(Session session, const BatcherOptions& options = {});
  Batcher(Batcher&&) noexcept;
  Batcher& operator=(Batcher&&) noexcept;
  ~Batcher();  // as shut_down(); in an answer, too

  // Returns at once. An error means that the request was not taken: the queue is full, the batcher is shut down, memory
  // ran out.
  Result<std::future<Result<Logits>>> submit(BatcherInput input, RequestOptions options = {});

  // The same; `answer` is called from the batcher's threads, one call at a time. It should be quick (the next answers
  // wait for it) and must not throw. It may submit.
  Result<void> submit(BatcherInput input, RequestOptions options, Answer answer);

  // Whether submit() would refuse a request now because the queue is full: for those who would rather know before they
  // read a request than after.
  bool is_full() const;

  // Takes no more requests, answers those that were taken and returns when all are; from an answer, at once.
  void shut_down();

  BatcherStatistics statistics() const;
  const Model& model() const;

 private:
  struct State;
  explicit Batcher(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace smlp
