"""Classifies pictures with sMLPNet, offline, on the CPU.

    >>> import smlp
    >>> session = smlp.Session(smlp.Model.bundled())
    >>> session.predict("church.jpg")

docs/python.md is the guide.
"""

from typing import TYPE_CHECKING

from ._core import version as __version__
from ._model import Model, Preprocessing
from ._session import Answer, Session
from ._types import Prediction
from .errors import (
    CancelledError,
    ClosedError,
    DeadlineError,
    InputError,
    InputTypeError,
    JobError,
    ModelError,
    OptionError,
    PictureError,
    QueueFullError,
    ResourceError,
    SmlpError,
)

if TYPE_CHECKING:
    from typing import Any

    from ._batcher import Batcher, BatcherStatistics, Request
    from ._bench import (
        BatchComparison,
        BatchTimes,
        BenchComparison,
        BenchReport,
        BenchWarning,
        Profile,
        StepCost,
        bench,
        compare_bench,
    )
    from ._compare import ComparedModel, Comparison, Flip, compare
    from ._compile import CalibrationWarning, CompileReport, compile, quantize
    from ._evaluate import ClassAccuracy, Evaluation, EvaluationWarning, evaluate
    from ._export import ExportReport, export
    from ._pipeline import ImageClassificationPipeline, pipeline

# What not every program needs is loaded when it is first asked for: importing smlp stays quick.
_LATER = {
    "BatchComparison": "_bench",
    "BatchTimes": "_bench",
    "Batcher": "_batcher",
    "BatcherStatistics": "_batcher",
    "BenchComparison": "_bench",
    "BenchReport": "_bench",
    "BenchWarning": "_bench",
    "CalibrationWarning": "_compile",
    "ClassAccuracy": "_evaluate",
    "ComparedModel": "_compare",
    "Comparison": "_compare",
    "CompileReport": "_compile",
    "Evaluation": "_evaluate",
    "EvaluationWarning": "_evaluate",
    "ExportReport": "_export",
    "Flip": "_compare",
    "ImageClassificationPipeline": "_pipeline",
    "Profile": "_bench",
    "Request": "_batcher",
    "StepCost": "_bench",
    "bench": "_bench",
    "compare": "_compare",
    "compare_bench": "_bench",
    "compile": "_compile",
    "evaluate": "_evaluate",
    "export": "_export",
    "pipeline": "_pipeline",
    "quantize": "_compile",
}


def __getattr__(name: str) -> "Any":
    import importlib

    if name in ("ray", "torch"):
        return importlib.import_module(f"smlp.{name}")
    if name not in _LATER:
        raise AttributeError(f"module 'smlp' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"smlp.{_LATER[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> "list[str]":
    return sorted({*globals(), *__all__})


__all__ = [
    "Answer",
    "BatchComparison",
    "BatchTimes",
    "Batcher",
    "BatcherStatistics",
    "BenchComparison",
    "BenchReport",
    "BenchWarning",
    "CalibrationWarning",
    "CancelledError",
    "ClassAccuracy",
    "ClosedError",
    "ComparedModel",
    "Comparison",
    "CompileReport",
    "DeadlineError",
    "Evaluation",
    "EvaluationWarning",
    "ExportReport",
    "Flip",
    "ImageClassificationPipeline",
    "InputError",
    "InputTypeError",
    "JobError",
    "Model",
    "ModelError",
    "OptionError",
    "PictureError",
    "Prediction",
    "Preprocessing",
    "Profile",
    "QueueFullError",
    "Request",
    "ResourceError",
    "Session",
    "SmlpError",
    "StepCost",
    "__version__",
    "bench",
    "compare",
    "compare_bench",
    "compile",
    "evaluate",
    "export",
    "pipeline",
    "quantize",
]
