// Pictures through a session.
#pragma once

#include <vector>

#include "errors.h"
#include "numbers.h"
#include "pictures.h"
#include "session.h"

namespace smlp::python {

struct Broken {
  std::size_t index = 0;
  Error error = {};
};

struct Answers {
  Numbers logits;              // (n, classes)
  std::vector<Broken> broken;  // pictures without logits, in order
};

// The logits of all pictures, (n, classes), or the exception of the first that has none.
Numbers run_all(SessionObject& session, const Pictures& pictures);

// The logits of each picture, or its error.
Answers run_each(SessionObject& session, const Pictures& pictures);

}  // namespace smlp::python
