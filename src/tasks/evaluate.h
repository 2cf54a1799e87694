// Accuracy of a session on labelled pictures.
#pragma once

#include <filesystem>
#include <functional>
#include <span>

#include "data/run_identity.h"
#include "pipeline/source.h"
#include "smlp/session.h"
#include "tasks/evaluation.h"

namespace smlp {

// All pictures, whatever the part: picture i of `source` is of the model's class labels[i].
struct EvaluationInput {
  Source& source;
  std::span<const int> labels;
};

struct EvaluateOptions {
  Shard shard = {};
  std::filesystem::path journal = {};  // where the outcome of each picture is kept; empty: nowhere
  bool resume = false;                 // go on with the journal, if there is one
  bool force = false;                  // replace it
  RunIdentity identity = {};           // what has to be the same to go on with it
  std::string provenance = {};         // for its header
};

struct EvaluationWatch {
  std::function<void(std::int64_t done, std::int64_t all)>
      progress;                                     // of this part; first with what an earlier run did
  std::function<void(const Error& error)> skipped;  // each picture that could not be read
};

// Runs the part's pictures through the session, as classify_files() does: what is measured is what an application gets.
// Counts do not depend on the session's batch or threads, nor on how often the run was interrupted. Provenance and
// classes of the result are the caller's to fill in.
// Errors are those of the whole run: memory ran out, a journal of another run. Where a journal is kept the machine's
// failures end the run, which can go on later; without one they are skipped pictures.
Result<Evaluation> evaluate(Session& session, const EvaluationInput& input, const EvaluateOptions& options,
                            const EvaluationWatch& watch);

}  // namespace smlp
