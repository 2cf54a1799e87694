"""A Ray cluster on this machine, and pictures for it. Everything here is skipped where Ray is not installed."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from drivers import CPUS
from support import PROGRAM, picture_pixels, program_environment
from PIL import Image


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Nothing but skips is no failure."""
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 pictures in two folders, four of them broken, and files that are no pictures."""
    folder = tmp_path_factory.mktemp("photos") / "photos"
    for i in range(150):
        image = Image.fromarray(picture_pixels(60 + i, 130 - i // 2, i))
        place = folder / ("a" if i % 3 else "b b")
        place.mkdir(parents=True, exist_ok=True)
        image.save(place / f"{i}.{'jpg' if i % 2 else 'png'}")
    whole = (folder / "a" / "1.jpg").read_bytes()
    (folder / "a" / "cut.jpg").write_bytes(whole[:100])
    (folder / "a" / "empty.png").write_bytes(b"")
    (folder / "a" / "text.jpg").write_text("no picture")
    (folder / "a" / "other.webp").write_bytes(b"RIFF....WEBP")
    (folder / "notes.txt").write_text("left out")
    (folder / ".hidden.jpg").write_bytes(whole)
    return folder


@pytest.fixture(scope="session")
def truth(photos: Path) -> dict[str, dict[str, object]]:
    """What the program says on one machine, by file."""
    done = subprocess.run(
        [PROGRAM, "classify", "--json", "--top", "3", str(photos)], capture_output=True, text=True, env=program_environment()
    )
    assert done.returncode == 1, done.stderr  # four are broken
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 154
    return {row["file"]: row for row in rows}


@pytest.fixture(scope="session")
def cluster() -> Iterator[None]:
    import ray

    for last in (False, False, True):  # a machine that is busy may be too slow for Ray's patience
        try:
            ray.init(num_cpus=CPUS, include_dashboard=False, log_to_driver=False)
            break
        except Exception:
            ray.shutdown()
            if last:
                raise
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield
    ray.shutdown()


@pytest.fixture(scope="session", autouse=True)
def workers_find_the_package() -> None:
    """Ray's workers and drivers of their own are given this environment."""
    import smlp

    os.environ["PYTHONPATH"] = str(Path(smlp.__file__).parents[1])
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.pop("RAY_ADDRESS", None)
