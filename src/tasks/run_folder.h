// The folder that a run of `infer` writes into: a new one, or that of an earlier run that it resumes or replaces.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "base/atomic_file.h"
#include "data/run_record.h"

namespace smlp {

struct RunFolderOptions {
  std::filesystem::path output;  // the folder of the run's folder
  std::string name;              // of the run's folder; empty: the time, as %Y_%m_%d-%H_%M_%S
  bool resume = false, force = false;
};

struct RunFolder {
  std::filesystem::path path;
  DirectoryLock lock;
  std::optional<RunRecord> earlier = {};  // the record of the run that is resumed
};

// The summary of a run lies beside its folder: OUTPUT/NAME_summary.json.
std::filesystem::path summary_path(const std::filesystem::path& folder);
// The same as the record has it, relative to the folder.
std::string summary_name(const std::filesystem::path& folder);

// OUTPUT/NAME, or a new folder named by the time. With `resume` and no name it is the one interrupted run in OUTPUT
// that has this identity; where there are several, that is an error that lists them.
//
// With `force`, the files of an earlier run go: those that its record lists, with the bytes it lists, and none of
// `inputs`; nothing goes where any of them has changed. Whatever else is in the folder stays.
//
// Errors: a folder that holds something else or another run's results, or that another process works in.
Result<RunFolder> choose_folder(const RunFolderOptions& options, const RunIdentity& identity,
                                std::span<const std::filesystem::path> inputs);

}  // namespace smlp
