// The SIMD source once more, for processors of ARM that multiply pairs of bfloat16 (bfdot, bfcvtn: FEAT_BF16) and fours
// of bytes (sdot: FEAT_DotProd, older than the other). Compiled with both as a whole, since Highway's targets don't
// have them.
//
// bfdot rounds to odd, by less than two units of 2^-24 a time, the sum of a pair and then its addition: as often as
// once for two products. The bound of a sum of n products stays what it is elsewhere (tests/kernels/oracle.h).

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

constinit const Kernels bfdot_bf16_table = Steps<Bf16>::Table("bfdot");
constinit const Kernels bfdot_int8_table = Steps<Bf16>::Int8Table("bfdot");

}  // namespace smlp::kernels
HWY_AFTER_NAMESPACE();
