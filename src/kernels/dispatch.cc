#include "kernels/dispatch.h"

#include <algorithm>
#include <cstdlib>

#include "base/cpu_features.h"
#include "kernels/arm/tables.h"
#include "kernels/reference.h"
#include "kernels/simd/tables.h"
#include "kernels/x86/tables.h"

namespace smlp::kernels {
namespace {

std::vector<Candidate> list() {
  const CpuFeatures& cpu = cpu_features();
  std::vector<Candidate> out;
  auto add = [&](const char* isa, Precision precision, const Kernels* table, const std::string& refusal) {
    const bool usable = refusal.empty() && table != nullptr;
    out.push_back({isa, precision, usable ? table : nullptr, usable ? "" : refusal.empty() ? "not built in" : refusal});
  };
  using enum Precision;
#if defined(__aarch64__)
  add("bfdot", int8, bfdot_int8, cpu.why_not_arm_bf16);
  add("dotprod", int8, dotprod_int8, cpu.why_not_arm_dotprod);
  add("neon", int8, simd_baseline(int8), "");
  add("reference", int8, reference(int8), "");
  add("bfdot", bf16, bfdot_bf16, cpu.why_not_arm_bf16);
  add("neon", bf16, simd_baseline(bf16), "");
  add("reference", bf16, reference(bf16), "");
  add("neon", fp32, simd_baseline(fp32), "");
#else
  add("amx", int8, amx_int8, cpu.why_not_amx_int8);
  add("avx512", int8, avx512_int8, cpu.why_not_avx512_bf16);
  add("avx512vnni", int8, avx512vnni_int8, cpu.why_not_avx512_vnni);
  add("avxvnni", int8, avxvnni_int8, cpu.why_not_avx_vnni);
  add("avx2", int8, simd_avx2(int8), cpu.why_not_avx2);
  add("sse4", int8, simd_sse4(int8), cpu.why_not_sse4);
  add("portable", int8, simd_baseline(int8), "");
  add("reference", int8, reference(int8), "");
  add("amx", bf16, amx_bf16, cpu.why_not_amx_bf16);
  add("avx512", bf16, avx512_bf16, cpu.why_not_avx512_bf16);
  add("avx2", bf16, simd_avx2(bf16), cpu.why_not_avx2);
  add("sse4", bf16, simd_sse4(bf16), cpu.why_not_sse4);
  add("portable", bf16, simd_baseline(bf16), "");
  add("reference", bf16, reference(bf16), "");
  add("avx512", fp32, simd_avx512_fp32(), cpu.why_not_avx512);
  add("avx2", fp32, simd_avx2(fp32), cpu.why_not_avx2);
  add("sse4", fp32, simd_sse4(fp32), cpu.why_not_sse4);
  add("portable", fp32, simd_baseline(fp32), "");
#endif
  add("reference", fp32, reference(fp32), "");
  return out;
}

}  // namespace

const std::vector<Candidate>& candidates() {
  static const std::vector<Candidate> all = list();
  return all;
}

Result<const Kernels*> choose(std::string_view isa, Precision precision) {
  std::string origin;
  if (isa.empty()) {
    if (const char* forced = std::getenv("SMLP_ISA"); forced != nullptr && *forced != '\0') {
      isa = forced;
      origin = "SMLP_ISA: ";
    }
  }
  bool in_another_precision = false;
  std::string known;
  for (const Candidate& c : candidates()) {
    if (c.precision != precision) {
      in_another_precision |= c.isa == isa;
      continue;
    }
    if (isa.empty() && c.table != nullptr) return c.table;
    if (c.isa == isa) {
      if (c.table != nullptr) return c.table;
      return fail(Error{.what = fmt::format("{}instruction set '{}' cannot run here: {}", origin, isa, c.reason),
                        .remedy = "`smlp info` lists what this machine has"});
    }
    known += (known.empty() ? "" : ", ") + c.isa;
  }
  const auto name = precision_name(precision);
  if (in_another_precision) {
    return fail(Error{.what = fmt::format("{}instruction set '{}' has no {} kernels", origin, isa, name),
                      .remedy = fmt::format("those of {} are: {}", name, known)});
  }
  return fail(Error{.what = fmt::format("{}unknown instruction set '{}'", origin, isa),
                    .remedy = fmt::format("known: {}", known)});
}

std::vector<std::string> isa_names() {
  std::vector<std::string> names;
  for (const Candidate& c : candidates()) {
    if (std::ranges::find(names, c.isa) == names.end()) names.push_back(c.isa);
  }
  return names;
}

}  // namespace smlp::kernels
