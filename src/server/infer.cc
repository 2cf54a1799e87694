#include "server/infer.h"

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "server/infer_response.h"
#include "server/inference.h"

namespace smlp::server {
namespace {

namespace asio = boost::asio;

// Something that happens once, in any thread, and wakes a coroutine of `executor`.
class Event : public std::enable_shared_from_this<Event> {
 public:
  explicit Event(const asio::any_io_executor& executor)
      : executor_(executor), timer_(executor, Inference::Clock::time_point::max()) {}

  void happen() {
    asio::post(executor_, [self = shared_from_this()] {
      self->happened_ = true;
      self->timer_.cancel();
    });
  }

  asio::awaitable<void> wait() {
    while (!happened_) co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  }

 private:
  asio::any_io_executor executor_;
  asio::steady_timer timer_;  // never expires; its end is the event
  bool happened_ = false;     // used on the executor alone
};

// Cancels when the client closes the connection. Bytes that arrive (the next request) end the watch.
void watch(asio::ip::tcp::socket& socket, std::shared_ptr<Inference> inference) {
  const int descriptor = socket.native_handle();
  socket.async_wait(asio::ip::tcp::socket::wait_read,
                    [descriptor, inference = std::move(inference)](const boost::system::error_code& problem) {
                      if (problem) return;
                      char byte = 0;
                      if (::recv(descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) inference->cancel();
                    });
}

Answer<InferRequest> parse(const RawRequest& raw, const InputShape& shape) {
  const bool picture = raw.content_type.starts_with("image/");
  const bool is_raw = raw.json_bytes == std::size_t{0} || (!raw.json_bytes && picture);
  return is_raw ? parse_raw_request(raw.body, raw.content_type, shape)
                : parse_infer_request(raw.body, raw.json_bytes, shape);
}

}  // namespace

asio::awaitable<Reply> infer(asio::ip::tcp::socket& socket, Repository& models, RawRequest raw) {
  auto found = models.find(raw.route.model, raw.route.version);
  if (!found) co_return refusal_reply(found.error());
  const auto inference = std::make_shared<Inference>(std::move(*found));
  auto request = parse(raw, inference->model().input);
  if (!request) co_return refusal_reply(inference->fail(request.error()));
  const auto answered = std::make_shared<Event>(co_await asio::this_coro::executor);
  inference->start(std::move(*request), std::nullopt, [answered] { answered->happen(); });
  watch(socket, inference);
  co_await answered->wait();
  boost::system::error_code ignored;
  socket.cancel(ignored);
  auto reply = inference->finish(write_infer_response);
  if (!reply) co_return refusal_reply(reply.error());
  reply->timing = inference->timing();
  co_return std::move(*reply);
}

}  // namespace smlp::server
