#include "server/server.h"

#include <sys/resource.h>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <tuple>

#include "base/no_throw.h"
#include "server/as_result.h"
#include "server/grpc_server.h"
#include "server/http_listener.h"

namespace smlp::server {
namespace {

namespace asio = boost::asio;

// Descriptors for as many connections as are allowed, where the system grants them; where not, connections wait.
void raise_descriptor_limit(int connections) {
  constexpr rlim_t others = 256;  // models, threads' own, gRPC's
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = std::min(static_cast<rlim_t>(connections) + others, limit.rlim_max);
  if (wanted <= limit.rlim_cur) return;
  limit.rlim_cur = wanted;
  std::ignore = ::setrlimit(RLIMIT_NOFILE, &limit);
}

class Server {
 public:
  Server(const ServerOptions& options, Repository& models)
      : options_(options),
        state_{models},
        shared_{options_, state_, slow_},
        http_(io_, shared_),
        signals_(io_.first()) {}

  // Reads what the options name and loads all models; the first that cannot be had ends the start.
  Result<Ports> start() {
    raise_descriptor_limit(options_.max_connections);
    SMLP_CHECK(read_files());
    Ports ports;
    SMLP_TRY(http_port, http_.listen());
    ports.http = http_port;
    if (auto loaded = state_.models.load(""); !loaded) return fail("{}", loaded.error().message);
    if (options_.grpc_port) {
      SMLP_TRY(grpc, GrpcServer::start(shared_));
      grpc_ = std::move(grpc);
      ports.grpc = grpc_->port();
    }
    signals_.add(SIGINT);
    signals_.add(SIGTERM);
    return ports;
  }

  void run() {
    http_.start();
    asio::co_spawn(io_.first(), stop_on_signal(), asio::detached);
    io_.run();
    if (grpc_) grpc_->join();
    slow_.join();
    // Requests that outlived the timeout read memory of their connections, which go away with the context.
    for (const auto& model : state_.models.all()) model->batcher.shut_down();
  }

 private:
  // For requests of clients that have connected: to begin, and for those that have begun, to send the rest of the head.
  static constexpr std::chrono::milliseconds kOnTheirWay{100}, kHeads{2000};

  Result<void> read_files() {
    if (!options_.api_key_file.empty()) {
      SMLP_TRY(keys, AccessKeys::read(options_.api_key_file));
      shared_.keys = std::move(keys);
    }
    if (!options_.tls_certificate.empty()) {
      SMLP_TRY(files, read_tls_files(options_.tls_certificate, options_.tls_key));
      auto tls = make_tls(files);
      if (!tls) {
        const std::string names = options_.tls_certificate.string() + ", " + options_.tls_key.string();
        return fail(std::move(tls).error().in(names));
      }
      shared_.tls_files = std::move(files);
      tls_ = std::move(*tls);
      shared_.tls = tls_.get();
    }
    if (!options_.trace_file.empty()) {
      SMLP_TRY(trace, RequestTrace::create(options_.trace_file, options_.replace_trace));
      shared_.trace = std::move(trace);
    }
    return {};
  }

  // Until every loop has looked at its sockets and begun what it saw there; a loop that is busy, or has not had a
  // processor for a while, may not have yet. It does so between two things that are posted to it.
  asio::awaitable<void> look_around() {
    for (int round = 0; round < 3; ++round) {
      for (auto& loop : io_.all()) co_await asio::post(asio::bind_executor(loop, asio::use_awaitable));
    }
    co_await asio::post(asio::bind_executor(io_.first(), asio::use_awaitable));
  }

  // Whether a request may still be answered that long after the signal. One whose head is not whole is none yet: a byte
  // now and then shall not hold up the end.
  bool is_needed(std::chrono::steady_clock::duration after) const {
    return shared_.in_flight > 0 || after < kOnTheirWay || (shared_.heads > 0 && after < kHeads);
  }

  // Taken requests are answered, and those that were on their way; idle connections are closed by the end.
  asio::awaitable<void> stop_on_signal() {
    co_await signals_.async_wait(as_result);
    state_.stopping = true;
    http_.close();
    const auto now = std::chrono::steady_clock::now;
    const auto begin = now(), end = begin + options_.exit_timeout;
    if (grpc_) grpc_->stop(options_.exit_timeout);
    while (is_needed(now() - begin) && now() < end) {
      asio::steady_timer pause(io_.first(), std::chrono::milliseconds(10));
      co_await pause.async_wait(as_result);
      co_await look_around();
    }
    io_.stop();
  }

  const ServerOptions& options_;
  asio::thread_pool slow_{1};
  ServerState state_;
  std::unique_ptr<asio::ssl::context> tls_;
  Shared shared_;
  IoThreads io_;  // connections that are open at the end go with it: before what they use
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
