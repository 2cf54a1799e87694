// How an evaluation, of one run or of its parts, is shown.
#pragma once

#include "data/label_map.h"
#include "tasks/evaluation.h"

namespace smlp::cli {

struct EvaluationView {
  bool json = false, per_class = false;
};

// On stdout.
void print_evaluation(const Evaluation& evaluation, EvaluationView view);

// What could make the numbers mean something else than the reader thinks; of a whole, not of a part.
void warn_about_evaluation(const Evaluation& evaluation);

// "4 class folders are names of the model's classes"; `source` is a label_source_name().
std::string label_rule_text(LabelRule rule, std::string_view source, std::size_t count);

}  // namespace smlp::cli
