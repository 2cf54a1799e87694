#!/usr/bin/env python3
"""Makes every file system call of every command fail once, and watches the order of the calls that succeed. Every
command and every source file that writes has to be among what is tried.

    failure_injection_test.py --smlp BIN --shim LIBRARY [--seconds 90] [--only NAME]

A run in which a call failed has to succeed all the same, or to end with one line and exit 1; no file under a final name
may be cut off or hold anything else than that of an undisturbed run; and the same command, run again, has to end with
the same files as if nothing had happened.
"""

import argparse
import errno
import fnmatch
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import commands

# What each call fails with. `short` and EINTR are no failures: the program has to go on.
FAILURES = {
    "open": [errno.EMFILE],
    "write": [errno.ENOSPC, "short", errno.EINTR],
    "fsync": [errno.EIO],
    "syncfs": [errno.EIO],
    "rename": [errno.EIO],
    "ftruncate": [errno.EIO],
    "lseek": [errno.EIO],
    "fstat": [errno.EIO],
    "unlink": [errno.EIO],
    "mkdir": [errno.ENOSPC],
    "close": [errno.EIO],
    "flock": [errno.ENOLCK],
}
# Failures after which something is not, or may not be, on the disk: a run that goes on to success has not looked.
# Appear whole: their bytes are on the disk before. The many results of a run appear at once, and syncfs() flushes them
# together, before the summary says that they are complete.
FLUSHED_FIRST = ("net.onnx", "net.smlp", "net8.smlp", "kept.smlp", "trace.json", "p.jsonl", "c.csv", "m.csv",
                 "result/run/packed_0.npy")
LOSSES = {"write", "fsync", "syncfs", "rename"}
HARMLESS = {("write", "short"), ("write", errno.EINTR), ("flock", errno.ENOLCK)}
# Every source file that writes, and the names below {out} under which what it writes has to be seen while the commands
# run. A new writer fails this test until it is here, and until a command of commands.py reaches it.
WRITERS = {
    "data/evaluation_journal.cc": [".p.jsonl.smlp-journal"],
    "data/line_journal.cc": [".p.jsonl.smlp-journal", "result/run/.smlp-run.jsonl"],
    "data/npy.cc": ["result/run/batch-*_0.npy"],
    "data/preprocess_journal.cc": ["prep/bins/.smlp-preprocess.jsonl"],
    "data/result_files.cc": ["result/run/.packed_0.npy.part", "result/run/packed_names.tsv"],
    "data/run_record.cc": ["result/run/.smlp-run.jsonl"],
    "formats/onnx_file.cc": ["net.onnx"],
    "formats/safetensors.cc": ["net.smlp"],
    "tasks/bin_sink.cc": ["prep/bins/batch-*.bin"],
    "tasks/compile.cc": ["kept.op_precision.ini"],
    "tasks/named_output.cc": ["p.jsonl", "c.csv", "m.csv", "trace.json"],
    "tasks/preprocess_endings.cc": ["prep/labels.npy", "prep/manifest.jsonl"],
    "tasks/run_folder.cc": ["result/run"],
    "tasks/run_results.cc": ["result/run/.smlp-inputs.jsonl", "result/run/batch-*_0.txt", "result/run_summary.json"],
}
WRITES = re.compile(r"\b(?:AtomicFile::create|write_file|create_own|reopen_own|LineJournal::create|fs::create_director\w+)\(")
# A command without a row in commands.py, and what it writes: a trace that loses lines where it cannot be written to, while
# requests are answered on (tests/server/options_test.py fills a device under it).
SERVERS, SERVERS_WRITE = {"serve"}, {"server/request_trace.cc"}
EACH = 40  # of one call with one failure: all where there are no more, else the first and last ones and some between


def calls_of(log):
    """[name, path, more, outcome] of each."""
    return [line.split("\t") for line in log.read_text().splitlines()]


def is_lost(calls, call, failure):
    """Whether what failed in these calls lost something. Of close() only the first after a file was written tells of it."""
    failed = next((i for i, (name, *_, outcome) in enumerate(calls) if name == call and int(outcome) < 0), None)
    if failed is None or (call, failure) in HARMLESS:
        return False
    path = calls[failed][1]
    if call != "close" or not path.endswith(".smlp-tmp"):
        return call in LOSSES
    before = [name for name, other, *_ in calls[:failed] if other == path]
    return "write" in before and "close" not in before


class Harness:
    def __init__(self, smlp, shim, scratch):
        self.smlp, self.shim, self.scratch = smlp, shim, scratch
        self.world = scratch / "world"
        commands.make_world(smlp, self.world)
        self.problems = []

    def run(self, argv, fail=None, log=None):
        env = {"LD_PRELOAD": str(self.shim), "SMLP_SHIM_UNDER": str(self.scratch)}
        if fail:
            env["SMLP_SHIM_FAIL"] = fail
        if log:
            env["SMLP_SHIM_LOG"] = str(log)
        return commands.run(self.smlp, argv, env=env)

    def observe(self, command):
        """An undisturbed run: its files, and its calls as [name, path, more, outcome]."""
        out, log = self.scratch / f"{command.name} whole", self.scratch / f"{command.name}.log"
        out.mkdir()
        done = self.run(command.argv(self.world, out), log=log)
        if done.returncode != 0:
            raise SystemExit(f"{command.name}: {done.stderr.decode()}")
        return out, commands.reference_of(command, out), calls_of(log)

    def disturb(self, command, reference, call, nth, failure):
        what = f"{command.name}: {call} number {nth} fails with {failure}"
        out = Path(tempfile.mkdtemp(prefix="out-", dir=self.scratch))
        log = out.with_suffix(".log")
        try:
            found = []
            done = self.run(command.argv(self.world, out), fail=f"{call}:{nth}:{failure}", log=log)
            if done.returncode == 0 and is_lost(calls_of(log), call, failure):
                found.append("something is lost, and the run succeeds")
            found += [commands.complaint(done), *commands.wrong_files(command, out, reference)]
            if (call, failure) in HARMLESS and done.returncode != 0:
                found.append("is no failure, and the run ended")
            if done.returncode == 0 and commands.reference_of(command, out).keys() != reference.keys():
                found.append("files are missing after success")
            left = [p.name for p in out.rglob("*.smlp-tmp")]
            if left and call != "unlink":
                found.append(f"left {left}")
            # A disk that was full may leave nothing that is in the way of the same command.
            was_full = (call, failure) == ("write", errno.ENOSPC) and "--force" in command.again
            failed = done.returncode != 0 and not was_full
            again = self.run(command.argv(self.world, out, again=failed or "--resume" in command.again))
            if done.returncode == 0 and "--force" in command.again:
                again = self.run(command.argv(self.world, out, again=True))
            if again.returncode != 0:
                found.append(f"cannot be repeated: {again.stderr.decode(errors='replace')}")
            elif commands.reference_of(command, out).keys() != reference.keys():
                found.append("files are missing after it was repeated")
            found += commands.wrong_files(command, out, reference)
        except subprocess.TimeoutExpired:
            found = ["hangs"]
        finally:
            shutil.rmtree(out, ignore_errors=True)
            log.unlink(missing_ok=True)
        return [f"{what}: {problem}" for problem in found if problem]


def numbers(count):
    if count <= EACH:
        return range(1, count + 1)
    middle = random.Random(count).sample(range(3, count), EACH - 4)
    return sorted({1, 2, count - 1, count, *middle})


def check_order(command, out, calls):
    """What must hold of the order of the calls: write, fsync, rename, fsync of the folder."""
    problems = []
    dirty, synced_folders_due, unsynced = set(), {}, set()
    for name, path, more, outcome in calls:
        if int(outcome) < 0:
            continue
        if name == "open" and int(more, 8) & 0o100:
            flags = int(more, 8)
            if not flags & 0o200 or not flags & 0o400000:
                problems.append(f"{path} is created without O_EXCL and O_NOFOLLOW")
        if name in ("write", "ftruncate"):
            dirty.add(path)
        if name == "fsync":
            dirty.discard(path)
            synced_folders_due.pop(path, None)
        if name == "syncfs":
            dirty.clear()
            unsynced.clear()
            synced_folders_due.clear()
        if name == "rename":
            final = more
            relative = final[len(str(out)) + 1 :]
            if path in dirty:
                unsynced.add(final)
                dirty.discard(path)
            else:
                synced_folders_due[str(Path(final).parent)] = final
            if relative in command.seal and unsynced:
                problems.append(f"{relative} appears before {sorted(unsynced)} are on the disk")
            if final in unsynced and relative in (*command.seal, *FLUSHED_FIRST):
                problems.append(f"{relative} appears before its bytes are on the disk")
    problems += [f"{p} is never flushed" for p in sorted(unsynced)]
    problems += [f"the folder of {p} is not flushed after the rename" for p in synced_folders_due.values()]
    return [f"{command.name}: {p}" for p in problems]


def names_made(out, calls):
    """What a run created, below {out}, under its final name."""
    made = {more if name == "rename" else path for name, path, more, outcome in calls
            if int(outcome) >= 0 and (name in ("rename", "mkdir") or name == "open" and int(more, 8) & 0o100)}
    return {name[len(str(out)) + 1 :] for name in made}


def check_whole(made):
    """Whether the rows of commands.py reach every command and every writer of the program."""
    source = commands.SOURCE / "src"
    listed = set(re.findall(r'^    \{"([\w-]+)", "', (source / "cli/main.cc").read_text(), re.M))
    rows = {command.arguments[0] for command in commands.COMMANDS}
    problems = [f"commands.py has no row for smlp {name}" for name in sorted(listed - rows - SERVERS)]
    if len(listed) < 10:
        problems.append(f"src/cli/main.cc lists the commands {sorted(listed)} only")
    writers = {str(path.relative_to(source)) for path in source.rglob("*.cc")
               if not path.is_relative_to(source / "base") and WRITES.search(path.read_text())}
    problems += [f"src/{name} writes: say what in WRITERS" for name in sorted(writers - WRITERS.keys() - SERVERS_WRITE)]
    problems += [f"src/{name} writes nothing: take it out of WRITERS" for name in sorted(WRITERS.keys() - writers)]
    problems += [f"no command of commands.py makes src/{name} write {pattern}"
                 for name, patterns in WRITERS.items() for pattern in patterns if not fnmatch.filter(made, pattern)]
    return problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smlp", type=Path, required=True)
    parser.add_argument("--shim", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    deadline = time.monotonic() + options.seconds
    scratch = Path(tempfile.mkdtemp(prefix="smlp-failures-"))
    problems, tried, skipped = [], 0, 0
    try:
        harness = Harness(options.smlp, options.shim, scratch)
        tasks, made = [], set()
        for command in commands.COMMANDS:
            if options.only not in command.name:
                continue
            out, reference, calls = harness.observe(command)
            problems += check_order(command, out, calls)
            made |= names_made(out, calls)
            for call, failures in FAILURES.items():
                count = sum(1 for name, *_ in calls if name == call)
                tasks += [(command, reference, call, n, f) for f in failures for n in numbers(count)]
        if not options.only:
            problems += check_whole(made)
        for outcome in commands.in_time(tasks, deadline, harness.disturb):
            tried += outcome is not None
            skipped += outcome is None
            problems += outcome or []
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    status = commands.report(problems, f"{tried} calls failed, {skipped} left out for want of time")
    return 1 if tried < 100 and not options.only else status


if __name__ == "__main__":
    sys.exit(main())
