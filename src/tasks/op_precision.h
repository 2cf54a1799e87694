// The guide's op_precision.ini: which variant of an operator to use, and in int8 which products stay in bf16.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "model/network.h"

namespace smlp {

struct OpPrecision {
  std::optional<GeluPrecision> gelu;  // nothing where the file does not speak of it
  // By kind ("fuse", "fc1", "fc2") and by name ("block.3.fuse"), which counts more.
  std::map<std::string, Precision> products = {};

  // What the file says of a block's product: int8 where it says nothing.
  Precision of(int block, const BlockProduct& product) const;
};

// Lines `Operator=mode`: Gelu=high_precision or high_performance; Fuse, FC1, FC2 or one block's such as block.3.fc1 =
// int8 or bf16. Blank lines, comments (# or ;), spaces and the section headers [ByOpType] and [ByNodeName] are fine.
// Errors name the file and the line: an operator or mode that is not known (they list those that are), a line that is
// no assignment, one operator set twice to different modes.
Result<OpPrecision> read_op_precision(const std::filesystem::path& path);

}  // namespace smlp
