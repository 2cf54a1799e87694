// Where an execution's time goes, as tables.
#pragma once

#include <string>
#include <vector>

#include "tasks/benchmark.h"

namespace smlp::cli {

struct ProfileTables {
  std::string heading;  // "batch 8: the shortest execution, 25.31 ms; ..."
  std::vector<std::string> titles;
  std::vector<std::vector<std::string>> kinds;  // by kind of step; the rest, and the whole
  std::vector<std::vector<std::string>> steps;
};

ProfileTables profile_tables(const BatchTimes& times, double peak_gflops);

// What the columns count, for below the tables.
std::string_view profile_explanation();

}  // namespace smlp::cli
