#!/usr/bin/env python3
"""What a file may make the program take: every row of the table in docs/security.md, with files made to exceed it.

    budgets_test.py SMLP [NAME...]    SMLP: the program; NAMEs choose among the files

Each file goes to `smlp info` (models) or `smlp classify` (pictures, archives, lists) as a process of its own. Its peak of resident memory,
less that of the program with a harmless file, must stay within the budget; so must its processor time, with a margin so
wide that only a hang exceeds it. The program must end by itself, in one line of error or none, and with status 0 or 1.
"""

import os
import resource
import sys
import tempfile
from pathlib import Path

import hostile

MB = 1 << 20
ADDRESS_SPACE = 6 << 30  # a guard for the machine that runs the test, far above every budget
GUARD_SECONDS = 60

# kind: (MB at the start, times the file's size, seconds of processor time). The table of docs/security.md.
BUDGETS = {
    "JPEG": (1100, 2, 30),
    "PNG": (1100, 2, 30),
    "safetensors": (48, 64, 10),
    "PyTorch": (48, 96, 10),
    "compressed": (256 + 48, 33, 20),
    "ONNX": (192, 96, 20),
    "tar": (48, 2, 10),
    "list": (48, 128, 10),
}

# name: (kind, maker, a part of the error, or None where the file is fine)
FILES = {
    "progressive": ("JPEG", hostile.progressive_jpeg, "scans"),
    "progressive-at-limit": ("JPEG", lambda: hostile.progressive_jpeg(refinements=12), None),
    "cut-off.png": ("PNG", lambda: hostile.png(data=b""), "end too soon"),
    "too-short.png": ("PNG", lambda: hostile.png(depth=8, colour=2, data=hostile.zlib.compress(bytes(100_000))),
                      "end too soon"),
    "flat.png": ("PNG", hostile.png, None),
    "nested-metadata": ("safetensors", hostile.nested_metadata, "smlp.preprocess"),
    "nested-in-object": ("safetensors", hostile.nested_in_object, "smlp.preprocess"),
    "nested-header": ("safetensors", hostile.nested_header, "header"),
    "long-name": ("safetensors", hostile.long_name, None),
    "many-tensors": ("safetensors", hostile.many_tensors, None),
    "many-metadata": ("safetensors", hostile.many_metadata, None),
    "pickle-of-nothing": ("PyTorch", hostile.pickle_of_nothing, None),
    "pickle-of-empty-tuples": ("PyTorch", hostile.pickle_of_empty_tuples, None),
    "pickle-of-marks": ("PyTorch", hostile.pickle_of_marks, "pickle"),
    "pickle-of-copies": ("PyTorch", hostile.pickle_of_copies, "memory"),
    "pickle-of-high-memo": ("PyTorch", hostile.pickle_of_high_memo, "memory"),
    "pickle-of-ranks": ("PyTorch", hostile.pickle_of_ranks, "memory"),
    "pickle-of-sparse": ("PyTorch", hostile.pickle_of_sparse, "malformed sparse tensor"),
    "pickle-of-metadata": ("PyTorch", hostile.pickle_of_metadata, "memory"),
    "pickle-of-long-containers": ("PyTorch", hostile.pickle_of_long_containers, "memory"),
    "pickle-of-networks": ("PyTorch", hostile.pickle_of_networks, None),
    "pickle-of-shared-weights": ("PyTorch", hostile.pickle_of_shared_weights, None),
    "legacy-of-nothing": ("PyTorch", hostile.legacy_of_nothing, None),
    "overlapping-zip": ("PyTorch", hostile.overlapping_zip, "overlap"),
    "gzip-bomb": ("compressed", hostile.gzip_bomb, "memory"),
    "gzip-lying": ("compressed", hostile.gzip_lying, "end early"),
    "zip-bomb": ("compressed", hostile.zip_bomb, "memory"),
    "torch-zip-bomb": ("compressed", hostile.torch_zip_bomb, "memory"),
    "onnx-of-nodes": ("ONNX", lambda: hostile.onnx_of_messages(1), "messages"),
    "onnx-of-initializers": ("ONNX", lambda: hostile.onnx_of_messages(5), "messages"),
    "onnx-of-attributes": ("ONNX", hostile.onnx_of_attributes, "messages"),
    "onnx-of-functions": ("ONNX", hostile.onnx_of_functions, "messages"),
    "onnx-of-initializers-allowed": ("ONNX", lambda: hostile.onnx_of_messages(5, 200_000), None),
    "onnx-of-nodes-allowed": ("ONNX", lambda: hostile.onnx_of_messages(1, 200_000), None),
    "onnx-of-packed-integers": ("ONNX", hostile.onnx_of_packed_integers, None),
    "onnx-of-edges": ("ONNX", hostile.onnx_of_edges, None),
    "onnx-of-identities": ("ONNX", hostile.onnx_of_identities, None),
    "onnx-of-unsqueezes": ("ONNX", hostile.onnx_of_unsqueezes, None),
    "onnx-of-calls": ("ONNX", hostile.onnx_of_calls, None),
    "members.tar": ("tar", hostile.tar_of_members, None),
    "long-names.tar": ("tar", hostile.tar_of_long_names, None),
    "one-name.tar": ("tar", hostile.tar_of_one_name, "two members named"),
    "lying.tar": ("tar", hostile.tar_lying, "is cut off"),
    "lines": ("list", hostile.list_of_lines, "cannot open"),
    "one-line": ("list", hostile.list_of_one_line, "at most 8192"),
}


def limit_child():
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CPU, (GUARD_SECONDS, GUARD_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(smlp, kind, path, folder):
    """(status or -signal, peak bytes, seconds, stderr) of the program with this file."""
    classify = [smlp, "classify", "--threads", "1", "--limit", "1"]
    words = {"JPEG": [*classify, path], "PNG": [*classify, path], "tar": [*classify, path],
             "list": [*classify, "@" + path]}.get(kind, [smlp, "info", path])
    with open(folder / "out", "wb") as out, open(folder / "err", "wb") as err:
        child = os.fork()
        if child == 0:
            try:
                limit_child()
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                os.execv(smlp, words)
            finally:
                os._exit(127)
        _, status, usage = os.wait4(child, 0)
    return (os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime,
            (folder / "err").read_text(errors="replace"))


def problems_of(name, smlp, folder, quiet):
    kind, maker, wanted = FILES[name]
    start, times, seconds = BUDGETS[kind]
    content = maker()
    path = folder / name
    path.write_bytes(content)
    status, peak, took, error = run(smlp, kind, str(path), folder)
    path.unlink()
    taken, budget = max(peak - quiet[kind], 0), start * MB + times * len(content)
    print(f"{name:30} {len(content) / MB:6.1f} MB: {taken / MB:7.0f} of {budget / MB:5.0f} MB, {took:5.1f} of {seconds} s, "
          f"status {status} {error[:100].strip()}", flush=True)
    if status not in (0, 1):
        yield f"status {status}: {error[-300:]}"
    if error.count("\n") > 1:
        yield f"more than one line: {error[:300]}"
    if taken > budget:
        yield f"{taken} bytes taken, budget {budget}"
    if took > seconds:
        yield f"{took} s, budget {seconds}"
    output = error + (folder / "out").read_text(errors="replace")
    if wanted and wanted not in output:
        yield f"'{wanted}' not in: {output[:500]}"
    if (status == 1) != bool(error):
        yield f"status {status} with error '{error[:200]}'"


def main():
    smlp, names = os.path.abspath(sys.argv[1]), sys.argv[2:] or list(FILES)
    failed = []
    with tempfile.TemporaryDirectory(prefix="smlp-budgets-") as temporary:
        folder = Path(temporary)
        quiet = {}
        for kind in BUDGETS:
            path = folder / "harmless.png"
            path.write_bytes(hostile.png(side=8) if kind in ("JPEG", "PNG", "list") else hostile.network({}))
            if kind == "list":
                path = folder / "harmless-list"
                path.write_text(f"{folder}/harmless.png\n")
            if kind == "tar":
                path = folder / "harmless.tar"
                path.write_bytes(hostile.tar_member("a.png", hostile.png(side=8)) + bytes(1024))
            status, quiet[kind], _, error = run(smlp, kind, str(path), folder)
            if status != 0:
                sys.exit(f"a harmless file gave status {status}: {error}")
        for name in names:
            for problem in problems_of(name, smlp, folder, quiet):
                failed.append(name)
                print(f"FAILED {name}: {problem}", flush=True)
    sys.exit(f"{len(failed)} of {len(names)} failed: {', '.join(failed)}" if failed else 0)


main()
