// One inference request, from its bytes to its answer.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>

#include "server/shared.h"

namespace smlp::server {

struct RawRequest {
  RawRequest(const Route& where, std::string_view type, std::span<const std::byte> bytes,
             std::optional<std::size_t> json)
      : route(where), content_type(type), body(bytes), json_bytes(json) {}
  const Route& route;
  std::string_view content_type;
  std::span<const std::byte> body;
  std::optional<std::size_t> json_bytes;  // Inference-Header-Content-Length
};

// All pictures of a request go to the model's batcher; one that fails fails the request. A client that goes away
// meanwhile cancels those that have not begun: `socket` is watched for it. `answer` is called once before this returns:
// in the batcher's thread for a small answer, which then needs no other thread to be woken, else in this one. It is not
// called where memory runs out.
boost::asio::awaitable<void> infer(boost::asio::ip::tcp::socket& socket, Shared& shared, RawRequest raw,
                                   std::function<void(Reply)> answer);

}  // namespace smlp::server
