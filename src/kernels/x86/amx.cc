// The SIMD source once more, for processors that multiply pairs of bfloat16 and fours of bytes by AMX tiles. Compiled
// as a whole with AVX512_BF16 and with AVX512_VBMI, which looks bytes up: every processor with tiles has them.

#define HWY_COMPILE_ONLY_STATIC
#include <immintrin.h>

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "hwy/highway.h"
#include "kernels/gelu_coefficients.h"
#include "kernels/kernels.h"
#include "kernels/x86/tables.h"

#define SMLP_INLINE_LAMBDA __attribute__((always_inline))

HWY_BEFORE_NAMESPACE();
namespace smlp::kernels {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// The rest of the source, one header in the next: steps, elementwise, gemm, int8, format, gelu, unroll.
#include "kernels/simd/steps-inl.h"
// After it, what it does not know.
#include "kernels/x86/amx-inl.h"

}  // namespace

constinit const Kernels amx_bf16_table = Steps<TileBf16>::Table("amx");
constinit const Kernels amx_int8_table = Steps<TileBf16>::Int8Table("amx");

}  // namespace smlp::kernels
HWY_AFTER_NAMESPACE();
