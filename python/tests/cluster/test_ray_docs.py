"""The example of docs/ray.md runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support import ROOT

pytest.importorskip("ray", reason="Ray is not installed: pip install 'ray[data]'")


@pytest.mark.filterwarnings("default")
def test_the_example_of_the_guide(
    cluster: None, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(photos.parent)
    (example,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "ray.md").read_text(), re.S | re.M)
    exec(compile(example, "ray.md", "exec"), {"__name__": "guide"})
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if "photos/" in line]) >= 150
