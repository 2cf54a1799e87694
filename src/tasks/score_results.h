// The guide's fifth step: result files and the truth -> accuracy.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "data/accuracy.h"
#include "tasks/provenance.h"

namespace smlp {

struct ScoreOptions {
  std::filesystem::path results;    // the folder that infer, or the guide's own tool, wrote
  std::optional<std::uint64_t> n;   // score the first n pictures; more than there are is an error
  std::filesystem::path labels;     // labels.npy, in the order of the inputs
  std::filesystem::path data_root;  // or the ImageFolder that the pictures came from
};

struct Score {
  std::uint64_t pictures = 0;    // scored
  std::uint64_t not_finite = 0;  // of those: logits that are no finite numbers, counted as wrong
  std::uint64_t right1 = 0, right5 = 0;
  int classes = 0;
  std::string truth;                  // where the labels came from: "work/labels.npy"
  Provenance provenance = {};         // of the run, where its folder has a record; of this program
  std::string results_program = {};   // version and commit that made the results; empty where nothing says it
  std::vector<std::string> warnings;  // a line each: chance level, logits that are no numbers, pictures left out

  double acc1() const { return pictures > 0 ? static_cast<double>(right1) / static_cast<double>(pictures) : 0; }
  double acc5() const { return pictures > 0 ? static_cast<double>(right5) / static_cast<double>(pictures) : 0; }
};

// The truth is, in this order: `labels`; `data_root`; the labels that the run recorded of its own inputs; the ImageNet
// validation set's, picture i being of class i / 50, where `n` is given or 50,000 numbered results are there; and for
// results without a record of ours, as the guide's tool leaves them, the labels.npy in the parent of the folder of bins
// that the summary names. Labels are never looked for anywhere else.
// Errors: no truth, fewer labels than results, a label beyond the classes, files of different classes, a missing batch.
Result<Score> score_results(const ScoreOptions& options);

}  // namespace smlp
