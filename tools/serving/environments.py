"""The Python environments of the peers of `smlp serve`, as peers/requirements.txt lists them, under build/serving."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD, PEERS = ROOT / "build/serving", Path(__file__).resolve().parent / "peers"


def python_of(name):
    return BUILD / name / "bin/python"


def packages_of(name):
    lines = [line.strip() for line in (PEERS / "requirements.txt").read_text().splitlines()]
    packages = []
    for line in lines[lines.index(name + ":") + 1 :]:
        if line.endswith(":"):
            break
        packages.append(line)
    return packages


def is_ready(name):
    """Whether it holds what requirements.txt lists now."""
    ready = BUILD / name / "ready"
    return ready.exists() and ready.read_text().split() == packages_of(name)


def environment(name):
    """Its Python, made or completed where it lacks something; nothing where that cannot be had."""
    if is_ready(name):
        return python_of(name)
    packages = packages_of(name)
    if not python_of(name).exists():
        subprocess.run([sys.executable, "-m", "venv", BUILD / name], check=True)
    done = subprocess.run([python_of(name), "-m", "pip", "-q", "--disable-pip-version-check", "install", *packages])
    if done.returncode != 0:
        print(f"{name}: {', '.join(packages)} cannot be had from PyPI here")
        return None
    (BUILD / name / "ready").write_text("\n".join(packages) + "\n")
    return python_of(name)


def version(python, package):
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.strip()
