// Every kernel table that this machine can run, if need be with emulated tiles; the others are printed once, with the
// reason.
#pragma once

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "base/cpu_features.h"
#include "base/precision.h"
#include "kernels/dispatch.h"
#include "kernels/x86/tables.h"
#include "support/sanitizers.h"
#if defined(__x86_64__)
#include "support/amx_emulator.h"
#endif

namespace smlp::test {

// "avx512", "avx512_bf16"
inline std::string table_name(const kernels::Candidate& c) {
  return c.precision == Precision::fp32 ? c.isa : c.isa + "_" + std::string(precision_name(c.precision));
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

// The thread sanitizer slows kernels down tenfold and more, and all tables of a precision share their work between
// threads in one way: the first stands for them. What tiles load and store it does not see.
inline bool left_to_another(const kernels::Candidate& candidate, const std::vector<kernels::Candidate>& tables) {
  if (!SMLP_UNDER_THREAD_SANITIZER) return false;
  return candidate.isa == "amx" ||
         std::ranges::any_of(tables, [&](const auto& other) { return other.precision == candidate.precision; });
}

// Those of fp32 and bf16, or those of int8: on weights that are not quantized, these do what those of bf16 do.
inline std::vector<kernels::Candidate> list_present(bool is_int8) {
  std::vector<kernels::Candidate> tables;
  for (kernels::Candidate candidate : kernels::candidates()) {
    if ((candidate.precision == Precision::int8) != is_int8 || left_to_another(candidate, tables)) continue;
#if defined(__x86_64__)
    if (!candidate.table && candidate.isa == "amx" && cpu_features().why_not_amx_vectors.empty() &&
        install_amx_emulator()) {
      std::printf("emulated: amx: %s\n", candidate.reason.c_str());
      candidate.table = is_int8 ? kernels::amx_int8 : kernels::amx_bf16;
    }
#endif
    if (candidate.table) {
      tables.push_back(candidate);
    } else {
      std::printf("skipped: %s: %s\n", table_name(candidate).c_str(), candidate.reason.c_str());
    }
  }
  return tables;
}

inline const std::vector<kernels::Candidate>& tables_present() {
  static const std::vector<kernels::Candidate> present = list_present(false);
  return present;
}

inline const std::vector<kernels::Candidate>& int8_tables_present() {
  static const std::vector<kernels::Candidate> present = list_present(true);
  return present;
}

inline const std::vector<kernels::Candidate>& all_tables_present() {
  static const std::vector<kernels::Candidate> present = [] {
    std::vector<kernels::Candidate> all = tables_present();
    all.insert(all.end(), int8_tables_present().begin(), int8_tables_present().end());
    return all;
  }();
  return present;
}

}  // namespace smlp::test
