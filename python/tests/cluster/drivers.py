"""Programs that use Ray, and what kills them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

# Ray counts what it is told: three CPUs are more than some machines have, and as many as its executor needs.
CPUS = 3


def start_driver(*arguments: str) -> subprocess.Popen[str]:
    """`python -m smlp.ray` with a cluster of its own, in a process group of its own."""
    code = (
        "import ray, runpy, sys\n"
        f"ray.init(num_cpus={CPUS}, include_dashboard=False, log_to_driver=False)\n"
        "sys.argv[0] = 'smlp.ray'\n"
        "runpy.run_module('smlp.ray', run_name='__main__', alter_sys=True)\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )


def end_group(process: subprocess.Popen[str]) -> None:
    """Kills a driver and everything that it started, at once."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def processes() -> dict[int, tuple[int, str]]:
    """All of this machine: parent and command line, by number."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
        found[int(folder.name)] = (parent, command)
    return found


def workers_below(ancestor: int) -> list[int]:
    """Ray's actors that do parts, among the descendants of a process."""
    all_ = processes()

    def below(pid: int) -> bool:
        while pid in all_ and pid > 1:
            if pid == ancestor:
                return True
            pid = all_[pid][0]
        return False

    return [pid for pid, (_, command) in all_.items() if command.startswith("ray::") and "Worker" in command and below(pid)]
