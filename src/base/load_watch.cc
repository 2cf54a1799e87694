#include "base/load_watch.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "base/affinity.h"
#include "base/result.h"
#include "base/system_file.h"

namespace smlp {
namespace {

constexpr double kShortest = 0.2;  // seconds of processor time: 20 ticks
constexpr double kTooBusy = 0.1, kTooMuchStolen = 0.05;

double own_seconds() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::optional<ProcessorTimes> times_of(std::span<const int> cpus) {
  const double ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  ProcessorTimes sum;
  for (const int cpu : cpus) {
    const auto times = parse_processor_times(value_of("/proc/stat", fmt::format("cpu{}", cpu)), ticks);
    if (!times) return std::nullopt;
    sum.busy += times->busy;
    sum.stolen += times->stolen;
  }
  return cpus.empty() ? std::nullopt : std::optional(sum);
}

}  // namespace

// user nice system idle iowait irq softirq steal ...; time of guests is part of user and nice.
std::optional<ProcessorTimes> parse_processor_times(std::string_view line, double ticks_per_second) {
  double fields[8] = {};
  for (double& field : fields) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const auto number = leading_number(line);
    if (!number) return std::nullopt;
    field = static_cast<double>(*number) / ticks_per_second;
    line.remove_prefix(std::min(line.find(' '), line.size()));
  }
  return ProcessorTimes{.busy = fields[0] + fields[1] + fields[2] + fields[5] + fields[6], .stolen = fields[7]};
}

LoadWatch::LoadWatch()
    : cpus_(allowed_cpus()),
      start_(times_of(cpus_)),
      own_start_(own_seconds()),
      clock_start_(std::chrono::steady_clock::now()) {}

std::optional<Load> LoadWatch::load() const {
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - clock_start_).count();
  const double all = seconds * static_cast<double>(cpus_.size());
  if (!start_ || all < kShortest) return std::nullopt;
  const double own = own_seconds() - own_start_;
  const auto now = times_of(cpus_);
  if (!now) return std::nullopt;
  return Load{.others = std::clamp((now->busy - start_->busy - own) / all, 0.0, 1.0),
              .stolen = std::clamp((now->stolen - start_->stolen) / all, 0.0, 1.0)};
}

std::string load_doubt(const std::optional<Load>& load) {
  if (!load) return {};
  if (load->others > kTooBusy) {
    return fmt::format("other programs used {:.0f} % of the processors' time", 100 * load->others);
  }
  if (load->stolen > kTooMuchStolen) {
    return fmt::format("the hypervisor took {:.0f} % of the processors' time", 100 * load->stolen);
  }
  return {};
}

}  // namespace smlp
