// co_await something(..., as_result): a tuple of the error code and what came, where use_awaitable alone would throw.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace smlp::server {

inline constexpr auto as_result = boost::asio::as_tuple(boost::asio::use_awaitable);

}  // namespace smlp::server
