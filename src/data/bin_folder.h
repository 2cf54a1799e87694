// The names and sizes of the guide's bins: batch-00000.bin, batch-00001.bin, ...
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace smlp {

// The journal of the run that made a folder's bins; hidden, so that no tool takes it for an input.
constexpr const char* kPreprocessJournal = ".smlp-preprocess.jsonl";

// batch-%05d.bin
std::string bin_name(std::uint64_t batch);

// 12 for "batch-00012", "batch-12" and "batch-00012" with anything from the first dot or underscore on; nothing for
// other names.
std::optional<std::uint64_t> batch_number(std::string_view filename);

struct Bin {
  std::uint64_t batch = 0;
  std::filesystem::path path;
};

// The bins of a folder, by number. Errors: a folder that cannot be listed.
Result<std::vector<Bin>> list_bins(const std::filesystem::path& folder);

}  // namespace smlp
