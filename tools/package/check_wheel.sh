#!/bin/bash
# check_wheel.sh WHEEL PYTHON...: installs the wheel into a clean environment of each Python and runs the package's tests there.
# With an emulator in SMLP_EMULATOR ("qemu-x86_64 -cpu Nehalem") a picture is classified on that processor instead.
set -euo pipefail

wheel=$(realpath "$1")
shift
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
read -ra emulator <<<"${SMLP_EMULATOR:-}"
for python in "$@"; do
  scratch=$(mktemp -d)
  "$python" -m venv "$scratch/env"
  "$scratch/env/bin/pip" install -q --disable-pip-version-check "$wheel" pandas pillow pytest
  if [[ ${#emulator[@]} -gt 0 ]]; then
    "${emulator[@]}" "$scratch/env/bin/python" - <<'PY'
import numpy
import smlp

session = smlp.Session(smlp.Model.bundled(), threads=1)
print(session.isa, session.predict(numpy.zeros((128, 128, 3), numpy.uint8), top=1))
PY
  else
    "$scratch/env/bin/smlp" --version
    (cd "$scratch" && "$scratch/env/bin/python" -m pytest -q -p no:cacheprovider "$root/python/tests")
  fi
  "$scratch/env/bin/python" -V
  rm -rf "$scratch"
done
