// One client's connection.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/thread_pool.hpp>

#include "server/http_server.h"
#include "server/routes.h"

namespace smlp::server {

// What all connections share.
struct Shared {
  const ServerOptions& options;
  ServerState& state;
  boost::asio::thread_pool& slow;  // for work that waits: loading a model
  std::atomic<int> in_flight{0};   // requests whose head was read and whose answer is not out
};

// Reads requests and answers them, one after the other, until the client or the server closes.
boost::asio::awaitable<void> run_connection(boost::asio::ip::tcp::socket socket, Shared& shared);

}  // namespace smlp::server
