// Which kernel table runs: an ordered list of candidates, best first, each with its reason.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kernels/kernels.h"

namespace smlp::kernels {

struct Candidate {
  std::string isa;  // "avx512"
  Precision precision;
  const Kernels* table;  // null where refused
  std::string reason;    // why it was refused; empty where usable
};

// Every table there is, best first within a precision.
const std::vector<Candidate>& candidates();

// The table for `isa`; an empty name means the environment's SMLP_ISA or, without that, the best usable one.
// Errors: an unknown name, or one without kernels of this precision (both list what there is); an instruction set that
// this machine lacks (says why).
Result<const Kernels*> choose(std::string_view isa, Precision precision);

// What `choose` takes in one precision or another, best first.
std::vector<std::string> isa_names();

}  // namespace smlp::kernels
