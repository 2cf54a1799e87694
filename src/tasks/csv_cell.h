// Files of comma-separated values.
#pragma once

#include <string>
#include <string_view>

namespace smlp {

// Text of others as one cell: printable (base/printable.h), and quoted where it has to be (RFC 4180).
std::string csv_cell(std::string_view text);

}  // namespace smlp
