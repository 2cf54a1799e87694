// The float32 tables of the one SIMD source; null where the compiler's target family has no such instruction set.
#pragma once

#include "kernels/kernels.h"

namespace smlp::kernels {

const Kernels* fp32_avx512();
const Kernels* fp32_avx2();
const Kernels* fp32_portable();  // the instruction set every processor of this family has

}  // namespace smlp::kernels
