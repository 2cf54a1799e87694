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
  // Bins of `smlp preprocess`: the class folder behind each label. A label is then the folder's position among the
  // folders of that data, which is a class of a model only by map_labels(). Empty: labels are the numbers of classes,
  // since they come from another tool, or the folders (words of a list) are these very numbers.
  std::map<std::int64_t, std::string> folder_of_label = {};
};

// labels.npy lies where the guide puts it, in the parent of the folder of bins. Since several folders may have that
// parent, it counts only where it is of these bins:
//   bins of `smlp preprocess`   manifest.jsonl beside it lists, bin by bin, the very pictures (their SHA-256) that the
//                               journal in the folder says went in; labels and class folders are the manifest's;
//   bins of another tool        it has a row for every bin of the folder. Whether the rows fit the bins is for the
//                               caller to check, who knows how many pictures each holds.
// Errors: files that are there and damaged.
Result<BinLabels> find_bin_labels(const std::filesystem::path& folder);

}  // namespace smlp
