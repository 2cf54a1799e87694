// A finished run of `infer` on disk, read to be joined with others.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "data/input_manifest.h"
#include "data/result_files.h"
#include "data/result_folder.h"
#include "data/run_record.h"
#include "data/shard.h"
#include "pipeline/pipeline.h"
#include "tasks/provenance.h"

namespace smlp {

// What the run's summary says of its times.
struct RunTimes {
  Executions executions;
  double wall_seconds = 0;
  std::uint64_t pictures = 0, broken = 0, resumed = 0;
  int batch = 1, loop = 1;
};

struct RunPart {
  std::filesystem::path folder;
  RunRecord record;
  InputManifest inputs;
  Provenance provenance;
  Shard shard;
  ResultFormat format = ResultFormat::npy;
  RunTimes times;
};

// Errors: no folder of a run, one that is not finished, a summary that is gone or of a version that recorded less.
Result<RunPart> read_run_part(const std::filesystem::path& folder);

// The results of a part, each proved by the hash that the run recorded.
class RunPartReader {
 public:
  static Result<RunPartReader> open(const RunPart& part);

  // The logits of input `index`; none for one that could not be read. Errors: a result that is gone or has changed.
  Result<std::vector<float>> read(std::size_t index) const;

 private:
  explicit RunPartReader(const RunPart& part) : part_(part) {}
  Result<std::vector<float>> read_file(const InputRecord& input) const;

  const RunPart& part_;
  std::optional<LogitRows> packed_;
  std::vector<std::size_t> first_row_;  // of each input of a packed run
};

}  // namespace smlp
