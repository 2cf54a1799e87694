"""Shared libraries that programs need, and the Debian packages that brought them."""

import subprocess
from pathlib import Path

# Of the C library: every system has its own, and it cannot be carried along.
OF_GLIBC = ("ld-linux", "libc.so", "libm.so", "libpthread.so", "libdl.so", "librt.so", "linux-vdso")


def needed(files):
    """soname -> file, for everything but the C library that ldd finds for these programs and libraries."""
    found = {}
    for file in files:
        for line in subprocess.run(["ldd", file], check=True, capture_output=True, text=True).stdout.splitlines():
            words = line.split()
            if "=>" not in words:
                continue
            if "not found" in line:
                raise SystemExit(f"{file}: {words[0]} is not installed")
            if words[2].startswith("/") and not words[0].startswith(OF_GLIBC):
                found[words[0]] = Path(words[2]).resolve()
    return found


def debian_package(file):
    """The package that brought a file: dpkg knows it by its path before or after /usr was merged."""
    for name in (str(file), str(file).removeprefix("/usr")):
        answer = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True)
        if answer.returncode == 0:
            return answer.stdout.split(":")[0]
    raise SystemExit(f"{file} is of no Debian package: its licence is not known")


def licences(files):
    """Package -> its copyright file's bytes, for the packages that brought these libraries."""
    return {package: Path(f"/usr/share/doc/{package}/copyright").read_bytes()
            for package in sorted({debian_package(file) for file in files})}
