// The scalar truth: one multiplication at a time, sums in double, each step's result rounded once to float32.
#pragma once

#include "kernels/kernels.h"

namespace smlp::kernels {

const Kernels* reference();

}  // namespace smlp::kernels
