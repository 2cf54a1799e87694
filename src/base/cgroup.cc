#include "base/cgroup.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "base/system_file.h"

namespace smlp {
namespace {

// A limit of one group, or infinity.
double limit_of(const std::string& quota, const std::string& period) {
  const double q = std::atof(quota.c_str()), p = std::atof(period.c_str());
  return q > 0 && p > 0 ? q / p : INFINITY;
}

double limit_of(const std::string& group, bool v2) {
  if (!v2) return limit_of(first_line(group + "/cpu.cfs_quota_us"), first_line(group + "/cpu.cfs_period_us"));
  std::istringstream fields(first_line(group + "/cpu.max"));
  std::string quota, period;
  fields >> quota >> period;
  return limit_of(quota, period);
}

// v1 lists controllers with commas between: "cpu,cpuacct"; "cpuset" is another one.
bool has_controller(const std::string& controllers, std::string_view controller) {
  std::istringstream names(controllers);
  for (std::string name; std::getline(names, name, ',');) {
    if (name == controller) return true;
  }
  return false;
}

}  // namespace

void each_cgroup(std::string_view controller, const CgroupPlaces& places,
                 const std::function<void(const std::string& folder, bool v2)>& visit) {
  std::ifstream groups(places.groups);
  for (std::string line; std::getline(groups, line);) {  // HIERARCHY:CONTROLLERS:GROUP
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool v2 = controllers.empty();
    if (!v2 && !has_controller(controllers, controller)) continue;
    const std::string root = v2 ? places.root : places.root + "/" + controllers;
    for (std::string group = line.substr(second + 1);; group.resize(group.rfind('/'))) {
      if (group == "/") group.clear();
      visit(root + group, v2);
      if (group.find('/') == std::string::npos) break;
    }
  }
}

double cgroup_cpus(const CgroupPlaces& places) {
  double cpus = INFINITY;
  each_cgroup("cpu", places, [&](const auto& group, bool v2) { cpus = std::min(cpus, limit_of(group, v2)); });
  return cpus;
}

}  // namespace smlp
