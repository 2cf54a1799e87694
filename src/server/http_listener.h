// Takes connections over HTTP.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "server/io_threads.h"
#include "server/shared.h"

namespace smlp::server {

class HttpListener {
 public:
  HttpListener(IoThreads& threads, Shared& shared) : threads_(threads), shared_(shared), acceptor_(threads.first()) {}

  // Returns the port. Errors: an address that cannot be had.
  Result<int> listen();
  // From now on connections are taken, and served by the threads in turn.
  void start();
  // Takes those that the system has connected already, and no more; those that are open go on.
  void close();

 private:
  void begin(boost::asio::ip::tcp::socket socket);
  boost::asio::awaitable<void> accept();

  IoThreads& threads_;
  Shared& shared_;
  boost::asio::ip::tcp::acceptor acceptor_;  // once started, used on the first thread alone
  std::atomic<int> open_{0};
};

}  // namespace smlp::server
