#include "kernels/dispatch.h"

#include <algorithm>
#include <cstdlib>

#include "base/cpu_features.h"
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
  add("amx", bf16, amx_bf16, cpu.why_not_amx_bf16);
  add("avx512", bf16, avx512_bf16, cpu.why_not_avx512_bf16);
  add("avx2", bf16, simd_avx2(bf16), cpu.why_not_avx2);
  add("portable", bf16, simd_portable(bf16), "");
  add("reference", bf16, reference(bf16), "");
  add("avx512", fp32, simd_avx512_fp32(), cpu.why_not_avx512);
  add("avx2", fp32, simd_avx2(fp32), cpu.why_not_avx2);
  add("portable", fp32, simd_portable(fp32), "");
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
  std::string known;
  for (const Candidate& c : candidates()) {
    if (c.precision != precision) continue;
    if (isa.empty() && c.table != nullptr) return c.table;
    if (c.isa == isa) {
      if (c.table != nullptr) return c.table;
      return fail(Error{.what = fmt::format("{}instruction set '{}' cannot run here: {}", origin, isa, c.reason),
                        .remedy = "`smlp info` lists what this machine has"});
    }
    known += (known.empty() ? "" : ", ") + c.isa;
  }
  return fail(Error{.what = fmt::format("{}unknown instruction set '{}'", origin, isa),
                    .remedy = fmt::format("known: {}", known)});
}

}  // namespace smlp::kernels
