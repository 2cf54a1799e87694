// The guide's fourth step: prepared pictures -> logits in files, with honest timings.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/statistics.h"
#include "data/class_list.h"
#include "data/result_files.h"
#include "data/shard.h"
#include "pipeline/pipeline.h"
#include "smlp/session.h"
#include "tasks/provenance.h"

namespace smlp {

enum class PureData { zero, random };

struct InferFilesOptions {
  std::string input;             // as InputLister takes it; empty: made-up data
  std::size_t limit = SIZE_MAX;  // the first so many pictures
  ClassList classes;             // of the model: what labels of lists and shards mean
  std::filesystem::path output;  // empty: results are thrown away
  std::string output_dirname;    // empty: the time, as %Y_%m_%d-%H_%M_%S
  ResultFormat format = ResultFormat::npy;
  int batch = 1;   // pictures in one execution; also that of the session
  int loop = 1;    // executions of each batch
  int warmup = 1;  // executions before the first that counts
  PureData pure = PureData::zero;
  bool packed = false;                 // all results in one array
  bool resume = false;                 // go on where an interrupted run stopped
  bool force = false;                  // replace the results of an earlier run
  Shard shard = {};                    // of the inputs; all of them are checked
  Provenance provenance;               // of the session; infer_files() adds the inputs
  std::vector<std::string> arguments;  // for the summary
};

// All times in milliseconds.
struct InferFilesReport {
  Statistics h2d, compute, d2h;
  std::vector<double> compute_list;        // one an execution
  std::vector<double> h2d_list, d2h_list;  // one a batch
  std::vector<int> executed_pictures;      // in each execution
  double mean_rows = 0;                    // pictures an execution really held: a short last batch counts as what it is
  double throughput = 0;                   // 1000 * mean_rows / compute.mean
  double wall_seconds = 0;                 // from opening the first input to the last result's renaming
  std::uint64_t pictures = 0;              // of this run, each counted once
  std::uint64_t broken = 0;                // inputs that could not be read
  std::uint64_t resumed = 0;               // inputs whose results an earlier run wrote
  std::string inputs_sha256 = {};          // of all that are listed
  std::uint64_t first = 0, inputs = 0, listed = 0;  // this part's inputs among all that are listed
  std::filesystem::path folder, summary;            // empty without an output

  double images_per_second(int loop) const {
    return wall_seconds > 0 ? static_cast<double>(pictures) * loop / wall_seconds : 0;
  }
};

struct InferFilesWatch {
  std::function<void(std::string_view)> note, warning;                    // lines for the log
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // inputs
  std::function<void(const Error&)> broken;                               // a picture that cannot be read
};

// What each number includes, one sentence, for whoever reads the numbers.
std::string_view timing_explanation();

// Checks every input, then runs them in batches that the files of one run share, and writes for each input one result
// of its rows. h2d is the copy of a batch into the session's input buffer, d2h that of its logits out of the output
// buffer; files are read ahead by other threads meanwhile. No batch is padded: the session takes a short one as it is.
Result<InferFilesReport> infer_files(Session& session, InferFilesOptions options, InferFilesWatch watch);

// The summary that the guide's tool writes: filesinfo, args, NPU_compute_time, H2D_latency, D2H_latency, throughput,
// npu_compute_time_list, pid; and ours under "smlp".
struct FileResult {
  std::string input, output;
};
std::string infer_summary(const InferFilesReport& report, const InferFilesOptions& options,
                          const std::vector<FileResult>& files, int classes);

// What the summary has without its lists, and where the results lie.
nlohmann::ordered_json infer_json(const InferFilesReport& report, const InferFilesOptions& options, int classes);

// Statistics and lists of what was executed.
void report_times(const Executions& executions, InferFilesReport& report);

}  // namespace smlp
