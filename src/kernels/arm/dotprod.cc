// The SIMD source once more, for networks in int8 on processors of ARM that multiply fours of bytes (sdot:
// FEAT_DotProd) and have no bfdot. Compiled with that extension as a whole, since Highway's targets don't have it.

#define HWY_COMPILE_ONLY_STATIC
// Highway 1.0 would otherwise compile its functions for "+crypto" alone, into which those for bf16 cannot be inlined.
#define TOOLCHAIN_MISS_SYS_AUXV_H
#include <arm_neon.h>

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "hwy/highway.h"
#include "kernels/arm/tables.h"
#include "kernels/gelu_coefficients.h"
#include "kernels/kernels.h"

#define SMLP_INLINE_LAMBDA __attribute__((always_inline))

HWY_BEFORE_NAMESPACE();
namespace smlp::kernels {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// The rest of the source, one header in the next: steps, elementwise, gemm, int8, format, gelu, unroll.
#include "kernels/simd/steps-inl.h"

}  // namespace

constinit const Kernels dotprod_int8_table = Steps<Bf16>::Int8Table("dotprod");

}  // namespace smlp::kernels
HWY_AFTER_NAMESPACE();
