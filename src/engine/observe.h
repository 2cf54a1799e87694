// Shows activations to an observer, for tests and for comparing precisions. Passes that are observed take one picture
// in units of whole pictures.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/forward.h"

namespace smlp {

inline void observe(const Pass& pass, std::string_view kind, int index, const kernels::Shape& shape, const void* x) {
  if (pass.observer == nullptr) return;
  std::vector<float> nhwc(static_cast<std::size_t>(shape.pixels()) * static_cast<std::size_t>(shape.channels));
  pass.kernels.read_stream(x, shape, nhwc.data());
  (*pass.observer)(std::string(kind) + "." + std::to_string(index), nhwc);
}

}  // namespace smlp
