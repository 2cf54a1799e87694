// Requests of a batcher on their way: waiting, admitted into a pass, answered. Each is answered exactly once.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "pipeline/batch_policy.h"
#include "smlp/batcher.h"

namespace smlp {

// Requests that were admitted together.
struct RequestGroup {
  std::chrono::steady_clock::time_point begun;
  std::size_t size = 0;
  std::size_t left = 0;  // without an answer
};

struct Request {
  BatcherInput input;
  RequestOptions options;
  Batcher::Answer answer;
  std::chrono::steady_clock::time_point arrived = {};
  std::shared_ptr<RequestGroup> group = nullptr;
};

// All functions may be called from any thread.
class RequestQueue {
 public:
  explicit RequestQueue(const BatcherOptions& options);  // max_batch is 1 or more

  Result<void> take(Request request);  // an error: it is not taken
  bool is_full() const;                // take() would refuse it for that
  // Called whenever a request was taken, until it is replaced by none.
  void set_wake(std::function<void()> wake);
  void close();  // takes no more

  // Waits until a batch should begin. False: it is closed, and nothing is left.
  bool wait();
  // Whether a batch should begin now.
  bool is_ready();
  // Hands the requests of a batch to `add`, in order, and says how many. Those that are cancelled or late are answered
  // and take no place.
  std::size_t admit(const std::function<void(Request&&)>& add);

  // In place of admit() where there is no memory even for that: they are answered so.
  void fail_batch() noexcept;

  // Calls what waits for the answer of an admitted request, and lets go of what the request owns. Call it once for
  // each.
  void answer(Request& request, Result<Logits> result);
  // Whether this thread is within answer().
  bool is_answering_here() const;

  BatcherStatistics statistics() const;

 private:
  RequestsNow now() const;
  std::optional<Request> begin_first();
  void look_out() const;

  const BatcherOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::mutex waking_;  // never with mutex_
  std::function<void()> wake_pass_;
  std::deque<Request> queue_;      // the first to begin at the front
  std::atomic<bool> came_{false};  // something is in it, or it is closed: what wait() looks at without the lock
  bool closing_ = false;
  BatcherStatistics counts_;
};

// Why a request does not begin: it is cancelled, or its deadline has passed.
std::optional<Error> why_not_begin(const RequestOptions& options);

}  // namespace smlp
