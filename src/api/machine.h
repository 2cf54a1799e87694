// What this machine is and how much of it the process may use.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace smlp {

struct CacheLevel {
  int level = 0;
  std::string kind;  // "data", "instruction", "unified"
  std::int64_t bytes = 0;
  int shared_by = 1;  // logical processors that share one
};

struct Machine {
  std::string cpu;       // "Intel(R) Xeon(R) Processor"; "unknown" where the system does not say
  int processors = 1;    // logical processors online
  int usable = 1;        // of them, those that the process's affinity allows
  double quota = 0;      // processors' worth of time that the control group grants; 0: no limit
  std::vector<CacheLevel> caches;  // those of the first processor
  std::int64_t memory_bytes = 0;   // physical
  std::int64_t memory_limit = 0;   // of the control group; 0: none
};

// Reads /proc, /sys and the scheduler's affinity; what the system does not tell stays at its default.
Machine inspect_machine();

}  // namespace smlp
