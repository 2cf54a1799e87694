// The SIMD source once more, for processors whose AVX-512 multiplies pairs of bfloat16 (vdpbf16ps): compiled with that
// instruction set as a whole, since Highway's dynamic targets don't have it.

#define HWY_COMPILE_ONLY_STATIC
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

#include "kernels/simd/gelu-inl.h"
#include "kernels/simd/format-inl.h"
#include "kernels/simd/gemm-inl.h"
#include "kernels/simd/elementwise-inl.h"
#include "kernels/simd/steps-inl.h"

}  // namespace

const Kernels* avx512_bf16() {
  static const Kernels table = Steps<Bf16>::Table("avx512");
  return &table;
}

}  // namespace smlp::kernels
HWY_AFTER_NAMESPACE();
