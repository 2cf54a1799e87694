#!/usr/bin/env python3
"""Installs the build into a scratch folder and uses it as a stranger's project would.

    python3 tests/install/install_test.py --build build/release --cmake cmake --compiler c++

The C++ block of docs/library.md that includes <smlp/smlp.h> is compiled with find_package(smlp) against the installed tree and
run. Exit 77: the part that needs the bundled model was skipped, the rest passed.
"""

import argparse
import os
import re
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SKIPPED = 77

PROJECT = """cmake_minimum_required(VERSION 3.25)
project(stranger LANGUAGES CXX)
find_package(smlp 0.1 REQUIRED)
add_executable(app app.cc)
target_link_libraries(app PRIVATE smlp::smlp)
"""


def run(*command, expect=0, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode != expect:
        sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}, expected {expect}\n{done.stdout}{done.stderr}")
    return done


def check(condition, what):
    if not condition:
        sys.exit(f"FAILED: {what}")


def readme_snippet():
    blocks = re.findall(r"^```cpp$(.*?)^```$", (ROOT / "docs" / "library.md").read_text(), re.M | re.S)
    snippets = [block for block in blocks if "#include <smlp/smlp.h>" in block]
    check(len(snippets) == 1, f"docs/library.md has {len(snippets)} C++ blocks with <smlp/smlp.h>, expected 1")
    return snippets[0]


def write_png(path, side=160):
    rows = b"".join(b"\0" + bytes((x * (k + 1) + y) % 256 for x in range(side) for k in range(3)) for y in range(side))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def check_exports(library):
    """Only names of the namespace smlp may be seen from outside."""
    names = run("nm", "-DC", "--defined-only", "--format=just-symbols", library).stdout.splitlines()
    foreign = [n for n in names if not re.match(r"(typeinfo (name )?for |vtable for |guard variable for )?smlp::", n)]
    check(not foreign, f"{library.name} shows foreign names: {foreign[:5]}")
    for wanted in ("smlp::Model::load(", "smlp::Model::bundled(", "smlp::Session::create(", "smlp::Session::classify(",
                   "smlp::Session::run(", "smlp::Model::preprocess(", "smlp::Batcher::create(",
                   "smlp::Batcher::submit(", "smlp::find_precision(", "smlp::Error::message["):
        check(any(n.startswith(wanted) for n in names), f"{library.name} lacks {wanted}")
    check(not any("Engine" in n for n in names), f"{library.name} shows the engine")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--cmake", default="cmake")
    parser.add_argument("--compiler", default="c++")
    options = parser.parse_args()
    environment = {k: v for k, v in os.environ.items() if k not in ("SMLP_MODEL_DIR", "SMLP_ISA")}

    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        prefix = scratch / "prefix"
        run(options.cmake, "--install", options.build, "--prefix", prefix)
        libraries = [p for p in prefix.rglob("libsmlp.so") if p.is_file()]
        check(len(libraries) == 1, f"libsmlp.so was installed {len(libraries)} times")
        check_exports(libraries[0])

        project = scratch / "project"
        project.mkdir()
        (project / "CMakeLists.txt").write_text(PROJECT)
        (project / "app.cc").write_text(readme_snippet())
        run(options.cmake, "-G", "Ninja", "-S", project, "-B", project / "build", f"-DCMAKE_PREFIX_PATH={prefix}",
            f"-DCMAKE_CXX_COMPILER={options.compiler}", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror")
        run(options.cmake, "--build", project / "build")
        app = project / "build" / "app"
        version = run(prefix / "bin" / "smlp", "--version").stdout
        check(re.fullmatch(r"smlp \d+\.\d+\.\d+\n", version), f"--version printed {version!r}")

        if not list((prefix / "share" / "smlp" / "models").glob("*.safetensors")):
            print("SKIPPED: running the README's program needs the bundled model in models/")
            return SKIPPED
        picture = scratch / "picture.png"
        write_png(picture)
        # The library finds the model of its own prefix, wherever that was moved to.
        moved = scratch / "moved"
        prefix.rename(moved)
        environment["LD_LIBRARY_PATH"] = str(moved / libraries[0].parent.relative_to(prefix))
        answer = run(app, picture, env=environment).stdout.splitlines()
        check(len(answer) == 3, f"the README's program printed {len(answer)} lines, expected 3")
        shares = [float(line.split("%")[0]) for line in answer]
        check(shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 100.1, f"not probabilities: {answer}")
        failed = run(app, scratch / "missing.jpg", env=environment)
        check("missing.jpg" in failed.stderr, "the README's program does not name a missing picture")
        said = run(moved / "bin" / "smlp", "classify", "--top", "3", picture, env=environment).stdout
        check(len(said.splitlines()) == 1, f"the installed program printed {said!r}")
        model = next((moved / "share" / "smlp" / "models").glob("*.safetensors"))
        model.write_text("damaged")  # the source tree's copy is whole: the error proves which one is read
        for command in ([app, picture], [moved / "bin" / "smlp", "classify", picture]):
            check(str(model) in run(*command, env=environment, expect=1).stderr, f"{command[0]} did not read {model}")
    print("the README's program was built against the installed package and ran")
    return 0


if __name__ == "__main__":
    sys.exit(main())
