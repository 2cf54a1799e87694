// JSON that others wrote: the one door through which the project reads it.
#pragma once

#include <concepts>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace smlp {

// What we and the tools around us write is far below each of these. They keep memory a small multiple of the text, and
// let a parsed value be copied, compared, printed and destroyed by functions that call themselves for each level.
inline constexpr std::size_t kMaxJsonBytes = std::size_t{64} << 20;
inline constexpr std::size_t kMaxJsonDepth = 32;
inline constexpr std::size_t kMaxJsonValues = std::size_t{4} << 20;

// One JSON value. Errors: no JSON (with the byte), too long, too deep, too many values, an object that has a key twice
// (readers would differ in which they take), no memory.
Result<nlohmann::json> parse_json(std::string_view text);

// The same with the keys of objects in their order.
Result<nlohmann::ordered_json> parse_ordered_json(std::string_view text);

// A whole number that the type can hold: `.rows = exact<int>(line.at("rows"))`. nlohmann's own conversion cuts off
// fractions, wraps numbers that are too large and takes true for 1. Throws json::exception, as at() does.
template <std::integral T, class Json>
T exact(const Json& value) {
  if (value.is_number_unsigned()) {
    if (const auto number = value.template get<std::uint64_t>(); std::in_range<T>(number))
      return static_cast<T>(number);
  } else if (value.is_number_integer()) {
    if (const auto number = value.template get<std::int64_t>(); std::in_range<T>(number)) return static_cast<T>(number);
  }
  throw Json::type_error::create(302, "a whole number was expected, of the range that makes sense here", nullptr);
}

}  // namespace smlp
