// Networks in int8 on processors with AVX512_VNNI (vpdpbusd) and no AVX512_BF16.
#include "kernels/simd/one-target-inl.h"
#include "kernels/x86/tables.h"

namespace smlp::kernels {

constinit const Kernels avx512vnni_int8_table = Steps<Bf16>::Int8Table("avx512vnni");

}  // namespace smlp::kernels
