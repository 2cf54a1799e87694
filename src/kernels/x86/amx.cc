// Processors that multiply pairs of bfloat16 and fours of bytes by AMX tiles. Compiled as a whole with AVX512_BF16 and
// with AVX512_VBMI, which looks bytes up: every processor with tiles has them.

#include "kernels/simd/one-target-inl.h"
#include "kernels/x86/tables.h"

HWY_BEFORE_NAMESPACE();
namespace smlp::kernels {
namespace {

// After the SIMD source, what it does not know.
#include "kernels/x86/amx-inl.h"

}  // namespace

constinit const Kernels amx_bf16_table = Steps<TileBf16>::Table("amx");
constinit const Kernels amx_int8_table = Steps<TileBf16>::Int8Table("amx");

}  // namespace smlp::kernels
HWY_AFTER_NAMESPACE();
