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

// One set of kernels, in the order of preference.
struct IsaChoice {
  std::string isa, precision;
  bool usable = false;
  bool taken = false;  // what a session of this precision runs on unless told otherwise (SMLP_ISA is heeded)
  std::string reason;  // why it is taken, passed over or refused
};

struct Machine {
  std::string cpu;                 // "Intel(R) Xeon(R) Processor"; "unknown" where the system does not say
  int processors = 1;              // logical processors online
  int allowed = 1;                 // of them, those that the process's affinity allows
  double quota = 0;                // processors' worth of time that the control group grants; 0: no limit
  int usable = 1;                  // both together: the threads of a session that is not told how many
  std::vector<CacheLevel> caches;  // those of the first processor
  std::int64_t memory_bytes = 0;   // physical
  std::int64_t memory_limit = 0;   // of the control group; 0: none
  std::vector<IsaChoice> isas;
  std::string isa_error;  // why nothing is taken: SMLP_ISA names kernels that cannot run here; else empty
};

// Reads /proc, /sys and the processor; what the system does not tell stays at its default.
Machine inspect_machine();

// The names of instruction sets that a session takes, whether or not this machine has them; best first.
std::vector<std::string> isa_names();

}  // namespace smlp
