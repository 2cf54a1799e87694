#!/usr/bin/env python3
"""Runs every command with little memory, few descriptors, no thread but the first, and a limit on the size of files.

    resource_limits_test.py --smlp BIN [--seconds 120]

Each run has to succeed, or to end in time with one line and exit 1; nothing under a final name may be cut off.
"""

import argparse
import functools
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import commands

MEGABYTES = (8, 12, 16, 20, 24, 28, 32, 36, 40, 48, 56, 64, 80, 100, 150, 200, 300, 450, 700, 1000)
DESCRIPTORS = range(3, 21)
FILE_BYTES = (0, 1, 63, 64, 100, 500, 1000, 3000, 10000)
NOBODY = 65534


def limit(kind, value):
    return lambda: resource.setrlimit(kind, (value, value))


def no_thread():
    """No further thread or process. Root has no such limit, so that the run is somebody else's."""
    if os.geteuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def mapped_bytes(program):
    """What the segments of a 64-bit ELF file span in memory. With less than that no byte of the program runs: the system
    ends it while it is being loaded."""
    data = program.read_bytes()
    first, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    spans = []
    for i in range(count):
        kind, _, _, address, _, _, length = struct.unpack_from("<IIQQQQQ", data, first + i * size)
        if kind == 1:  # PT_LOAD
            spans.append((address, address + length))
    return max(end for _, end in spans) - min(start for start, _ in spans)


def cases(least_memory):
    for command in commands.COMMANDS:
        for value in MEGABYTES:
            if value << 20 <= least_memory:
                continue
            yield command, f"{value} MB of memory", limit(resource.RLIMIT_AS, value << 20)
        for value in DESCRIPTORS:
            yield command, f"{value} descriptors", limit(resource.RLIMIT_NOFILE, value)
        yield command, "no thread", no_thread
        for value in FILE_BYTES if command.exact else ():
            yield command, f"files of {value} bytes", limit(resource.RLIMIT_FSIZE, value)
    batch = ["infer", "--model", "{world}/net.onnx", "--batchsize", "4096", "--pure_data_type", "zero", "--threads", "1"]
    bench = ["bench", "--model", "{world}/net.onnx", "--batch-sizes", "4096", "--loop", "1", "--threads", "1", "--no-pin"]
    for argv in (batch, bench):
        for value in (30, 40, 60, 100, 900):
            yield commands.Command(argv[0] + " 4096", argv), f"{value} MB of memory", limit(resource.RLIMIT_AS, value << 20)


def attempt(smlp, world, scratch, references, command, what, preexec):
    out = Path(tempfile.mkdtemp(prefix="out-", dir=scratch))
    out.chmod(0o777)
    try:
        done = commands.run(smlp, command.argv(world, out), preexec_fn=preexec)
        reference = references.get(command.name, {})
        found = [commands.complaint(done), *commands.wrong_files(command, out, reference)]
        if done.returncode == 0 and commands.reference_of(command, out).keys() != reference.keys():
            found.append("files are missing after success")
        return [f"{command.name} with {what}: {problem}" for problem in found if problem]
    except subprocess.TimeoutExpired:
        return [f"{command.name} with {what}: hangs"]
    finally:
        shutil.rmtree(out, ignore_errors=True)


def with_memory(smlp, kilobytes):
    return commands.run(smlp, ["--version"], preexec_fn=limit(resource.RLIMIT_AS, kilobytes << 10))


def problems_before_main(smlp, least_memory):
    """With a little less than the least memory that the program starts with, its libraries fail: the loader finds no room
    for one (exit 127, which is the system's word), or an initialiser of one has no memory."""
    low, high = least_memory >> 10, 1 << 20
    while high - low > 50:
        middle = (low + high) // 2
        low, high = (low, middle) if with_memory(smlp, middle).returncode == 0 else (middle, high)
    problems = []
    for kilobytes in range(max(least_memory >> 10, high - 2000) + 50, high, 50):
        problem = commands.complaint(with_memory(smlp, kilobytes))
        if problem:
            problems.append(f"start with {kilobytes} kB of memory: {problem}")
    return problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smlp", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    deadline = time.monotonic() + options.seconds
    scratch = Path(tempfile.mkdtemp(prefix="smlp-limits-"))
    scratch.chmod(0o755)
    try:
        world = scratch / "world"
        commands.make_world(options.smlp, world)
        references = {}
        for command in commands.COMMANDS:
            out = scratch / f"{command.name} whole"
            out.mkdir()
            commands.run(options.smlp, command.argv(world, out))
            references[command.name] = commands.reference_of(command, out)
        # A checkout below a home that only its owner may enter has a program that no_thread's user cannot start.
        program = Path(shutil.copy(options.smlp, scratch))
        todo = list(cases(mapped_bytes(program)))
        outcomes = [problems_before_main(program, mapped_bytes(program))]
        outcomes += commands.in_time(todo, deadline, functools.partial(attempt, program, world, scratch, references))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return commands.report_outcomes(outcomes, "runs")


if __name__ == "__main__":
    sys.exit(main())
