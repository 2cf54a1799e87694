// JSON that is valid whatever the file names hold.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/printable.h"

namespace smlp::cli {

// Keys in the order they were added.
using Json = nlohmann::ordered_json;

// Bytes that are no UTF-8 (file names may hold any) become U+FFFD, and what a terminal would obey is escaped. indent
// -1: one line.
inline std::string json_text(const Json& value, int indent = -1) {
  return printable_json(value.dump(indent, ' ', false, Json::error_handler_t::replace));
}

}  // namespace smlp::cli
