// The threads that move bytes; what computes are the sessions' threads.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <span>
#include <thread>
#include <vector>

namespace smlp::server {

// Each thread has a loop of its own, and each connection belongs to one of them: nothing of a request changes the
// thread, and no strand is needed. Threads that share a loop wake each other several times a request.
class IoThreads {
 public:
  boost::asio::io_context& first() { return loops_.front(); }
  boost::asio::io_context& next() { return loops_[turn_++ % loops_.size()]; }
  std::span<boost::asio::io_context> all() { return loops_; }

  // Runs all loops, the first one in this thread, until stop().
  void run() {
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < loops_.size(); ++i) others.emplace_back([this, i] { run(loops_[i]); });
    run(loops_.front());
  }
  // From any thread.
  void stop() {
    for (auto& loop : loops_) loop.stop();
  }

 private:
  static void run(boost::asio::io_context& loop) {
    const auto stays = boost::asio::make_work_guard(loop);
    loop.run();
  }

  // 1: a loop of one thread.
  std::array<boost::asio::io_context, 2> loops_ = {boost::asio::io_context(1), boost::asio::io_context(1)};
  std::atomic<std::size_t> turn_{0};
};

}  // namespace smlp::server
