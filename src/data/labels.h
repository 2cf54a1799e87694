// labels.npy: the truth of every picture, in the order of the bins.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace smlp {

// Fills the last row where the last bin holds fewer pictures than the others.
constexpr std::int64_t kNoLabel = -1;

struct LabelTable {
  std::size_t batch_size = 1;        // columns; 1 for a flat list
  std::vector<std::int64_t> labels;  // row-major, a row a bin; kNoLabel only at the very end

  std::size_t bins() const { return labels.size() / batch_size; }
  std::size_t pictures() const;  // without kNoLabel
};

// An .npy of int64 (bins, batch_size).
std::string labels_bytes(const LabelTable& table);

// Reads (bins, batch_size) or (pictures,) of any integer type. Errors: other shapes or types, negative labels elsewhere
// than at the end.
Result<LabelTable> read_labels(const std::filesystem::path& path);

}  // namespace smlp
