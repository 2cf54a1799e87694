// Processors that multiply pairs of bfloat16 and fours of bytes by AVX-512 (vdpbf16ps, vpdpbusd).

#include "kernels/simd/one-target-inl.h"
#include "kernels/x86/tables.h"

namespace smlp::kernels {

constinit const Kernels avx512_bf16_table = Steps<Bf16>::Table("avx512");
constinit const Kernels avx512_int8_table = Steps<Bf16>::Int8Table("avx512");

}  // namespace smlp::kernels
