#include "server/inference.h"

namespace smlp::server {
namespace {

using Clock = Inference::Clock;

std::uint64_t nanoseconds(Clock::duration time) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
}

Refusal queue_is_full() { return {503, "the queue is full; try again later"}; }

// The error of a picture as that of its request; `picture` counts from 0.
Refusal refusal_of(const Error& error, std::size_t picture, std::size_t pictures) {
  if (error.what == kQueueFull) return queue_is_full();
  if (error.what == kShutDown) return {503, "the model is being unloaded"};
  if (error.what == kDeadlinePassed) return {503, std::string(kTimedOut)};
  if (error.what == kCancelled) return {499, "the client closed the connection"};
  Error plain = error;
  plain.file.clear();
  const std::string where = pictures > 1 ? fmt::format("picture {} of input 'input': ", picture) : "input 'input': ";
  return {error.transient ? 503 : 400, where + plain.message()};
}

}  // namespace

RequestOptions Inference::options(std::optional<Clock::time_point> until) const {
  std::chrono::microseconds limit = model_->batching.timeout;
  if (request_.timeout && (limit.count() == 0 || *request_.timeout < limit)) limit = *request_.timeout;
  RequestOptions options{
      .deadline = until, .cancel = cancel_.get_token(), .priority = kDefaultPriority - request_.priority};
  if (limit.count() > 0 && (!until || arrived_ + limit < *until)) options.deadline = arrived_ + limit;
  return options;
}

void Inference::start(InferRequest request, std::optional<Clock::time_point> until, std::function<void()> done) {
  started_ = Clock::now();
  request_ = std::move(request);
  done_ = std::move(done);
  const std::size_t pictures = request_.pictures.size();
  answers_.resize(pictures);
  missing_ = pictures + 1;  // one for this function
  const auto self = shared_from_this();
  std::size_t taken = 0;
  for (; fits() && taken < pictures; ++taken) {
    const auto put_one = [self, taken](Result<Logits> answer) { self->put(taken, std::move(answer)); };
    RequestOptions how = options(until);
    if (taken == 0) how.times = times_;
    auto submitted = model_->batcher.submit(request_.pictures[taken], std::move(how), put_one);
    if (submitted) continue;
    not_taken_.emplace(taken, std::move(submitted).error());
    cancel();
    break;
  }
  arrived(pictures - taken + 1);
}

void Inference::put(std::size_t picture, Result<Logits> answer) {
  answers_[picture] = std::move(answer);
  arrived(1);
}

void Inference::arrived(std::size_t pictures) {
  if (missing_.fetch_sub(pictures, std::memory_order_acq_rel) == pictures) std::exchange(done_, {})();
}

Answer<std::vector<Logits>> Inference::take_logits() {
  const std::size_t pictures = answers_.size();
  if (!fits()) {
    return refuse(400, "{} pictures; this server takes at most {} in a request, as --max-queue says", pictures,
                  model_->batching.max_queue);
  }
  if (not_taken_) return std::unexpected(refusal_of(not_taken_->second, not_taken_->first, pictures));
  std::vector<Logits> logits;
  for (std::size_t i = 0; i < pictures; ++i) {
    Result<Logits>& answer = *answers_[i];
    if (!answer) return std::unexpected(refusal_of(answer.error(), i, pictures));
    logits.push_back(std::move(*answer));
  }
  return logits;
}

Refusal Inference::fail(Refusal refusal) {
  RequestCounts& counts = model_->counts;
  auto& counter = refusal.status == 499          ? counts.cancelled
                  : refusal.message == kTimedOut ? counts.timed_out
                  : refusal.status == 503        ? counts.rejected
                                                 : counts.failed;
  ++counter;
  written_ = Clock::now();
  counts.failed_ns += nanoseconds(written_ - arrived_);
  write_trace(refusal.message);
  return refusal;
}

std::optional<Refusal> Inference::refuse_early(const Answer<std::shared_ptr<ServedModel>>& model, RequestTrace* trace) {
  if (!model || !(*model)->batcher.is_full()) return std::nullopt;
  return Inference(*model, trace).fail(queue_is_full());
}

void Inference::succeed() {
  written_ = Clock::now();
  RequestCounts& counts = model_->counts;
  ++counts.succeeded;
  counts.succeeded_ns += nanoseconds(written_ - arrived_);
  counts.pictures += answers_.size();
  counts.input_ns += nanoseconds(started_ - arrived_);
  counts.queue_ns += nanoseconds(begun() - started_);
  counts.infer_ns += nanoseconds(answered_ - begun());
  counts.output_ns += nanoseconds(written_ - answered_);
  write_trace("ok");
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  counts.last_ms = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

// A request that was not begun ends in the queue.
Clock::time_point Inference::begun() const {
  if (times_->begun != Clock::time_point()) return std::max(times_->begun, started_);
  return answered_ == Clock::time_point() ? written_ : answered_;
}

void Inference::write_trace(std::string_view outcome) {
  if (trace_ == nullptr) return;
  const bool started = started_ != Clock::time_point(), answered = answered_ != Clock::time_point();
  trace_->add({.model = model_->name,
               .version = model_->version,
               .id = request_.id,
               .outcome = outcome,
               .pictures = answers_.size(),
               .batch = times_->batch,
               .arrived = arrived_,
               .queued = started ? started_ : written_,
               .begun = begun(),
               .answered = answered ? answered_ : written_,
               .written = written_});
}

std::string Inference::timing() const {
  const auto ms = [](Clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); };
  return fmt::format("read;dur={:.3f}, queue;dur={:.3f}, compute;dur={:.3f}, write;dur={:.3f}", ms(started_ - arrived_),
                     ms(begun() - started_), ms(answered_ - begun()), ms(written_ - answered_));
}

}  // namespace smlp::server
