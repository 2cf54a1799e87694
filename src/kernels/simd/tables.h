// The tables made from the one SIMD source; null where this build has no such instruction set.
#pragma once

#include "kernels/kernels.h"

namespace smlp::kernels {

const Kernels* simd_avx512_fp32();
const Kernels* simd_avx2(Precision precision);
const Kernels* simd_sse4(Precision precision);
const Kernels* simd_baseline(Precision precision);  // what every processor of this family runs: "portable", "neon"

}  // namespace smlp::kernels
