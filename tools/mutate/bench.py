"""The copy of the tree in which mutations are built and tested."""

import hashlib
import os
import shutil
import subprocess
import time

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
        self.stages = {}

    def copy_tree(self):
        """Copies what git knows, touching only files that differ, and removes what is gone. A hash of all of it."""
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                                capture_output=True, check=True).stdout
        names = sorted(n for n in os.fsdecode(listed).split("\0") if n and (ROOT / n).is_file())
        digest = hashlib.sha256()
        for name in names:
            data, target = (ROOT / name).read_bytes(), self.tree / name
            if not name.startswith("tools/mutate/") and not name.endswith(".md"):
                digest.update(f"{name}\0{len(data)}\0".encode() + data)
            if not target.is_file() or target.read_bytes() != data:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
                shutil.copymode(ROOT / name, target)
        known = set(names)
        for path in list(self.tree.rglob("*")):
            name = str(path.relative_to(self.tree))
            if path.is_file() and name not in known and not name.startswith("build/"):
                path.unlink()
        return digest.hexdigest()[:16]

    def call(self, *command, timeout=None):
        """Exit status, or None where the time ran out; the output is in self.log."""
        environment = dict(os.environ, CMAKE_COLOR_DIAGNOSTICS="OFF")
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
        command = ["cmake", "-G", "Ninja", "-S", self.tree, "-B", self.build, "-DCMAKE_BUILD_TYPE=Release", *cmake_options]
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

    def has_tests(self, label):
        return label is None or self.call("ninja", "-C", self.build, "-t", "query", f"{label}_tests") == 0

    def make(self, label):
        target = "all" if label is None else f"{label}_tests"
        return self.call("ninja", "-C", self.build, "-j", self.jobs, target) == 0

    def test(self, label):
        select = ["-L", f"^{label}$"] if label else ["-LE", ".", "-E", OTHER_TESTS_LEFT_OUT]
        limit = 30 + 5 * self.stages[label] if label in self.stages else None
        return self.call("ctest", "--test-dir", self.build, "-j", self.jobs, "--stop-on-failure", *select,
                         timeout=limit) == 0

    def check_whole(self, labels):
        """Builds the unchanged tree, runs every stage and remembers how long each takes."""
        for label in labels:
            if not self.has_tests(label):
                continue
            if not self.make(label):
                raise Broken(f"the unchanged tree does not build; see {self.log}")
            start = time.monotonic()
            if not self.test(label):
                raise Broken(f"the unchanged tree fails its own tests ({label or 'whole programs'}); see {self.log}")
            self.stages[label] = time.monotonic() - start

    def judge(self, room, mutation):
        """'does not build', 'caught by LABEL' or 'survived'. The file is whole again afterwards."""
        path = self.tree / mutation.file
        whole = path.read_text()
        path.write_text(mutation.apply(whole))
        try:
            for label in self.stages_of(room):
                if label not in self.stages:
                    continue
                if not self.make(label):
                    return "does not build"
                if not self.test(label):
                    return f"caught by {label or 'whole programs'}"
            return "survived"
        finally:
            path.write_text(whole)
