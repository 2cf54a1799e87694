"""The examples of docs/python.md run, in order, in a folder with pictures."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from support import ROOT

GUIDE = ROOT / "docs" / "python.md"


@pytest.mark.filterwarnings("default:not to be trusted")  # the machine may be busy
def test_the_examples_of_the_guide(files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(files[1], "church.jpg")
    (tmp_path / "photos").mkdir()
    for file in files:
        shutil.copy(file, "photos")
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no picture")
    examples = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.S | re.M)
    assert len(examples) >= 5
    names: dict[str, object] = {"__name__": "guide"}
    for example in examples:
        exec(compile(example, str(GUIDE), "exec"), names)
