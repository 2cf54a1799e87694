// Every kernel table that this machine can run, if need be with emulated tiles; the others are printed once, with the
// reason.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/x86/tables.h"
#if defined(__x86_64__)
#include "support/amx_emulator.h"
#endif

namespace smlp::test {

// "avx512", "avx512_bf16"
inline std::string table_name(const kernels::Candidate& c) {
  return c.precision == Precision::bf16 ? c.isa + "_bf16" : c.isa;
}

// Its tile instructions are emulated: right, slow, and full of system calls.
inline bool is_emulated(const kernels::Candidate& c) { return c.table && !c.reason.empty(); }

// The kernels that every processor of this family runs: "portable", "neon".
inline const std::string& baseline_isa() {
  static const std::string name = [] {
    std::string last;
    for (const kernels::Candidate& c : kernels::candidates()) {
      if (c.precision == Precision::fp32 && c.isa != "reference") last = c.isa;
    }
    return last;
  }();
  return name;
}

inline const std::vector<kernels::Candidate>& tables_present() {
  static const std::vector<kernels::Candidate> present = [] {
    std::vector<kernels::Candidate> tables;
    for (kernels::Candidate candidate : kernels::candidates()) {
#if defined(__x86_64__)
      if (!candidate.table && candidate.isa == "amx" && install_amx_emulator()) {
        std::printf("emulated: amx: %s\n", candidate.reason.c_str());
        candidate.table = kernels::amx_bf16;
      }
#endif
      if (candidate.table) {
        tables.push_back(candidate);
      } else {
        std::printf("skipped: %s: %s\n", table_name(candidate).c_str(), candidate.reason.c_str());
      }
    }
    return tables;
  }();
  return present;
}

}  // namespace smlp::test
