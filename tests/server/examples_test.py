#!/usr/bin/env python3
"""The examples of docs/serving.md that ask a running server: each is run, by curl, grpcurl or Python.

    examples_test.py --smlp BIN

Examples for other hosts than this one are not run, nor those whose program or package is not installed; the end says which.
"""

import argparse
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/serving"))

from environments import is_ready, python_of  # noqa: E402
from serving import Server, png  # noqa: E402

PAGE = Path(__file__).resolve().parents[2] / "docs/serving.md"


def examples():
    """(kind, text): commands, each with the lines that it goes on to, and Python programs."""
    for kind, text in re.findall(r"^```(console|python)\n(.*?)^```$", PAGE.read_text(), re.M | re.S):
        if kind == "python":
            yield kind, text
            continue
        for command in text.replace("\\\n", " ").splitlines():
            if command.startswith(("curl ", "grpcurl ")) and "localhost" in command:
                yield kind, command


def interpreter(program):
    """The Python that has what the program imports: KServe's client is in an environment of its own."""
    return python_of("kserve") if "kserve" in program and is_ready("kserve") else sys.executable


def missing(kind, text):
    """What this example needs and this machine lacks; nothing where it can run."""
    if kind == "console":
        program = text.split()[0]
        return None if shutil.which(program) else program
    if interpreter(text) != sys.executable:
        return None
    for package in re.findall(r"^(?:import|from) ([\w.]+)", text, re.M):
        try:
            if importlib.util.find_spec(package) is None:
                return package
            if package.endswith(".grpc") and importlib.util.find_spec("grpc") is None:
                return "grpc"
        except ModuleNotFoundError:
            return package
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smlp", required=True)
    options = parser.parse_args()
    ran, failed, lacking = 0, 0, set()
    with Server(options.smlp) as server, tempfile.TemporaryDirectory() as folder:
        Path(folder, "photo.jpg").write_bytes(png(150, 1))  # the bytes decide, not the name
        found = list(examples())
        for kind, text in found:
            if server.grpc_port is None and "8001" in text:
                lacking.add("gRPC of the server")
                continue
            if lack := missing(kind, text):
                lacking.add(lack)
                continue
            here = text.replace("localhost:8000", f"127.0.0.1:{server.port}").replace("localhost:8001", f"127.0.0.1:{server.grpc_port}")
            command = [interpreter(text), "-c", here] if kind == "python" else ["bash", "-c", here.replace("curl ", "curl -fsS ", 1) if here.startswith("curl") else here]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
            ran += 1
            if done.returncode != 0 or not done.stdout.strip():
                failed += 1
                print(f"-- exit {done.returncode}\n{text}\n{done.stdout}{done.stderr}")
    print(f"{ran} examples ran, {failed} failed; not here: {', '.join(sorted(lacking)) or 'nothing'}")
    if len(found) < 10 or ran < 2:  # some ask by the standard library alone
        print(f"{len(found)} examples found: has the page changed its form?")
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
