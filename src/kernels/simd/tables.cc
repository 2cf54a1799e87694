// Highway compiles this file once per instruction set: AVX-512, AVX2 and the machine's baseline.

#include "kernels/simd/tables.h"

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "kernels/gelu_coefficients.h"
#include "kernels/x86/tables.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/tables.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#undef SMLP_INLINE_LAMBDA
#define SMLP_INLINE_LAMBDA __attribute__((always_inline))

HWY_BEFORE_NAMESPACE();
namespace smlp::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// The rest of the source, one header in the next: steps, elementwise, gemm, format, gelu, unroll.
#include "kernels/simd/steps-inl.h"

}  // namespace

Kernels Fp32Table(const char* isa) { return Steps<Fp32>::Table(isa); }
#if HWY_TARGET > HWY_AVX3  // AVX-512 has a bf16 product of its own: x86/bf16.cc
Kernels Bf16Table(const char* isa) { return Steps<Bf16>::Table(isa); }
#endif

}  // namespace smlp::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace smlp::kernels {

#if HWY_TARGETS & HWY_AVX3
const Kernels* simd_avx512(Precision precision) {
  static const Kernels fp32 = N_AVX3::Fp32Table("avx512");
  return precision == Precision::fp32 ? &fp32 : avx512_bf16();
}
#else
const Kernels* simd_avx512(Precision) { return nullptr; }
#endif

#if HWY_TARGETS & HWY_AVX2
const Kernels* simd_avx2(Precision precision) {
  static const Kernels fp32 = N_AVX2::Fp32Table("avx2"), bf16 = N_AVX2::Bf16Table("avx2");
  return precision == Precision::fp32 ? &fp32 : &bf16;
}
#else
const Kernels* simd_avx2(Precision) { return nullptr; }
#endif

const Kernels* simd_portable(Precision precision) {
  static const Kernels fp32 = HWY_STATIC_DISPATCH(Fp32Table)("portable");
  static const Kernels bf16 = HWY_STATIC_DISPATCH(Bf16Table)("portable");
  return precision == Precision::fp32 ? &fp32 : &bf16;
}

}  // namespace smlp::kernels
#endif  // HWY_ONCE
