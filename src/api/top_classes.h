// Logits -> the best classes with their probabilities.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "smlp/prediction.h"

namespace smlp {

// The min(top, classes) best classes, best first; equal logits keep the order of their indices. Probabilities are the
// softmax over all classes, computed in double. `names` is empty or has one name per class.
// A logit that is not finite is an error: no ranking of it means anything.
Result<std::vector<Prediction>> top_classes(std::span<const float> logits, int top, std::span<const std::string> names);

// One picture's logits become probabilities, in place: the same softmax, and the same error.
Result<void> softmax(std::span<float> logits);

}  // namespace smlp
