"""The copy of the tree in which mutations are built and tested."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from .plan import ROOT, layers

# They install packages, measure other programs or check the sources themselves.
OTHER_TESTS_LEFT_OUT = "^(install|peers|peers_worker|readme_commands|layers|layers_self_test|isa_objects.*|.*emulated.*)$"


class Broken(Exception):
    """The tree fails before anything was changed in it."""


class Bench:
    def __init__(self, folder, jobs):
        # Where `./dev` builds below its tree: with the same relative paths, ccache shares the objects.
        self.tree, self.build, self.jobs = folder / "tree", folder / "tree" / "build" / "release", jobs
        self.log = folder / "last.log"
        self.tests, self.seconds, self.catches = {}, {}, {}

    def copy_tree(self):
        """Copies what git knows, touching only files that differ, and removes what is gone. Two hashes: of the tests,
        and of everything else that a build sees."""
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                                capture_output=True, check=True).stdout
        names = sorted(n for n in os.fsdecode(listed).split("\0") if n and (ROOT / n).is_file())
        digests = {True: hashlib.sha256(), False: hashlib.sha256()}
        for name in names:
            data, target = (ROOT / name).read_bytes(), self.tree / name
            if not name.startswith("tools/mutate/") and not name.endswith(".md"):
                digests[name.startswith(("tests/", "tools/"))].update(f"{name}\0{len(data)}\0".encode() + data)
            if not target.is_file() or target.read_bytes() != data:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
                shutil.copymode(ROOT / name, target)
        known = set(names)
        for path in list(self.tree.rglob("*")):
            name = str(path.relative_to(self.tree))
            if path.is_file() and name not in known and not name.startswith("build/"):
                path.unlink()
        return digests[True].hexdigest()[:16], digests[False].hexdigest()[:16]

    def call(self, *command, timeout=None):
        """Exit status, or None where the time ran out; the output is in self.log."""
        environment = dict(os.environ, CMAKE_COLOR_DIAGNOSTICS="OFF", GTEST_FAIL_FAST="1")
        with open(self.log, "wb") as log:
            process = subprocess.Popen([str(word) for word in command], cwd=self.tree, stdout=log,
                                       stderr=subprocess.STDOUT, env=environment, start_new_session=True)
            try:
                return process.wait(timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
                return None

    def configure(self, cmake_options):
        command = ["cmake", "-G", "Ninja", "-S", self.tree, "-B", self.build, "-DCMAKE_BUILD_TYPE=Release",
                   "-DSMLP_TOGETHER=OFF", *cmake_options]
        if shutil.which("ccache"):
            command.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
        if self.call(*command) != 0:
            raise Broken("cmake failed")

    def stages_of(self, room):
        """Labels of the tests that can reach `room`: its own, then those of the rooms above it, nearest first; last
        (None) the tests without a label, which run whole programs."""
        rooms = layers()
        above = [r for r in rooms.BELOW if room in rooms.reachable(r) and (self.tree / "tests" / r).is_dir()]
        above.sort(key=lambda r: (r != room, len(rooms.reachable(r))))
        return [*above, None]

    def find_tests(self):
        """The tests of every label, None for those without: name -> the programs of the build that they start."""
        shown = subprocess.run(["ctest", "--test-dir", self.build, "--show-only=json-v1"], capture_output=True, text=True,
                               check=True).stdout
        for test in json.loads(shown)["tests"]:
            labels = next((p["value"] for p in test["properties"] if p["name"] == "LABELS"), [None])
            if re.search(OTHER_TESTS_LEFT_OUT, test["name"]):
                continue
            labels = labels if labels[0] in layers().BELOW else [None]
            words = [Path(word) for word in test["command"]]
            programs = [str(w.relative_to(self.build)) for w in words if w.is_relative_to(self.build) and w.is_file()]
            for label in labels:
                self.tests.setdefault(label, {})[test["name"]] = programs

    def make(self, targets):
        return self.call("ninja", "-C", self.build, "-j", self.jobs, *targets) == 0

    def test(self, name):
        """'passed', 'failed' or 'hung'."""
        limit = 60 + 10 * self.seconds[name] if name in self.seconds else None
        status = self.call("ctest", "--test-dir", self.build, "-R", f"^{re.escape(name)}$", timeout=limit)
        return "hung" if status is None else "failed" if status else "passed"

    def check_whole(self, labels):
        """Builds the unchanged tree, runs every test and remembers how long each takes."""
        if not self.make(["all"]):
            raise Broken(f"the unchanged tree does not build; see {self.log}")
        self.find_tests()
        for label in labels:
            for name in self.tests.get(label, {}):
                start = time.monotonic()
                if self.test(name) != "passed":
                    raise Broken(f"the unchanged tree fails its own test {name}; see {self.log}")
                self.seconds[name] = time.monotonic() - start

    def in_order(self, room, label):
        """Tests of one stage, the likeliest to notice a change of `room` for its time first."""
        names = self.tests.get(label, {})
        return sorted(names, key=lambda name: (1 + self.seconds[name]) / (1 + self.catches.get((room, name), 0)))

    def remember(self, room, name):
        self.catches[room, name] = self.catches.get((room, name), 0) + 1

    def judge(self, room, mutation):
        """'does not build', 'caught by TEST' or 'survived'. The file is whole again afterwards."""
        path = self.tree / mutation.file
        whole = path.read_text()
        path.write_text(mutation.apply(whole))
        try:
            for label in self.stages_of(room):
                for name in self.in_order(room, label):
                    if not self.make(self.tests[label][name]):
                        return "does not build"
                    outcome = self.test(name)
                    if outcome != "passed":
                        self.remember(room, name)
                        return f"caught by {name}" + (", which hung" if outcome == "hung" else "")
            return "survived"
        finally:
            path.write_text(whole)
