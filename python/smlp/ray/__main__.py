"""python -m smlp.ray INPUT... --output OUTPUT --model M"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from typing import TYPE_CHECKING

from ..errors import InputError, OptionError, SmlpError

if TYPE_CHECKING:
    from typing import Any, TextIO


def numbers(text: str) -> tuple[float, ...]:
    """0.5,0.5,0.5"""
    return tuple(float(word) for word in text.split(","))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    line = argparse.ArgumentParser(
        prog="python -m smlp.ray",
        description="Classifies pictures on a Ray cluster.",
        epilog="Exit status: 0, or 1 where rows have errors or the job failed, or 2 for a wrong command line.",
    )
    add = line.add_argument
    add("inputs", nargs="+", metavar="INPUT", help="pictures, folders, @lists, .tar archives, .parquet tables: paths or URIs")
    add("--output", required=True, metavar="FOLDER", help="where the answers go, a file a part: a path or URI")
    add("--model", metavar="FILE", help="the bundled model where none is given")
    add("--format", choices=("parquet", "jsonl"), default="parquet", help="of the answers (parquet)")
    add("--top", type=int, default=5, metavar="N", help="classes a picture (5)")
    add("--logits", action="store_true", help="write the logits too")
    add("--column", metavar="NAME", help="of tables: the pictures' bytes")
    add("--id-column", metavar="NAME", help="of tables: what names a row (file:row)")
    add("--resume", action="store_true", help="go on with the job in FOLDER: only missing parts are done")
    add("--actors", type=int, metavar="N", help="workers (as many as the cluster's CPUs allow)")
    add("--cpus-per-actor", type=int, metavar="N", help="threads of each (those of the smallest node, at most 8)")
    add("--part", type=int, metavar="N", help="pictures in a part (1024, or fewer so that every worker has some)")
    add("--address", metavar="HOST:PORT", help="of the cluster (RAY_ADDRESS, or one that runs here, or this machine alone)")
    add("--classes", metavar="FILE", help="a class name a line")
    add("--img-size", type=int, metavar="N", help="preprocessing other than the model's own, in timm's terms; also:")
    add("--crop-pct", type=float, metavar="X")
    add("--interpolation", metavar="NAME")
    add("--mean", type=numbers, metavar="R,G,B")
    add("--std", type=numbers, metavar="R,G,B")
    add("--precision", choices=("fp32", "bf16", "int8"), help="the model's own where none is given")
    add("--isa", metavar="NAME", help="kernels that every node has; the best of each where none is named")
    add("--batch", type=int, default=8, metavar="N", help="pictures that go through the network together (8)")
    add("--json", action="store_true", help="print the report as one JSON object")
    return line


def show_progress(done: int, parts: int, rows: int) -> None:
    """A line that replaces itself, on terminals."""
    print(f"\r{done} of {parts} parts, {rows} rows", end="\n" if done == parts else "", file=sys.stderr, flush=True)


def show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: str | None = None
) -> None:
    """Ours as a line; those of libraries are no affair of this program's user."""
    if category.__name__ == "ClusterWarning":
        print(f"smlp.ray: warning: {message}", file=sys.stderr, flush=True)


def own_output() -> TextIO:
    """Standard output for the report alone. What Ray writes to it, in Python, in C++ and while it ends, goes to standard
    error from here on."""
    sys.stdout.flush()
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return output


def main() -> int:
    """What the program does; gives its exit status."""
    options: dict[str, Any] = vars(parser().parse_args())
    as_json = options.pop("json")
    output = own_output()
    try:
        from ._job import classify

        warnings.showwarning = show_warning
        report = classify(progress=show_progress if sys.stderr.isatty() else None, **options)
    except ModuleNotFoundError as error:
        print(f"smlp.ray: error: {error}; pip install 'ray[data]'", file=sys.stderr)
        return 1
    except SmlpError as error:
        print(f"smlp.ray: error: {error}", file=sys.stderr)
        return 2 if isinstance(error, OptionError) and not isinstance(error, InputError) else 1
    except OSError as error:  # of a filesystem, in words of its own
        print(f"smlp.ray: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"smlp.ray: stopped; --resume goes on with {options['output']}", file=sys.stderr)
        return 130
    print(json.dumps(report.to_dict()) if as_json else report, file=output, flush=True)
    return 1 if report.errors else 0


if __name__ == "__main__":
    sys.exit(main())
