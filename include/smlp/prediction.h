#pragma once

#include <string>

namespace smlp {

// One class of a picture's answer.
struct Prediction {
  int index = 0;          // class index, 0-based
  std::string label;      // class name, or "class 207" where the model carries no names
  float probability = 0;  // softmax over all classes
};

}  // namespace smlp
