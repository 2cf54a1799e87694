#!/usr/bin/env python3
"""Makes a wheel that needs nothing of the system but the C library.

    repair_wheel.py WHEEL BUILD FOLDER

auditwheel copies the shared libraries into the wheel; the copyright files of their Debian packages go along, and those of
what was linked into the programs of the build folder, as their licences ask.
"""

import base64
import csv
import hashlib
import importlib.metadata
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import libraries


def licences(plain, repaired, build):
    """Copyright files of the packages whose libraries are in the repaired wheel, as files of their own or linked in."""
    with zipfile.ZipFile(repaired) as wheel:
        grafted = {Path(name).name.split("-")[0] for name in wheel.namelist() if ".libs/" in name}
    with tempfile.TemporaryDirectory() as scratch:
        with zipfile.ZipFile(plain) as wheel:
            wheel.extractall(scratch)
        files = [p for p in Path(scratch).rglob("*") if p.name.endswith(".so") or p.parent.name == "bin"]
        found = libraries.needed(files).values()
    shared = [file for file in found if file.name.split(".so")[0].split("-")[0] in grafted]
    nanobind = next(file for file in importlib.metadata.files("nanobind") if file.name == "LICENSE")
    return {**libraries.licences([*shared, *libraries.linked_in(build)]), "nanobind": nanobind.read_binary()}


def record_line(name, data):
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return [name, f"sha256={digest}", str(len(data))]


def add_files(wheel_path, files):
    """Rewrites a wheel with more files in its .dist-info/licenses and a RECORD that lists them."""
    with zipfile.ZipFile(wheel_path) as wheel:
        entries = [(info, wheel.read(info)) for info in wheel.infolist()]
    record = next(info.filename for info, _ in entries if info.filename.endswith(".dist-info/RECORD"))
    folder = record.removesuffix("RECORD") + "licenses/bundled/"
    with zipfile.ZipFile(wheel_path, "w", zipfile.ZIP_DEFLATED) as wheel:
        rows = []
        for info, data in entries:
            if info.filename == record:
                rows = list(csv.reader(io.StringIO(data.decode())))
            else:
                wheel.writestr(info, data, zipfile.ZIP_DEFLATED)
        for package, text in sorted(files.items()):
            name = f"{folder}{package}.txt"
            wheel.writestr(name, text)
            rows.insert(-1, record_line(name, text))
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(rows)
        wheel.writestr(record, out.getvalue())


def main():
    plain, build, folder = map(Path, sys.argv[1:])
    for old in folder.glob("*.whl"):
        old.unlink()
    subprocess.run([sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", folder, plain], check=True)
    (repaired,) = folder.glob("*.whl")
    files = licences(plain, repaired, build)
    add_files(repaired, files)
    print(f"{repaired}: {repaired.stat().st_size / 1e6:.1f} MB, with libraries of {', '.join(sorted(files))}")


if __name__ == "__main__":
    main()
