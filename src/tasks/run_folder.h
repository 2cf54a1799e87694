// The folder that a run of `infer` writes into: a new one, or that of an earlier run that it resumes or replaces.
#pragma once

#include <filesystem>
#include <optional>

#include "base/atomic_file.h"
#include "data/result_files.h"
#include "tasks/infer_files.h"

namespace smlp {

struct RunFolder {
  std::filesystem::path path;
  bool resume = false;  // results of the same run are there
  std::optional<DirectoryLock> lock = {};
};

// The summary of a run lies beside its folder: OUTPUT/NAME_summary.json.
std::filesystem::path summary_path(const std::filesystem::path& folder);

// OUTPUT/DIRNAME, or a new folder named by the time; with --resume and no name, the newest run without a summary.
// Errors: a folder that holds something else or another run's results, or that another process works in.
Result<RunFolder> choose_folder(const InferFilesOptions& options, const RunIdentity& identity);

}  // namespace smlp
