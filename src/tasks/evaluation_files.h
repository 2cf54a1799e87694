// The files that an evaluation writes on demand.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "pipeline/source.h"
#include "tasks/evaluation.h"
#include "tasks/named_output.h"

namespace smlp {

struct EvaluationFileNames {
  std::filesystem::path predictions = {};  // .jsonl or .csv: a line a picture
  std::filesystem::path confusion = {};    // .csv: how often each class was answered for each class
  std::filesystem::path journal = {};      // empty: beside one of the others, where there is one

  // Where the journal is kept: `journal`, or .NAME.smlp-journal beside the predictions, or beside the confusion; empty:
  // nowhere.
  std::filesystem::path journal_path() const;
};

class EvaluationFiles {
 public:
  // Errors: a name with another ending, a file that is there and may not be replaced.
  static Result<EvaluationFiles> create(const EvaluationFileNames& names, NamedOutput::Mode mode);

  // Writes them: `labels` and names are of all pictures, `list` has the names of the classes; the outcomes are read
  // from the journal, which is complete.
  Result<void> write(const Evaluation& evaluation, const Source& source, std::span<const int> labels,
                     const ClassList& list);

 private:
  Result<void> write_predictions(const Evaluation& evaluation, const Source& source, std::span<const int> labels,
                                 const ClassList& list);

  EvaluationFileNames names_;
  std::optional<NamedOutput> predictions_, confusion_;
};

// A square of numbers: a row for each class that pictures are of, a column for each that was answered, titled by the
// classes' names. A last column counts logits that are not finite, where there are any.
std::string confusion_csv(const Tally& tally, const ClassList& list);

// --confusion of a merge.
Result<NamedOutput> create_confusion(const std::filesystem::path& path, NamedOutput::Mode mode);

}  // namespace smlp
