// What photographs show: the answers of many files, as they come.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "data/inputs.h"
#include "smlp/session.h"

namespace smlp {

// Hears the answer of each picture, in order, from one thread at a time: how many there were, the picture's name and
// the answer. An error ends the run.
using HearAnswer = std::function<Result<void>(std::size_t done, const std::string& name,
                                              const Result<std::vector<Prediction>>& answer)>;

// The `top` best classes of each picture of `inputs`, whose prepared files check_prepared() has seen.
Result<void> classify_inputs(Session& session, std::span<const Input> inputs, int top, const HearAnswer& hear);

}  // namespace smlp
