// Where the answers of a pass go.
#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"

namespace smlp {

class Sink {
 public:
  virtual ~Sink() = default;

  // The logits of picture `index`, or without an executor the prepared picture, or why there are none. Called once for
  // every index, in order, one call at a time, from any thread of the pass. The values are gone after the call.
  // An error, or an exception, ends the pass.
  virtual Result<void> put(std::size_t index, Result<std::span<const float>> values) = 0;

  // After the last put() of a pass that went well.
  virtual Result<void> finish() { return {}; }
};

}  // namespace smlp
