// The results of a run of `infer` on their way to its folder: a file an input, one array, or nowhere.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/input_manifest.h"
#include "data/inputs.h"
#include "data/result_files.h"
#include "tasks/run_folder.h"

namespace smlp {

struct RunResultsOptions {
  ResultFormat format = ResultFormat::npy;
  bool packed = false;  // one array for all inputs
  int classes = 0;
};

class RunResults {
 public:
  RunResults() = default;  // results go nowhere

  // Starts the run's record, or takes up that of the run that is resumed, of which every result is proved: its size,
  // its hash. Errors: a file of somebody else where a result has to go.
  static Result<RunResults> open(RunFolder place, const RunIdentity& identity, const std::string& provenance,
                                 const RunResultsOptions& options, std::span<const Input> inputs);

  // Records what the run was given; a run that is resumed keeps what it recorded when it began. Call it first.
  Result<void> write_inputs(const InputManifest& inputs);

  // For each input, whether the run that is resumed has dealt with it.
  const std::vector<bool>& done() const { return done_; }
  // Of these, the ones that could not be read.
  const std::vector<Error>& broken_before() const { return broken_before_; }
  bool resumed() const { return resumed_; }

  // Call for every input that is not done, in order; `logits` are none for a broken one.
  Result<void> write(const Input& input, std::span<const float> logits);

  // Waits until all results are on the disk.
  Result<void> finish();
  // The last thing of a run. An empty text leaves the summary of the run that was resumed.
  Result<void> write_summary(const std::string& text);

  const std::filesystem::path& folder() const { return folder_; }  // empty: nowhere
  std::filesystem::path path_of(const Input& input) const;

 private:
  RunResults(RunFolder place, const RunResultsOptions& options)
      : folder_(std::move(place.path)), options_(options), lock_(std::move(place.lock)) {}
  Result<void> start(const RunIdentity& identity, const std::string& provenance, std::span<const Input> inputs);
  Result<void> resume(RunRecord earlier, std::span<const Input> inputs);
  Result<void> refuse_foreign_summary() const;
  Result<void> resume_files(std::span<const Input> inputs);
  Result<void> check_names(std::span<const Input> inputs) const;
  Result<void> check_torn(const std::string& name, std::string_view start) const;
  Result<void> resume_packed(std::span<const Input> inputs);
  Result<void> write_file_of(const Input& input, std::span<const float> logits);
  std::string name_of(const Input& input) const;
  PathAt held() const { return lock_->folder(); }  // the folder that was locked, to write into

  std::filesystem::path folder_;
  RunResultsOptions options_;
  std::optional<DirectoryLock> lock_;
  std::optional<RunRecordWriter> writer_;
  std::optional<PackedWriter> packed_;
  RunRecord record_;
  bool resumed_ = false;
  std::vector<bool> done_;
  std::vector<Error> broken_before_;
};

}  // namespace smlp
