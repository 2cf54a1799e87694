// The command line as it was typed, for the summaries that keep it.
#pragma once

#include <fstream>
#include <string>
#include <vector>

namespace smlp::cli {

inline std::vector<std::string> own_arguments() {
  std::ifstream stream("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> arguments;
  for (std::string argument; std::getline(stream, argument, '\0');) arguments.push_back(argument);
  return arguments;
}

}  // namespace smlp::cli
