"""Classifies on a Ray cluster: a callable class for Ray Data, and a whole job.

    >>> import ray, smlp.ray
    >>> pictures = ray.data.read_binary_files("s3://bucket/photos", include_paths=True)
    >>> answers = pictures.map_batches(
    ...     smlp.ray.Classifier, fn_constructor_kwargs={"model": "smlp_t.smlp"}, batch_size=64, num_cpus=8,
    ...     compute=ray.data.ActorPoolStrategy(size=4),
    ... )

    $ python -m smlp.ray s3://bucket/photos --output s3://bucket/answers --model smlp_t.smlp

docs/ray.md is the guide. Needs ray[data].
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from ._classifier import Classifier
    from ._job import ClusterWarning, JobReport, classify

_LATER = {"Classifier": "_classifier", "ClusterWarning": "_job", "JobReport": "_job", "classify": "_job"}


# Ray is loaded when it is needed: `python -m smlp.ray --help` works without it.
def __getattr__(name: str) -> "Any":
    import importlib

    if name not in _LATER:
        raise AttributeError(f"module 'smlp.ray' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"smlp.ray.{_LATER[name]}"), name)
    globals()[name] = value
    return value


__all__ = ["Classifier", "ClusterWarning", "JobReport", "classify"]
