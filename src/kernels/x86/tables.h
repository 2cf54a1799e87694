// The tables of instruction sets that Highway doesn't dispatch to; null where this build has no such instruction set.
#pragma once

#include "kernels/kernels.h"

namespace smlp::kernels {

#if defined(__x86_64__)
const Kernels* avx512_bf16();  // vdpbf16ps
const Kernels* amx_bf16();     // AMX tiles, and AVX512_BF16 for the rest
#else
inline const Kernels* avx512_bf16() { return nullptr; }
inline const Kernels* amx_bf16() { return nullptr; }
#endif

}  // namespace smlp::kernels
