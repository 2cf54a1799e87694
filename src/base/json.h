// JSON: the one door through which the project reads what others wrote, and the one way it writes its own.
#pragma once

#include <concepts>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace smlp {

// What we and the tools around us write is far below each of these. They keep memory a small multiple of the text, and
// let a parsed value be copied, compared, printed and destroyed by functions that call themselves for each level.
inline constexpr std::size_t kMaxJsonBytes = std::size_t{64} << 20;
inline constexpr std::size_t kMaxJsonDepth = 32;
inline constexpr std::size_t kMaxJsonValues = std::size_t{4} << 20;

namespace json_detail {
void take_apart(nlohmann::json& value) noexcept;
void take_apart(nlohmann::ordered_json& value) noexcept;
}  // namespace json_detail

// A parsed value. The library's own destructor allocates, and ends the process where memory has run out; this one takes
// the value apart from its leaves on, which needs no memory. Use it in place; a copy is the library's again.
template <class Json>
class JsonDocument : public Json {
 public:
  JsonDocument() noexcept = default;
  JsonDocument(JsonDocument&& other) noexcept : Json(static_cast<Json&&>(other)) {}
  JsonDocument& operator=(JsonDocument&& other) noexcept {
    this->swap(other);
    return *this;
  }
  ~JsonDocument() { json_detail::take_apart(*this); }
};

// A document is a value already; the library shall not take it for a list of values.
template <class Json>
void to_json(Json&, const JsonDocument<Json>&) = delete;

// One JSON value. Errors: no JSON (with the byte), too long, too deep, too many values, an object that has a key twice
// (readers would differ in which they take). A lack of memory is thrown: the text is none the worse for it.
Result<JsonDocument<nlohmann::json>> parse_json(std::string_view text);

// The same with the keys of objects in their order.
Result<JsonDocument<nlohmann::ordered_json>> parse_ordered_json(std::string_view text);

// A value as text. Bytes that are no UTF-8 (file names may hold any) become U+FFFD. indent -1: one line.
template <class Json>
std::string dump_json(const Json& value, int indent = -1) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

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

// The same within limits: an index or a count from a file is believed only where it is used without harm.
template <std::integral T, class Json>
T exact_within(const Json& value, T least, T most) {
  const T number = exact<T>(value);
  if (number >= least && number <= most) return number;
  throw Json::type_error::create(
      302, fmt::format("a whole number from {} to {} was expected, not {}", least, most, number), nullptr);
}

// What such an exception found wrong, in words for people and without the library's own numbers: "it lacks 'shard'".
std::string json_fault(const nlohmann::json::exception& error);

}  // namespace smlp
