#include "serving/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <utility>

namespace smlp::load {
namespace {

std::string_view name_of(int error) {
  switch (error) {
    case 0:
      return "closed";
    case ECONNRESET:
      return "reset";
    case EPIPE:
      return "broken pipe";
    case ECONNREFUSED:
      return "refused";
    default:
      return "failed";
  }
}

// The value of a field of a head in small letters; empty where it is not there.
std::string_view field_of(std::string_view head, std::string_view name) {
  const std::size_t at = head.find(name);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = head.substr(at + name.size());
  return rest.substr(0, rest.find_first_of("\r,"));
}

}  // namespace

void Client::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

void Client::connect() {
  descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port_));
  ::inet_pton(AF_INET, address_.c_str(), &to.sin_addr);
  const int on = 1;
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // Each change is told once: go_on() takes and gives all that there is, and what it left says so again.
  epoll_event changes = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.ptr = this}};
  ::epoll_ctl(poller_, EPOLL_CTL_ADD, descriptor_, &changes);
  // On the loopback it takes no time; from here on nothing blocks.
  connect_error_ = ::connect(descriptor_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ? 0 : errno;
}

void Client::begin(std::string_view request, Clock::time_point due) {
  if (descriptor_ < 0) connect();
  request_ = request;
  sent_ = wanted_ = 0;
  answer_.clear();
  busy_ = true;
  now_ = {};
  now_.due = due;
}

bool Client::broke(Answer& answer, int error) {
  close();
  busy_ = false;
  now_.status = 0;
  now_.problem = name_of(error);
  now_.end = Clock::now();
  answer = now_;
  return true;
}

// Once the head is whole: its status, how many bytes follow, and what the server says of itself.
bool Client::read_head() {
  const std::size_t end = answer_.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  std::string head = answer_.substr(0, end + 2);
  std::ranges::transform(head, head.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  now_.status = std::atoi(head.c_str() + head.find(' '));
  now_.computed_s = std::atof(std::string(field_of(head, "compute;dur=")).c_str()) / 1000;
  last_ = field_of(head, "\r\nconnection:").find("close") != std::string_view::npos;
  wanted_ = end + 4 + std::strtoull(std::string(field_of(head, "\r\ncontent-length:")).c_str(), nullptr, 10);
  return true;
}

bool Client::go_on(Answer& answer) {
  if (connect_error_ != 0) return broke(answer, std::exchange(connect_error_, 0));
  while (sent_ < request_.size()) {
    const auto piece = request_.substr(sent_);
    const ssize_t bytes = ::send(descriptor_, piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (bytes < 0 && errno == EAGAIN) break;
    if (bytes < 0) return broke(answer, errno);
    sent_ += static_cast<std::size_t>(bytes);
  }
  std::array<char, 65536> buffer;
  while (wanted_ == 0 || answer_.size() < wanted_) {
    const ssize_t bytes = ::recv(descriptor_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (bytes < 0 && errno == EAGAIN) return false;
    if (bytes <= 0) return broke(answer, bytes < 0 ? errno : 0);
    answer_.append(buffer.data(), static_cast<std::size_t>(bytes));
    if ((wanted_ == 0 && !read_head()) || answer_.size() < wanted_) continue;
    now_.end = Clock::now();
  }
  if (!last_ && sent_ < request_.size()) return false;  // the server waits for the rest before the next request
  busy_ = false;
  if (last_) close();
  answer = now_;
  return true;
}

}  // namespace smlp::load
