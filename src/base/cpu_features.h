// What this processor and its operating system offer, and how many processors this process may use.
#pragma once

#include <string>

namespace smlp {

// An instruction-set extension is usable when the processor has it, the operating system saves its registers (XGETBV)
// and, for AMX, the kernel has granted the tiles to this process.
struct CpuFeatures {
  bool sse4 = false;    // up to SSE4.2, POPCNT
  bool avx2 = false;    // with FMA, F16C, BMI1 and BMI2
  bool avx512 = false;  // F, BW, CD, DQ, VL
  bool avx512_bf16 = false;
  bool amx_bf16 = false;  // tiles and bf16 products, AVX512_BF16, AVX512_VBMI
  bool sha = false;       // SHA-256, with SSE4
  bool arm_bf16 = false;  // FEAT_BF16: bfdot, bfcvt; with FEAT_DotProd
  // Empty where usable; of why_not_amx_vectors, where all is usable that the tables for tiles need beside tiles.
  std::string why_not_sse4, why_not_avx2, why_not_avx_vnni, why_not_avx512, why_not_avx512_vnni, why_not_avx512_bf16,
      why_not_amx_vectors, why_not_amx_bf16, why_not_amx_int8, why_not_arm_bf16, why_not_arm_dotprod;
};

// Asked of the processor once.
const CpuFeatures& cpu_features();

// Processors that the calling thread's affinity mask allows; pinning it (base/affinity.h) changes nothing.
int affinity_cpus();

// Processors' worth of time that the control groups grant (v1 and v2, the tightest on the way to the root); 0: no
// limit.
double quota_cpus();

// Processors that this process may keep busy: the affinity mask, capped by the quota rounded up. At least 1.
int usable_cpus();

}  // namespace smlp
