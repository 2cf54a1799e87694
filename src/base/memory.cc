#include "base/memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "base/cgroup.h"
#include "base/system_file.h"

namespace smlp {
namespace {

constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

std::uint64_t left(std::uint64_t limit, std::uint64_t used) { return limit > used ? limit - used : 0; }

// Bytes, of a line `Name:   123 kB` in a file of /proc.
std::optional<std::uint64_t> kilobytes_of(const char* path, std::string_view name) {
  return leading_number(value_of(path, name)).transform([](std::uint64_t count) { return count * 1024; });
}

std::uint64_t left_of_limits() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kUnlimited;
  return left(limit.rlim_cur, kilobytes_of("/proc/self/status", "VmSize").value_or(0));
}

// The process's group and those above it. Pages of files that the group caches count as used there, though they would
// be given back: they are taken off.
std::uint64_t left_of_groups() {
  std::uint64_t least = kUnlimited;
  each_cgroup("memory", {}, [&](const std::string& group, bool v2) {
    const auto limit = leading_number(first_line(group + (v2 ? "/memory.max" : "/memory.limit_in_bytes")));
    const auto used = leading_number(first_line(group + (v2 ? "/memory.current" : "/memory.usage_in_bytes")));
    if (!limit || !used) return;
    const auto cached = leading_number(value_of(group + "/memory.stat", v2 ? "inactive_file" : "total_inactive_file"));
    least = std::min(least, left(*limit, left(*used, cached.value_or(0))));
  });
  return least;
}

}  // namespace

std::uint64_t available_memory() {
  const std::uint64_t system = kilobytes_of("/proc/meminfo", "MemAvailable").value_or(kUnlimited);
  return std::min({system, left_of_limits(), left_of_groups()});
}

Result<void> check_memory(std::uint64_t bytes, std::string_view what, std::string remedy) {
  const std::uint64_t available = available_memory();
  if (bytes <= available) return {};
  return fail(Error{
      .what = fmt::format("{} needs {} of memory, and {} is available", what, bytes_text(bytes), bytes_text(available)),
      .remedy = std::move(remedy)});
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes >= 1'000'000'000) return fmt::format("{:.1f} GB", static_cast<double>(bytes) * 1e-9);
  if (bytes >= 1'000'000) return fmt::format("{:.0f} MB", static_cast<double>(bytes) * 1e-6);
  return fmt::format("{:.0f} kB", static_cast<double>(bytes) * 1e-3);
}

Error out_of_memory(std::string_view what, std::string remedy) {
  return {.what = fmt::format("not enough memory {}", what), .remedy = std::move(remedy), .transient = true};
}

}  // namespace smlp
