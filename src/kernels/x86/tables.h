// The tables of instruction sets that Highway doesn't dispatch to; null where this build has no such instruction set.
//
// They are data. Their file is compiled for its instruction set as a whole, so that not even a function which returns
// their address could be called on other processors.
#pragma once

#include "kernels/kernels.h"

namespace smlp::kernels {

#if defined(__x86_64__)
extern const Kernels avx512_bf16_table, amx_bf16_table;
inline constexpr const Kernels* avx512_bf16 = &avx512_bf16_table;  // vdpbf16ps
inline constexpr const Kernels* amx_bf16 = &amx_bf16_table;        // AMX tiles, and AVX512_BF16 for the rest
#else
inline constexpr const Kernels* avx512_bf16 = nullptr;
inline constexpr const Kernels* amx_bf16 = nullptr;
#endif

}  // namespace smlp::kernels
