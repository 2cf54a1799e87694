"""NVIDIA's perf_analyzer, which comes inside the tritonclient of the environment `triton`, against a server of the protocol."""

import csv
import os
import subprocess
import tempfile
from pathlib import Path

import triton
from environments import BUILD, is_ready


def measure(port, model, clients, seconds, protocol="http", data="zero"):
    """{"per_second", "p50_us", "p99_us"} of tensors from that many clients; raises RuntimeError with what it says."""
    if not is_ready("triton"):
        raise RuntimeError("it is not there (./dev serving --prepare)")
    cuda = triton.packages() / "nvidia/cuda_runtime/lib"  # it is linked with it, and does without
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.csv")
        command = [BUILD / "triton/bin/perf_analyzer", "-m", model, "-i", protocol, "-u", f"127.0.0.1:{port}"]
        command += ["--shape", "input:3,128,128", "--input-data", data, "--concurrency-range", clients, "--percentile", 99]
        command += ["--measurement-interval", int(1000 * seconds), "--stability-percentage", 999, "-f", report]  # three windows, whatever they say
        done = subprocess.run(list(map(str, command)), env=os.environ | {"LD_LIBRARY_PATH": str(cuda)}, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError((done.stdout + done.stderr).strip())
        (row,) = csv.DictReader(report.read_text().splitlines())
    return {"per_second": float(row["Inferences/Second"]), "p50_us": float(row["p50 latency"]), "p99_us": float(row["p99 latency"])}
