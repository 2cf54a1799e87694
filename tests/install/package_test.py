#!/usr/bin/env python3
"""Makes the .deb and the tarball of a build, looks into them and runs what they hold.

    python3 tests/install/package_test.py --build build/release --cmake cmake

Exit 77: the tools that make packages are not here. Installing on a bare system is `./dev package --check`.
"""

import argparse
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("dpkg-deb", "dpkg-shlibdeps", "patchelf", "objdump", "strip")
SKIPPED = 77
# Debian's packages of what is linked into the program, or comes as headers.
LINKED_IN = {"libgrpc-dev", "libabsl-dev", "libre2-dev", "libc-ares-dev", "nlohmann-json3-dev"}


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def check(condition, what):
    if not condition:
        sys.exit(f"FAILED: {what}")


def make(options, kind, folder):
    run(sys.executable, ROOT / "tools/package/make.py", kind, "--build", options.build, "--cmake", options.cmake, folder)
    (made,) = folder.glob("*.deb" if kind == "deb" else "*.tar.gz")
    return made


def twice(options, kind, scratch):
    """One commit gives one package: the bytes of two runs are equal."""
    first, second = (make(options, kind, scratch / f"{kind}{i}") for i in (1, 2))
    check(first.read_bytes() == second.read_bytes(), f"{kind}: two runs gave different bytes")
    return first


def check_date_without_git():
    """A system that builds from a source archive may have no git."""
    sys.path.insert(0, str(ROOT / "tools/package"))
    from make import last_change
    with mock.patch.dict(os.environ, {"PATH": ""}):
        os.environ.pop("SOURCE_DATE_EPOCH", None)
        check(last_change() == int((ROOT / "CHANGELOG.md").stat().st_mtime), "the date without git is the changelog's")


def headers_of(file):
    """NEEDED, SONAME, RPATH and RUNPATH."""
    found = {}
    for line in run("objdump", "-p", file).splitlines():
        words = line.split()
        if len(words) == 2 and words[0] in ("NEEDED", "SONAME", "RPATH", "RUNPATH"):
            found.setdefault(words[0], []).append(words[1])
    return found


def package_of(soname):
    """Who brought the library that the loader takes, asked without the tools of packaging."""
    cache = run("/sbin/ldconfig", "-p")
    path = Path(re.search(rf"^\s*{re.escape(soname)} \(.*x86-64.*\) => (\S+)|^\s*{re.escape(soname)} \(.*\) => (\S+)", cache, re.M)
                .group(0).split("=> ")[1]).resolve()
    for name in (str(path), str(path).removeprefix("/usr")):
        done = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.split(":")[0]
    sys.exit(f"FAILED: {path} is of no package")


def licences_in(share):
    """The packages whose licences are there, those of what is in the program among them."""
    found = {p.stem for p in (share / "doc/smlp/licenses").iterdir()}
    check(LINKED_IN <= found, f"no licences of {LINKED_IN - found}")
    return found


def check_deb(deb, scratch):
    fields = dict(line.split(": ", 1) for line in run("dpkg-deb", "--field", deb).splitlines() if re.match(r"\S+: ", line))
    version = re.search(r"project\(smlp VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
    check(fields["Package"] == "smlp" and fields["Version"].startswith(version), f"fields: {fields}")
    check(fields["Architecture"] == run("dpkg", "--print-architecture").strip(), f"fields: {fields}")
    listing = run("dpkg-deb", "--contents", deb).splitlines()
    check(all(line.split()[1] == "root/root" for line in listing), "files of somebody else than root")
    check(not any(line[5] == "w" or line[8] == "w" for line in listing if line[0] != "l"), "files that others may write")

    root = scratch / "root"
    run("dpkg-deb", "--raw-extract", deb, root)
    files = {str(p.relative_to(root)) for p in root.rglob("*") if not p.is_dir()}
    for wanted in ["usr/bin/smlp", "usr/include/smlp/smlp.h", "usr/share/man/man1/smlp.1.gz", "usr/share/man/man1/smlp-classify.1.gz",
                   "usr/share/bash-completion/completions/smlp", "usr/share/zsh/vendor-completions/_smlp",
                   "usr/share/fish/vendor_completions.d/smlp.fish", "usr/share/smlp/models/smlp_imagenette.safetensors",
                   "usr/share/doc/smlp/copyright", "usr/share/doc/smlp/changelog.gz"]:
        check(wanted in files, f"the .deb lacks {wanted}")
    licences_in(root / "usr/share")
    outside = [f for f in files if not f.startswith(("usr/bin/", "usr/lib/", "usr/include/smlp/", "usr/share/", "DEBIAN/"))]
    check(not outside, f"files outside of /usr: {outside}")
    check(b".TH" in gzip.decompress((root / "usr/share/man/man1/smlp.1.gz").read_bytes()), "the man page is none")
    sums = dict(reversed(line.split("  ", 1)) for line in (root / "DEBIAN/md5sums").read_text().splitlines())
    regular = {f for f in files if not f.startswith("DEBIAN/") and not (root / f).is_symlink()}
    check(set(sums) == regular, "md5sums does not list the files")
    check(all(hashlib.md5((root / f).read_bytes()).hexdigest() == sums[f] for f in regular), "md5sums is wrong")

    program = root / "usr/bin/smlp"
    library = next(p for p in root.rglob("libsmlp.so.*") if not p.is_symlink())
    depended = {re.split(r"[ (:|]", one.strip())[0] for one in fields["Depends"].split(",")}
    for file in (program, library):
        headers = headers_of(file)
        check("RPATH" not in headers and "RUNPATH" not in headers, f"{file.name} looks for libraries by itself: {headers}")
        check(".symtab" not in run("objdump", "-h", "-w", file) and not run("nm", file), f"{file.name} is not stripped")
        missing = {package_of(soname) for soname in headers["NEEDED"] if not soname.startswith("ld-linux")} - depended
        check(not missing, f"Depends lacks {missing}: {fields['Depends']}")
    check((library.parent / headers_of(library)["SONAME"][0]).exists(), "the link of the library's soname is missing")
    check(headers_of(library)["SONAME"][0].split(".so.")[1] in (root / "DEBIAN/shlibs").read_text(), "shlibs")
    check("ldconfig" in (root / "DEBIAN/triggers").read_text(), "the loader's cache is not renewed")
    for file in files:
        if file.endswith((".cmake", ".pc")):
            check(str(scratch) not in (root / file).read_text(), f"{file} names the stage")
    return program


def loaded_libraries(program):
    """What the loader takes: soname -> path."""
    said = run(program, env={"LD_TRACE_LOADED_OBJECTS": "1"})
    return dict(re.findall(r"^\s*(\S+) => (.+) \(0x", said, re.M))


def check_tarball(tarball, scratch):
    with tarfile.open(tarball) as archive:
        names = archive.getnames()
        check(all(member.uid == 0 and member.uname == "root" for member in archive), "files of somebody else than root")
        check(len({name.split("/")[0] for name in names}) == 1, "the tarball has no single folder")
        place = scratch / "a place"
        archive.extractall(place, filter="data") if hasattr(tarfile, "data_filter") else archive.extractall(place)
    (tree,) = place.iterdir()
    program = tree / "bin" / "smlp"
    loaded = loaded_libraries(program)
    for soname, path in loaded.items():
        of_glibc = re.match(r"(libc|libm|libpthread|libdl|librt)\.so|ld-linux", soname)
        check(of_glibc or Path(path).resolve().is_relative_to(tree), f"{soname} is taken from {path}")
    carried = {p.name for p in (tree / "lib" / "smlp").iterdir()}
    check(carried and carried == carried & set(loaded), f"carried and not used: {carried - set(loaded)}")
    licences = licences_in(tree / "share")
    for soname in carried:
        check(package_of(soname) in licences, f"no licence for {soname}")
    check((tree / "share/doc/smlp/LICENSE").is_file() and (tree / "share/man/man1/smlp.1").is_file(), "documents are missing")
    return program


def classify(program, picture):
    """With nothing in the environment: the model of its own tree."""
    said = json.loads(run(program, "classify", "--json", picture, env={"PATH": "/usr/bin:/bin"}))
    check(said["error"] is None, f"{program}: {said}")
    return said["top"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--cmake", default="cmake")
    options = parser.parse_args()
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        print(f"SKIPPED: packages are made with {', '.join(missing)}, which this system lacks")
        return SKIPPED
    check_date_without_git()
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        picture = next(p for p in sorted((ROOT / "tests/image/fixtures").iterdir()) if p.name.endswith(".jpg"))
        deb, tarball = (twice(options, kind, scratch) for kind in ("deb", "tarball"))
        answers = [classify(program, picture) for program in
                   (options.build / "bin" / "smlp", check_deb(deb, scratch), check_tarball(tarball, scratch))]
        check(answers[0] == answers[1] == answers[2], f"the packages' programs answer differently: {answers}")
        sizes = ", ".join(f"{file.name} {os.path.getsize(file) / 1e6:.1f} MB" for file in (deb, tarball))
    print(f"{sizes}: whole, and their programs run")
    return 0


if __name__ == "__main__":
    sys.exit(main())
