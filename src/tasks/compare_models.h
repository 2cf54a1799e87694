// Two models, or one in two precisions, over the same labelled pictures.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/accuracy.h"
#include "data/class_list.h"
#include "data/inputs.h"
#include "data/tally.h"
#include "smlp/session.h"

namespace smlp {

// One of the two; `session` runs its model.
struct ComparedSide {
  Session& session;
  std::span<const int> labels;  // the model's class of each picture
};

// A picture that the two answer differently.
struct Flip {
  std::size_t picture = 0;
  int label = 0;                       // of the first model
  std::optional<int> answers[2] = {};  // nothing: the logits are not finite
  bool right[2] = {};
};

struct SideResult {
  Tally tally{0};
  double images_per_second = 0;  // of inference alone: the median over chunks of pictures
};

struct ModelComparison {
  SideResult sides[2];
  std::vector<Flip> flips = {};         // in the order of the pictures
  std::int64_t pictures = 0;            // that both answered
  std::int64_t skipped = 0;             // that could not be read
  std::int64_t only_right[2] = {0, 0};  // pictures that one alone is right about
  double relative_error = 0;  // ||second's logits - first's|| / ||first's||, over all pictures with finite logits
  double largest_error = 0;   // of one logit

  // The second's share of right answers less the first's, and its 95 % interval.
  double difference() const;
  Interval difference_interval() const;
  // McNemar's exact test, two-sided: how probable so uneven a split of the pictures that one alone is right about would
  // be if both were as good. 1 where there is none.
  double mcnemar_p() const;
};

struct ComparisonWatch {
  std::function<void(std::int64_t done, std::int64_t all)> progress;
  std::function<void(const Error&)> skipped;
};

// Runs every picture of `inputs` through both, which have as many classes. Pictures are decoded once where both prepare
// them alike; the two take turns at being first, so that the speeds are comparable. Errors: memory that ran out.
Result<ModelComparison> compare_models(std::span<const Input> inputs, const ComparedSide& first,
                                       const ComparedSide& second, const ComparisonWatch& watch);

}  // namespace smlp
