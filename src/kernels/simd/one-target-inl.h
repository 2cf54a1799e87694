// The SIMD source for a file that is compiled, as a whole, for an extension that Highway's dynamic targets don't have.
// Such a file includes this first, and defines tables of what it finds here.
#pragma once

#define HWY_COMPILE_ONLY_STATIC
#if defined(__aarch64__)
// Highway 1.0 would otherwise compile its functions for "+crypto" alone, into which those for bf16 cannot be inlined.
#define TOOLCHAIN_MISS_SYS_AUXV_H
#include <arm_neon.h>
#else
#include <immintrin.h>
#endif

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "hwy/highway.h"
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
}  // namespace smlp::kernels
HWY_AFTER_NAMESPACE();
