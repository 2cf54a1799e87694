#include "server/http_server.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>
#include <thread>

#include "base/no_throw.h"
#include "server/connection.h"

namespace smlp::server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr int kIoThreads = 2;  // they move bytes; what computes are the sessions' threads

// Loads all models; the first that cannot be loaded ends the start.
Result<void> load_all(Repository& models) {
  if (auto loaded = models.load(""); !loaded) return fail("{}", loaded.error().message);
  return {};
}

class HttpServer {
 public:
  HttpServer(const ServerOptions& options, Repository& models)
      : options_(options), state_{models}, shared_{options_, state_, slow_}, acceptor_(context_), signals_(context_) {}

  Result<int> listen() {
    boost::system::error_code problem;
    const auto address = asio::ip::make_address(options_.address, problem);
    if (problem) {
      return fail(Error{.what = fmt::format("'{}' is no IP address", options_.address),
                        .remedy = "127.0.0.1 serves this machine, 0.0.0.0 all that reach it"});
    }
    const tcp::endpoint endpoint(address, static_cast<std::uint16_t>(options_.http_port));
    acceptor_.open(endpoint.protocol(), problem);
    if (!problem) acceptor_.set_option(tcp::acceptor::reuse_address(true), problem);
    if (!problem) acceptor_.bind(endpoint, problem);
    if (!problem) acceptor_.listen(asio::socket_base::max_listen_connections, problem);
    if (problem) {
      return fail(Error{.what = fmt::format("cannot listen on {} port {}: {}", options_.address, options_.http_port,
                                            problem.message()),
                        .remedy = "choose another with --http-port; 0 takes any that is free"});
    }
    return acceptor_.local_endpoint().port();
  }

  void run() {
    signals_.add(SIGINT);
    signals_.add(SIGTERM);
    asio::co_spawn(context_, accept(), asio::detached);
    asio::co_spawn(context_, stop_on_signal(), asio::detached);
    std::vector<std::thread> threads;
    for (int i = 1; i < kIoThreads; ++i) threads.emplace_back([this] { context_.run(); });
    context_.run();
    for (std::thread& thread : threads) thread.join();
    slow_.join();
    // Requests that outlived the timeout read memory of their connections, which go away with the context.
    for (const auto& model : state_.models.all()) model->batcher.shut_down();
  }

 private:
  static constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

  asio::awaitable<void> accept() {
    while (true) {
      auto [problem, socket] = co_await acceptor_.async_accept(asio::make_strand(context_), as_result);
      if (state_.stopping || problem == asio::error::operation_aborted) co_return;
      if (problem) {  // no descriptor is free: wait for connections to end
        asio::steady_timer pause(context_, std::chrono::milliseconds(50));
        co_await pause.async_wait(as_result);
        continue;
      }
      if (open_ >= options_.max_connections) continue;  // closes it
      ++open_;
      const auto executor = socket.get_executor();
      asio::co_spawn(executor, run_connection(std::move(socket), shared_),
                     [this](const std::exception_ptr&) { --open_; });
    }
  }

  // Taken requests are answered; idle connections are closed as they time out, or by the end.
  asio::awaitable<void> stop_on_signal() {
    co_await signals_.async_wait(as_result);
    state_.stopping = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    const auto end = std::chrono::steady_clock::now() + options_.exit_timeout;
    while (busy() && std::chrono::steady_clock::now() < end) {
      asio::steady_timer pause(context_, std::chrono::milliseconds(10));
      co_await pause.async_wait(as_result);
    }
    context_.stop();
  }

  bool busy() const { return shared_.in_flight > 0; }

  const ServerOptions& options_;
  asio::io_context context_{kIoThreads};
  asio::thread_pool slow_{1};
  ServerState state_;
  Shared shared_;
  tcp::acceptor acceptor_;
  asio::signal_set signals_;
  std::atomic<int> open_{0};
};

}  // namespace

Result<void> serve(const ServerOptions& options, const std::function<void(int port)>& listening) {
  return no_throw([&]() -> Result<void> {
    std::vector<ModelFile> files = options.models;
    if (files.empty()) files.push_back({.name = "smlp"});
    Repository models(std::move(files), options.session, options.batching);
    HttpServer server(options, models);
    SMLP_TRY(port, server.listen());
    SMLP_CHECK(load_all(models));
    listening(port);
    server.run();
    return {};
  });
}

}  // namespace smlp::server
