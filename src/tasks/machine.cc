#include "tasks/machine.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "base/cpu_features.h"
#include "base/system_file.h"
#include "kernels/dispatch.h"
#include "model/network.h"

namespace smlp {
namespace {

std::int64_t number(std::string_view text) { return static_cast<std::int64_t>(leading_number(text).value_or(0)); }

// Processors in a list such as "0-3,8".
int count_in_list(std::string_view list) {
  int count = 0;
  for (std::size_t at = 0; at < list.size();) {
    const std::string_view range = list.substr(at, list.find(',', at) - at);
    const std::size_t dash = range.find('-');
    const std::int64_t low = number(range);
    count += static_cast<int>((dash == std::string_view::npos ? low : number(range.substr(dash + 1))) - low + 1);
    at += range.size() + 1;
  }
  return std::max(count, 1);
}

std::vector<CacheLevel> read_caches() {
  std::vector<CacheLevel> caches;
  for (int index = 0;; ++index) {
    const std::string folder = fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/", index);
    const std::string size = first_line(folder + "size");
    if (size.empty()) return caches;
    const std::int64_t unit = size.back() == 'K' ? 1024 : size.back() == 'M' ? 1024 * 1024 : 1;
    std::string kind = first_line(folder + "type");
    std::ranges::transform(kind, kind.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    caches.push_back({.level = static_cast<int>(number(first_line(folder + "level"))),
                      .kind = kind,
                      .bytes = number(size) * unit,
                      .shared_by = count_in_list(first_line(folder + "shared_cpu_list"))});
  }
}

void list_isas(Machine& machine) {
  const char* named = std::getenv("SMLP_ISA");
  const bool forced = named != nullptr && *named != '\0';
  bool any_taken = false;
  for (const kernels::Candidate& candidate : kernels::candidates()) {
    const auto chosen = kernels::choose("", candidate.precision);
    if (!chosen && machine.isa_error.empty()) machine.isa_error = chosen.error().message();
    machine.isas.push_back({.isa = candidate.isa,
                            .precision = std::string(precision_name(candidate.precision)),
                            .usable = candidate.table != nullptr,
                            .taken = chosen && candidate.table == *chosen,
                            .reason = candidate.reason});
    IsaChoice& choice = machine.isas.back();
    if (choice.taken) {
      choice.reason = forced ? "SMLP_ISA names it" : "the first of its precision that can run here";
    } else if (choice.usable) {
      choice.reason = forced ? "SMLP_ISA names another" : "can run here, after the one taken";
    }
    any_taken = any_taken || machine.isas.back().taken;
  }
  if (any_taken) machine.isa_error.clear();
}

}  // namespace

std::vector<std::string> isa_names() { return kernels::isa_names(); }

Machine inspect_machine() {
  Machine machine;
  machine.cpu = value_of("/proc/cpuinfo", "model name");
  if (machine.cpu.empty()) machine.cpu = "unknown";
  machine.processors = static_cast<int>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  machine.allowed = affinity_cpus();
  machine.quota = quota_cpus();
  machine.usable = usable_cpus();
  machine.caches = read_caches();
  machine.memory_bytes = number(value_of("/proc/meminfo", "MemTotal")) * 1024;
  machine.memory_limit = number(first_line("/sys/fs/cgroup/memory.max"));
  list_isas(machine);
  return machine;
}

}  // namespace smlp
