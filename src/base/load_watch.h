// What else used the processors while something was measured.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace smlp {

// Shares of the time of the processors that this process may use.
struct Load {
  double others = 0;  // other programs and the system
  double stolen = 0;  // the hypervisor ran other machines instead

  bool operator==(const Load&) const = default;
};

// Seconds since the start of the system.
struct ProcessorTimes {
  double busy = 0;  // by whatever program, the system's own work included
  double stolen = 0;
};

// Of a line of /proc/stat without its name ("4705 0 3405 ..."), which counts in ticks.
std::optional<ProcessorTimes> parse_processor_times(std::string_view line, double ticks_per_second);

class LoadWatch {
 public:
  LoadWatch();  // begins
  // Since then. Nothing where the system does not tell, or too little time has passed for its ticks to mean something.
  std::optional<Load> load() const;

 private:
  std::vector<int> cpus_;
  std::optional<ProcessorTimes> start_;
  double own_start_;
  std::chrono::steady_clock::time_point clock_start_;
};

// "other programs used 35 % of the processors' time" where measurements are not to be trusted under it, else empty.
std::string load_doubt(const std::optional<Load>& load);

}  // namespace smlp
