"""Each Python function has each option of its command, and no other; what is not so is explained here."""

from __future__ import annotations

import inspect
import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from support import PROGRAM

import smlp

# What an option of the program is called in Python; None: it has no counterpart, and why.
PRINTED = "reports print, and become dicts and DataFrames"
GUIDE = "the guide's, which the program takes and which means nothing"
CALLED = {
    "evaluate": {"--per-class": (None, "Evaluation.per_class has every class"), "--json": (None, PRINTED),
                 "--no-pin": (None, "pin=False")},
    "compile": {"--op-precision-mode": ("op_precision", ""), "--framework": (None, GUIDE), "--input-format": (None, GUIDE),
                "--soc-version": (None, GUIDE), "--log": (None, "Python's warnings say it"), "--json": (None, PRINTED)},
    "export": {"--model": ("checkpoint", ""), "--output": ("onnx", ""), "--json": (None, PRINTED)},
    "compare": {"--json": (None, PRINTED), "--csv": (None, PRINTED)},
    "bench": {"--batch": ("batch_sizes", ""), "--duration": ("seconds", ""), "--classes": (None, "Model.load() takes them"),
              "--no-pin": (None, "pin=False"), "--json": (None, PRINTED), "--csv": (None, PRINTED),
              "--markdown": (None, PRINTED), "--compare": (None, "smlp.compare_bench")},
}
QUANTIZE = {**CALLED["compile"], "--calibration-images": ("images", ""), "--calibration-range": ("range", ""),
            "--precision": (None, "int8")}
ONLY_IN_PYTHON = {"progress"}


def options_of(command: str) -> list[str]:
    help_ = subprocess.run([str(PROGRAM), command, "--help"], capture_output=True, text=True, check=True).stdout
    return [option for option in re.findall(r"^  (?:-\w, )?(--[\w-]+)", help_, re.M) if option != "--help"]


@pytest.mark.parametrize(
    ("function", "command", "called"),
    [*((getattr(smlp, name), name, called) for name, called in CALLED.items()), (smlp.quantize, "compile", QUANTIZE)],
)
def test_every_option_is_there(function: Callable[..., Any], command: str, called: dict[str, tuple[str | None, str]]) -> None:
    options = options_of(command)
    assert len(options) >= 6 and not set(called) - set(options)
    names = {option: called.get(option, (option[2:].replace("-", "_"), ""))[0] for option in options}
    expected = {name for name in names.values() if name is not None}
    there = set(inspect.signature(function).parameters) - ONLY_IN_PYTHON
    assert there == expected
    described = inspect.getdoc(function) or ""
    for name in there:
        assert re.search(rf"^ +(\w+, )*{name}(, \w+)*:|^ +.*\b{name}\b.*(as of|:)", described, re.M), name
