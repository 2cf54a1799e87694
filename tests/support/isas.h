// Every instruction set whose float32 kernels this machine can run; the others are printed once, with the reason.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "kernels/dispatch.h"

namespace smlp::test {

inline const std::vector<kernels::Candidate>& tables_present() {
  static const std::vector<kernels::Candidate> present = [] {
    std::vector<kernels::Candidate> tables;
    for (const kernels::Candidate& candidate : kernels::candidates()) {
      if (candidate.precision != Precision::fp32) continue;
      if (candidate.table) {
        tables.push_back(candidate);
      } else {
        std::printf("skipped: %s: %s\n", candidate.isa.c_str(), candidate.reason.c_str());
      }
    }
    return tables;
  }();
  return present;
}

inline std::vector<std::string> isas_present() {
  std::vector<std::string> names;
  for (const kernels::Candidate& table : tables_present()) names.push_back(table.isa);
  return names;
}

}  // namespace smlp::test
