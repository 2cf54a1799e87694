// The tables of instruction sets of ARM that Highway doesn't dispatch to; null where this build has no such one. They
// are data, as x86/tables.h says.
#pragma once

#include "kernels/kernels.h"

namespace smlp::kernels {

#if defined(__aarch64__)
extern const Kernels bfdot_bf16_table, bfdot_int8_table, dotprod_int8_table;
inline constexpr const Kernels* bfdot_bf16 = &bfdot_bf16_table;
inline constexpr const Kernels* bfdot_int8 = &bfdot_int8_table;      // sdot, and bfdot for the rest
inline constexpr const Kernels* dotprod_int8 = &dotprod_int8_table;  // sdot alone
#else
inline constexpr const Kernels* bfdot_bf16 = nullptr;
inline constexpr const Kernels* bfdot_int8 = nullptr;
inline constexpr const Kernels* dotprod_int8 = nullptr;
#endif

}  // namespace smlp::kernels
