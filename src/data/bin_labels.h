// The labels of the pictures in a folder of bins.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace smlp {

struct BinLabels {
  std::string source;                                           // the file; empty where nothing is known
  std::string missing;                                          // then: why
  std::map<std::uint64_t, std::vector<std::int64_t>> of_batch;  // by the bin's number, one a picture
};

// labels.npy lies where the guide puts it, in the parent of the folder of bins. Since several folders may have that
// parent, it counts only where it is of these bins:
//   bins of `smlp preprocess`   manifest.jsonl beside it lists, bin by bin, the very pictures (their SHA-256) that the
//                               journal in the folder says went in; the labels are those of the manifest;
//   bins of another tool        it has a row for every bin of the folder. Whether the rows fit the bins is for the
//                               caller to check, who knows how many pictures each holds.
// Errors: files that are there and damaged.
Result<BinLabels> find_bin_labels(const std::filesystem::path& folder);

}  // namespace smlp
