"""One worker: a long-lived process of its own, pinned, that speaks lines (worker.py and ours.cc have the other end).

    prepare BATCH   ->  ok {what was chosen}
    logits FILE     ->  ok {"pictures": n}              n x classes float32 in FILE
    run SECONDS     ->  ok {"executions": n, "seconds": s}
ours.cc also has
    time SECONDS           ->  ok {"median_us": t}      an execution
    classify FILE SECONDS  ->  ok {"median_us": t}      a picture's bytes to its best classes
Anything else that comes back is `error WHY`. Between commands a worker waits for its next line.
"""

import json
import os
import select
import subprocess
import time
from pathlib import Path

SETTINGS_OF_OTHERS = ("OMP_", "KMP_", "GOMP_", "MKL_", "DNNL_", "ONEDNN_", "OV_", "ORT_")


class WorkerFailed(Exception):
    """Why, in one line."""


class Worker:
    def __init__(self, name, command, cpus, log, environment):
        self.name, self.log = name, log
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS_OF_OTHERS)}
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                env={**inherited, **environment}, preexec_fn=lambda: os.sched_setaffinity(0, cpus))

    def ask(self, command, limit):
        """The answer as a dictionary; after `limit` seconds without one, or where the process died, WorkerFailed."""
        try:
            self.process.stdin.write(f"{command}\n".encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            raise WorkerFailed(self._last_words()) from None
        kind, _, rest = self._line(time.monotonic() + limit, command).partition(" ")
        if kind != "ok":
            raise WorkerFailed(rest or kind)
        return json.loads(rest or "{}")

    def cpu_seconds(self):
        """Used so far by all of the process' threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.close()
        except BrokenPipeError:
            self.process.wait()

    def _line(self, deadline, command):
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                self.process.kill()
                raise WorkerFailed(f"no answer to '{command.split()[0]}' in time")
            part = os.read(self.process.stdout.fileno(), 65536)
            if not part:
                raise WorkerFailed(self._last_words())
            line += part
        return line.decode().rstrip("\n")

    def _last_words(self):
        status = self.process.wait()
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return f"ended with status {status}" + (f": {lines[-1]}" if lines else "")
