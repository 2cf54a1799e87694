"""build/peers/venv: the peers' own Python, with what requirements.txt lists."""

import json
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements.txt"

LIST_INSTALLED = """
import importlib.metadata as m, json
print(json.dumps({d.name.lower(): d.version for d in m.distributions()}))"""


def wanted():
    lines = (line.strip() for line in REQUIREMENTS.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


class Environment:
    """What is installed where, and what could not be."""

    def __init__(self, directory, log):
        self.python = directory / "venv" / "bin" / "python"
        self.log = log
        self.failures = {}  # package: why

    def ensure(self, upgrade, say):
        """Makes what is missing. Raises RuntimeError where there can be no environment at all."""
        if not self.python.exists() and not self._run(sys.executable, "-m", "venv", self.python.parents[1]):
            raise RuntimeError(f"no virtual environment: {self.last_line()}")
        for package in wanted():
            if package in self.versions() and not upgrade:
                continue
            say(f"Installing {package} from PyPI into {self.python.parents[1]}")
            if not self._pip("install", "--upgrade", package):
                self.failures[package] = f"not installed: {self.last_line()}"
                say(self.failures[package])

    def versions(self):
        done = subprocess.run([self.python, "-c", LIST_INSTALLED], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def last_line(self):
        lines = self.log.read_text().split("\n") if self.log.exists() else []
        return next((line.strip() for line in reversed(lines) if line.strip()), "no message")

    def _pip(self, *arguments):
        return self._run(self.python, "-m", "pip", "-q", "--disable-pip-version-check", *arguments)

    def _run(self, *command):
        with self.log.open("a") as log:
            return subprocess.run(list(map(str, command)), stdout=log, stderr=log).returncode == 0
