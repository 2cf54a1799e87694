#include "server/infer.h"

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "server/infer_response.h"

namespace smlp::server {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

std::uint64_t nanoseconds(Clock::duration time) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
}

// The answers to the pictures of one request. The batcher's threads fill it; the last one wakes the connection.
class Gathering {
 public:
  Gathering(asio::any_io_executor executor, std::size_t pictures)
      : executor_(executor), done_(executor, Clock::time_point::max()), answers_(pictures), missing_(pictures) {}

  void put(std::size_t picture, Result<Logits> answer, const std::shared_ptr<Gathering>& self) {
    answers_[picture] = std::move(answer);
    arrived(1, self);
  }
  // Pictures that were never taken.
  void drop(std::size_t count, const std::shared_ptr<Gathering>& self) { arrived(count, self); }

  asio::awaitable<void> wait() {
    while (!complete_) co_await done_.async_wait(asio::as_tuple(asio::use_awaitable));
  }

  std::vector<std::optional<Result<Logits>>>& answers() { return answers_; }
  std::stop_source cancel;

 private:
  void arrived(std::size_t count, const std::shared_ptr<Gathering>& self) {
    if (missing_.fetch_sub(count, std::memory_order_acq_rel) != count) return;
    asio::post(executor_, [self] {
      self->complete_ = true;
      self->done_.cancel();
    });
  }

  asio::any_io_executor executor_;
  asio::steady_timer done_;  // never expires; its end is the event
  bool complete_ = false;    // used on the executor alone
  std::vector<std::optional<Result<Logits>>> answers_;
  std::atomic<std::size_t> missing_;
};

// Requests a stop when the client closes the connection. Bytes that arrive (the next request) end the watch.
void watch(asio::ip::tcp::socket& socket, std::stop_source cancel) {
  const int descriptor = socket.native_handle();
  socket.async_wait(asio::ip::tcp::socket::wait_read,
                    [descriptor, cancel](const boost::system::error_code& problem) mutable {
                      if (problem) return;
                      char byte = 0;
                      if (::recv(descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) cancel.request_stop();
                    });
}

Answer<InferRequest> parse(const RawRequest& raw, const InputShape& shape) {
  const bool picture = raw.content_type.starts_with("image/");
  const bool is_raw = raw.json_bytes == std::size_t{0} || (!raw.json_bytes && picture);
  return is_raw ? parse_raw_request(raw.body, raw.content_type, shape)
                : parse_infer_request(raw.body, raw.json_bytes, shape);
}

// The error of a picture as that of its request; `picture` counts from 0.
Refusal refusal_of(const Error& error, std::size_t picture, std::size_t pictures) {
  if (error.what == kQueueFull) return {503, "the queue is full; try again later"};
  if (error.what == kShutDown) return {503, "the model is being unloaded"};
  if (error.what == kDeadlinePassed) return {503, "the request timed out in the queue"};
  if (error.what == kCancelled) return {499, "the client closed the connection"};
  Error plain = error;
  plain.file.clear();
  const std::string where = pictures > 1 ? fmt::format("picture {} of input 'input': ", picture) : "input 'input': ";
  return {error.transient ? 503 : 400, where + plain.message()};
}

RequestOptions options_of(const ServedModel& model, const InferRequest& request, Clock::time_point arrived,
                          std::stop_token cancel) {
  std::chrono::microseconds limit = model.batching.timeout;
  if (request.timeout && (limit.count() == 0 || *request.timeout < limit)) limit = *request.timeout;
  RequestOptions options{.cancel = std::move(cancel)};
  if (limit.count() > 0) options.deadline = arrived + limit;
  return options;
}

asio::awaitable<Answer<std::vector<Logits>>> run_pictures(asio::ip::tcp::socket& socket, ServedModel& model,
                                                          const InferRequest& request, Clock::time_point arrived) {
  const std::size_t pictures = request.pictures.size();
  const auto gathering = std::make_shared<Gathering>(co_await asio::this_coro::executor, pictures);
  std::optional<Error> refused;
  std::size_t taken = 0;
  for (; taken < pictures; ++taken) {
    const auto put = [gathering, taken](Result<Logits> answer) { gathering->put(taken, std::move(answer), gathering); };
    auto submitted = model.batcher.submit(request.pictures[taken],
                                          options_of(model, request, arrived, gathering->cancel.get_token()), put);
    if (submitted) continue;
    refused = std::move(submitted).error();
    gathering->cancel.request_stop();
    gathering->drop(pictures - taken, gathering);
    break;
  }
  // What was taken reads the request's memory: it is waited for, however it ends.
  watch(socket, gathering->cancel);
  co_await gathering->wait();
  boost::system::error_code ignored;
  socket.cancel(ignored);
  if (refused) co_return std::unexpected(refusal_of(*refused, taken, pictures));
  std::vector<Logits> logits;
  for (std::size_t i = 0; i < pictures; ++i) {
    Result<Logits>& answer = *gathering->answers()[i];
    if (!answer) co_return std::unexpected(refusal_of(answer.error(), i, pictures));
    logits.push_back(std::move(*answer));
  }
  co_return logits;
}

void count_failure(RequestCounts& counts, const Refusal& refusal, Clock::duration time) {
  auto& counter = refusal.status == 499                                    ? counts.cancelled
                  : refusal.message.find("timed out") != std::string::npos ? counts.timed_out
                  : refusal.status == 503                                  ? counts.rejected
                                                                           : counts.failed;
  ++counter;
  counts.failed_ns += nanoseconds(time);
}

void count_success(RequestCounts& counts, std::size_t pictures, Clock::duration all, Clock::duration input,
                   Clock::duration output) {
  ++counts.succeeded;
  counts.succeeded_ns += nanoseconds(all);
  counts.pictures += pictures;
  counts.input_ns += nanoseconds(input);
  counts.output_ns += nanoseconds(output);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  counts.last_ms = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

// The header Server-Timing: reading the request, waiting and running, writing the answer.
std::string timing_of(Clock::duration read, Clock::duration run, Clock::duration write) {
  const auto ms = [](Clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); };
  return fmt::format("read;dur={:.3f}, run;dur={:.3f}, write;dur={:.3f}", ms(read), ms(run), ms(write));
}

}  // namespace

asio::awaitable<Reply> infer(asio::ip::tcp::socket& socket, Repository& models, RawRequest raw) {
  const auto arrived = Clock::now();
  const auto found = models.find(raw.route.model, raw.route.version);
  if (!found) co_return refusal_reply(found.error());
  ServedModel& model = **found;
  const auto failed = [&](const Refusal& refusal) {
    count_failure(model.counts, refusal, Clock::now() - arrived);
    return refusal_reply(refusal);
  };
  const auto request = parse(raw, model.input);
  if (!request) co_return failed(request.error());
  const auto parsed = Clock::now();
  const auto logits = co_await run_pictures(socket, model, *request, arrived);
  if (!logits) co_return failed(logits.error());
  const auto answered = Clock::now();
  auto reply = write_infer_response(model, *request, *logits);
  if (!reply) co_return failed(reply.error());
  const auto written = Clock::now();
  count_success(model.counts, request->pictures.size(), written - arrived, parsed - arrived, written - answered);
  reply->timing = timing_of(parsed - arrived, answered - parsed, written - answered);
  co_return std::move(*reply);
}

}  // namespace smlp::server
