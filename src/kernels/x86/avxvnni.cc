// Networks in int8 on processors with AVX2 and AVX-VNNI (vpdpbusd).
#include "kernels/simd/one-target-inl.h"
#include "kernels/x86/tables.h"

namespace smlp::kernels {

constinit const Kernels avxvnni_int8_table = Steps<Bf16>::Int8Table("avxvnni");

}  // namespace smlp::kernels
