// How much processor time the control groups of this process grant.
#pragma once

#include <filesystem>

namespace smlp {

// Where Linux tells it; a test has folders of its own.
struct CgroupPlaces {
  std::filesystem::path groups = "/proc/self/cgroup";
  std::filesystem::path root = "/sys/fs/cgroup";
};

// Cores' worth of time, or infinity. cgroup v2: "cpu.max" holds "QUOTA PERIOD" or "max PERIOD"; v1: cpu.cfs_quota_us
// (-1 for none) and cpu.cfs_period_us. The tightest limit on the way to the root counts.
double cgroup_cpus(const CgroupPlaces& places = {});

}  // namespace smlp
