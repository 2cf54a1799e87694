"""Drives the guide's commands as its reader does; the tests check their files with NumPy and the standard library.

    guide_COMMAND_test.py --smlp BIN [unittest arguments]

Everything is generated in temporary folders: pictures (written by Pillow where it is installed, else by a PNG writer
here) and a small network with random weights in a safetensors file.
"""

import hashlib
import json
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from pictures import photograph, png

try:
    import numpy as np
except ImportError:
    print("SKIPPED: guide, the guide's commands checked with NumPy: this Python has none (Debian: python3-numpy)")
    sys.exit(77)

SMLP = ""


def run(*arguments, check=None, limit_bytes=None, **options):
    """`smlp ARGUMENTS`; check: the exit status that is expected. limit_bytes: no file may grow larger (a full disk)."""

    def limit():
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    done = subprocess.run(
        [SMLP, *map(str, arguments)],
        capture_output=True,
        text=True,
        preexec_fn=limit if limit_bytes is not None else None,
        **options,
    )
    if check is not None and done.returncode != check:
        raise AssertionError(f"exit {done.returncode}, expected {check}: {arguments}\n{done.stdout}{done.stderr}")
    return done


def image_folder(root, classes=3, each=7):
    for label in range(classes):
        folder = root / f"class_{label}"
        folder.mkdir(parents=True)
        for i in range(each):
            seed = label * 100 + i
            png(folder / f"{i}.png", photograph(seed, 40 + 3 * i, 70 - 2 * i))


def checkpoint(path, seed=3, side=32, dim=8, classes=10):
    """A small sMLPNet with random weights and uneven statistics, as a safetensors state dict."""
    rng = np.random.default_rng(seed)
    depths, alpha, patch = (1, 1, 1, 1), 2, 4
    tensors = {}

    def normal(*shape):
        return (rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]) or 1)).astype(np.float32)

    def batch_norm(name, width):
        tensors[name + ".weight"] = rng.uniform(0.5, 1.5, width).astype(np.float32)
        tensors[name + ".bias"] = rng.normal(0, 0.3, width).astype(np.float32)
        tensors[name + ".running_mean"] = rng.normal(0, 0.3, width).astype(np.float32)
        tensors[name + ".running_var"] = rng.uniform(0.5, 2, width).astype(np.float32)
        tensors[name + ".num_batches_tracked"] = np.array(7, np.int64)

    block = 0
    for stage, depth in enumerate(depths):
        width, grid = dim << stage, side // patch >> stage
        kernel, inputs = (patch, 3) if stage == 0 else (2, width // 2)
        tensors[f"to_patch_embedding.{stage}.0.weight"] = normal(width, inputs, kernel, kernel)
        for _ in range(depth):
            mix, channel = f"token_mix.{block}", f"channel_mix.{block}"
            batch_norm(f"{mix}.0.conv_merge.BN", width)
            tensors[f"{mix}.0.conv_merge.Conv.weight"] = normal(width, 1, 3, 3)
            batch_norm(f"{mix}.1.BN", width)
            for name in ("proj_h", "proh_w"):
                tensors[f"{mix}.1.{name}.weight"] = normal(grid, grid, 1, 1)
                tensors[f"{mix}.1.{name}.bias"] = normal(grid)
            tensors[f"{mix}.1.fuse.weight"] = normal(width, 3 * width, 1, 1)
            tensors[f"{channel}.1.weight"] = rng.uniform(0.5, 1.5, width).astype(np.float32)
            tensors[f"{channel}.1.bias"] = normal(width)
            tensors[f"{channel}.2.net.0.weight"] = normal(alpha * width, width)
            tensors[f"{channel}.2.net.0.bias"] = normal(alpha * width)
            tensors[f"{channel}.2.net.3.weight"] = normal(width, alpha * width)
            tensors[f"{channel}.2.net.3.bias"] = normal(width)
            block += 1
    batch_norm("batch_norm", dim << 3)
    tensors["mlp_head.0.weight"] = normal(classes, dim << 3)
    tensors["mlp_head.0.bias"] = normal(classes)

    header, offset = {}, 0
    for name, tensor in tensors.items():
        kind = "I64" if tensor.dtype == np.int64 else "F32"
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(t.tobytes() for t in tensors.values()))


def tree(folder):
    """Every file below a folder with its bytes' hash."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(Path(folder).rglob("*"))
        if p.is_file()
    }


def without_journal(files):
    """The journal of a preprocessing run holds times of the bins, which differ between runs."""
    return {name: digest for name, digest in files.items() if not name.endswith(".smlp-preprocess.jsonl")}


def results_of(folder):
    """As tree(), without the record of the run, which also tells how often it was interrupted."""
    return {name: digest for name, digest in tree(folder).items() if name != ".smlp-run.jsonl"}


class GuideTest(unittest.TestCase):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="smlp-guide-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def assert_error(self, done, *words, status=1):
        """One line on stderr that says all the words, and the exit status."""
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        errors = [line for line in done.stderr.splitlines() if line.startswith("smlp: error: ")]
        self.assertTrue(errors, done.stderr)
        for word in words:
            self.assertIn(str(word), errors[-1])


class InferringTest(GuideTest):
    """`smlp infer` on 21 prepared pictures."""

    def setUp(self):
        super().setUp()
        self.net, self.bins, self.out = self.dir / "net.safetensors", self.dir / "prep" / "bins", self.dir / "result"
        checkpoint(self.net)
        self.rng = np.random.default_rng(8)
        self.rows = self.rng.normal(size=(21, 3, 32, 32)).astype(np.float32)
        self.bins.mkdir(parents=True)
        for i, row in enumerate(self.rows):
            row.tofile(self.bins / f"batch-{i:05}.bin")

    def infer(self, *arguments, source=None, out=None, **options):
        return run("infer", "--model", self.net, "--input", source or self.bins, "--output", out or self.out, *arguments,
                   **options)

    def logits(self, folder, count=21, ending="npy"):
        load = {"npy": np.load, "bin": lambda p: np.fromfile(p, np.float32).reshape(-1, 10),
                "txt": lambda p: np.loadtxt(p, ndmin=2)}[ending]
        files = [folder / f"batch-{i:05}_0.{ending}" for i in range(count)]
        self.assertEqual(sorted(p for p in folder.iterdir() if not p.name.startswith(".")), files)
        return np.concatenate([load(p) for p in files])

    def reference(self):
        """All pictures at once, one after the other: what every way of batching must give."""
        if not hasattr(self, "_reference"):
            self.infer("--output_dirname", "reference", "--batchsize", 1, out=self.dir / "ref", check=0)
            self._reference = self.logits(self.dir / "ref" / "reference")
        return self._reference


def kill_often(arguments, seed, between=lambda: None, kills=60):
    """Runs the command again and again, killing it at random moments, until one run ends by itself; its outcome.

    The moments start short and grow, so that kills fall on every part of the run, on slow and busy machines too.
    """
    rng = random.Random(seed)
    for killed in range(kills + 1):
        process = subprocess.Popen([SMLP, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            limit = rng.uniform(0.005, 0.03 * 1.06**killed) if killed < kills else None
            out, err = process.communicate(timeout=limit)
            return process.returncode, out, err, killed
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            between()


def main():
    """Takes --smlp BIN from the arguments, and runs the tests of the module that calls it."""
    global SMLP
    at = sys.argv.index("--smlp")
    SMLP = str(Path(sys.argv[at + 1]).resolve())
    del sys.argv[at : at + 2]
    unittest.main(verbosity=2)
