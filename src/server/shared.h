// What all requests share, whichever front end takes them.
#pragma once

#include <atomic>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/thread_pool.hpp>

#include "server/access_keys.h"
#include "server/request_trace.h"
#include "server/routes.h"
#include "server/server.h"
#include "server/tls.h"

namespace smlp::server {

struct Shared {
  const ServerOptions& options;
  ServerState& state;
  boost::asio::thread_pool& slow;  // for work that waits: loading a model
  AccessKeys keys = {};
  boost::asio::ssl::context* tls = nullptr;  // of HTTP; null: it is not encrypted
  TlsFiles tls_files = {};                   // of gRPC, likewise
  std::unique_ptr<RequestTrace> trace = {};  // null: none
  std::atomic<int> heads{0};                 // requests of which a first byte came, and not yet the whole head
  std::atomic<int> in_flight{0};             // requests whose head came, and whose answer is not out
};

// Counts something while it lives.
class Counted {
 public:
  explicit Counted(std::atomic<int>& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::atomic<int>& count_;
};

}  // namespace smlp::server
