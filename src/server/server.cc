#include "server/server.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <thread>

#include "base/no_throw.h"
#include "server/grpc_server.h"
#include "server/http_listener.h"

namespace smlp::server {
namespace {

namespace asio = boost::asio;

constexpr int kIoThreads = 2;  // they move bytes; what computes are the sessions' threads

class Server {
 public:
  Server(const ServerOptions& options, Repository& models)
      : options_(options),
        state_{models},
        shared_{options_, state_, slow_},
        http_(context_, shared_),
        signals_(context_) {}

  // Loads all models; the first that cannot be loaded ends the start.
  Result<Ports> start() {
    Ports ports;
    SMLP_TRY(http_port, http_.listen());
    ports.http = http_port;
    if (auto loaded = state_.models.load(""); !loaded) return fail("{}", loaded.error().message);
    if (options_.grpc_port) {
      SMLP_TRY(grpc, GrpcServer::start(shared_));
      grpc_ = std::move(grpc);
      ports.grpc = grpc_->port();
    }
    return ports;
  }

  void run() {
    signals_.add(SIGINT);
    signals_.add(SIGTERM);
    http_.start();
    asio::co_spawn(context_, stop_on_signal(), asio::detached);
    std::vector<std::thread> threads;
    for (int i = 1; i < kIoThreads; ++i) threads.emplace_back([this] { context_.run(); });
    context_.run();
    for (std::thread& thread : threads) thread.join();
    if (grpc_) grpc_->join();
    slow_.join();
    // Requests that outlived the timeout read memory of their connections, which go away with the context.
    for (const auto& model : state_.models.all()) model->batcher.shut_down();
  }

 private:
  static constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

  // Taken requests are answered; idle connections are closed as they time out, or by the end.
  asio::awaitable<void> stop_on_signal() {
    co_await signals_.async_wait(as_result);
    state_.stopping = true;
    http_.close();
    const auto end = std::chrono::steady_clock::now() + options_.exit_timeout;
    if (grpc_) grpc_->stop(options_.exit_timeout);
    while (shared_.in_flight > 0 && std::chrono::steady_clock::now() < end) {
      asio::steady_timer pause(context_, std::chrono::milliseconds(10));
      co_await pause.async_wait(as_result);
    }
    context_.stop();
  }

  const ServerOptions& options_;
  asio::io_context context_{kIoThreads};
  asio::thread_pool slow_{1};
  ServerState state_;
  Shared shared_;
  HttpListener http_;
  std::unique_ptr<GrpcServer> grpc_;
  asio::signal_set signals_;
};

}  // namespace

Result<void> serve(const ServerOptions& options, const std::function<void(const Ports&)>& listening) {
  return no_throw([&]() -> Result<void> {
    std::vector<ModelFile> files = options.models;
    if (files.empty()) files.push_back({.name = "smlp"});
    Repository models(std::move(files), options.session, options.batching);
    Server server(options, models);
    SMLP_TRY(ports, server.start());
    listening(ports);
    server.run();
    return {};
  });
}

}  // namespace smlp::server
