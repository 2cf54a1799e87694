"""Libraries that are in programs or that they need, and the Debian packages that brought them."""

import re
import subprocess
from pathlib import Path

# Of the C library: every system has its own, and it cannot be carried along.
OF_GLIBC = ("ld-linux", "libc.so", "libm.so", "libpthread.so", "libdl.so", "librt.so", "linux-vdso")
ALL_IN_HEADERS = (Path("/usr/include/nlohmann/json.hpp"), Path("/usr/include/boost/asio.hpp"))


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


def linked_in(build):
    """Static libraries of the system that a build takes in, and headers that hold all of a library."""
    text = (build / "build.ninja").read_text()
    found = [Path(name) for name in sorted(set(re.findall(r"(?<=\s)/usr/\S+\.a(?=\s)", text)))]
    return found + [header for header in ALL_IN_HEADERS if header.exists()]


def debian_packages(files):
    """The packages that brought these files: dpkg knows each by its path before or after /usr was merged."""
    files = [str(file) for file in files]
    names = {name: file for file in files for name in (file, file.removeprefix("/usr"))}
    said = subprocess.run(["dpkg-query", "-S", *names], capture_output=True, text=True).stdout
    owners = {names[path]: owner.split(":")[0]
              for owner, _, path in (line.rpartition(": ") for line in said.splitlines()) if path in names}
    unknown = [file for file in files if file not in owners]
    if unknown:
        raise SystemExit(f"{unknown[0]} is of no Debian package: its licence is not known")
    return sorted(set(owners.values()))


def licences(files):
    """Package -> its copyright file's bytes, for the packages that brought these libraries."""
    return {package: Path(f"/usr/share/doc/{package}/copyright").read_bytes() for package in debian_packages(files)}
