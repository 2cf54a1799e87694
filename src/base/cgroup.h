// The control groups of this process, and how much processor time they grant.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace smlp {

// Where Linux tells it; a test has folders of its own.
struct CgroupPlaces {
  std::string groups = "/proc/self/cgroup";
  std::string root = "/sys/fs/cgroup";
};

// Visits the folder of this process's group for `controller`, then those of the groups above it, the root's last; those
// of version 2 and of version 1.
void each_cgroup(std::string_view controller, const CgroupPlaces& places,
                 const std::function<void(const std::string& folder, bool v2)>& visit);

// Cores' worth of time, or infinity. cgroup v2: "cpu.max" holds "QUOTA PERIOD" or "max PERIOD"; v1: cpu.cfs_quota_us
// (-1 for none) and cpu.cfs_period_us. The tightest limit on the way to the root counts.
double cgroup_cpus(const CgroupPlaces& places = {});

}  // namespace smlp
