"""The machine: which cores the two sides share, and what it is called."""

import math
import os
import shutil
import subprocess
from pathlib import Path

BUSY = 0.5  # load average above which other programs spoil the measurement
CPUS = Path("/sys/devices/system/cpu")


def cpu_model():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return os.uname().machine


def quota(root=Path("/sys/fs/cgroup")):
    """CPUs that the control group grants; infinite where it sets no limit."""
    own = Path("/proc/self/cgroup").read_text().strip().splitlines()
    group = next((line[3:].lstrip("/") for line in own if line.startswith("0::")), "")
    least = math.inf
    for directory in [root / group, *(root / group).parents]:
        try:
            limit, period = (directory / "cpu.max").read_text().split()
        except (OSError, ValueError):
            continue
        if limit != "max":
            least = min(least, int(limit) / int(period))
    return least


def siblings(cpu):
    try:
        return (CPUS / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)


def usable_cpus():
    """Those this process may run on, one of each physical core first, as many as the quota grants."""
    seen, first, later = set(), [], []
    for cpu in sorted(os.sched_getaffinity(0)):
        (later if siblings(cpu) in seen else first).append(cpu)
        seen.add(siblings(cpu))
    allowed = quota()
    count = len(first + later) if math.isinf(allowed) else max(1, math.floor(allowed))
    return (first + later)[:count]


def commit(root):
    """The commit that is measured, with a star where files differ from it; empty without git or outside of it."""
    if shutil.which("git") is None:
        return ""
    done = subprocess.run(["git", "-C", root, "describe", "--always", "--dirty=*", "--match="], capture_output=True,
                          text=True)
    return done.stdout.strip() if done.returncode == 0 else ""
