// Where the kernel lets a thread run, in its own words.
#pragma once

#include <fmt/format.h>
#include <sys/types.h>

#include <fstream>
#include <string>

namespace smlp::test {

// "0-1", "3"; of a thread of this process.
inline std::string cpus_of_thread(pid_t thread) {
  std::ifstream status(fmt::format("/proc/self/task/{}/status", thread));
  const std::string key = "Cpus_allowed_list:";
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key)) return line.substr(line.find_first_not_of(" \t", key.size()));
  }
  return "";
}

}  // namespace smlp::test
