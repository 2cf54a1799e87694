// Warnings about inputs, before their results are believed.
#pragma once

#include <string>

#include "cli/console.h"
#include "data/input_remarks.h"

namespace smlp::cli {

inline void report_remarks(const Inputs& inputs) {
  for (const std::string& remark : remarks_on(inputs)) report_warning(remark);
}

}  // namespace smlp::cli
