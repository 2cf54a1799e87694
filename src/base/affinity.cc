#include "base/affinity.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <set>

namespace smlp {
namespace {

constexpr int kCpus = static_cast<int>(8 * sizeof(CpuMask));

// Threads that are pinned now. Touched when engines are made and when they end.
struct Before {
  CpuMask mask;
  int pins;
};
struct Registry {
  std::mutex mutex;
  std::map<pid_t, Before> threads;
};

Registry& registry() {
  static auto* const the = new Registry;  // never destroyed: sessions of static duration may end after it would be
  return *the;
}

int pin_to(pid_t thread, int cpu) {
  CpuMask mask = {};
  if (cpu < 0 || cpu >= kCpus) return EINVAL;
  CPU_SET_S(static_cast<std::size_t>(cpu), sizeof(mask), mask.parts);
  return ::sched_setaffinity(thread, sizeof(mask), mask.parts) == 0 ? 0 : errno;
}

int read_number(const std::string& path) {
  int number = -1;
  std::ifstream(path) >> number;
  return number;
}

// A core's name; a processor that the system says nothing about counts as a core of its own.
std::pair<int, int> core_of(int cpu) {
  const std::string topology = fmt::format("/sys/devices/system/cpu/cpu{}/topology/", cpu);
  const int core = read_number(topology + "core_id");
  if (core < 0) return {-1, cpu};
  return {read_number(topology + "physical_package_id"), core};
}

}  // namespace

std::vector<int> allowed_cpus() {
  CpuMask mask = {};
  if (const auto before = mask_before_pinning()) {
    mask = *before;
  } else if (::sched_getaffinity(0, sizeof(mask), mask.parts) != 0) {
    return {};
  }
  std::vector<int> cpus;
  for (int cpu = 0; cpu < kCpus; ++cpu) {
    if (CPU_ISSET_S(static_cast<std::size_t>(cpu), sizeof(mask), mask.parts)) cpus.push_back(cpu);
  }
  return cpus;
}

std::vector<int> pinning_order() {
  std::vector<int> cpus = allowed_cpus();
  std::set<std::pair<int, int>> taken;
  std::ranges::stable_partition(cpus, [&](int cpu) { return taken.insert(core_of(cpu)).second; });
  return cpus;
}

Result<PinnedThread> PinnedThread::pin(int cpu) {
  const pid_t thread = ::gettid();
  CpuMask mask = {};
  int code = ::sched_getaffinity(0, sizeof(mask), mask.parts) == 0 ? 0 : errno;
  if (code == 0) code = pin_to(thread, cpu);
  if (code != 0) {
    return fail(Error{.what = fmt::format("cannot pin a thread to processor {}: {}", cpu, std::strerror(code)),
                      .remedy = "run without pinning"});
  }
  const std::lock_guard lock(registry().mutex);
  ++registry().threads.try_emplace(thread, Before{mask, 0}).first->second.pins;
  return PinnedThread(thread);
}

PinnedThread::~PinnedThread() {
  if (thread_ == 0) return;
  const std::lock_guard lock(registry().mutex);
  const auto found = registry().threads.find(thread_);
  if (--found->second.pins > 0) return;
  // A thread that has ended meanwhile needs no mask, and its number may be another process's by now.
  const bool lives = ::access(fmt::format("/proc/self/task/{}", thread_).c_str(), F_OK) == 0;
  if (lives) ::sched_setaffinity(thread_, sizeof(CpuMask), found->second.mask.parts);
  registry().threads.erase(found);
}

std::optional<CpuMask> mask_before_pinning() {
  const std::lock_guard lock(registry().mutex);
  const auto found = registry().threads.find(::gettid());
  if (found == registry().threads.end()) return std::nullopt;
  return found->second.mask;
}

void set_mask(const CpuMask& mask) { ::sched_setaffinity(0, sizeof(mask), mask.parts); }

}  // namespace smlp
