// The scalar truth: one multiplication at a time, sums in double, each step's result rounded once to
// the format it is kept in.
#pragma once

#include "kernels/kernels.h"

namespace smlp::kernels {

const Kernels* reference(Precision precision);

}  // namespace smlp::kernels
