// JSON that is valid whatever the file names hold.
#pragma once

#include <string>

#include "base/json.h"
#include "base/printable.h"

namespace smlp::cli {

// Keys in the order they were added.
using Json = nlohmann::ordered_json;

// As dump_json(), and what a terminal would obey is escaped.
inline std::string json_text(const Json& value, int indent = -1) { return printable_json(dump_json(value, indent)); }

}  // namespace smlp::cli
