// One inference request from its parsed form to its answer, whatever front end took it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>

#include "server/request_trace.h"
#include "server/served_model.h"

namespace smlp::server {

class Inference : public std::enable_shared_from_this<Inference> {
 public:
  using Clock = std::chrono::steady_clock;

  // `trace`: where the request is written when it is over; null: nowhere. It must outlive this.
  explicit Inference(std::shared_ptr<ServedModel> model, RequestTrace* trace = nullptr)
      : model_(std::move(model)), trace_(trace) {}

  const ServedModel& model() const { return *model_; }

  // Hands every picture to the model's batcher. `done` is called once, in any thread, perhaps before this returns: from
  // then on nothing reads the request's memory. `until`: when the client stops waiting.
  void start(InferRequest request, std::optional<Clock::time_point> until, std::function<void()> done);

  // After `done`: the batcher was shut down before it had taken all pictures, because the model was replaced or
  // unloaded meanwhile. Nothing is counted, no finish() is needed: whoever has a request asks the repository again.
  bool came_too_late() const { return not_taken_ && not_taken_->second.what == kShutDown; }

  // Once started: whether its answer is written in some tens of microseconds, which the batcher's thread can spare.
  bool is_small() const { return answers_.size() * static_cast<std::size_t>(model_->classes) <= 2000; }

  // From any thread: pictures that have not begun are dropped.
  void cancel() { cancel_.request_stop(); }

  // After `done`: what `write(model, request, logits)` makes of the logits, an Answer of any type. The request is
  // counted.
  template <class Write>
  auto finish(Write write) {
    answered_ = Clock::now();
    const Answer<std::vector<Logits>> logits = take_logits();
    using Written = decltype(write(std::as_const(*model_), std::as_const(request_), std::span<const Logits>(*logits)));
    if (!logits) return Written(std::unexpected(fail(logits.error())));
    Written written = write(std::as_const(*model_), std::as_const(request_), std::span<const Logits>(*logits));
    if (!written) return Written(std::unexpected(fail(written.error())));
    succeed();
    return written;
  }

  // Counts a request that is refused.
  Refusal fail(Refusal refusal);

  // Refuses, and counts, a request whose model has a full queue: before the rest of it is read. Nothing: there is room.
  static std::optional<Refusal> refuse_early(const Answer<std::shared_ptr<ServedModel>>& model, RequestTrace* trace);

  // After finish(), as the header Server-Timing has it: reading the request, waiting for the first picture's batch,
  // decoding and inference, writing the answer.
  std::string timing() const;

 private:
  bool fits() const { return answers_.size() <= model_->batching.max_queue; }  // more would be refused for ever
  void put(std::size_t picture, Result<Logits> answer);
  void arrived(std::size_t pictures);
  RequestOptions options(std::optional<Clock::time_point> until) const;
  Answer<std::vector<Logits>> take_logits();
  void succeed();
  Clock::time_point begun() const;  // the first picture's batch
  void write_trace(std::string_view outcome);

  const std::shared_ptr<ServedModel> model_;
  RequestTrace* const trace_;
  const Clock::time_point arrived_ = Clock::now();
  Clock::time_point started_, answered_, written_;
  InferRequest request_;
  std::stop_source cancel_;
  const std::shared_ptr<RequestTimes> times_ = std::make_shared<RequestTimes>();  // of the first picture
  std::function<void()> done_;
  std::vector<std::optional<Result<Logits>>> answers_;
  std::optional<std::pair<std::size_t, Error>> not_taken_;  // the first picture that the batcher refused
  std::atomic<std::size_t> missing_{0};
};

}  // namespace smlp::server
