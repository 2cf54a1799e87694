// One client's connection over HTTP.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "server/shared.h"

namespace smlp::server {

// Reads requests and answers them, one after the other, until the client or the server closes.
boost::asio::awaitable<void> run_connection(boost::asio::ip::tcp::socket socket, Shared& shared);

}  // namespace smlp::server
