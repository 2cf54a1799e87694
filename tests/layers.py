#!/usr/bin/env python3
"""Checks the include rule of the layers: a file may include its own layer and those below it, nothing else.

    python3 tests/layers.py               checks this repository
    python3 tests/layers.py --self-test   plants one violation of each kind and checks that it is reported

HACKING.md, section "Layers", explains it.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

def read_layers(root):
    """layer -> the layers directly below it, as src/*/CMakeLists.txt declare them: smlp_layer(NAME ... DEPENDS ...)."""
    layers = {}
    for file in sorted((root / "src").glob("*/CMakeLists.txt")):
        for name, body in re.findall(r"^smlp_layer\((\w+)(.*?)\)$", file.read_text(), re.M | re.S):
            depends = re.search(r"\bDEPENDS\s+((?:(?!LIBRARIES\b|SOURCES\b)\S+\s*)+)", body)
            layers[name] = depends[1].split() if depends else []
    layers["python"] = ["tasks"]  # python/bindings, which is no library of its own
    return layers


# The rule is declared once, in CMake, so that what may be linked is what may be included.
BELOW = read_layers(Path(__file__).resolve().parent.parent)

# Public headers that are plain vocabulary; the others (model.h, session.h, smlp.h) belong to the layer api.
VOCABULARY = {"smlp/error.h", "smlp/export.h", "smlp/image.h", "smlp/precision.h", "smlp/prediction.h", "smlp/preprocess.h"}

# The layers that wrap a library; no other sees it.
LIBRARY_HOMES = {
    r"spdlog/|CLI/": ["cli"],
    r"hwy/": ["kernels", "image"],
    r"jpeglib\.h|jerror\.h|turbojpeg\.h|png\.h": ["image"],
    r"boost/|simdjson\.h|grpcpp/|grpc/": ["server"],
    r"nanobind/": ["python"],
    r"zlib\.h|onnx/": ["formats"],
    r"google/protobuf/": ["formats", "server"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def reachable(layer):
    """`layer` and every layer below it."""
    found = {layer}
    for below in BELOW[layer]:
        found |= reachable(below)
    return found


def violations_of(layer, header, quoted):
    """What is wrong with a file of `layer` (or "public", for include/) including `header`; None where nothing is."""
    if header.startswith("smlp/"):
        if layer == "public" or "api" in reachable(layer) or header in VOCABULARY:
            return None
        return f"only api and the layers above it may include <{header}>; the vocabulary headers are {', '.join(sorted(VOCABULARY))}"
    for pattern, homes in LIBRARY_HOMES.items():
        if re.match(pattern, header):
            return None if layer in homes else f"only {' and '.join(homes)} may include <{header}>"
    if layer == "public":
        if quoted or "/" in header or header.endswith(".h"):
            return f'a public header may include smlp/ and the standard library, not "{header}"'
        return None
    other = header.split("/")[0]
    if other in BELOW and "/" in header:
        if other not in reachable(layer):
            return f'{layer} may not include {other} ("{header}"): it is not below it'
    elif quoted:
        return f'"{header}" names no layer: include project headers by their path under src/'
    return None


def check(root):
    """All violations under root, as lines `file:line: what`; and the number of files read."""
    problems, files = [], 0
    groups = [("public", root / "include"), ("python", root / "python" / "bindings")]
    for directory in sorted((root / "src").iterdir()):
        if directory.is_dir():
            if directory.name in BELOW:
                groups.append((directory.name, directory))
            else:
                problems.append(f"src/{directory.name}: no layer of this name; declare it with smlp_layer in its CMakeLists.txt")
    for layer, directory in groups:
        for file in sorted(p for p in directory.rglob("*") if p.suffix in (".h", ".cc")):
            files += 1
            for number, line in enumerate(file.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                if match and layer == "python" and (file.parent / match[2]).exists():
                    continue  # the bindings lie in one folder, and name each other without it
                problem = match and violations_of(layer, match[2], match[1] == '"')
                if problem:
                    problems.append(f"{file.relative_to(root)}:{number}: {problem}")
    return problems, files


def self_test():
    """Each planted line must be reported, and each allowed one must not."""
    planted = {
        "src/base/a.cc": '#include "model/config.h"',
        "src/image/a.cc": '#include "data/npy.h"',
        "src/formats/a.cc": '#include "image/decode.h"',
        "src/kernels/a.cc": '#include "engine/engine.h"',
        "src/engine/a.cc": '#  include "formats/read.h"',
        "src/model/a.cc": '#include "smlp/session.h"',
        "src/engine/b.cc": "#include <spdlog/spdlog.h>",
        "src/api/a.cc": "#include <png.h>",
        "src/api/b.cc": '#include "cli/table.h"',
        "src/cli/a.cc": '#include "table.h"',
        "include/smlp/a.h": "#include <fmt/format.h>",
        "include/smlp/b.h": '#include "base/result.h"',
        "src/tasks/b.cc": "#include <boost/asio.hpp>",
        "src/tasks/c.cc": '#include "server/routes.h"',
        "src/tasks/d.cc": "#include <nanobind/nanobind.h>",
        "python/bindings/a.cc": '#include "server/routes.h"',
        "python/bindings/b.cc": '#include "cli/table.h"',
        "python/bindings/c.cc": "#include <png.h>",
        "python/bindings/d.cc": '#include "nothing.h"',
        "src/extras/a.cc": "",
    }
    allowed = {
        "src/base/ok.cc": '#include "base/result.h"\n#include "smlp/error.h"\n#include <vector>\n#include <fmt/format.h>',
        "src/cli/ok.cc": '#include "engine/engine.h"\n#include "smlp/smlp.h"\n#include <CLI/CLI.hpp>',
        "src/tasks/ok.cc": '#include "model/config.h"\n#include "data/npy.h"',
        "src/image/ok.cc": '#include <jpeglib.h>\n#include "hwy/highway.h"',
        "python/bindings/ok.h": "#include <nanobind/nanobind.h>",
        "python/bindings/ok.cc": '#include "ok.h"\n#include "tasks/provenance.h"\n#include "api/session_pass.h"',
        "include/smlp/ok.h": '#include <expected>\n#include "smlp/error.h"',
    }
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        for name, text in {**planted, **allowed}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text + "\n")
        problems, _ = check(root)
    reported = {line.split(":")[0] for line in problems}
    expected = {"src/extras" if name.startswith("src/extras") else name for name in planted}
    for name in sorted(expected - reported):
        print(f"self-test: the violation in {name} was not reported")
    for name in sorted(reported - expected):
        print(f"self-test: {name} was reported, and is allowed")
    print(f"self-test: {len(expected & reported)} of {len(expected)} planted violations reported")
    return 0 if reported == expected else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--self-test", action="store_true")
    if parser.parse_args().self_test:
        return self_test()
    problems, files = check(Path(__file__).resolve().parent.parent)
    for line in problems:
        print(line)
    print(f"{files} files, {len(problems)} violations of the include rule")
    return 1 if problems or not files else 0


if __name__ == "__main__":
    sys.exit(main())
