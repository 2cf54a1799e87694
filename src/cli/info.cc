// smlp info: what this machine can run.
#include <nlohmann/json.hpp>

#include "api/machine.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/table.h"

namespace smlp::cli {
namespace {

struct Options {
  bool json = false;
};

std::string bytes_text(std::int64_t bytes) {
  if (bytes >= std::int64_t{1} << 30) return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (1 << 30));
  if (bytes >= 1 << 20) return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
  return fmt::format("{} KiB", bytes / 1024);
}

void print_machine(const Machine& machine) {
  Table table({"", ""}, {Table::Align::left, Table::Align::left});
  table.add({"CPU", printable(machine.cpu)});
  table.add({"processors", fmt::format("{} online, {} usable by this process{}", machine.processors, machine.usable,
                                       machine.quota > 0 ? fmt::format(", {:.1f} granted", machine.quota) : "")});
  for (const CacheLevel& cache : machine.caches) {
    table.add({fmt::format("L{} {}", cache.level, cache.kind),
               fmt::format("{}, shared by {}", bytes_text(cache.bytes), cache.shared_by)});
  }
  table.add({"memory", bytes_text(machine.memory_bytes) +
                           (machine.memory_limit > 0 ? ", limited to " + bytes_text(machine.memory_limit) : "")});
  write_output(table.text());
}

nlohmann::json machine_json(const Machine& machine) {
  nlohmann::json caches = nlohmann::json::array();
  for (const CacheLevel& cache : machine.caches) {
    caches.push_back(
        {{"level", cache.level}, {"kind", cache.kind}, {"bytes", cache.bytes}, {"shared_by", cache.shared_by}});
  }
  return {{"cpu", machine.cpu},
          {"processors", machine.processors},
          {"usable_processors", machine.usable},
          {"cpu_quota", machine.quota > 0 ? nlohmann::json(machine.quota) : nlohmann::json()},
          {"caches", caches},
          {"memory_bytes", machine.memory_bytes},
          {"memory_limit_bytes", machine.memory_limit > 0 ? nlohmann::json(machine.memory_limit) : nlohmann::json()}};
}

Result<Exit> run(const Options& options) {
  const Machine machine = inspect_machine();
  if (options.json) {
    print("{}\n", machine_json(machine).dump(2));
  } else {
    print_machine(machine);
  }
  return exit_ok;
}

}  // namespace

Run add_info(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_flag("--json", options->json, "Write JSON");
  add_examples(app, {"smlp info", "smlp info --json"});
  return [options] { return run(*options); };
}

}  // namespace smlp::cli
