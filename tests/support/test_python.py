"""The Python that has the modules which tests compare with."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def use_test_python():
    """Goes on under the Python that SMLP_TEST_PYTHON names, or build/venv's, if there is one other than this."""
    for python in (os.environ.get("SMLP_TEST_PYTHON", ""), str(ROOT / "build" / "venv" / "bin" / "python")):
        if os.path.exists(python) and Path(python).parent != Path(sys.executable).parent:
            os.execv(python, [python, *sys.argv])
