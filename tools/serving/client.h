// One connection of the load generator: a request goes out, its answer is read, the connection is used again.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace smlp::load {

using Clock = std::chrono::steady_clock;

struct Answer {
  int status = 0;              // of HTTP; 0: the connection broke, `problem` says how
  std::string_view problem;    // "reset", "closed", "refused", ...
  double computed_s = 0;       // what the header Server-Timing calls compute; 0 where there is none
  Clock::time_point due, end;  // when the request should have left, and when its last byte came
};

// Never blocks: `go_on` does what the socket allows at the moment.
class Client {
 public:
  // `poller`: an epoll instance, which tells of this client whenever its socket may go on.
  Client(std::string address, int port, int poller) : address_(std::move(address)), port_(port), poller_(poller) {}
  ~Client() { close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Sends `request`, which must live until the answer. Connects where there is no connection.
  void begin(std::string_view request, Clock::time_point due);
  // True: the answer is there, and the client may begin again. A server may answer before it has the whole request.
  bool go_on(Answer& answer);
  bool is_busy() const { return busy_; }

 private:
  void connect();
  void close();
  bool broke(Answer& answer, int error);
  bool read_head();

  std::string address_;
  int port_, poller_;
  int descriptor_ = -1, connect_error_ = 0;
  bool busy_ = false, last_ = false;  // last_: the server closes the connection after this answer
  std::string_view request_;
  std::size_t sent_ = 0;
  std::string answer_;
  std::size_t wanted_ = 0;  // bytes of head and body; 0: the head is not whole yet
  Answer now_;
};

}  // namespace smlp::load
