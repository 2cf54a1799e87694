// Highway compiles this file once per instruction set: AVX-512, AVX2, SSE4 and the machine's baseline.

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

// The rest of the source, one header in the next: steps, elementwise, gemm, int8, format, gelu, unroll.
#include "kernels/simd/steps-inl.h"

}  // namespace

// Data, and no code that builds it: nothing in this namespace may run before the processor is known to have it.
#if HWY_TARGET == HWY_AVX3
constexpr const char* kIsa = "avx512";
#elif HWY_TARGET == HWY_AVX2
constexpr const char* kIsa = "avx2";
#elif HWY_TARGET == HWY_SSE4
constexpr const char* kIsa = "sse4";
#elif HWY_ARCH_ARM_A64
constexpr const char* kIsa = "neon";
#else
constexpr const char* kIsa = "portable";
#endif

extern const Kernels fp32_table, bf16_table, int8_table;
constinit const Kernels fp32_table = Steps<Fp32>::Table(kIsa);
#if HWY_TARGET > HWY_AVX3  // AVX-512 has products of bf16 and of bytes of its own: x86/bf16.cc, avx512vnni.cc
constinit const Kernels bf16_table = Steps<Bf16>::Table(kIsa);
constinit const Kernels int8_table = Steps<Bf16>::Int8Table(kIsa);
#endif

}  // namespace smlp::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace smlp::kernels {

#if HWY_TARGETS & HWY_AVX3
const Kernels* simd_avx512_fp32() { return &N_AVX3::fp32_table; }
#else
const Kernels* simd_avx512_fp32() { return nullptr; }
#endif

#if HWY_TARGETS & HWY_AVX2
const Kernels* simd_avx2(Precision precision) {
  return precision == Precision::fp32   ? &N_AVX2::fp32_table
         : precision == Precision::bf16 ? &N_AVX2::bf16_table
                                        : &N_AVX2::int8_table;
}
#else
const Kernels* simd_avx2(Precision) { return nullptr; }
#endif

#if HWY_TARGETS & HWY_SSE4
const Kernels* simd_sse4(Precision precision) {
  return precision == Precision::fp32   ? &N_SSE4::fp32_table
         : precision == Precision::bf16 ? &N_SSE4::bf16_table
                                        : &N_SSE4::int8_table;
}
#else
const Kernels* simd_sse4(Precision) { return nullptr; }
#endif

const Kernels* simd_baseline(Precision precision) {
  return precision == Precision::fp32   ? &HWY_STATIC_DISPATCH(fp32_table)
         : precision == Precision::bf16 ? &HWY_STATIC_DISPATCH(bf16_table)
                                        : &HWY_STATIC_DISPATCH(int8_table);
}

}  // namespace smlp::kernels
#endif  // HWY_ONCE
