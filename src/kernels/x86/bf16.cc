// The SIMD source once more, for processors that multiply pairs of bfloat16 and fours of bytes by AVX-512 (vdpbf16ps,
// vpdpbusd). Compiled with AVX512_BF16 as a whole, since Highway's dynamic targets don't have it.

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

}  // namespace

constinit const Kernels avx512_bf16_table = Steps<Bf16>::Table("avx512");
constinit const Kernels avx512_int8_table = Steps<Bf16>::Int8Table("avx512");

}  // namespace smlp::kernels
HWY_AFTER_NAMESPACE();
