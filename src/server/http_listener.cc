#include "server/http_listener.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>

#include "server/as_result.h"
#include "server/connection.h"

namespace smlp::server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

}  // namespace

Result<int> HttpListener::listen() {
  const ServerOptions& options = shared_.options;
  boost::system::error_code problem;
  const auto address = asio::ip::make_address(options.address, problem);
  if (problem) {
    return fail(Error{.what = fmt::format("'{}' is no IP address", options.address),
                      .remedy = "127.0.0.1 serves this machine, 0.0.0.0 all that reach it"});
  }
  const tcp::endpoint endpoint(address, static_cast<std::uint16_t>(options.http_port));
  acceptor_.open(endpoint.protocol(), problem);
  if (!problem) acceptor_.set_option(tcp::acceptor::reuse_address(true), problem);
  if (!problem) acceptor_.bind(endpoint, problem);
  if (!problem) acceptor_.listen(asio::socket_base::max_listen_connections, problem);
  if (problem) {
    return fail(Error{
        .what = fmt::format("cannot listen on {} port {}: {}", options.address, options.http_port, problem.message()),
        .remedy = "choose another with --http-port; 0 takes any that is free"});
  }
  return acceptor_.local_endpoint().port();
}

void HttpListener::start() { asio::co_spawn(threads_.first(), accept(), asio::detached); }

// The clients of connections that wait to be taken may have sent their requests.
void HttpListener::close() {
  boost::system::error_code problem;
  acceptor_.non_blocking(true, problem);
  for (int taken = 0; taken < asio::socket_base::max_listen_connections && !problem; ++taken) {
    tcp::socket socket(threads_.next());
    acceptor_.accept(socket, problem);
    if (!problem) begin(std::move(socket));
  }
  acceptor_.close(problem);
}

void HttpListener::begin(tcp::socket socket) {
  if (open_ >= shared_.options.max_connections) return;  // closes it
  ++open_;
  const auto executor = socket.get_executor();
  asio::co_spawn(executor, run_connection(std::move(socket), shared_), [this](const std::exception_ptr&) { --open_; });
}

asio::awaitable<void> HttpListener::accept() {
  while (true) {
    auto [problem, socket] = co_await acceptor_.async_accept(threads_.next(), as_result);
    if (!problem) begin(std::move(socket));
    if (shared_.state.stopping) co_return;
    if (problem) {  // no descriptor is free: wait for connections to end
      asio::steady_timer pause(threads_.first(), std::chrono::milliseconds(50));
      co_await pause.async_wait(as_result);
    }
  }
}

}  // namespace smlp::server
