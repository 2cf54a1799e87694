#!/usr/bin/env python3
"""Makes packages of a build: a .deb for this release of Debian, and a tarball for any Linux with the C library.

    make.py deb --build build/package --cmake cmake FOLDER
    make.py tarball --build build/package --cmake cmake FOLDER

The .deb has the program, the library with its headers, man pages, completion and the model; dpkg-shlibdeps finds what it
depends on. The tarball has the program with everything but the C library beside it, found by the program's own path. Both
have the licences of what is in them.
"""

import argparse
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import libraries

ROOT = Path(__file__).resolve().parents[2]
DESCRIPTION = """offline inference for sMLPNet on the CPU
 Classifies pictures with sMLPNet networks: reads PyTorch checkpoints, safetensors
 and ONNX, JPEG and PNG by itself, without Python and without PyTorch.
 .
 This package has the program smlp, the C++ library with its headers, manual pages,
 completion for shells and a small model that knows ten classes."""


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def version():
    return re.search(r"project\(smlp VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())[1]


def debian_release():
    """What a package built here is for: deb12."""
    values = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return "deb" + values.get("VERSION_ID", "").strip('"') if "VERSION_ID" in values else "unreleased"


def last_change():
    """Seconds of the last commit, so that one commit gives one package; the time of the sources where there is no git."""
    if "SOURCE_DATE_EPOCH" in os.environ:
        return int(os.environ["SOURCE_DATE_EPOCH"])
    if shutil.which("git"):
        done = subprocess.run(["git", "-C", ROOT, "log", "-1", "--format=%ct"], capture_output=True, text=True)
        if done.returncode == 0 and done.stdout.strip():
            return int(done.stdout)
    return int((ROOT / "CHANGELOG.md").stat().st_mtime)


def install(options, stage, prefix):
    """The installed tree under `stage`, without symbols for debuggers."""
    run(options.cmake, "--install", options.build, "--prefix", prefix, env={**os.environ, "DESTDIR": str(stage)})
    tree = stage / prefix.lstrip("/")
    program = tree / "bin" / "smlp"
    library = next(p for p in tree.rglob("libsmlp.so.*") if not p.is_symlink())
    for file in (program, library):
        run("strip", "--strip-unneeded", "--remove-section=.comment", file)
    return tree, program, library


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


def depends(stage, program, library):
    """What dpkg-shlibdeps makes of them; it wants to see a source package."""
    with tempfile.TemporaryDirectory() as source:
        write(Path(source) / "debian" / "control", "Source: smlp\n\nPackage: smlp\nArchitecture: any\n")
        said = run("dpkg-shlibdeps", "-O", "--warnings=0", "-l" + str(library.parent), program, library, cwd=source)
    return re.search(r"^shlibs:Depends=(.*)$", said, re.M)[1]


def copyright_file():
    licence = (ROOT / "LICENSE").read_text()
    holder = re.search(r"^Copyright \(c\) (.*)$", licence, re.M)[1]
    body = licence[licence.index("Permission is hereby"):]
    text = "".join(f" {line}\n" if line else " .\n" for line in body.rstrip().splitlines())
    return ("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: smlp\n\n"
            f"Files: *\nCopyright: {holder}\nLicense: Expat\n\nLicense: Expat\n{text}")


def write_licences(tree, files):
    for package, text in libraries.licences(files).items():
        write(tree / "share" / "doc" / "smlp" / "licenses" / f"{package}.txt", text)


def compress_pages(tree):
    for page in list(tree.rglob("man1/*.1")):
        Path(f"{page}.gz").write_bytes(gzip.compress(page.read_bytes(), 9, mtime=0))
        page.unlink()


def make_deb(options, stage, time):
    tree, program, library = install(options, stage, "/usr")
    name, release = "smlp", debian_release()
    doc = tree / "share" / "doc" / name
    write(doc / "copyright", copyright_file())
    write(doc / "changelog.gz", gzip.compress((ROOT / "CHANGELOG.md").read_bytes(), 9, mtime=0))
    write_licences(tree, libraries.linked_in(options.build))
    compress_pages(tree)
    # zsh looks there in Debian.
    functions = tree / "share" / "zsh" / "vendor-completions"
    (tree / "share" / "zsh" / "site-functions").rename(functions)
    architecture = run("dpkg", "--print-architecture").strip()
    soname = re.search(r"SONAME\s+(\S+)", run("objdump", "-p", library))[1]
    files = sorted(p for p in stage.rglob("*") if p.is_file() and not p.is_symlink())
    size = sum(-(-p.stat().st_size // 1024) for p in files)
    control = stage / "DEBIAN"
    full = f"{version()}+{release}"
    write(control / "control", f"""Package: {name}
Version: {full}
Architecture: {architecture}
Maintainer: The smlp developers <smlp@localhost>
Installed-Size: {size}
Depends: {depends(stage, program, library)}
Section: science
Priority: optional
Description: {DESCRIPTION}
""")
    write(control / "md5sums", "".join(f"{hashlib.md5(p.read_bytes()).hexdigest()}  {p.relative_to(stage)}\n" for p in files))
    write(control / "shlibs", f"{soname.partition('.so.')[0]} {soname.partition('.so.')[2]} {name} (>= {version()})\n")
    write(control / "triggers", "activate-noawait ldconfig\n")
    out = options.folder / f"{name}_{full}_{architecture}.deb"
    for path in [stage, *stage.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path == program else 0o644)
    run("dpkg-deb", "--root-owner-group", "-Zxz", "-z2", "--build", stage, out, env={**os.environ, "SOURCE_DATE_EPOCH": str(time)})
    return out


def make_tarball(options, stage, time):
    """bin/smlp with DT_RPATH, which libraries of libraries follow too, to lib/smlp beside it."""
    installed, program, _ = install(options, stage, "/usr")
    name = f"smlp-{version()}-linux-{os.uname().machine}"
    tree = stage / name
    carried = libraries.needed([program])
    for soname, file in carried.items():
        write(tree / "lib" / "smlp" / soname, file.read_bytes())
        (tree / "lib" / "smlp" / soname).chmod(0o644)
    write(tree / "bin" / "smlp", program.read_bytes())
    (tree / "bin" / "smlp").chmod(0o755)
    run("patchelf", "--force-rpath", "--set-rpath", "$ORIGIN/../lib/smlp", tree / "bin" / "smlp")
    for part in ("man", "bash-completion", "zsh", "fish", "smlp"):
        shutil.copytree(installed / "share" / part, tree / "share" / part)
    write_licences(tree, [*carried.values(), *libraries.linked_in(options.build)])
    for document in ("LICENSE", "CHANGELOG.md"):
        write(tree / "share" / "doc" / "smlp" / document, (ROOT / document).read_bytes())
    out = options.folder / f"{name}.tar.gz"

    def plain(member):
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        member.mtime = time
        return member

    with gzip.GzipFile(out, "wb", mtime=time) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for path in [tree, *sorted(tree.rglob("*"))]:
            archive.add(path, str(path.relative_to(stage)), recursive=False, filter=plain)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("deb", "tarball"))
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--cmake", default="cmake")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    make = make_deb if options.kind == "deb" else make_tarball
    with tempfile.TemporaryDirectory() as scratch:
        out = make(options, Path(scratch) / "stage", last_change())
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
