#include "base/cgroup.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace smlp {
namespace {

std::string first_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// A limit of one group, or infinity.
double limit_of(const std::string& quota, const std::string& period) {
  const double q = std::atof(quota.c_str()), p = std::atof(period.c_str());
  return q > 0 && p > 0 ? q / p : INFINITY;
}

double limit_of(const std::filesystem::path& group, bool v2) {
  if (!v2) return limit_of(first_line(group / "cpu.cfs_quota_us"), first_line(group / "cpu.cfs_period_us"));
  std::istringstream fields(first_line(group / "cpu.max"));
  std::string quota, period;
  fields >> quota >> period;
  return limit_of(quota, period);
}

// v1 lists controllers with commas between: "cpu,cpuacct"; "cpuset" is another one.
bool has_cpu_controller(const std::string& controllers) {
  std::istringstream names(controllers);
  for (std::string name; std::getline(names, name, ',');) {
    if (name == "cpu") return true;
  }
  return false;
}

}  // namespace

double cgroup_cpus(const CgroupPlaces& places) {
  double cpus = INFINITY;
  std::ifstream groups(places.groups);
  for (std::string line; std::getline(groups, line);) {  // HIERARCHY:CONTROLLERS:GROUP
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool v2 = controllers.empty();
    if (!v2 && !has_cpu_controller(controllers)) continue;
    const std::filesystem::path root = v2 ? places.root : places.root / controllers;
    for (std::filesystem::path group = line.substr(second + 1);; group = group.parent_path()) {
      cpus = std::min(cpus, limit_of(root / group.relative_path(), v2));
      if (!group.has_relative_path()) break;
    }
  }
  return cpus;
}

}  // namespace smlp
