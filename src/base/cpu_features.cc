#include "base/cpu_features.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/affinity.h"
#include "base/cgroup.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace smlp {
namespace {

#if defined(__x86_64__)

struct Registers {
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(std::uint32_t leaf, std::uint32_t subleaf) {
  Registers r;
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
  return r;
}

std::uint64_t enabled_state() {
  std::uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return std::uint64_t{high} << 32 | low;
}

bool has(std::uint32_t value, int bit) { return (value >> bit & 1U) != 0; }

// Tiles are off for a process until it asks (Linux 5.16).
bool kernel_grants_tiles() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;
  return ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

// Every extension that a table's compiler flags name is asked for: compilers use them all, wherever they like.
CpuFeatures detect() {
  CpuFeatures f;
  const Registers basic = cpuid(1, 0), extended = cpuid(7, 0), extended1 = cpuid(7, 1), amd = cpuid(0x80000001, 0);
  const std::uint64_t state = has(basic.ecx, 27) ? enabled_state() : 0;
  const bool ymm = (state & 0x6) == 0x6, zmm = (state & 0xe6) == 0xe6, tiles = (state & 0x60000) == 0x60000;

  // SSSE3, SSE4.1, SSE4.2, POPCNT
  const bool sse4 = has(basic.ecx, 9) && has(basic.ecx, 19) && has(basic.ecx, 20) && has(basic.ecx, 23);
  // AVX, AVX2, FMA, F16C, BMI1, BMI2
  const bool avx2 = sse4 && has(basic.ecx, 28) && has(extended.ebx, 5) && has(basic.ecx, 12) && has(basic.ecx, 29) &&
                    has(extended.ebx, 3) && has(extended.ebx, 8);
  f.why_not_sse4 = sse4 ? "" : "the processor lacks SSSE3, SSE4.1, SSE4.2 or POPCNT";
  f.sse4 = sse4;
  f.sha = sse4 && has(extended.ebx, 29);
  f.why_not_avx2 = !avx2  ? "the processor lacks AVX2, FMA, F16C, BMI1 or BMI2"
                   : !ymm ? "the system does not save YMM registers"
                          : "";
  f.avx2 = f.why_not_avx2.empty();
  f.why_not_avx_vnni = !has(extended1.eax, 4) ? "the processor lacks AVX-VNNI" : f.why_not_avx2;

  const bool avx512 = has(extended.ebx, 16) && has(extended.ebx, 17) && has(extended.ebx, 28) &&
                      has(extended.ebx, 30) && has(extended.ebx, 31);
  f.why_not_avx512 = !avx512 ? "the processor lacks AVX-512 F, BW, CD, DQ or VL"
                     : !zmm  ? "the system does not save ZMM registers"
                             : f.why_not_avx2;
  f.avx512 = f.why_not_avx512.empty();

  // Compiled for Cascade Lake and Cooper Lake, the first that had them: MOVBE and LZCNT besides.
  const bool vnni = has(extended.ecx, 11) && has(basic.ecx, 22) && has(amd.ecx, 5);
  f.why_not_avx512_vnni = !vnni ? "the processor lacks AVX512_VNNI" : f.why_not_avx512;
  const bool bf16 = has(extended1.eax, 5) && vnni;
  f.why_not_avx512_bf16 = !bf16 ? "the processor lacks AVX512_BF16" : f.why_not_avx512;
  f.avx512_bf16 = f.why_not_avx512_bf16.empty();

  f.why_not_amx_vectors = !has(extended.ecx, 1) ? "the processor lacks AVX512_VBMI" : f.why_not_avx512_bf16;

  const bool amx = has(extended.edx, 22) && has(extended.edx, 24);
  f.why_not_amx_bf16 = !amx                     ? "the processor lacks AMX-TILE or AMX-BF16"
                       : !tiles                 ? "the system does not save tile registers"
                       : !kernel_grants_tiles() ? "the kernel refused this process the AMX tiles"
                                                : f.why_not_amx_vectors;
  f.amx_bf16 = f.why_not_amx_bf16.empty();
  f.why_not_amx_int8 = !has(extended.edx, 25) ? "the processor lacks AMX-INT8" : f.why_not_amx_bf16;

  f.why_not_arm_bf16 = f.why_not_arm_dotprod = "not an ARM processor";
  return f;
}

#else

CpuFeatures detect() {
  CpuFeatures f;
  f.why_not_sse4 = f.why_not_avx2 = f.why_not_avx_vnni = f.why_not_avx512 = f.why_not_avx512_vnni =
      f.why_not_avx512_bf16 = f.why_not_amx_vectors = f.why_not_amx_bf16 = f.why_not_amx_int8 =
          "not an x86-64 processor";
#if defined(__aarch64__)
  // ARMv8.2 has CRC32, LSE and RDM, which compilers use as they like; a hypervisor may hide any of them.
  constexpr unsigned long kArm82 = HWCAP_CRC32 | HWCAP_ATOMICS | HWCAP_ASIMDRDM | HWCAP_FPHP | HWCAP_ASIMDHP;
  const bool arm82 = (::getauxval(AT_HWCAP) & kArm82) == kArm82;
  const bool dotprod = (::getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
  f.arm_bf16 = (::getauxval(AT_HWCAP2) & HWCAP2_BF16) != 0 && arm82 && dotprod;
  f.why_not_arm_bf16 = f.arm_bf16 ? "" : "the processor lacks BF16, FP16, dot products or another part of ARMv8.2";
  f.why_not_arm_dotprod = dotprod && arm82 ? "" : "the processor lacks dot products or another part of ARMv8.2";
#else
  f.why_not_arm_bf16 = f.why_not_arm_dotprod = "not an ARM processor";
#endif
  return f;
}

#endif

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = detect();
  return features;
}

int affinity_cpus() { return std::max(1, static_cast<int>(allowed_cpus().size())); }

double quota_cpus() {
  const double cpus = cgroup_cpus();
  return std::isfinite(cpus) ? cpus : 0;
}

int usable_cpus() {
  const int allowed = affinity_cpus();
  const double quota = std::ceil(cgroup_cpus());
  return std::max(1, quota < allowed ? static_cast<int>(quota) : allowed);
}

}  // namespace smlp
