"""The copy of the tree in which mutations are built and tested."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import time

from .plan import ROOT, layers
from .reach import Marks

# They install packages, measure, run other programs, check the sources themselves, or limit the memory, of which shared
# layers take more.
OTHER_TESTS_LEFT_OUT = ("^(resource_limits|install|package|configure_without_python|loadgen|slurm|peers|peers_worker|kernel_bench|"
                        "pipeline_bench|readme_commands|layers|layers_self_test|isa_objects.*|.*emulated.*)$")
COMPILE_ERROR = re.compile(r"^(\S+?):(\d+):\d+: error:", re.M)


class Broken(Exception):
    """The tree fails before anything was changed in it."""


class Bench:
    def __init__(self, folder, jobs):
        # Where `./dev` builds below its tree: with the same relative paths, ccache shares the objects.
        self.tree, self.build, self.jobs = folder / "tree", folder / "tree" / "build" / "release", jobs
        self.log, self.marks_file = folder / "last.log", folder / "marks"
        self.tests, self.seconds, self.catches, self.reached = {}, {}, {}, {}
        self.noticed_by = {}  # id of a change, also of another source -> the test that noticed it
        self.marks = None

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
                return None
            finally:  # where its time ran out, or the user stops everything
                if process.returncode is None:
                    os.killpg(process.pid, 9)
                    process.wait()

    def configure(self, cmake_options):
        command = ["cmake", "-G", "Ninja", "-S", self.tree, "-B", self.build, "-DCMAKE_BUILD_TYPE=Release",
                   "-DSMLP_TOGETHER=OFF", "-DSMLP_SHARED_LAYERS=ON", *cmake_options]
        if shutil.which("ccache"):
            command.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
        if self.call(*command) != 0:
            raise Broken(f"cmake failed; see {self.log}")

    def stages_of(self, room):
        """Labels of the tests in the order in which they are tried: its own, then those of the rooms above it, nearest
        first, then None, the tests without a label, which run whole programs; last all others, some of which do too."""
        rooms = layers()
        above = [r for r in rooms.BELOW if room in rooms.reachable(r) and (self.tree / "tests" / r).is_dir()]
        above.sort(key=lambda r: (r != room, len(rooms.reachable(r))))
        return [*above, None, *(r for r in rooms.BELOW if r not in above)]

    def find_tests(self):
        """The names of the tests of every label, None for those without."""
        shown = subprocess.run(["ctest", "--test-dir", self.build, "--show-only=json-v1"], capture_output=True, text=True,
                               check=True).stdout
        for test in json.loads(shown)["tests"]:
            labels = next((p["value"] for p in test["properties"] if p["name"] == "LABELS"), [None])
            if re.search(OTHER_TESTS_LEFT_OUT, test["name"]):
                continue
            self.tests.setdefault(labels[0] if labels[0] in layers().BELOW else None, []).append(test["name"])

    def make(self, targets):
        return self.call("ninja", "-C", self.build, "-j", self.jobs, *targets) == 0

    def test(self, name):
        """'passed', 'failed' or 'hung'."""
        limit = 60 + 10 * self.seconds[name] if name in self.seconds else None
        status = self.call("ctest", "--test-dir", self.build, "-R", f"^{re.escape(name)}$", timeout=limit)
        return "hung" if status is None else "failed" if status else "passed"

    def build_marked(self, mutations):
        """Builds the unchanged tree with a mark for each of `mutations`, without those that do not compile."""
        names = {m.file for m in mutations} | {str(p.relative_to(self.tree)) for p in self.tree.glob("src/base/*.cc")}
        self.whole = {name: self.tree.joinpath(name).read_text() for name in names}
        self.marks = Marks(mutations, self.whole, self.marks_file)
        self.marks.clear()
        self.marked = {*self.marks.places, self.marks.definition_in}
        for file in self.marked:
            self.write_marked(file)
        while not self.make(["-k", "0", "all"]):
            found = [((self.build / name).resolve(), int(line)) for name, line in COMPILE_ERROR.findall(self.log.read_text())]
            first = {}  # of a file: others often follow from it
            for path, line in found:
                if path.is_relative_to(self.tree):
                    first.setdefault(str(path.relative_to(self.tree)), line)
            taken = {file for file, line in first.items() if self.marks.take_away(file, line)}
            if not taken:
                raise Broken(f"the unchanged tree does not build; see {self.log}")
            for file in taken:
                self.write_marked(file)

    def write_marked(self, file):
        self.tree.joinpath(file).write_text(self.marks.applied(file, self.whole[file]))

    def remove_marks(self):
        """Builds the unchanged tree again: marks make kernels several times slower."""
        for file in self.marked:
            self.tree.joinpath(file).write_text(self.whole[file])
        if not self.make(["all"]):
            raise Broken(f"the unchanged tree does not build; see {self.log}")

    def check_whole(self, labels, kept, about):
        """Runs every test and remembers how long each takes and which marks it reaches, also in the file `kept`: what is
        known there `about` the same tree and marks is not run again."""
        self.find_tests()
        about = [*about, *(f"{id_} {number}" for id_, number in self.marks.number_of.items())]
        known = json.loads(kept.read_text()) if kept.is_file() else {}
        if known.get("about") != about:
            known = {"about": about, "tests": {}}
        for label in labels:
            for name in self.tests.get(label, []):
                if name not in known["tests"]:
                    self.marks.clear()
                    start = time.monotonic()
                    if self.test(name) != "passed":
                        raise Broken(f"the unchanged tree fails its own test {name}; see {self.log}")
                    known["tests"][name] = [round(time.monotonic() - start, 1), sorted(self.marks.reached())]
                    kept.write_text(json.dumps(known))
                self.seconds[name], self.reached[name] = known["tests"][name]

    def reaches(self, name, mutation):
        """Whether a test can notice a change: not where the program has not come by its mark."""
        number = self.marks.number_of.get(mutation.id)
        return number is None or number in self.reached[name]

    def in_order(self, room, label):
        """Tests of one stage, the likeliest to notice a change of `room` for its time first."""
        names = self.tests.get(label, [])
        return sorted(names, key=lambda name: (1 + self.seconds[name]) / (1 + self.catches.get((room, name), 0)))

    def remember(self, room, id_, name):
        self.catches[room, name] = self.catches.get((room, name), 0) + 1
        self.noticed_by[id_] = name

    def judge(self, room, mutation, patience):
        """'does not build', 'caught by TEST', or 'survived'. First runs the test that noticed the same change earlier. Those
        of its own room apart, only tests that `patience` seconds have room for are run. The file is whole again afterwards.
        """
        source = self.tree / mutation.file
        whole = source.read_text()
        source.write_text(mutation.apply(whole))
        try:
            if not self.make(["all"]):
                return "does not build"
            begin, first = time.monotonic(), self.noticed_by.get(mutation.id)
            stages = [(label, self.in_order(room, label)) for label in self.stages_of(room)]
            for label, names in [(room, [first] if first in self.seconds else []), *stages]:
                for name in names:
                    if not self.reaches(name, mutation):
                        continue
                    if label != room and time.monotonic() - begin + self.seconds[name] > patience:
                        continue
                    outcome = self.test(name)
                    if outcome != "passed":
                        self.remember(room, mutation.id, name)
                        return f"caught by {name}" + (", which hung" if outcome == "hung" else "")
            return "survived"
        finally:
            source.write_text(whole)
