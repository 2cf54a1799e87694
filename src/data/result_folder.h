// LogitRows as `infer`, or another tool, left them in a folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "data/result_files.h"

namespace smlp {

struct ResultFile {
  std::filesystem::path path;
  std::string stem;                     // "batch-00012" of "batch-00012_0.npy"
  std::optional<std::uint64_t> number;  // 12
  ResultFormat format = ResultFormat::npy;
};

struct ResultFolder {
  std::filesystem::path folder;
  std::vector<ResultFile> files;  // by batch number, or, where not every name has one, in natural order of the stems
  bool numbered = false;
  bool packed = false;                    // `files` is the one array of a packed run
  std::vector<std::string> packed_stems;  // a row each; numbered applies to them
  int classes = 0;                        // as the run recorded it; 0: unknown, which only .bin files need
};

// Finds the results in `folder`, or in its only subfolder that has any. Other files are left alone. Errors: no results,
// several subfolders with results, one input's result in two formats.
Result<ResultFolder> find_results(const std::filesystem::path& folder);

// For whoever goes by the position of a result: an error where a batch number is missing, which it names.
Result<void> check_gaps(const ResultFolder& results);

// A file's logits, rows x classes row-major.
struct LogitRows {
  int rows = 0, classes = 0;
  std::vector<float> values;
};

// `expected_rows` (0: unknown) and `classes` (0: unknown) tell how a .bin is cut; of the others they are not asked.
Result<LogitRows> read_logits(const ResultFile& file, int expected_rows, int classes);

}  // namespace smlp
