// Takes connections over HTTP.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>

#include "server/shared.h"

namespace smlp::server {

class HttpListener {
 public:
  HttpListener(boost::asio::io_context& context, Shared& shared)
      : context_(context), shared_(shared), acceptor_(boost::asio::make_strand(context)) {}

  // Returns the port. Errors: an address that cannot be had.
  Result<int> listen();
  // From now on connections are taken and served by the context's threads.
  void start();
  // Takes no more; those that are open go on.
  void close();

 private:
  boost::asio::awaitable<void> accept();

  boost::asio::io_context& context_;
  Shared& shared_;
  boost::asio::ip::tcp::acceptor acceptor_;  // once started, used on its strand alone
  std::atomic<int> open_{0};
};

}  // namespace smlp::server
