// The guide's op_precision.ini: which variant of an operator to use.
#pragma once

#include <filesystem>
#include <optional>

#include "model/network.h"

namespace smlp {

struct OpPrecision {
  std::optional<GeluPrecision> gelu;  // nothing where the file does not speak of it
};

// Lines `Operator=mode`; blank lines, comments (# or ;), spaces and the section header [ByOpType] are fine.
// Errors name the file and the line: an operator or mode that is not known (they list those that are), a line that is
// no assignment, one operator set twice to different modes.
Result<OpPrecision> read_op_precision(const std::filesystem::path& path);

}  // namespace smlp
