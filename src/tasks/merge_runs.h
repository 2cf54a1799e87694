// The run folders of `infer --shard`, joined into the one that a run over all inputs would have left.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tasks/infer_files.h"

namespace smlp {

struct MergeRunsOptions {
  std::vector<std::filesystem::path> parts;  // the folders of the runs
  std::filesystem::path output;              // the folder that gets the joined folder
  std::string output_dirname;                // its name; empty: the time, as of a run
  bool resume = false, force = false;        // as of a run
  std::vector<std::string> arguments;        // for the summary
};

struct MergedRuns {
  InferFilesReport report;    // folder and summary are the new ones; times are those of all executions of all parts
  InferFilesOptions options;  // of the whole: batch, loop, provenance
  int classes = 0;
};

// Results are copied input by input, through the same writer as those of a run: bytes, names, the list of inputs with
// their labels and the record are those of the run that was not divided; a merge that was killed is resumed like one.
// Nothing is moved or deleted in the parts. Times add up: percentiles are of all executions, seconds are summed.
// Errors, before anything is written: a part that is missing, given twice, not finished, or of another whole, and what
// differs; a result that is gone or changed since.
Result<MergedRuns> merge_runs(const MergeRunsOptions& options,
                              const std::function<void(std::uint64_t done, std::uint64_t total)>& progress);

}  // namespace smlp
