// How an evaluation, of one run or of its parts, is shown.
#pragma once

#include "cli/command.h"
#include "data/label_map.h"
#include "tasks/evaluation.h"

namespace smlp::cli {

struct EvaluationView {
  bool json = false, per_class = false;
};

// The result on stdout, then what could make its numbers mean something else than the reader thinks. The exit status is
// that of the command: exit_bad_input where pictures could not be read.
Exit show_evaluation(const Evaluation& evaluation, EvaluationView view);

// "4 class folders are names of the model's classes"; `source` is a label_source_name().
std::string label_rule_text(LabelRule rule, std::string_view source, std::size_t count);

}  // namespace smlp::cli
