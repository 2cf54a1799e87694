// The tables of instruction sets that Highway doesn't dispatch to; null where this build has no such instruction set.
//
// They are data. Their file is compiled for its instruction set as a whole, so that not even a function which returns
// their address could be called on other processors.
#pragma once

#include "kernels/kernels.h"

namespace smlp::kernels {

#if defined(__x86_64__)
extern const Kernels avx512_bf16_table, amx_bf16_table, avx512_int8_table, amx_int8_table, avx512vnni_int8_table,
    avxvnni_int8_table;
inline constexpr const Kernels* avx512_bf16 = &avx512_bf16_table;  // vdpbf16ps
inline constexpr const Kernels* amx_bf16 = &amx_bf16_table;        // AMX tiles, and AVX512_BF16 for the rest
inline constexpr const Kernels* avx512_int8 = &avx512_int8_table;  // vpdpbusd, and AVX512_BF16 for the rest
inline constexpr const Kernels* amx_int8 = &amx_int8_table;
inline constexpr const Kernels* avx512vnni_int8 = &avx512vnni_int8_table;  // vpdpbusd without AVX512_BF16
inline constexpr const Kernels* avxvnni_int8 = &avxvnni_int8_table;        // vpdpbusd on AVX2
#else
inline constexpr const Kernels* avx512_bf16 = nullptr;
inline constexpr const Kernels* amx_bf16 = nullptr;
inline constexpr const Kernels* avx512_int8 = nullptr;
inline constexpr const Kernels* amx_int8 = nullptr;
inline constexpr const Kernels* avx512vnni_int8 = nullptr;
inline constexpr const Kernels* avxvnni_int8 = nullptr;
#endif

}  // namespace smlp::kernels
