// What this processor, its operating system and this process's limits offer.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace smlp {

// An instruction-set extension is usable when the processor has it, the operating system saves its registers (XGETBV)
// and, for AMX, the kernel has granted the tiles to this process.
struct CpuFeatures {
  bool avx2 = false;         // with FMA and F16C
  bool avx512 = false;       // F, BW, CD, DQ, VL
  bool avx512_bf16 = false;
  bool amx_bf16 = false;     // tiles and bf16 products
  std::string why_not_avx2, why_not_avx512, why_not_avx512_bf16, why_not_amx_bf16;  // empty where usable
};

// Asked of the processor once.
const CpuFeatures& cpu_features();

std::string cpu_name();

struct CacheInfo {
  int level = 0;
  std::string type;  // "Data", "Instruction", "Unified"
  std::size_t bytes = 0;
};
std::vector<CacheInfo> cpu_caches();  // of processor 0; empty where the system does not say

// Processors that this process may keep busy: its affinity mask, capped by the cgroup's CPU quota (rounded up).
int usable_cpus();

// Bytes of physical memory.
std::size_t physical_memory();

}  // namespace smlp
