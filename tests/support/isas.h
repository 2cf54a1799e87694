// Every kernel table that this machine can run; the others are printed once, with the reason.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "kernels/dispatch.h"

namespace smlp::test {

// "avx512", "avx512_bf16"
inline std::string table_name(const kernels::Candidate& c) {
  return c.precision == Precision::bf16 ? c.isa + "_bf16" : c.isa;
}

inline const std::vector<kernels::Candidate>& tables_present() {
  static const std::vector<kernels::Candidate> present = [] {
    std::vector<kernels::Candidate> tables;
    for (const kernels::Candidate& candidate : kernels::candidates()) {
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
