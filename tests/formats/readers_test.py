#!/usr/bin/env python3
"""Our readers beside PyTorch, safetensors, onnx and NumPy, on files that those make: equal to the bit, or refused by both.

    readers_test.py READERS_TOOL [--seed 1] [--files 60]

READERS_TOOL is the program built from readers_tool.cc. Each library that this Python lacks is said and left out; without
any the test is skipped. Runs under the Python that SMLP_TEST_PYTHON names, or build/venv's, or this one.

What we refuse although the library reads it is listed: types that hold no number we compute with, and the words of
`may_refuse`. Nothing else may differ, least of all a value. The files of each library are made in readers/.
"""

import argparse
import importlib
import pathlib
import random
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

sys.path.insert(0, str(ROOT / "tests" / "support"))
from test_python import use_test_python  # noqa: E402

try:
    import numpy as np
except ImportError:
    use_test_python()
    print("SKIPPED: no NumPy; `./dev test` installs what tools/requirements-test.txt lists")
    sys.exit(77)


def optional(name):
    """A library, or None where it is missing (or broken: a PyTorch built for another NumPy)."""
    try:
        module = __import__(name)
        if module.__file__ is None:  # the folder of that name beside this file
            raise ImportError(f"no module named {name}")
        return module
    except Exception as problem:  # noqa: BLE001
        print(f"SKIPPED: the comparison with {name}, which cannot be imported ({problem})")
        return None


if optional("onnx") is None:
    use_test_python()

from readers.comparison import Files, faults_of, read_all  # noqa: E402, which needs NumPy

LIBRARIES = [name for name in ("numpy", "safetensors", "torch", "onnx") if optional(name)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--files", type=int, default=60, help="checkpoints of PyTorch")
    options = parser.parse_args()
    problems, total = [], 0
    with tempfile.TemporaryDirectory(prefix="smlp-readers-") as scratch:
        for library in LIBRARIES:
            folder = pathlib.Path(scratch) / library
            folder.mkdir()
            files = Files(folder, options.files)
            rng, draw = np.random.default_rng(options.seed), random.Random(options.seed)
            importlib.import_module(f"readers.{library}_files").make(files, rng, draw)
            found = read_all(options.tool, files.expected)
            refused = sum(e.refused is not None for e in files.expected.values())
            print(f"{library}: {len(files.expected)} files, {refused} of them refused by {library}")
            total += len(files.expected)
            for path, expected in files.expected.items():
                problems += [f"{path}: {fault}" for fault in faults_of(found[path], expected)]
    for problem in problems:
        print(problem)
    print(f"{total} files, {len(problems)} differences")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
