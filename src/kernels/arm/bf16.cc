// Processors of ARM that multiply pairs of bfloat16 (bfdot, bfcvtn: FEAT_BF16) and fours of bytes (sdot: FEAT_DotProd,
// older than the other).
//
// bfdot rounds to odd, by less than two units of 2^-24 a time, the sum of a pair and then its addition: as often as
// once for two products. The bound of a sum of n products stays what it is elsewhere (tests/kernels/oracle.h).
#include "kernels/arm/tables.h"
#include "kernels/simd/one-target-inl.h"

namespace smlp::kernels {

constinit const Kernels bfdot_bf16_table = Steps<Bf16>::Table("bfdot");
constinit const Kernels bfdot_int8_table = Steps<Bf16>::Int8Table("bfdot");

}  // namespace smlp::kernels
