// Number formats, and how threads share the work: the choices of a session and their names.
#pragma once

#include <string_view>

#include "smlp/export.h"

namespace smlp {

// fp32: float32 throughout. bf16: bfloat16 weights and activations, float32 accumulation. int8: the large products of
// each block (or those of them that the model says) in 8-bit integers with scales that the model carries, the rest as
// bf16.
enum class Precision { fp32, bf16, int8 };

// throughput: each thread takes pictures of its own. latency: all threads share each picture. automatic: as many as
// divide among the threads go to one thread each, the others (a single picture, for one) are shared.
enum class Mode { automatic, throughput, latency };

SMLP_API std::string_view precision_name(Precision precision);    // "fp32", "bf16", "int8"
SMLP_API const Precision* find_precision(std::string_view name);  // null for another word
SMLP_API std::string_view mode_name(Mode mode);                   // "automatic"
SMLP_API const Mode* find_mode(std::string_view name);            // null for another word

}  // namespace smlp
