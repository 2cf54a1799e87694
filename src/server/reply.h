// What goes back to a client, before HTTP dresses it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"

namespace smlp::server {

// An error with the status that it has on HTTP. `message` goes to the client: it names nothing of this machine.
struct Refusal {
  Refusal(int http_status, std::string text) : status(http_status), message(std::move(text)) {}
  int status;
  std::string message;
};

template <class T>
using Answer = std::expected<T, Refusal>;

template <class... Args>
[[nodiscard]] std::unexpected<Refusal> refuse(int status, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Refusal{status, fmt::format(format, std::forward<Args>(args)...)});
}

struct Reply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  // Bytes of `body` that are JSON where binary tensors follow it; 0: there are none.
  std::size_t json_bytes = 0;
  std::string content_encoding = {};  // how `body` is packed; "": it is not
  std::string allow = {};             // of a 405
  int retry_after_s = 0;              // of a 503; 0: nothing is said
  std::string timing = {};            // header Server-Timing: what took how long, milliseconds
};

}  // namespace smlp::server
