// JSON that others wrote: the one door through which the project reads it.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

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

}  // namespace smlp
