#include "server/infer.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <tuple>

#include "base/no_throw.h"
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

  bool happened() const { return happened_; }  // on the executor

  asio::awaitable<void> wait() {
    while (!happened_) co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  }

 private:
  asio::any_io_executor executor_;
  asio::steady_timer timer_;  // never expires; its end is the event
  bool happened_ = false;     // used on the executor alone
};

// Whether the client has closed the connection, whatever it sent before that: the next request, or TLS' farewell.
bool is_closed(int descriptor) {
  tcp_info info = {};
  socklen_t size = sizeof info;
  if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
  return info.tcpi_state == TCP_CLOSE_WAIT || info.tcpi_state == TCP_CLOSE;
}

// Cancels when the client closes the connection. Once bytes have arrived, the end can only be asked for, now and then.
// Cancelling what it waits for, the socket or `pause`, ends it once `answered` has happened.
asio::awaitable<void> watch(asio::ip::tcp::socket& socket, asio::steady_timer& pause,
                            std::shared_ptr<Inference> inference, std::shared_ptr<Event> answered) {
  if (answered->happened()) co_return;
  constexpr auto with_problem = asio::as_tuple(asio::use_awaitable);
  const auto [problem] = co_await socket.async_wait(asio::ip::tcp::socket::wait_read, with_problem);
  if (problem) co_return;
  while (!answered->happened()) {
    if (is_closed(socket.native_handle())) {
      inference->cancel();
      co_return;
    }
    pause.expires_after(std::chrono::milliseconds(20));
    co_await pause.async_wait(with_problem);
  }
}

Answer<InferRequest> parse(const RawRequest& raw, const InputShape& shape) {
  const bool picture = raw.content_type.starts_with("image/");
  const bool is_raw = raw.json_bytes == std::size_t{0} || (!raw.json_bytes && picture);
  if (!is_raw) return parse_infer_request(raw.body, raw.json_bytes, shape);
  auto request = parse_raw_request(raw.body, raw.content_type, shape);
  if (request) request->binary_by_default = raw.json_bytes.has_value();  // who says so speaks binary
  return request;
}

// False: the model was replaced or unloaded before it had the request, and `answer` was not called.
asio::awaitable<bool> ask(asio::ip::tcp::socket& socket, Shared& shared, const RawRequest& raw,
                          const std::function<void(Reply)>& answer) {
  auto found = shared.state.models.find(raw.route.model, raw.route.version);
  if (!found) {
    answer(refusal_reply(found.error()));
    co_return true;
  }
  const auto inference = std::make_shared<Inference>(std::move(*found), shared.trace.get());
  auto request = parse(raw, inference->model().input);
  if (!request) {
    answer(refusal_reply(inference->fail(request.error())));
    co_return true;
  }
  const asio::any_io_executor here = co_await asio::this_coro::executor;
  const auto answered = std::make_shared<Event>(here);
  // Used by one thread at a time: the batcher's until `answered`, this one then.
  const auto finish = [inference, &answer] {
    auto reply = inference->finish(write_infer_response);
    if (!reply) return answer(refusal_reply(reply.error()));
    reply->timing = inference->timing();
    answer(std::move(*reply));
  };
  inference->start(std::move(*request), std::nullopt, [asked = inference.get(), answered, finish] {
    // Without the memory for an answer there is none.
    std::ignore = no_throw([&]() -> Result<void> {
      if (asked->is_small() && !asked->came_too_late()) finish();
      return {};
    });
    answered->happen();
  });
  // Both run in this connection's thread; the watch is over before the socket is used again.
  const auto watched = std::make_shared<Event>(here);
  asio::steady_timer pause(here);
  asio::co_spawn(here, watch(socket, pause, inference, answered),
                 [watched](const std::exception_ptr&) { watched->happen(); });
  co_await answered->wait();
  boost::system::error_code ignored;
  socket.cancel(ignored);
  pause.cancel();
  co_await watched->wait();
  if (inference->came_too_late()) co_return false;
  if (!inference->is_small()) finish();
  co_return true;
}

}  // namespace

asio::awaitable<void> infer(asio::ip::tcp::socket& socket, Shared& shared, RawRequest raw,
                            std::function<void(Reply)> answer) {
  bool is_answered = false;
  while (!is_answered) is_answered = co_await ask(socket, shared, raw, answer);
}

}  // namespace smlp::server
