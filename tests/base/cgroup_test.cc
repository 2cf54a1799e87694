#include "base/cgroup.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "support/scratch.h"

namespace smlp {
namespace {

class Cgroup : public testing::Test {
 protected:
  double cpus(std::string_view groups) const {
    return cgroup_cpus(
        {.groups = scratch.write("groups", groups).string(), .root = (scratch.folder() / "fs").string()});
  }
  const test::Scratch scratch;
};

TEST_F(Cgroup, Version2TakesTheTightestLimitOnTheWayToTheRoot) {
  scratch.write("fs/a/b/cpu.max", "400000 100000\n");
  scratch.write("fs/a/cpu.max", "150000 100000\n");
  scratch.write("fs/cpu.max", "max 100000\n");
  EXPECT_EQ(cpus("0::/a/b\n"), 1.5);
  scratch.write("fs/cpu.max", "50000 100000\n");
  EXPECT_EQ(cpus("0::/a/b\n"), 0.5);
  scratch.write("fs/a/b/cpu.max", "20000 100000\n");
  EXPECT_EQ(cpus("0::/a/b\n"), 0.2);
  EXPECT_EQ(cpus("0::/a\n"), 0.5);
}

TEST_F(Cgroup, Version1ReadsItsOwnFiles) {
  scratch.write("fs/cpu,cpuacct/a/cpu.cfs_quota_us", "250000\n");
  scratch.write("fs/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
  scratch.write("fs/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  scratch.write("fs/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cpus("5:memory:/a\n4:cpu,cpuacct:/a\n"), 2.5);
  EXPECT_EQ(cpus("4:cpu,cpuacct:/b\n"), INFINITY);
}

TEST_F(Cgroup, AControllerIsItsWholeName) {
  scratch.write("fs/cpuset/a/cpu.cfs_quota_us", "100000\n");
  scratch.write("fs/cpuset/a/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cpus("3:cpuset:/a\n"), INFINITY);
}

TEST_F(Cgroup, NoLimitAndNonsenseAreInfinity) {
  EXPECT_EQ(cpus(""), INFINITY);
  EXPECT_EQ(cpus("nonsense\n0:\n0::/nowhere\n"), INFINITY);
  for (const char* text : {"", "max", "max 100000", "100000", "100000 0", "-1 100000", "0 100000", "x y"}) {
    scratch.write("fs/a/cpu.max", text);
    EXPECT_EQ(cpus("0::/a\n"), INFINITY) << text;
  }
  EXPECT_EQ(cgroup_cpus({.groups = (scratch.folder() / "missing").string(), .root = scratch.folder().string()}),
            INFINITY);
}

TEST_F(Cgroup, GroupsAreVisitedUpToTheRoot) {
  std::vector<std::string> seen;
  each_cgroup("memory",
              {.groups = scratch.write("groups", "5:memory,hugetlb:/a/b\n4:cpu:/c\n0::/\n").string(), .root = "/fs"},
              [&](const auto& folder, bool v2) { seen.push_back(folder + (v2 ? " 2" : " 1")); });
  EXPECT_EQ(seen, (std::vector<std::string>{"/fs/memory,hugetlb/a/b 1", "/fs/memory,hugetlb/a 1",
                                            "/fs/memory,hugetlb 1", "/fs 2"}));
}

}  // namespace
}  // namespace smlp
