// What this machine is.
#include "cli/console.h"
#include "cli/info_parts.h"
#include "cli/table.h"

namespace smlp::cli {

std::string bytes_text(std::int64_t bytes) {
  const auto b = static_cast<double>(bytes);
  if (bytes >= std::int64_t{1} << 30) return fmt::format("{:.1f} GiB", b / (1 << 30));
  if (bytes >= 1 << 20) return fmt::format("{:.1f} MiB", b / (1 << 20));
  if (bytes >= 1 << 10) return fmt::format("{:.0f} KiB", b / (1 << 10));
  return fmt::format("{} bytes", bytes);
}

std::string machine_text(const Machine& machine) {
  using enum Table::Align;
  Table table({"", ""}, {left, left});
  table.add({"CPU", printable(machine.cpu)});
  table.add({"processors", fmt::format("{} online, {} allowed to this process{}", machine.processors, machine.allowed,
                                       machine.quota > 0 ? fmt::format(", {:.1f} granted", machine.quota) : "")});
  table.add({"threads", fmt::format("{} by default", machine.usable)});
  for (const CacheLevel& cache : machine.caches) {
    table.add({fmt::format("L{} {}", cache.level, cache.kind),
               fmt::format("{}{}", bytes_text(cache.bytes),
                           cache.shared_by > 1 ? fmt::format(", shared by {}", cache.shared_by) : "")});
  }
  table.add({"memory", bytes_text(machine.memory_bytes) +
                           (machine.memory_limit > 0 ? ", limited to " + bytes_text(machine.memory_limit) : "")});
  Table kernels({"kernels", "precision", "", ""}, {left, left, left, left});
  for (const IsaChoice& choice : machine.isas) {
    kernels.add({choice.isa, choice.precision,
                 choice.taken    ? "taken"
                 : choice.usable ? "usable"
                                 : "refused",
                 choice.reason});
  }
  return table.text(terminal_width()) + "\n" + kernels.text(terminal_width());
}

Json machine_json(const Machine& machine) {
  Json caches = Json::array();
  for (const CacheLevel& cache : machine.caches) {
    caches.push_back(
        {{"level", cache.level}, {"kind", cache.kind}, {"bytes", cache.bytes}, {"shared_by", cache.shared_by}});
  }
  Json isas = Json::array();
  for (const IsaChoice& choice : machine.isas) {
    isas.push_back({{"isa", choice.isa},
                    {"precision", choice.precision},
                    {"usable", choice.usable},
                    {"taken", choice.taken},
                    {"reason", choice.reason}});
  }
  return {{"cpu", machine.cpu},
          {"processors", machine.processors},
          {"allowed_processors", machine.allowed},
          {"cpu_quota", machine.quota > 0 ? Json(machine.quota) : Json()},
          {"usable_processors", machine.usable},
          {"caches", caches},
          {"memory_bytes", machine.memory_bytes},
          {"memory_limit_bytes", machine.memory_limit > 0 ? Json(machine.memory_limit) : Json()},
          {"isas", isas}};
}

}  // namespace smlp::cli
