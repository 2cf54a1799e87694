"""smlp.ray.Classifier in Ray Data's own pipelines."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

import smlp

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'ray[data]'")
import pyarrow  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default")


def check(rows: list[dict[str, Any]], truth: dict[str, dict[str, Any]], name: str = "path") -> None:
    assert sorted(row[name] for row in rows) == sorted(truth)
    for row in rows:
        expected = truth[row[name]]
        assert (row["error"] is None) == (expected["error"] is None), row
        if row["error"] is None:
            for got, wanted in zip(row["top"], expected["top"], strict=True):
                assert (got["index"], got["label"]) == (wanted["index"], wanted["label"])
                assert struct.pack("f", got["probability"]) == struct.pack("f", wanted["probability"])


@pytest.mark.parametrize("batch_format", ["numpy", "pyarrow"])
def test_map_batches(cluster: None, photos: Path, truth: dict[str, dict[str, Any]], batch_format: str) -> None:
    answers = ray.data.read_binary_files(
        [str(photos / "a"), str(photos / "b b")], include_paths=True, file_extensions=["jpg", "png", "webp"]
    ).map_batches(
        smlp.ray.Classifier, fn_constructor_kwargs={"top": 3, "logits": True}, batch_size=32, num_cpus=1,
        batch_format=batch_format, compute=ray.data.ActorPoolStrategy(size=2),
    )
    rows = answers.take_all()
    check(rows, truth)
    assert {*rows[0]} == {"path", "top", "logits", "error"}
    assert all((row["logits"] is None) == (row["error"] is not None) for row in rows)
    assert len(next(row for row in rows if row["error"] is None)["logits"]) == 10


def test_paths_are_read_by_the_worker(cluster: None, photos: Path, truth: dict[str, dict[str, Any]]) -> None:
    rows = ray.data.from_items([{"path": name, "copy": name} for name in truth]).map_batches(
        smlp.ray.Classifier, fn_constructor_kwargs={"top": 3, "column": "path"}, batch_size=50, num_cpus=2,
        compute=ray.data.ActorPoolStrategy(size=1),
    ).take_all()
    check(rows, truth, "copy")


def test_threads_are_those_that_ray_assigned(cluster: None) -> None:
    class Asks(smlp.ray.Classifier):  # type: ignore[misc,unused-ignore]
        def __call__(self, batch: Any) -> Any:
            return {"threads": [self.session.threads]}

    for cpus in (1, 2):
        rows = ray.data.from_items([{"bytes": b""}]).map_batches(
            Asks, num_cpus=cpus, compute=ray.data.ActorPoolStrategy(size=1)).take_all()
        assert rows == [{"threads": cpus}]


def test_without_a_cluster(photos: Path) -> None:
    classify = smlp.ray.Classifier(top=1, threads=1)
    good = (photos / "a" / "1.jpg").read_bytes()
    table = pyarrow.table({"bytes": [good, None, b"broken"], "top": [1, 2, 3], "key": ["x", "y", "z"]})
    rows = classify(table).to_pylist()
    assert [row["key"] for row in rows] == ["x", "y", "z"]
    assert [row["error"] is None for row in rows] == [True, False, False]
    assert rows[0]["top"][0]["label"] == classify.session.predict(good, top=1)[0].label
    with pytest.raises(smlp.InputError, match="no column 'bytes', but other"):
        classify({"other": [1]})
    with pytest.raises(smlp.OptionError):
        smlp.ray.Classifier(top=0)
    with pytest.raises(smlp.ModelError):
        smlp.ray.Classifier(photos / "none.smlp")
