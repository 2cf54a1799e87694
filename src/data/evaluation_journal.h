// How far an evaluation has come, so that one that was killed goes on where it stopped; and what it answered, of which
// its files are written at the end. A file of lines (line_journal.h):
//
//   {"smlp_evaluation_journal":1,"identity":{...},"provenance":{...}}
//   {"rank":0,"answer":217,"top":[[217,0.93],[3,0.02], ...],"ns":31000000}      picture 0 of the part
//   {"not_finite":true,"ns":30000000}
//   {"error":"not a JPEG or PNG file","ns":100000}                              could not be read
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/line_journal.h"
#include "data/run_identity.h"
#include "data/tally.h"

namespace smlp {

// What became of one picture.
struct PictureOutcome {
  std::string error = {};                        // why it could not be read; then it is not counted
  std::optional<Standing> standing = {};         // nothing: not read, or its logits are not finite
  std::vector<std::pair<int, double>> top = {};  // the best classes and their probabilities
  std::uint64_t nanoseconds = 0;                 // from the opening of the picture to its answer

  bool operator==(const PictureOutcome&) const = default;
};

// Whether a network of `classes` classes can have given it for a picture of class `label`. A journal is a file: what is
// counted from it must fit the picture and the network of today.
bool is_possible(const PictureOutcome& outcome, int label, int classes);

// The best classes that an outcome keeps.
inline constexpr int kKeptClasses = 5;

// Outcomes in the order of the pictures. False: it cannot be that of the picture, or there is no such picture.
using HearOutcome = std::function<bool(std::size_t index, PictureOutcome outcome)>;

// Who an evaluation's journal belongs to.
struct EvaluationRecord {
  RunIdentity identity;
  JournalLines lines;
};

// Nothing where there is no file. Errors: a file that is no such journal.
Result<std::optional<EvaluationRecord>> read_evaluation_journal(const std::filesystem::path& path,
                                                                const HearOutcome& hear);

class EvaluationJournal {
 public:
  static Result<EvaluationJournal> create(const std::filesystem::path& path, const RunIdentity& identity,
                                          const std::string& provenance);
  static Result<EvaluationJournal> reopen(const std::filesystem::path& path, const EvaluationRecord& record);

  Result<void> append(const PictureOutcome& outcome);

 private:
  explicit EvaluationJournal(LineJournal journal) : journal_(std::move(journal)) {}
  LineJournal journal_;
};

}  // namespace smlp
