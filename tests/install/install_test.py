#!/usr/bin/env python3
"""Installs the build into a scratch folder and uses it as a stranger's project would.

    python3 tests/install/install_test.py --build build/release --cmake cmake --compiler c++

The C++ block of docs/library.md that includes <smlp/smlp.h> and the programs of examples/ are compiled against the
installed tree, with find_package(smlp) and with pkg-config, and run. Exit 77: the part that needs the bundled model was
skipped, the rest passed.
"""

import argparse
import json
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


def installed_files(prefix):
    return sorted(str(p.relative_to(prefix)) for p in prefix.rglob("*") if not p.is_dir())


def check_tree(prefix, commands):
    """Program, library, headers, package files, man pages, completion, model."""
    files = installed_files(prefix)
    pages = [f"share/man/man1/smlp{'-' + command if command else ''}.1" for command in ("", *commands)]
    scripts = ["share/bash-completion/completions/smlp", "share/zsh/site-functions/_smlp",
               "share/fish/vendor_completions.d/smlp.fish"]
    for wanted in ["bin/smlp", *pages, *scripts]:
        check(wanted in files, f"{wanted} was not installed: {files}")
    headers = {f"include/smlp/{p.name}" for p in (ROOT / "include" / "smlp").glob("*.h")}
    check(headers == {f for f in files if f.startswith("include/")}, "the installed headers are not those of include/")
    for name in ("smlp.pc", "smlpConfig.cmake", "smlpConfigVersion.cmake"):
        check(sum(f.endswith("/" + name) for f in files) == 1, f"{name} was not installed once")
    for page in pages:
        check(b".TH" in (prefix / page).read_bytes(), f"{page} is no man page")
    for script in scripts:
        check(b"evaluate" in (prefix / script).read_bytes(), f"{script} completes nothing")


def check_destdir(options, scratch, prefix):
    """A package is staged elsewhere than it will lie: the same files, and no word of the stage in them."""
    stage = scratch / "stage"
    run(options.cmake, "--install", options.build, "--prefix", "/opt/smlp", env={**os.environ, "DESTDIR": str(stage)})
    staged = stage / "opt" / "smlp"
    check(installed_files(staged) == installed_files(prefix), "DESTDIR gives other files")
    for path in [*staged.rglob("*.cmake"), *staged.rglob("*.pc")]:
        check(str(scratch) not in path.read_text(), f"{path} names the stage")


def check_headers(options, prefix, scratch):
    """Each header stands alone, in the strictest warnings."""
    for header in sorted((prefix / "include" / "smlp").glob("*.h")):
        source = scratch / "alone.cc"
        source.write_text(f"#include <smlp/{header.name}>\n#include <smlp/{header.name}>\n")
        run(options.compiler, "-std=c++23", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-I", prefix / "include", source)


def package_flags(prefix):
    """What pkg-config says, wherever the tree lies by now."""
    pc = next(prefix.rglob("smlp.pc"))
    said = run("pkg-config", "--cflags", "--libs", "smlp", env={**os.environ, "PKG_CONFIG_PATH": str(pc.parent)}).stdout.split()
    check(any(str(prefix) in str(Path(word[2:]).resolve()) for word in said if word.startswith("-L")),
          f"pkg-config does not follow the tree: {said}")
    return said


def build_examples(options, prefix, scratch):
    """Every example twice: by find_package, and by pkg-config. Gives the folders of both."""
    by_cmake, by_pkg = scratch / "by_cmake", scratch / "by_pkg"
    run(options.cmake, "-G", "Ninja", "-S", ROOT / "examples", "-B", by_cmake, f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_CXX_COMPILER={options.compiler}", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror")
    run(options.cmake, "--build", by_cmake)
    by_pkg.mkdir()
    for source in sorted((ROOT / "examples").glob("*.cc")):
        run(options.compiler, "-std=c++23", "-pthread", source, "-o", by_pkg / source.stem, *package_flags(prefix))
    return by_cmake, by_pkg


def check_examples(folder, smlp, pictures, environment):
    """Each example says what the program says of the same pictures."""
    best = {}
    for line in run(smlp, "classify", "--json", "--top", 1, *pictures, env=environment).stdout.splitlines():
        answer = json.loads(line)
        best[answer["file"]] = (answer["top"][0]["label"], answer["top"][0]["probability"])

    lines = run(folder / "pictures_from_memory", *pictures, env=environment).stdout.splitlines()
    check(len(lines) == len(pictures) + 1 and lines[-1].startswith("pixels: "), f"pictures_from_memory: {lines}")
    for picture, line in zip(pictures, lines):
        label, probability = best[str(picture)]
        check(line == f"{picture}: {label} {probability:.4f}", f"{line!r}, and smlp says {label} {probability}")

    lines = run(folder / "prepared_tensors", *pictures, env=environment).stdout.splitlines()
    check(len(lines) == len(pictures), f"prepared_tensors: {lines}")
    for picture, line in zip(pictures, lines):
        check(re.fullmatch(rf"{re.escape(str(picture))}: class \d, {re.escape(best[str(picture)][0])}, logit -?\d+\.\d+", line),
              f"{line!r}, and smlp says {best[str(picture)]}")

    lines = run(folder / "batcher_under_load", *pictures, env=environment).stdout.splitlines()
    expected = ["80 answered, 12 late, 8 cancelled, 0 failed", "the queue was full as often as it said",
                "80 requests in batches of up to 8"]
    check(lines == expected, f"batcher_under_load: {lines}")


def check_snippet(app, smlp, picture, scratch, environment):
    answer = run(app, picture, env=environment).stdout.splitlines()
    check(len(answer) == 3, f"the page's program printed {len(answer)} lines, expected 3")
    shares = [float(line.split("%")[0]) for line in answer]
    check(shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 100.1, f"not probabilities: {answer}")
    failed = run(app, scratch / "missing.jpg", env=environment)
    check("missing.jpg" in failed.stderr, "the page's program does not name a missing picture")
    said = run(smlp, "classify", "--top", "3", picture, env=environment).stdout
    check(len(said.splitlines()) == 1, f"the installed program printed {said!r}")


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
        help_text = run(prefix / "bin" / "smlp", "--help").stdout
        commands = re.findall(r"^  ([a-z]+) ", help_text.partition("\nCommands:\n")[2].partition("\n\n")[0], re.M)
        check({"classify", "evaluate", "infer"} <= set(commands), f"the help names {commands}")
        check_tree(prefix, commands)
        check_destdir(options, scratch, prefix)
        check_headers(options, prefix, scratch)

        project = scratch / "project"
        project.mkdir()
        (project / "CMakeLists.txt").write_text(PROJECT)
        (project / "app.cc").write_text(readme_snippet())
        run(options.cmake, "-G", "Ninja", "-S", project, "-B", project / "build", f"-DCMAKE_PREFIX_PATH={prefix}",
            f"-DCMAKE_CXX_COMPILER={options.compiler}", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror")
        run(options.cmake, "--build", project / "build")
        app = project / "build" / "app"
        examples = build_examples(options, prefix, scratch)
        version = run(prefix / "bin" / "smlp", "--version").stdout
        check(re.fullmatch(r"smlp \d+\.\d+\.\d+\n", version), f"--version printed {version!r}")

        if not list((prefix / "share" / "smlp" / "models").glob("*.safetensors")):
            print("SKIPPED: running the programs needs the bundled model in models/")
            return SKIPPED
        pictures = [scratch / "one.png", scratch / "two.png"]
        for side, picture in zip((160, 210), pictures):
            write_png(picture, side)
        # The library finds the model of its own prefix, wherever that was moved to.
        moved = scratch / "moved"
        prefix.rename(moved)
        package_flags(moved)
        smlp = moved / "bin" / "smlp"
        environment["LD_LIBRARY_PATH"] = str(moved / libraries[0].parent.relative_to(prefix))
        check_snippet(app, smlp, pictures[0], scratch, environment)
        for folder in examples:
            check_examples(folder, smlp, pictures, environment)
        model = next((moved / "share" / "smlp" / "models").glob("*.safetensors"))
        model.write_text("damaged")  # the source tree's copy is whole: the error proves which one is read
        for command in ([app, pictures[0]], [smlp, "classify", pictures[0]]):
            check(str(model) in run(*command, env=environment, expect=1).stderr, f"{command[0]} did not read {model}")
    print("the page's program and the examples were built against the installed package, by both ways, and ran")
    return 0


if __name__ == "__main__":
    sys.exit(main())
