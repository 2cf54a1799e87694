// Accuracy of a session on labelled pictures.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "data/accuracy.h"
#include "data/inputs.h"
#include "data/tally.h"
#include "smlp/session.h"

namespace smlp {

struct Evaluation {
  std::int64_t images = 0;              // answered, those with logits that are not finite included
  std::int64_t not_finite = 0;          // of them: counted as wrong, since no order of their classes means anything
  std::int64_t skipped = 0;             // could not be read
  std::int64_t right1 = 0, right5 = 0;  // right5: among the best 5, or among all where there are fewer classes
  double seconds = 0;                   // from the first file's opening to the last answer: decoding is counted
  std::vector<ClassScore> per_class;    // by class index

  double acc1() const { return images > 0 ? static_cast<double>(right1) / static_cast<double>(images) : 0; }
  double acc5() const { return images > 0 ? static_cast<double>(right5) / static_cast<double>(images) : 0; }
  double images_per_second() const { return seconds > 0 ? static_cast<double>(images) / seconds : 0; }
};

struct EvaluationWatch {
  std::function<void(std::int64_t done)> progress;  // after every picture, from one thread at a time
  std::function<void(const Error& error)> skipped;  // each picture that could not be read
};

// Runs every picture of `data`, all of which have labels, through the session, as classify_inputs() does: what is
// measured is what an application gets. An error is that of the whole run: memory ran out. class_of_label gives the
// model's class of each of data.labels. Results do not depend on the session's batch or threads.
Result<Evaluation> evaluate(Session& session, const Inputs& data, std::span<const int> class_of_label,
                            const EvaluationWatch& watch);

}  // namespace smlp
