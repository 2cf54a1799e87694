// Products of a network in int8 that go back to bf16, until it loses no more accuracy than it may.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "data/inputs.h"
#include "model/network.h"

namespace smlp {

struct AccuracyBudget {
  double points = 0;                 // of a hundred pictures, how many more may be answered wrong
  std::vector<Input> pictures = {};  // to judge by, after check_prepared()
  // The class of each. Empty: the budget is on answers that differ from those of fp32.
  std::vector<int> labels = {};
  std::vector<std::string> warnings = {};  // of check_prepared()
};

struct BudgetOutcome {
  double drop_before = 0, drop = 0;     // with all products in int8, and as it is now
  std::vector<std::string> returned{};  // the products that are back in bf16, in the order of their harm
  std::vector<std::string> warnings{};  // what of the pictures makes the judgement less good
};

// Hears how many of about how many pictures are through.
using BudgetProgress = std::function<void(std::int64_t done, std::int64_t all)>;

// Puts products of `network`, which came of `exact` by calibrate(), back into bf16: those first that do the most harm
// alone (the relative error of the logits of some pictures), as few as the budget allows. Errors: the budget does not
// hold with a single product left in int8; none of the pictures can be read.
Result<BudgetOutcome> keep_within(const AccuracyBudget& budget, const Network& exact, Network& network,
                                  const BudgetProgress& progress);

}  // namespace smlp
