#!/bin/bash
# run.sh [PYTHON]: the whole of the emulated tests, after a native build in build/release. `./dev test --emulated` calls
# it, and has installed qemu-user and g++-aarch64-linux-gnu.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=${1:-/usr/bin/python3} here=tests/emulated native=build/release sysroot=$PWD/build/aarch64-sysroot
status=0

echo "== x86-64, from the first processors on"
"$python" $here/emulated_test.py --full --smlp $native/bin/smlp --native $native/bin/smlp --tests $native/tests \
  --cpus core2duo Nehalem Haswell max || status=1

echo "== aarch64: Debian's libraries into $sysroot, then a build into build/aarch64"
$here/sysroot.sh "$sysroot"
if command -v ccache >/dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
cmake -G Ninja -B build/aarch64 -DCMAKE_BUILD_TYPE=Release -DCMAKE_TOOLCHAIN_FILE=$here/aarch64.cmake \
  -DSMLP_SYSROOT="$sysroot/root" -DPython3_EXECUTABLE="$python" >build/configure-aarch64.log 2>&1 || {
  tail -n 30 build/configure-aarch64.log >&2
  exit 1
}
mapfile -t targets < <("$python" $here/emulated_test.py --list-tests)
cmake --build build/aarch64 --target smlp "${targets[@]}"
# A processor without bfloat16, and all that qemu knows, which has it.
"$python" $here/emulated_test.py --full --arch aarch64 --sysroot "$sysroot/root" --smlp build/aarch64/bin/smlp \
  --native $native/bin/smlp --tests build/aarch64/tests --cpus cortex-a53 max || status=1
# That nothing of bfdot's file can run on the first.
"$python" tests/kernels/isa_objects.py --objdump aarch64-linux-gnu-objdump \
  build/aarch64/src/{base,kernels,image,engine}/libsmlp_*.a || status=1
exit $status
