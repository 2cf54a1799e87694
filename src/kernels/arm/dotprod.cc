// Networks in int8 on processors of ARM that multiply fours of bytes (sdot: FEAT_DotProd) and have no bfdot.
#include "kernels/arm/tables.h"
#include "kernels/simd/one-target-inl.h"

namespace smlp::kernels {

constinit const Kernels dotprod_int8_table = Steps<Bf16>::Int8Table("dotprod");

}  // namespace smlp::kernels
