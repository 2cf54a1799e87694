// `smlp serve`: the Open Inference Protocol, version 2, over HTTP and gRPC.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "server/repository.h"

namespace smlp::server {

struct ServerOptions {
  std::string address = "127.0.0.1";
  int http_port = 8000;                 // 0: any that is free
  std::optional<int> grpc_port = 8001;  // 0 likewise; nothing: no gRPC
  std::vector<ModelFile> models = {};   // empty: the bundled one, as "smlp"
  SessionOptions session = {};
  BatchingOptions batching = {};
  std::filesystem::path api_key_file = {};                   // empty: everybody may ask
  std::filesystem::path tls_certificate = {}, tls_key = {};  // PEM; empty: nothing is encrypted
  std::filesystem::path trace_file = {};                     // empty: none
  bool replace_trace = false;                                // of an earlier server
  std::size_t max_request_bytes = 64 << 20;                  // of a body, also once inflated
  int max_connections = 1024;                                // more are closed at once
  std::chrono::seconds exit_timeout{30};                     // after SIGTERM, for requests in flight
};

// Limits that nobody needs to change.
inline constexpr std::chrono::seconds kIdleTimeout{60};      // between two requests of a connection
inline constexpr std::chrono::seconds kTransferTimeout{30};  // to send a request's head, and without progress in a body
inline constexpr std::size_t kMaxHeadBytes = 16 << 10;

struct Ports {
  int http = 0;
  std::optional<int> grpc = {};
};

// Serves until SIGTERM or SIGINT, then answers what was taken. `listening` is called once, with the ports, when
// requests are taken. Errors: a model that cannot be loaded, an address that cannot be had.
Result<void> serve(const ServerOptions& options, const std::function<void(const Ports&)>& listening);

}  // namespace smlp::server
