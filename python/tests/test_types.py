"""The package's types and the guide's examples pass mypy --strict."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT

import smlp


def test_strict(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed")
    examples = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "python.md").read_text(), re.S | re.M)
    (tmp_path / "examples.py").write_text("\n".join(examples))
    (tmp_path / "uses.py").write_text(
        "import smlp\n"
        "session = smlp.Session(smlp.Model.bundled(), mode='latency')\n"
        "reveal_type(session.logits('a.jpg'))\n"
        "session.logits(5)\n"
        "smlp.Session(smlp.Model.bundled(), precision='int4')\n"
    )
    package = Path(smlp.__file__).parent
    # Pillow has types from 10.1 on; Debian 12's is older.
    settings = tmp_path / "mypy.ini"
    # Ray's types say something else in each release, where they say anything.
    settings.write_text(
        "[mypy]\n[mypy-PIL.*]\nignore_missing_imports = True\n"
        "[mypy-ray.*,pyarrow.*,fsspec.*,matplotlib.*]\nignore_missing_imports = True\nfollow_imports = skip\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--python-version", "3.10", "--cache-dir", str(tmp_path / "cache")]
    command += ["--config-file", str(settings)]
    environment = {"MYPYPATH": str(package.parent), "PATH": ""} if "site-packages" not in str(package) else None
    whole = subprocess.run([*command, "-p", "smlp"], capture_output=True, text=True, env=environment)
    assert whole.returncode == 0, whole.stdout
    script = str(ROOT / "examples" / "confusion_matrix.py")
    fine = subprocess.run([*command, "examples.py", script], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert fine.returncode == 0, fine.stdout
    wrong = subprocess.run([*command, "uses.py"], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert re.search(r"uses.py:3: note: .*ndarray.*float", wrong.stdout), wrong.stdout
    assert len(re.findall(r"^uses.py:5: error", wrong.stdout, re.M)) == 1, wrong.stdout
    # A type that cannot be seen stands for all: a wrong input shows only where Pillow has types.
    pil = pytest.importorskip("PIL")
    if not (Path(pil.__file__).parent / "py.typed").exists():
        pytest.skip("wrong inputs: this Pillow has no types (10.1 and newer have)")
    assert len(re.findall(r"^uses.py:4: error", wrong.stdout, re.M)) == 1, wrong.stdout
