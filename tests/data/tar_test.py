"""Our members of tar archives against those of Python's tarfile, for archives that it and GNU tar write."""
import argparse
import io
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

PROGRAM = None


def ours(path):
    done = subprocess.run([PROGRAM, path], capture_output=True)
    if done.returncode != 0:
        raise ValueError(done.stderr.decode())
    words = done.stdout.split(b"\0")[:-1]
    return [(n.decode("utf-8", "surrogateescape"), int(o), int(s)) for n, o, s in zip(words[::3], words[1::3], words[2::3])]


def theirs(path):
    with tarfile.open(path, "r:", encoding="utf-8", errors="surrogateescape") as archive:
        return [(m.name, m.offset_data, m.size) for m in archive if m.isreg()]


class TarTest(unittest.TestCase):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.dir)

    def test_every_format_and_length_of_name(self):
        rng = random.Random(3)
        letters = "abc-. \u00e9\u4e2d"
        for kind in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
            path = self.dir / f"{kind}.tar"
            with tarfile.open(path, "w", format=kind, encoding="utf-8") as archive:
                for length in list(range(1, 250, 7)) + [98, 99, 100, 101, 155, 156, 254, 255, 256, 400]:
                    name = "".join(rng.choice(letters) for _ in range(length)).strip(" /") or "x"
                    if kind == tarfile.USTAR_FORMAT:
                        name = "/".join(name[i:i + 30].strip() or "y" for i in range(0, min(len(name), 120), 30))[:90].strip(" /")
                    info = tarfile.TarInfo(name)
                    data = rng.randbytes(rng.choice([0, 1, 511, 512, 513, 3000]))
                    info.size = len(data)
                    try:
                        archive.addfile(info, io.BytesIO(data))
                    except ValueError:  # too long for the format
                        continue
            self.assertEqual(ours(path), theirs(path), kind)
            self.assertGreater(len(ours(path)), 20)

    def test_what_gnu_tar_writes(self):
        if shutil.which("tar") is None:
            self.skipTest("no tar")
        folder = self.dir / "data" / ("long" * 40)
        folder.mkdir(parents=True)
        for i in range(30):
            (folder / f"{i}.{'x' * 5 * i}").write_bytes(b"x" * 100 * i)
        for kind in ("v7", "oldgnu", "gnu", "pax", "ustar"):
            path = self.dir / f"{kind}.tar"
            names = [str(p.relative_to(self.dir)) for p in sorted(folder.iterdir())]
            if kind in ("v7", "ustar"):  # which hold short names only
                names = [f"{kind}{i}" for i in range(5)]
                for i, name in enumerate(names):
                    (self.dir / name).write_bytes(b"v" * i)
            done = subprocess.run(["tar", "-C", self.dir, f"--format={kind}", "-cf", path, *names], capture_output=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(ours(path), theirs(path), kind)
            self.assertEqual(len(ours(path)), len(names))

    def test_hard_links_of_gnu_tar(self):
        if shutil.which("tar") is None:
            self.skipTest("no tar")
        folder = self.dir / "data"
        folder.mkdir()
        for i in range(20):
            (folder / f"{i}").write_bytes(b"%d" % i * 300)
            for j in range(i % 4):
                (folder / (f"{i}-{j}" + "x" * 60 * j)).hardlink_to(folder / f"{i}")
        for kind in ("oldgnu", "gnu", "pax"):
            path = self.dir / f"{kind}.tar"
            subprocess.run(["tar", "-C", self.dir, f"--format={kind}", "-cf", path, "data"], check=True)
            whole = path.read_bytes()
            got = {name: whole[offset:offset + size] for name, offset, size in ours(path)}
            self.assertEqual(got, {f"data/{p.name}": p.read_bytes() for p in folder.iterdir()}, kind)

    def test_damage_is_an_error_or_changes_nothing_that_tarfile_sees(self):
        path = self.dir / "a.tar"
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
            for i in range(4):
                info = tarfile.TarInfo("n" * (60 * i + 1))
                info.size = 700
                archive.addfile(info, io.BytesIO(bytes(700)))
        whole, rng = path.read_bytes(), random.Random(5)
        for _ in range(300):
            damaged = bytearray(whole)
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
            path.write_bytes(damaged)
            try:
                mine = ours(path)
            except ValueError:
                continue
            for name, offset, size in mine:
                self.assertLessEqual(offset + size, len(damaged))
            self.assertEqual(mine, theirs(path))


if __name__ == "__main__":
    parse = argparse.ArgumentParser()
    parse.add_argument("--program", required=True)
    known, rest = parse.parse_known_args()
    PROGRAM = known.program
    unittest.main(argv=[sys.argv[0], *rest])
