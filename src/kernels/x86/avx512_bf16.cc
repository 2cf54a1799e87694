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
#include "kernels/x86/tables.h"

#define SMLP_INLINE_LAMBDA __attribute__((always_inline))

HWY_BEFORE_NAMESPACE();
namespace smlp::kernels {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// The rest of the source, one header in the next: steps, elementwise, gemm, format, gelu.
#include "kernels/simd/steps-inl.h"

}  // namespace

const Kernels* avx512_bf16() {
  static const Kernels table = Steps<Bf16>::Table("avx512");
  return &table;
}

}  // namespace smlp::kernels
HWY_AFTER_NAMESPACE();
