// What an evaluation, or a part of one, has counted; as JSON, and joined.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "base/time_histogram.h"
#include "data/accuracy.h"
#include "data/shard.h"
#include "data/tally.h"
#include "tasks/labelled_pictures.h"
#include "tasks/provenance.h"

namespace smlp {

struct Evaluation {
  Provenance provenance = {};
  std::string label_source = {};        // "folders"
  std::vector<DataClass> classes = {};  // that the data set has, by index
  ClassList model_classes = {};         // names of all; empty where the model carries none
  std::uint64_t listed = 0;             // pictures of all parts together
  Shard shard = {};                     // which part this is
  Tally tally{0};                       // pictures that were answered, those with logits that are not finite included
  std::int64_t skipped = 0;             // could not be read
  std::int64_t resumed = 0;             // of both: dealt with before this run began
  double seconds = 0;                   // from the first file's opening to the last answer: decoding is counted
  TimeHistogram latency = {};           // of a picture: from the opening of its file to its answer, waiting included

  std::int64_t images() const { return tally.images(); }
  Interval acc1_interval() const { return wilson_interval(tally.right1(), tally.images()); }
  Interval acc5_interval() const { return wilson_interval(tally.right5(), tally.images()); }
  double images_per_second() const;  // of this run alone
};

// {"smlp_evaluation": 1, "images", "skipped", ...}: docs/results.md has the fields.
nlohmann::ordered_json evaluation_json(const Evaluation& evaluation);

// What evaluation_json() wrote. Errors name the file: no such JSON, of another version, counts that cannot belong
// together.
Result<Evaluation> read_evaluation(const std::filesystem::path& file);

// The whole of its parts, exactly: what one run over all pictures would have counted, and the sum of the times. Errors
// name the parts: one that is missing, given twice or not complete, and one that differs in the program, the model,
// the data, the labels or an option on which results depend.
struct EvaluationPart {
  std::filesystem::path file;
  Evaluation evaluation;
};
Result<Evaluation> merge_evaluations(std::vector<EvaluationPart> parts);

}  // namespace smlp
