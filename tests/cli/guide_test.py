#!/usr/bin/env python3
"""Drives the guide's commands as its reader does, and checks their files with NumPy and the standard library.

    guide_test.py --smlp BIN [unittest arguments]

Everything is generated in temporary folders: pictures (written by Pillow where it is installed, else by a PNG writer
here) and a small network with random weights in a safetensors file.
"""

import hashlib
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from pictures import png

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


def photograph(seed, width=60, height=48):
    """Smooth colours with some noise, another for every seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x * rng.uniform(0.02, 0.3) + y * rng.uniform(0.02, 0.3) + rng.uniform(0, 6)) for _ in range(3)]
    noise = rng.normal(scale=8, size=(height, width, 3))
    return np.clip(127 + 90 * np.stack(waves, -1) + noise, 0, 255).astype(np.uint8)


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


class PostprocessTest(GuideTest):
    """Results that the guide's own tool could have written, and what is wrong with some of them."""

    def setUp(self):
        super().setUp()
        self.results = self.dir / "result" / "2024_05_01-12_00_00"
        self.results.mkdir(parents=True)
        self.rng = np.random.default_rng(5)

    def write(self, logits, batch=1, save=np.save, ending="npy", inputs=None):
        """Results, and the summary that the guide's tool leaves beside them; labels.npy goes to the bins' parent."""
        for i, start in enumerate(range(0, len(logits), batch)):
            save(self.results / f"batch-{i:05}_0.{ending}", logits[start : start + batch])
        bins = range(inputs or -(-len(logits) // batch))
        info = {str(i): {"infiles": [str(self.dir / "bins" / f"batch-{i:05}.bin")], "outfiles": []} for i in bins}
        self.summary = self.dir / "result" / (self.results.name + "_summary.json")
        self.summary.write_text(json.dumps({"filesinfo": info}))

    def made_up(self, count=200, classes=10):
        labels = self.rng.integers(0, classes, count)
        logits = self.rng.normal(size=(count, classes)).astype(np.float32)
        logits[np.arange(count), labels] += 2
        return logits, labels

    @staticmethod
    def accuracy(logits, labels):
        order = np.argsort(-logits, axis=1, kind="stable")
        hits = order[:, :5] == np.asarray(labels)[:, None]
        return f"acc@1:{hits[:, 0].mean():.4f}, acc@5:{hits.any(axis=1).mean():.4f}"

    def score(self, *arguments, folder=None):
        return run("postprocess", "--infer_result_dir", folder or self.results, *arguments)

    def assert_score(self, done, logits, labels):
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.splitlines()[0], self.accuracy(logits, labels))

    def test_npy_bin_txt_and_any_batch_size_give_the_same(self):
        logits, labels = self.made_up(203)
        formats = [
            ("npy", np.save),
            ("bin", lambda path, rows: path.write_bytes(rows.tobytes())),
            ("txt", lambda path, rows: np.savetxt(path, rows, fmt="%f")),
            ("npy", lambda path, rows: np.save(path, np.asfortranarray(rows.astype(np.float64)))),
            ("npy", lambda path, rows: np.save(path, rows.astype(">f4").reshape(rows.shape + (1, 1)))),
        ]
        for ending, save in formats:
            for batch in (1, 8):
                with self.subTest(ending=ending, batch=batch):
                    shutil.rmtree(self.results)
                    self.results.mkdir()
                    self.write(logits, batch, save, ending)
                    padded = np.full((-(-203 // batch), batch), -1)
                    padded.flat[:203] = labels
                    np.save(self.dir / "labels.npy", padded)
                    self.assert_score(self.score("--labels", self.dir / "labels.npy"), logits, labels)

    def test_labels_of_the_bins_that_the_summary_names(self):
        logits, labels = self.made_up()
        self.write(logits)
        np.save(self.dir / "labels.npy", labels[:, None])
        done = self.score()
        self.assert_score(done, logits, labels)
        self.assertIn(str(self.dir / "labels.npy"), done.stdout)
        self.assert_score(self.score(folder=self.dir / "result"), logits, labels)

    def test_labels_of_other_data_are_never_taken(self):
        logits, labels = self.made_up(50)
        self.write(logits)
        for place in (self.results, self.results.parent):
            np.save(place / "labels.npy", labels[:, None])
        self.assert_error(self.score(), "--labels", self.results)
        np.save(self.dir / "labels.npy", labels[:40, None])
        self.assert_error(self.score(), "labels of 40 bins", self.dir / "labels.npy")
        np.save(self.dir / "labels.npy", labels[:, None])
        self.assert_score(self.score(), logits, labels)
        self.summary.write_text(self.summary.read_text().replace(".bin", ".png"))
        self.assert_error(self.score(), "--labels")
        self.summary.unlink()
        self.assert_error(self.score(), "--labels")

    def test_the_last_partial_batch_dropped_by_the_original(self):
        logits, labels = self.made_up(40)
        self.write(logits, 8)
        np.save(self.dir / "labels.npy", labels.reshape(5, 8))
        self.assert_score(self.score(), logits, labels)

    def test_full_imagenet_needs_no_labels(self):
        logits = np.zeros((120, 1000), np.float32)
        logits[np.arange(120), np.arange(120) // 50] = 1
        self.write(logits)
        done = self.score("--n", 120)
        self.assert_score(done, logits, np.arange(120) // 50)
        self.assertIn("i / 50", done.stdout)
        self.assert_error(self.score(), "labels.npy", self.results)

    def test_n_takes_the_first_and_never_more_than_there_are(self):
        logits, labels = self.made_up(50)
        self.write(logits)
        np.save(self.dir / "labels.npy", labels[:, None])
        done = self.score("--n", 20)
        self.assert_score(done, logits[:20], labels[:20])
        self.assertIn("first 20", done.stderr)
        self.assert_error(self.score("--n", 60), "50", "60")

    def test_a_gap_is_named(self):
        logits, labels = self.made_up(50)
        self.write(logits)
        np.save(self.dir / "labels.npy", labels[:, None])
        (self.results / "batch-00017_0.npy").unlink()
        self.assert_error(self.score(), "batch-00017_0.npy", self.results)
        (self.results / "batch-00000_0.npy").unlink()
        self.assert_error(self.score(), "batch-00000_0.npy")

    def test_an_unfinished_run_is_said(self):
        logits, labels = self.made_up(50)
        self.write(logits[:30], inputs=50)
        np.save(self.dir / "labels.npy", labels[:, None])
        done = self.score()
        self.assert_score(done, logits[:30], labels[:30])
        self.assertIn("not complete", done.stderr)

    def test_other_files_are_left_alone_and_two_of_one_are_not(self):
        logits, labels = self.made_up(50)
        self.write(logits)
        np.save(self.dir / "labels.npy", labels[:, None])
        for name in ("sumary.json", "notes.txt", "batch-00003_1.npy", "acc.npy"):
            (self.results / name).write_bytes(b"{}")
        self.assert_score(self.score(), logits, labels)
        (self.results / "batch-00003_0.bin").write_bytes(logits[3].tobytes())
        self.assert_error(self.score(), "batch-00003_0")

    def test_labels_in_another_order_are_suspected(self):
        logits, labels = self.made_up(300)
        self.write(logits)
        np.save(self.dir / "labels.npy", (labels[:, None] + 3) % 10)
        done = self.score()
        self.assertEqual(done.returncode, 0)
        self.assertIn("order", done.stderr)
        np.save(self.dir / "labels.npy", labels[:, None])
        self.assertEqual(self.score().stderr, "")

    def test_not_a_number_counts_as_wrong_and_is_said(self):
        logits, labels = self.made_up(100)
        logits[7, 3] = np.nan
        self.write(logits)
        np.save(self.dir / "labels.npy", labels[:, None])
        done = self.score()
        self.assertEqual(done.returncode, 0)
        self.assertIn("1 of 100", done.stderr)
        hits = np.argmax(logits, axis=1) == labels
        hits[7] = False
        self.assertIn(f"acc@1:{hits.mean():.4f}", done.stdout)

    def test_classes_that_do_not_fit_are_errors(self):
        logits, labels = self.made_up(50)
        self.write(logits)
        np.save(self.dir / "labels.npy", labels[:, None] + 5)
        self.assert_error(self.score(), "10 classes", self.dir / "labels.npy")
        np.save(self.dir / "labels.npy", labels[:40, None])
        self.assert_error(self.score(), "labels of 40 bins")
        self.assert_error(self.score("--labels", self.dir / "labels.npy"), "40 labels")
        np.save(self.dir / "labels.npy", labels[:, None])
        np.save(self.results / "batch-00020_0.npy", np.zeros((1, 11), np.float32))
        self.assert_error(self.score(), "batch-00020_0.npy", "11 classes")

    def test_damaged_files_are_named(self):
        logits, labels = self.made_up(5)
        self.write(logits)
        np.save(self.dir / "labels.npy", labels[:, None])
        victim = self.results / "batch-00002_0.npy"
        whole = victim.read_bytes()
        for damaged in (whole[:-1], whole[:60], whole[:5], b"", whole + b"x"):
            victim.write_bytes(damaged)
            self.assert_error(self.score(), victim)
        np.save(victim, np.array([{"a": 1}]), allow_pickle=True)
        self.assert_error(self.score(), victim)
        victim.write_bytes(whole)
        np.save(self.dir / "labels.npy", labels[:, None] + 0.5)
        self.assert_error(self.score(), self.dir / "labels.npy")

    def test_empty_missing_and_ambiguous_folders_are_named(self):
        self.assert_error(self.score(), self.results)
        self.assert_error(self.score(folder=self.dir / "nowhere"), self.dir / "nowhere")
        logits, _ = self.made_up(5)
        self.write(logits)
        shutil.copytree(self.results, self.dir / "result" / "other")
        self.assert_error(self.score(folder=self.dir / "result"), "2 of its folders")

    def test_results_named_by_picture_take_their_class_from_the_folder(self):
        logits, labels = self.made_up(30, 3)
        for i, label in enumerate(labels):
            folder = self.dir / "data" / f"class{label}"
            folder.mkdir(parents=True, exist_ok=True)
            png(folder / f"photo_{i}.x.png", np.zeros((2, 2, 3), np.uint8))
            np.save(self.results / f"photo_{i}_0.npy", logits[i : i + 1])
        self.assert_score(self.score("--data_root", self.dir / "data"), logits, labels)
        (self.dir / "data" / "empty").mkdir()
        self.assert_error(self.score("--data_root", self.dir / "data"), "results of 3 classes", "4 class folders")


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


class PreprocessTest(GuideTest):
    def setUp(self):
        super().setUp()
        self.data, self.bins = self.dir / "data", self.dir / "prep" / "bins"
        checkpoint(self.dir / "net.safetensors")
        image_folder(self.data / "val")

    def preprocess(self, *arguments, bins=None, data=None, model=True, **options):
        small = ["--model", self.dir / "net.safetensors"] if model else []
        return run(
            "preprocess", "--data_root", data or self.data, "--save_dir", bins or self.bins, *small, *arguments, **options
        )

    @staticmethod
    def pillow(path, side):
        from PIL import Image

        picture = Image.open(path).convert("RGB")
        width, height = picture.size
        short = int(256 / 224 * side)
        size = (short, int(short * height / width)) if width <= height else (int(short * width / height), short)
        picture = picture.resize(size, Image.BICUBIC)
        left, top = round((size[0] - side) / 2), round((size[1] - side) / 2)
        crop = np.asarray(picture.crop((left, top, left + side, top + side)), np.float32) / np.float32(255)
        mean = np.array([0.485, 0.456, 0.406], np.float32)
        deviation = np.array([0.229, 0.224, 0.225], np.float32)
        return ((crop - mean) / deviation).transpose(2, 0, 1)

    def check_against_pillow(self, bins, side, batch):
        """Every file that the step writes, against what Pillow and NumPy make of the folder."""
        pictures = sorted((self.data / "val").glob("*/*"))
        rows = np.concatenate([np.fromfile(p, np.float32) for p in sorted(bins.glob("batch-*.bin"))])
        rows = rows.reshape(-1, 3, side, side)
        self.assertEqual(len(rows), len(pictures))
        manifest = [json.loads(line) for line in (bins.parent / "manifest.jsonl").read_text().splitlines()]
        labels = np.load(bins.parent / "labels.npy")
        self.assertEqual(labels.dtype, np.int64)
        self.assertEqual(labels.shape, (-(-len(pictures) // batch), batch))
        self.assertTrue((labels.flat[len(pictures) :] == -1).all())
        for i, picture in enumerate(pictures):
            np.testing.assert_array_equal(rows[i], self.pillow(picture, side), str(picture))
            label = int(picture.parent.name.split("_")[1])
            self.assertEqual(labels.flat[i], label)
            expected = {
                "file": str(picture.relative_to(self.data)),
                "label": label,
                "class": picture.parent.name,
                "sha256": hashlib.sha256(picture.read_bytes()).hexdigest(),
                "batch": i // batch,
                "index": i % batch,
            }
            self.assertEqual(manifest[i], expected)
        self.assertEqual(len(manifest), len(pictures))

    def test_bins_labels_and_manifest(self):
        for side, batch, arguments in ((224, 1, []), (32, 1, ["--model"]), (32, 8, ["--model"])):
            with self.subTest(side=side, batch=batch):
                bins = self.dir / f"prep{side}_{batch}" / "bins"
                self.preprocess("--batch_size", batch, bins=bins, model=bool(arguments), check=0)
                names = sorted(p.name for p in bins.glob("*"))
                count = -(-21 // batch)
                self.assertEqual(names, [".smlp-preprocess.jsonl"] + [f"batch-{i:05}.bin" for i in range(count)])
                self.check_against_pillow(bins, side, batch)

    def test_the_imagefolder_itself_and_the_fields_spelling(self):
        self.preprocess(check=0)
        other = self.dir / "other" / "bins"
        run("preprocess", "--data-root", self.data / "val", f"\u2013save_dir={other}", "--batch-size=1", "--model",
            self.dir / "net.safetensors", check=0)
        self.assertEqual({k: v for k, v in tree(self.bins).items() if k.endswith("bin")},
                         {k: v for k, v in tree(other).items() if k.endswith("bin")})

    def test_broken_pictures_are_named_counted_and_left_out(self):
        victims = [self.data / "val" / "class_0" / "0.png", self.data / "val" / "class_1" / "3.png",
                   self.data / "val" / "class_2" / "6.png"]
        whole = self.dir / "whole"
        shutil.copytree(self.data, whole)
        for victim in victims:
            (whole / victim.relative_to(self.data)).unlink()
        victims[0].write_bytes(b"")
        victims[1].write_bytes(victims[1].read_bytes()[:200])
        victims[2].write_bytes(b"no picture")
        for batch in (1, 4):
            with self.subTest(batch=batch):
                bins, good = self.dir / f"a{batch}" / "bins", self.dir / f"b{batch}" / "bins"
                for _ in range(2):  # the second run has nothing left to do and says the same
                    done = self.preprocess("--batch_size", batch, bins=bins)
                    self.assertEqual(done.returncode, 1)
                    for victim in victims:
                        self.assertIn(str(victim), done.stderr)
                    self.assertIn("3 of 21", done.stderr)
                self.preprocess("--batch_size", batch, bins=good, data=whole, check=0)
                drop = lambda t: {k: v for k, v in t.items() if not k.startswith("bins/.")}
                self.assertEqual(drop(tree(bins.parent)), drop(tree(good.parent)))

    def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(self):
        for i in range(120):
            png(self.data / "val" / "class_1" / f"more{i}.png", photograph(i, 300, 200))
        (self.data / "val" / "class_1" / "more7.png").write_bytes(b"broken")
        for batch in (1, 8):
            with self.subTest(batch=batch):
                expected = self.dir / f"expected{batch}" / "bins"
                self.preprocess("--batch_size", batch, bins=expected)
                bins = self.dir / f"killed{batch}" / "bins"
                row = 3 * 32 * 32 * 4

                def check_whole():
                    sizes = sorted((p.name, p.stat().st_size) for p in bins.glob("batch-*"))
                    for name, size in sizes[:-1]:
                        self.assertEqual(size, batch * row, name)
                    self.assertTrue(all(size % row == 0 and size > 0 for _, size in sizes))
                    if (bins.parent / "labels.npy").exists():
                        np.load(bins.parent / "labels.npy")

                arguments = ["preprocess", "--data_root", self.data, "--save_dir", bins, "--model",
                             self.dir / "net.safetensors", "--batch_size", batch]
                status, out, err, kills = kill_often(arguments, batch, check_whole)
                self.assertGreater(kills, 2, "too fast to be killed: more pictures are needed")
                self.assertEqual(status, 1, out + err)
                self.assertIn("more7.png", err)
                self.assertEqual(without_journal(tree(bins.parent)), without_journal(tree(expected.parent)))

    def test_a_lost_or_damaged_bin_is_made_again(self):
        self.preprocess("--batch_size", 4, check=0)
        before = tree(self.bins.parent)
        (self.bins / "batch-00001.bin").unlink()
        (self.bins / "batch-00003.bin").write_bytes(b"short")
        (self.bins.parent / "labels.npy").unlink()
        self.preprocess("--batch_size", 4, check=0)
        self.assertEqual(without_journal(tree(self.bins.parent)), without_journal(before))

    def test_what_changed_since_is_refused_unless_forced(self):
        self.preprocess("--batch_size", 4, check=0)
        before = tree(self.bins.parent)
        self.assert_error(self.preprocess("--batch_size", 8), self.bins, "--force")
        self.assert_error(self.preprocess("--batch_size", 4, model=False), self.bins, "centre crop 32")
        victim = self.data / "val" / "class_1" / "2.png"
        old = victim.read_bytes()
        victim.write_bytes(old)  # touched, not changed
        self.preprocess("--batch_size", 4, check=0)
        png(victim, photograph(99))
        self.assert_error(self.preprocess("--batch_size", 4), victim, "--force")
        victim.write_bytes(old)
        extra = self.data / "val" / "class_1" / "extra.png"
        png(extra, photograph(98))
        self.assert_error(self.preprocess("--batch_size", 4), self.bins, "--force")
        extra.unlink()
        self.assertEqual(tree(self.bins.parent), before)
        # Killed while starting over, it goes on without being forced again.
        process = subprocess.Popen([SMLP, "preprocess", "--data_root", self.data, "--save_dir", self.bins, "--batch_size", "8",
                                    "--model", self.dir / "net.safetensors", "--force"], stdout=subprocess.DEVNULL)
        journal = self.bins / ".smlp-preprocess.jsonl"
        while process.poll() is None:
            try:
                if b'"batch_size":8' in journal.read_bytes():
                    break
            except FileNotFoundError:
                pass
        process.kill()
        process.wait()
        self.preprocess("--batch_size", 8, check=0)
        self.check_against_pillow(self.bins, 32, 8)
        self.assertEqual(len(list(self.bins.glob("*.bin"))), 3)

    def test_files_of_others_are_kept(self):
        self.bins.mkdir(parents=True)
        for path in (self.bins / "batch-00000.bin", self.bins.parent / "labels.npy", self.bins.parent / "manifest.jsonl"):
            with self.subTest(path=path):
                path.write_bytes(b"mine")
                for force in ([], ["--force"]):
                    self.assert_error(self.preprocess(*force), path, "move it away")
                    self.assertEqual(path.read_bytes(), b"mine")
                path.unlink()
        self.preprocess(check=0)
        self.assert_error(self.preprocess(bins=self.bins.parent / "second"), self.bins.parent / "labels.npy")
        self.check_against_pillow(self.bins, 32, 1)

    def test_force_deletes_only_what_the_run_wrote(self):
        self.preprocess("--batch_size", 4, check=0)
        before = tree(self.bins.parent)
        extra = self.bins / "batch-00077.bin"
        for path, content in ((extra, b"mine"), (self.bins.parent / "labels.npy", b"other labels"),
                              (self.bins / "batch-00001.bin", b"changed"), (self.bins.parent / "manifest.jsonl", b"x")):
            with self.subTest(path=path):
                kept = path.read_bytes() if path.exists() else None
                times = path.stat().st_mtime_ns if path.exists() else 0
                path.write_bytes(content)
                self.assert_error(self.preprocess("--batch_size", 8, "--force"), path, "move it away")
                self.assertEqual(path.read_bytes(), content)
                if kept is None:
                    path.unlink()
                else:
                    path.write_bytes(kept)
                    os.utime(path, ns=(times, times))
                self.assertEqual(tree(self.bins.parent), before)
        notes = self.bins / "notes_0.txt"
        notes.write_text("mine")
        self.preprocess("--batch_size", 8, "--force", check=0)
        self.assertEqual(notes.read_text(), "mine")
        self.check_against_pillow(self.bins, 32, 8)

    def test_two_runs_with_a_common_parent_do_not_share_labels(self):
        for i in range(60):
            png(self.data / "val" / "class_1" / f"more{i}.png", photograph(i, 300, 200))
        processes = [subprocess.Popen([SMLP, "preprocess", "--data_root", self.data, "--save_dir", self.dir / "p" / name,
                                       "--model", self.dir / "net.safetensors", "--batch_size", size],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                     for name, size in (("a", "1"), ("b", "4"))]
        outcomes = [(p.communicate()[1], p.returncode) for p in processes]
        self.assertEqual(sorted(status for _, status in outcomes), [0, 1], outcomes)
        won = [size for size, (_, status) in zip((1, 4), outcomes) if status == 0][0]
        self.assertEqual(np.load(self.dir / "p" / "labels.npy").shape[1], won)
        lost = [text for text, status in outcomes if status == 1][0]
        self.assertIn(str(self.dir / "p"), lost)

    def test_a_full_disk_is_named_and_nothing_half_is_left(self):
        done = self.preprocess("--batch_size", 4, limit_bytes=20000)
        self.assert_error(done, self.bins / "batch-00000.bin")
        self.assertEqual([p for p in self.bins.rglob("*") if p.name != ".smlp-preprocess.jsonl"], [])
        self.preprocess("--batch_size", 4, check=0)
        self.check_against_pillow(self.bins, 32, 4)

    def test_bad_folders_are_named(self):
        self.assert_error(self.preprocess(data=self.dir / "nowhere"), self.dir / "nowhere")
        empty = self.dir / "empty"
        empty.mkdir()
        self.assert_error(self.preprocess(data=empty), empty)
        file = self.dir / "file"
        file.write_text("x")
        self.assert_error(self.preprocess(bins=file), file)
        self.assert_error(self.preprocess(bins=file / "below"), file)
        self.assertEqual(file.read_text(), "x")
        self.assert_error(run("preprocess", "--data_root", self.data), "save_dir", status=2)

    def test_sizes_that_no_picture_can_be_given_are_refused_at_once(self):
        done = self.preprocess("--img-size", "1000", "--crop-pct", "0.1", model=False)
        self.assert_error(done, "10000 pixels, and 8192 are the limit")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertFalse(self.bins.exists())

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_no_permission_is_named(self):
        self.bins.mkdir(parents=True)
        self.bins.chmod(0o500)
        self.addCleanup(self.bins.chmod, 0o700)
        self.assert_error(self.preprocess(), self.bins)


class CompileTest(GuideTest):
    def setUp(self):
        super().setUp()
        self.net = self.dir / "net.safetensors"
        checkpoint(self.net)

    def compile(self, *arguments, output=None, model=None, **options):
        return run("compile", f"--model={model or self.net}", f"--output={output or self.dir / 'out'}", *arguments, **options)

    def metadata(self, path=None):
        raw = (path or self.dir / "out.smlp").read_bytes()
        return json.loads(raw[8 : 8 + struct.unpack("<Q", raw[:8])[0]])["__metadata__"]

    def test_the_guides_line(self):
        ini = self.dir / "op_precision.ini"
        ini.write_text("Gelu=high_performance\n")
        done = self.compile("--framework=5", "--input_format=NCHW", "--input_shape=input:8,3,32,32", "--log=error",
                            "--soc_version=Ascend310P3", f"--op_precision_mode={ini}", check=0)
        self.assertEqual(done.stdout.count("soc_version"), 1)
        self.assertEqual(done.stderr, "")
        meta = self.metadata()
        self.assertEqual(meta["smlp.gelu"], "high_performance")
        self.assertEqual(meta["smlp.batch"], "8")
        self.assertEqual(meta["smlp.precision"], "fp32")
        self.assertEqual(meta["smlp.source_sha256"], hashlib.sha256(self.net.read_bytes()).hexdigest())

    def test_output_names(self):
        self.compile(output=self.dir / "a.smlp", check=0)
        self.compile(output=self.dir / "deep" / "er" / "b.c", check=0)
        self.assertTrue((self.dir / "a.smlp").exists())
        self.assertTrue((self.dir / "deep" / "er" / "b.c.smlp").exists())
        self.assertEqual((self.dir / "a.smlp").read_bytes(), (self.dir / "deep" / "er" / "b.c.smlp").read_bytes())

    def test_a_folder_is_no_name_of_a_model(self):
        (self.dir / "models").mkdir()
        for output in (self.dir / "models", f"{self.dir / 'models'}/", f"{self.dir / 'missing'}/"):
            self.assert_error(self.compile(output=output), "names a folder", f"give {self.dir / Path(output).name / 'net.smlp'}")
        (self.dir / "out.smlp").mkdir()
        for force in ((), ("--force",)):
            self.assert_error(self.compile(*force), "out.smlp", "Is a directory; give the name of a file")
            done = run("export", self.net, self.dir / "models", *force)
            self.assert_error(done, "Is a directory; give the name of a file")
        self.assertEqual(sorted(p.name for p in self.dir.iterdir() if p.name[0] == "m"), ["models"])
        self.assertEqual(list((self.dir / "models").iterdir()), [])

    def test_compiled_once_more_keeps_its_source(self):
        self.compile("--input_shape", "input:4,3,32,32", check=0)
        self.compile(model=self.dir / "out.smlp", output=self.dir / "again", check=0)
        self.assertEqual(self.metadata(self.dir / "again.smlp"), self.metadata())
        self.assert_error(self.compile(model=self.dir / "out.smlp", output=self.dir / "out", ), "out.smlp")

    def test_bf16_is_smaller_and_does_not_go_back(self):
        self.compile(check=0)
        self.compile("--precision", "bf16", output=self.dir / "half", check=0)
        self.assertEqual(self.metadata(self.dir / "half.smlp")["smlp.precision"], "bf16")
        self.assertLess((self.dir / "half.smlp").stat().st_size, (self.dir / "out.smlp").stat().st_size)
        self.assert_error(
            self.compile("--precision", "fp32", model=self.dir / "half.smlp", output=self.dir / "x"), "half.smlp", "bf16"
        )

    def test_ini_spellings_and_mistakes(self):
        ini = self.dir / "op.ini"
        for text in ("Gelu=high_precision", "\ufeff# note\r\n\r\n[ByOpType]\r\n Gelu = high_precision \r\n;end", ""):
            with self.subTest(text=text):
                ini.write_text(text, encoding="utf-8", newline="")
                self.compile("--op_precision_mode", ini, "--force", check=0)
                self.assertEqual(self.metadata()["smlp.gelu"], "high_precision")
        mistakes = {
            "Gelu=high_performance\nConv2D=high_precision\n": (f"{ini}:2", "Conv2D", "known operators", "Gelu"),
            "\nGelu=fast": (f"{ini}:2", "fast", "high_precision", "high_performance"),
            "Gelu": (f"{ini}:1", "Gelu"),
            "[ByNodeName]\nx=high_precision": (f"{ini}:2", "'x'", "known operators", "block.0"),
            "[ByNode]\nGelu=high_precision": (f"{ini}:1", "[ByNode]", "[ByNodeName]"),
            "Gelu=high_precision\nGelu=high_performance": (f"{ini}:2", "twice"),
        }
        for text, words in mistakes.items():
            with self.subTest(text=text):
                ini.write_text(text)
                self.assert_error(self.compile("--op_precision_mode", ini, "--force"), *words)
        self.assert_error(self.compile("--op_precision_mode", self.dir / "no.ini", "--force"), "no.ini")

    def test_input_shapes(self):
        for text, batch in (("input:-1,3,32,32", None), ("8,3,32,32", "8"), ("\u201cinput:16,3,32,32\u201d", "16"),
                            ("input:N,3,32,32", None)):
            with self.subTest(text=text):
                self.compile("--input_shape", text, "--force", check=0)
                self.assertEqual(self.metadata().get("smlp.batch"), batch)
        for text, word, status in (("input:8,3,224,224", "3 x 32 x 32", 1), ("input:8,1,32,32", "3 x 32 x 32", 1),
                                   ("images:8,3,32,32", "give input:8,3,32,32", 1),
                                   ("input:8,3,32", "3 sizes", 2), ("input:0,3,32,32", "batch", 2), ("input:8,3,x,32", "'x'", 2),
                                   ("a:1,3,32,32;b:1,3,32,32", "one input", 2)):
            with self.subTest(text=text):
                self.assert_error(self.compile("--input_shape", text, "--force"), word, status=status)

    def test_the_input_has_the_name_that_an_onnx_file_gives_it(self):
        onnx = self.dir / "net.onnx"
        run("export", "--pth_path", self.net, "--onnx_path", onnx, check=0)
        onnx.write_bytes(onnx.read_bytes().replace(b"\x05input", b"\x05image"))
        self.compile("--input_shape", "image:8,3,32,32", model=onnx, check=0)
        self.assertEqual(self.metadata().get("smlp.batch"), "8")
        self.assert_error(self.compile("--input_shape", "input:8,3,32,32", "--force", model=onnx), "give image:8,3,32,32")

    def test_flags_that_ask_for_what_there_is_not(self):
        self.assert_error(self.compile("--input_format=NHWC"), "input_format", status=2)
        self.assert_error(self.compile("--framework=7"), "framework", status=2)
        self.assert_error(self.compile("--precision=fp8"), "precision", status=2)
        self.assert_error(self.compile("--log=loud"), "log", status=2)
        self.assertFalse((self.dir / "out.smlp").exists())
        done = self.compile("--framework=3", check=0)
        self.assertIn("TensorFlow", done.stdout)
        other = self.dir / "x.pb"
        other.write_bytes(b"\x0a\x05hello" * 20)
        self.assert_error(self.compile("--framework=3", model=other, output=self.dir / "y"), other, "TensorFlow")

    def test_nothing_is_overwritten_unasked_or_left_half(self):
        out = self.dir / "out.smlp"
        out.write_text("mine")
        self.assert_error(self.compile(), out, "--force")
        self.assertEqual(out.read_text(), "mine")
        self.assert_error(self.compile("--force"), out, "is not a compiled model")
        self.assertEqual(out.read_text(), "mine")
        out.unlink()
        self.compile("--precision", "bf16", check=0)
        before = out.read_bytes()
        self.assert_error(self.compile("--force", limit_bytes=10000), out)
        self.assertEqual(out.read_bytes(), before)
        self.assertEqual(sorted(p.name for p in self.dir.iterdir()), ["net.safetensors", "out.smlp"])
        self.compile("--force", check=0)
        self.assertNotEqual(out.read_bytes(), before)
        self.metadata()

    def test_bad_models_are_named(self):
        for name, content in (("missing.pth", None), ("empty.pth", b""), ("cut.safetensors", self.net.read_bytes()[:5000])):
            path = self.dir / name
            if content is not None:
                path.write_bytes(content)
            self.assert_error(self.compile(model=path), path)
        self.assertFalse((self.dir / "out.smlp").exists())

    def test_classes(self):
        names = self.dir / "names.txt"
        names.write_text("".join(f"kind {i}\n" for i in range(10)))
        self.compile("--classes", names, check=0)
        self.assertIn("kind 7", self.metadata()["smlp.classes"])
        names.write_text("one\ntwo\n")
        self.assert_error(self.compile("--classes", names, output=self.dir / "b"), names)


class InferTest(GuideTest):
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

    def test_the_guides_line(self):
        done = run("infer", "--model", self.net, "--input", self.bins, "--output", self.out, "--outfmt", "NPY",
                   "\u2013-batchsize", "8", "--device", "0", check=0)
        folder, = [p for p in self.out.iterdir() if p.is_dir()]
        self.assertRegex(folder.name, r"^\d{4}(_\d\d){2}-\d\d(_\d\d){2}$")
        logits = self.logits(folder)
        self.assertEqual(logits.dtype, np.float32)
        np.testing.assert_array_equal(logits, self.reference())
        self.assertTrue(np.isfinite(logits).all())
        self.assertGreater(logits.std(axis=0).min(), 0)

        lines = done.stdout.splitlines()
        self.assertIn("[INFO] -----------------Performance Summary------------------", lines)
        at = lines.index("[INFO] -----------------Performance Summary------------------")
        number = r"[0-9.e+-]+"
        self.assertRegex(lines[at + 1], rf"^\[INFO\] NPU_compute_time \(ms\): min = {number}, max = {number}, mean = "
                                        rf"{number}, median = {number}, percentile\(99%\) = {number}$")
        found = re.fullmatch(rf"\[INFO\] throughput 1000\*batchsize\.mean\(({number})\)/NPU_compute_time\.mean\(({number})\): "
                             rf"({number})", lines[at + 2])
        self.assertTrue(found, lines[at + 2])
        rows, mean, throughput = map(float, found.groups())
        self.assertEqual(rows, 7)  # 21 pictures in three executions: padding counts for nothing
        self.assertAlmostEqual(throughput, 1000 * rows / mean, delta=1e-6 * throughput)

        summary = json.loads((self.out / (folder.name + "_summary.json")).read_text())
        self.assertEqual(list(summary)[:-1], ["filesinfo", "args", "NPU_compute_time", "H2D_latency", "D2H_latency",
                                              "npu_compute_time_list", "throughput", "pid"])
        self.assertEqual(list(summary["filesinfo"]), [str(i) for i in range(21)])
        self.assertEqual(summary["filesinfo"]["3"], {"infiles": [str(self.bins / "batch-00003.bin")],
                                                     "outfiles": [str(folder / "batch-00003_0.npy")]})
        self.assertEqual(summary["args"][1], "infer")
        times = summary["npu_compute_time_list"]
        self.assertEqual(len(times), 3)
        expected = {"min": np.min(times), "max": np.max(times), "mean": np.mean(times), "median": np.median(times),
                    "percentile(99%)": np.percentile(times, 99)}
        self.assertEqual(list(summary["NPU_compute_time"]), list(expected))
        for key, value in expected.items():
            self.assertAlmostEqual(summary["NPU_compute_time"][key], value, delta=1e-9 * value)
        for key in ("H2D_latency", "D2H_latency"):
            self.assertEqual(list(summary[key]), list(expected))
            self.assertGreater(summary[key]["max"], 0)
        self.assertEqual(summary["throughput"], throughput)
        self.assertEqual(summary["smlp"]["wall_clock"]["pictures"], 21)

    def test_a_compiled_model_brings_its_batch_size(self):
        run("compile", "--model", self.net, "--output", self.dir / "net8", "--input_shape=input:8,3,32,32", check=0)
        self.net = self.dir / "net8.smlp"
        done = self.infer("--output_dirname", "x", check=0)
        self.assertIn("batchsize 8", done.stdout)
        np.testing.assert_array_equal(self.logits(self.out / "x"), self.reference())

    def test_formats(self):
        for ending in ("bin", "txt"):
            self.infer("--output_dirname", ending, "--outfmt", ending.upper(), "--batchsize", 4, check=0)
            got = self.logits(self.out / ending, ending=ending)
            np.testing.assert_allclose(got, self.reference(), rtol=0, atol=0 if ending == "bin" else 5.1e-7)
        text = (self.out / "txt" / "batch-00004_0.txt").read_text()
        self.assertEqual(text, " ".join("%f" % v for v in self.reference()[4]) + "\n")

    def test_every_kind_of_array_is_read_rightly(self):
        arrays = self.dir / "arrays"
        arrays.mkdir()
        kinds = [lambda a: a, lambda a: a.astype(np.float64), lambda a: np.asfortranarray(a), lambda a: a.astype(">f4"),
                 lambda a: np.asfortranarray(a.astype(">f8")), lambda a: a[0]]
        for i, kind in enumerate(kinds):
            np.save(arrays / f"batch-{i:05}.npy", kind(self.rows[i : i + 1]))
        self.infer("--output_dirname", "x", "--batchsize", 4, source=arrays, check=0)
        np.testing.assert_array_equal(self.logits(self.out / "x", len(kinds)), self.reference()[: len(kinds)])

    def test_files_of_several_pictures_give_as_many_rows(self):
        for rows, batch in ((4, 4), (4, 8), (3, 8), (8, 8)):
            with self.subTest(rows=rows, batch=batch):
                folder = self.dir / f"bins{rows}_{batch}"
                folder.mkdir()
                for i in range(0, 21, rows):
                    self.rows[i : i + rows].tofile(folder / f"batch-{i // rows:05}.bin")
                self.infer("--output_dirname", folder.name, "--batchsize", batch, source=folder, check=0)
                got = self.logits(self.out / folder.name, -(-21 // rows))
                np.testing.assert_array_equal(got, self.reference())
        self.assert_error(self.infer("--batchsize", 4, source=self.dir / "bins8_8"), "batch-00000.bin", "--batchsize 8")

    def test_natural_order_lists_and_mixed_inputs(self):
        folder = self.dir / "mixed"
        folder.mkdir()
        self.rows[0].tofile(folder / "a10.bin")
        np.save(folder / "a9.npy", self.rows[1])
        png(folder / "a1.png", photograph(1))
        (folder / "notes.txt").write_text("x")
        done = self.infer("--output_dirname", "x", "--batchsize", 2, source=folder, check=0)
        self.assertIn("notes.txt", done.stdout)
        summary = json.loads((self.out / "x_summary.json").read_text())
        order = [Path(v["infiles"][0]).name for v in summary["filesinfo"].values()]
        self.assertEqual(order, ["a1.png", "a9.npy", "a10.bin"])
        np.testing.assert_array_equal(np.load(self.out / "x" / "a10_0.npy"), self.reference()[:1])
        np.testing.assert_array_equal(np.load(self.out / "x" / "a9_0.npy"), self.reference()[1:2])
        self.infer("--output_dirname", "y", source=f"{folder / 'a9.npy'},{folder / 'a10.bin'}", check=0)
        self.assertEqual(sorted(p.name for p in (self.out / "y").glob("a*")), ["a10_0.npy", "a9_0.npy"])

    def test_pictures_give_what_their_bins_give(self):
        image_folder(self.dir / "data")
        run("preprocess", "--data_root", self.dir / "data", "--save_dir", self.dir / "p" / "bins", "--model", self.net, check=0)
        self.infer("--output_dirname", "bins", source=self.dir / "p" / "bins", check=0)
        self.infer("--output_dirname", "pictures", "--batchsize", 3, source=self.dir / "data" / "class_0", check=0)
        for i in range(7):
            np.testing.assert_array_equal(np.load(self.out / "pictures" / f"{i}_0.npy"),
                                          np.load(self.out / "bins" / f"batch-{i:05}_0.npy"))

    def test_a_broken_picture_is_named_and_the_others_go_on(self):
        folder = self.dir / "pictures"
        folder.mkdir()
        for i in range(5):
            png(folder / f"{i}.png", photograph(i))
        self.infer("--output_dirname", "whole", source=folder, check=0)
        whole = (folder / "2.png").read_bytes()
        for packed, content in (([], whole[:300]), (["--packed"], whole[:300]), ([], b"no picture"), ([], b"")):
            with self.subTest(packed=packed, content=content[:10]):
                (folder / "2.png").write_bytes(content)
                name = f"x{len(content)}" + "".join(packed)
                done = self.infer("--output_dirname", name, "--batchsize", 2, *packed, source=folder)
                self.assertEqual(done.returncode, 1)
                self.assertIn(str(folder / "2.png"), done.stderr)
                whole = [np.load(self.out / "whole" / f"{i}_0.npy") for i in (0, 1, 3, 4)]
                if packed:
                    np.testing.assert_array_equal(np.load(self.out / name / "packed_0.npy"), np.concatenate(whole))
                else:
                    self.assertFalse((self.out / name / "2_0.npy").exists())
                    for i, logits in zip((0, 1, 3, 4), whole):
                        np.testing.assert_array_equal(np.load(self.out / name / f"{i}_0.npy"), logits)

    def test_every_input_is_checked_before_the_first_inference(self):
        last = self.bins / "batch-00020.bin"
        whole = last.read_bytes()
        other = self.bins / "batch-00013.bin"
        cases = [
            (last, whole[:-1], ["12287", "12288"]),
            (last, whole + b"x", ["12289", "12288"]),
            (last, b"", ["0 bytes"]),
            (other, whole * 2, ["24576"]),
            (last, whole * 2, ["24576"]),
        ]
        for path, content, words in cases:
            with self.subTest(path=path, size=len(content)):
                path.write_bytes(content)
                self.assert_error(self.infer("--batchsize", 8), path, *words)
                self.assertFalse(self.out.exists())
                path.write_bytes(whole)
        for array in (np.zeros((1, 32, 32, 3), np.float32), np.zeros((2, 2), np.float32), np.zeros((1, 3, 64, 64), np.float32)):
            np.save(self.bins / "x.npy", array)
            self.assert_error(self.infer(), self.bins / "x.npy", "3, 32, 32")
        np.save(self.bins / "x.npy", self.rows[0])
        (self.bins / "x.npy").write_bytes((self.bins / "x.npy").read_bytes()[:-1])
        self.assert_error(self.infer(), self.bins / "x.npy")
        (self.bins / "x.npy").unlink()

    def test_bins_made_for_another_model_are_refused(self):
        image_folder(self.dir / "data", each=2)
        checkpoint(self.dir / "big.safetensors", side=64)
        run("preprocess", "--data_root", self.dir / "data", "--save_dir", self.dir / "p" / "bins", "--model",
            self.dir / "big.safetensors", check=0)
        # A picture of 64 x 64 is as long as four of 32 x 32, so that the sizes alone look right.
        self.assert_error(self.infer("--batchsize", 8, source=self.dir / "p" / "bins"), "64 x 64", "32 x 32")
        journal = self.bins / ".smlp-preprocess.jsonl"
        shutil.copy(self.dir / "p" / "bins" / journal.name, journal)
        text = journal.read_text().replace('"crop":64', '"crop":32').replace('"resize":73', '"resize":40')
        journal.write_text(text)
        done = self.infer("--output_dirname", "x", check=0)
        self.assertIn("resized from 40", [line for line in done.stdout.splitlines() if "[WARNING]" in line][0])

    def test_names_that_would_collide_are_refused(self):
        shutil.copy(self.bins / "batch-00001.bin", self.bins / "batch-00001.v2.bin")
        self.assert_error(self.infer(), "batch-00001.v2.bin", "batch-00001_0")
        self.assertFalse(self.out.exists())

    def test_empty_and_missing_inputs(self):
        empty = self.dir / "empty"
        empty.mkdir()
        self.assert_error(self.infer(source=empty), empty)
        self.assert_error(self.infer(source=self.dir / "nowhere"), self.dir / "nowhere")
        self.assert_error(self.infer(source=f"{self.bins / 'batch-00001.bin'},{self.dir / 'no.bin'}"), self.dir / "no.bin")
        self.assert_error(run("infer", "--model", self.dir / "no.smlp"), self.dir / "no.smlp")

    def test_made_up_data(self):
        for kind in ("zero", "random"):
            done = run("infer", "--model", self.net, "--batchsize", 4, "--loop", 20, "--warmup_count", 2, "--pure_data_type",
                       kind, "--output", self.out, "--output_dirname", kind, check=0)
            self.assertIn("warm up 2 done", done.stdout)
            logits = np.load(self.out / kind / "pure_infer_data_0.npy")
            self.assertEqual(logits.shape, (4, 10))
            self.assertTrue(np.isfinite(logits).all())
            summary = json.loads((self.out / f"{kind}_summary.json").read_text())
            self.assertEqual(len(summary["npu_compute_time_list"]), 20)
        np.save(self.dir / "zero.npy", np.zeros((1, 3, 32, 32), np.float32))
        self.infer("--output_dirname", "z", source=self.dir / "zero.npy", check=0)
        np.testing.assert_array_equal(np.load(self.out / "z" / "zero_0.npy")[0], np.load(self.out / "zero" / "pure_infer_data_0.npy")[3])
        before = sorted(self.dir.iterdir())
        run("infer", "--model", self.net, "--batchsize", 2, "--loop", 3, check=0, cwd=self.dir)
        self.assertEqual(sorted(self.dir.iterdir()), before)

    def test_labels_are_those_that_the_run_recorded(self):
        labels = self.rng.integers(0, 10, (21, 1))
        self.infer("--output_dirname", "unknown", check=0)
        np.save(self.bins.parent / "labels.npy", labels)
        self.infer("--output_dirname", "known", check=0)
        np.save(self.out / "labels.npy", (labels + 1) % 10)
        np.save(self.bins.parent / "labels.npy", (labels + 2) % 10)  # other data came to the same place later
        hits = np.argmax(self.reference(), axis=1) == labels[:, 0]
        scored = lambda name, *rest: run("postprocess", "--infer_result_dir", self.out / name, *rest)
        self.assertIn(f"acc@1:{hits.mean():.4f}", scored("known").stdout)
        self.assert_error(scored("unknown"), "labels.npy is not there", "--labels")
        # A run that was interrupted scores what is there, each by its own label.
        (self.out / "known_summary.json").unlink()
        for i in range(15, 21):
            (self.out / "known" / f"batch-{i:05}_0.npy").unlink()
        done = scored("known")
        self.assertIn(f"acc@1:{hits[:15].mean():.4f}", done.stdout)
        self.assertIn("not complete", done.stderr)
        # Flat and with a row a bin, labels that are named are those of the run's inputs, in their order.
        for shape in ((21,), (21, 1)):
            np.save(self.dir / "mine.npy", labels.reshape(shape))
            self.assertIn(f"acc@1:{hits[:15].mean():.4f}", scored("known", "--labels", self.dir / "mine.npy").stdout)
        np.save(self.dir / "mine.npy", labels[:15])
        self.assert_error(scored("known", "--labels", self.dir / "mine.npy"), "15 labels", "21 pictures")

    def test_labels_of_a_flag_that_the_run_contradicts_are_said(self):
        labels = self.rng.integers(0, 10, (21, 1))
        np.save(self.bins.parent / "labels.npy", labels)
        self.infer("--output_dirname", "x", check=0)
        score = lambda *rest: run("postprocess", "--infer_result_dir", self.out / "x", "--labels", self.dir / "mine.npy", check=0)
        np.save(self.dir / "mine.npy", labels)
        self.assertNotIn("recorded", score().stderr)
        labels[[3, 20]] = (labels[[3, 20]] + 1) % 10
        np.save(self.dir / "mine.npy", labels)
        self.assertIn("2 of 21 labels", score().stderr)

    def test_some_bins_are_scored_each_by_its_own_label(self):
        labels = self.rng.integers(0, 10, (21, 1))
        np.save(self.bins.parent / "labels.npy", labels)
        (self.dir / "list.txt").write_text("".join(f"{self.bins}/batch-{i:05}.bin\n" for i in (7, 2, 11)))
        hits = (np.argmax(self.reference(), axis=1) == labels[:, 0])[[7, 2, 11]]
        for packed in ([], ["--packed"]):
            name = "some" + "".join(packed)
            self.infer("--output_dirname", name, *packed, source=f"@{self.dir / 'list.txt'}", check=0)
            done = run("postprocess", "--infer_result_dir", self.out / name, check=0)
            self.assertIn(f"acc@1:{hits.mean():.4f}", done.stdout)
            self.assertEqual(done.stderr, "")

    def test_class_folders_are_those_of_the_model_by_name(self):
        names = [f"thing {i}" for i in range(10)]
        (self.dir / "names.txt").write_text("\n".join(reversed(names)) + "\n")
        image_folder(self.dir / "data", classes=10, each=2)
        for i in range(10):
            (self.dir / "data" / f"class_{i}").rename(self.dir / "data" / f"thing {i}")
        bins = self.dir / "p" / "bins"
        run("preprocess", "--data_root", self.dir / "data", "--save_dir", bins, "--model", self.net, check=0)
        self.infer("--output_dirname", "x", "--classes", self.dir / "names.txt", source=bins, check=0)
        score = lambda *rest: run("postprocess", "--infer_result_dir", self.out / "x", *rest)
        by_record, by_folder = score(), score("--data_root", self.dir / "data")
        self.assertEqual(by_record.stdout.splitlines()[0], by_folder.stdout.splitlines()[0])
        self.assertIn("class folders by name", by_folder.stdout)
        self.assertEqual(by_folder.stderr, by_record.stderr)
        self.assertIn("20 of 20 labels", score("--labels", bins.parent / "labels.npy").stderr)
        first = sorted((self.dir / "data" / "thing 0").iterdir())[0]
        content = first.read_bytes()
        first.unlink()
        self.assert_error(score("--data_root", self.dir / "data"), "19 labels", "20 pictures")
        first.write_bytes(content)
        (self.dir / "data" / "thing 3").rename(self.dir / "data" / "something")
        self.assert_error(score("--data_root", self.dir / "data"), "'something'", "--labels")

    def test_pictures_named_as_bins_have_no_labels(self):
        np.save(self.dir / "labels.npy", np.zeros((3, 1), np.int64))
        (self.dir / "pictures").mkdir()
        for i in range(3):
            png(self.dir / "pictures" / f"batch-{i:05}.png", np.full((40, 40, 3), 50 * i, np.uint8))
        self.infer("--output_dirname", "p", source=self.dir / "pictures", check=0)
        self.assert_error(run("postprocess", "--infer_result_dir", self.out / "p"), "batch-00000.png has no label")
        image_folder(self.dir / "data", each=1)  # as many pictures, of other names
        self.assert_error(run("postprocess", "--infer_result_dir", self.out / "p", "--data_root", self.dir / "data"), "--labels")

    def test_packed(self):
        labels = self.rng.integers(0, 10, (21, 1))
        np.save(self.bins.parent / "labels.npy", labels)
        self.infer("--output_dirname", "x", "--packed", "--batchsize", 8, check=0)
        np.testing.assert_array_equal(np.load(self.out / "x" / "packed_0.npy"), self.reference())
        names = (self.out / "x" / "packed_names.tsv").read_text().splitlines()
        self.assertEqual(names, [f"batch-{i:05}\t0" for i in range(21)])
        self.assertEqual(sorted(p.name for p in (self.out / "x").iterdir()),
                         [".smlp-inputs.jsonl", ".smlp-run.jsonl", "packed_0.npy", "packed_names.tsv"])
        scores = []
        self.infer("--output_dirname", "files", check=0)
        for name in ("x", "files"):
            scores.append(run("postprocess", "--infer_result_dir", self.out / name, check=0).stdout)
        self.assertEqual(scores[0], scores[1])
        hits = np.argsort(-self.reference(), axis=1, kind="stable")[:, :5] == labels
        self.assertIn(f"acc@1:{hits[:, 0].mean():.4f}, acc@5:{hits.any(axis=1).mean():.4f}", scores[0])
        self.assert_error(self.infer("--packed", "--outfmt", "TXT"), "NPY", status=2)

    def many_bins(self):
        for i in range(400):
            self.rows[i % 21].tofile(self.bins / f"batch-{i:05}.bin")

    def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(self):
        self.many_bins()
        for packed in ([], ["--packed"], ["--outfmt", "TXT"], ["--outfmt", "BIN"]):
            with self.subTest(packed=packed):
                self.infer("--output_dirname", "expected", "--batchsize", 8, "--loop", 30, *packed,
                           out=self.dir / f"e{packed}", check=0)
                folder = self.dir / f"k{packed}" / "killed"

                def check_whole():
                    for path in folder.glob("*.npy"):
                        self.assertEqual(np.load(path).shape[1], 10)

                arguments = ["infer", "--model", self.net, "--input", self.bins, "--output", folder.parent, "--output_dirname",
                             folder.name, "--batchsize", 8, "--loop", 30, "--resume", *packed]
                status, out, err, kills = kill_often(arguments, len("".join(packed)), check_whole)
                self.assertEqual(status, 0, out + err)
                self.assertGreater(kills, 2, "too fast to be killed: more inputs are needed")
                self.assertEqual(results_of(folder), results_of(self.dir / f"e{packed}" / "expected"))

    def test_resume_skips_what_is_whole_and_only_that(self):
        self.infer("--output_dirname", "x", check=0)
        before = results_of(self.out / "x")
        (self.out / "x" / "batch-00004_0.npy").unlink()
        (self.out / "x" / "batch-00009_0.npy").write_bytes(b"half")
        done = self.infer("--output_dirname", "x", "--resume", check=0)
        self.assertIn("19 inputs had their results", done.stdout)
        self.assertEqual(results_of(self.out / "x"), before)
        summary = (self.out / "x_summary.json").read_bytes()
        self.infer("--output_dirname", "x", "--resume", check=0)  # nothing left: the summary with the timings stays
        self.assertEqual((self.out / "x_summary.json").read_bytes(), summary)

    def interrupt(self, *arguments, **options):
        """A run that stops after some results, as one that was killed does."""
        done = self.infer(*arguments, **{"limit_bytes": 3000, **options})
        self.assertEqual(done.returncode, 1, done.stdout)

    def test_resume_without_a_name_finds_the_one_interrupted_run(self):
        self.infer("--output_dirname", "finished", check=0)
        self.interrupt("--output_dirname", "named")
        self.assertLess(len(list((self.out / "named").glob("*.npy"))), 21)
        self.infer("--resume", check=0)
        self.assertEqual(sorted(p.name for p in self.out.iterdir() if p.is_dir()), ["finished", "named"])
        np.testing.assert_array_equal(self.logits(self.out / "named"), self.reference())
        self.infer("--resume", check=0)  # none is left: a new one
        self.assertEqual(len([p for p in self.out.iterdir() if p.is_dir()]), 3)

    def test_resume_without_a_name_refuses_where_two_could_be_meant(self):
        for name in ("one", "two"):
            self.interrupt("--output_dirname", name)
        self.interrupt("--output_dirname", "other", "--outfmt", "BIN")
        before = tree(self.out)
        done = self.infer("--resume")
        self.assert_error(done, "2 interrupted runs: one, two", "--output_dirname")
        self.assertEqual(tree(self.out), before)
        self.infer("--resume", "--outfmt", "BIN", check=0)  # only one of them is of this format
        self.assertTrue((self.out / "other_summary.json").exists())
        self.assert_error(self.infer("--resume", "--outfmt", "TXT"), "one, two", "--output_dirname")

    def test_a_damaged_result_does_not_count_as_finished(self):
        """Every result is proved whole by its hash, whatever its format: cut, emptied, zeroed or swapped."""
        for arguments, name in (([], "batch-00004_0.npy"), (["--outfmt", "TXT"], "batch-00004_0.txt"),
                                (["--outfmt", "BIN"], "batch-00004_0.bin"), (["--packed"], "packed_0.npy"),
                                (["--packed"], "packed_names.tsv")):
            for damage in (lambda b: b"", lambda b: b[:-1], lambda b: b[: len(b) // 2], lambda b: b[:-40] + bytes(40),
                           lambda b: bytes(len(b)), lambda b: b + b"0"):
                with self.subTest(arguments=arguments, name=name):
                    shutil.rmtree(self.out, ignore_errors=True)
                    self.infer("--output_dirname", "x", *arguments, check=0)
                    before = results_of(self.out / "x")
                    path = self.out / "x" / name
                    path.write_bytes(damage(path.read_bytes()))
                    self.infer("--output_dirname", "x", "--resume", *arguments, check=0)
                    self.assertEqual(results_of(self.out / "x"), before)

    def test_a_packed_array_cut_at_any_place_goes_on_to_the_same_bytes(self):
        self.infer("--output_dirname", "whole", "--packed", check=0)
        whole = results_of(self.out / "whole")
        # As a run leaves it that is killed just before its array gets its name.
        self.infer("--output_dirname", "x", "--packed", check=0)
        part = self.out / "x" / ".packed_0.npy.part"
        state = (self.out / "x" / "packed_0.npy").read_bytes()
        lines = (self.out / "x" / ".smlp-run.jsonl").read_text().splitlines(keepends=True)
        record = "".join(lines[:1] + [line for line in lines
                                         if '"stem"' in line or ".smlp-inputs.jsonl" in line]).encode()
        for path in ("x/packed_0.npy", "x/packed_names.tsv", "x_summary.json"):
            (self.out / path).unlink()
        for size in list(range(0, len(state), 131)) + [len(state)]:
            for content in (state[:size], state[:size] + bytes(len(state) - size)):
                part.write_bytes(content)
                (self.out / "x" / ".smlp-run.jsonl").write_bytes(record)
                self.infer("--output_dirname", "x", "--packed", "--resume", check=0)
                self.assertEqual(results_of(self.out / "x"), whole)
                (self.out / "x" / "packed_0.npy").unlink()
                (self.out / "x" / "packed_names.tsv").unlink()
                (self.out / "x_summary.json").unlink()

    def test_resume_goes_on_only_where_the_results_are_the_same_to_the_bit(self):
        """One thing changes at a time: each is refused or gives the same bytes, as `infer --help` and the docs say."""
        other = self.dir / "other.safetensors"
        checkpoint(other, seed=4)
        names = self.dir / "names.txt"
        names.write_text("".join(f"kind {i}\n" for i in range(10)))
        some = ",".join(str(self.bins / f"batch-{i:05}.bin") for i in range(20))
        moved = self.dir / "moved"
        shutil.copytree(self.bins, moved)  # with the files' times
        same = [["--batchsize", 5], ["--threads", 1], ["--mode", "latency"], ["--loop", 3], ["--warmup_count", 0], ["--pin"],
                ["--classes", names], ["--input", moved]]
        refused = [(["--model", other], "model"), (["--precision", "bf16"], "precision (fp32 there, bf16 now)"),
                   (["--isa", "reference"], "instruction set"), (["--outfmt", "TXT"], "format"), (["--packed"], "packing"),
                   (["--input", some], "inputs")]
        arguments = lambda change: [v for k, v in {"--model": self.net, "--input": self.bins, "--output": self.out,
                                                   "--output_dirname": "x", **change}.items() for v in ([k] if v is None else [k, v])]
        as_dict = lambda words: dict(zip(words[::2], words[1::2])) if len(words) % 2 == 0 else {words[0]: None}
        self.reference()
        self.interrupt("--output_dirname", "x")
        before = tree(self.out)
        for words, what in refused:
            with self.subTest(words=words):
                self.assert_error(run("infer", *arguments(as_dict(words)), "--resume"), "cannot resume", what)
                self.assertEqual(tree(self.out), before)
        victim = self.bins / "batch-00020.bin"  # one that has no result yet
        times = victim.stat().st_mtime_ns
        os.utime(victim, ns=(times, times + 1))
        self.assert_error(run("infer", *arguments({}), "--resume"), "inputs")
        os.utime(victim, ns=(times, times))
        record = self.out / "x" / ".smlp-run.jsonl"
        text = record.read_text()
        record.write_text(re.sub(r'"program":"[^"]*"', '"program":"0.0.9"', text, count=1))
        self.assert_error(run("infer", *arguments({}), "--resume"), "version of smlp")
        record.write_text(text)
        self.assertEqual(tree(self.out), before)
        for words in same:
            with self.subTest(words=words):
                shutil.rmtree(self.out)
                self.interrupt("--output_dirname", "x")
                run("infer", *arguments(as_dict(words)), "--resume", check=0)
                np.testing.assert_array_equal(self.logits(self.out / "x"), self.reference())

    def test_force_deletes_only_what_a_run_wrote_and_no_input(self):
        data = self.dir / "fd" / "in"
        data.mkdir(parents=True)
        for name in ("sensor_0.bin", "sensor_1.bin"):
            self.rows[0].tofile(data / name)
        (data / "notes_0.txt").write_text("mine")
        before = tree(self.dir / "fd")
        self.assert_error(self.infer("--output_dirname", "in", "--force", source=data, out=data.parent), data, "no run of smlp")
        self.assertEqual(tree(self.dir / "fd"), before)
        # A folder of ours with files of the user beside the results: those stay, with names like results too.
        self.infer("--output_dirname", "x", check=0)
        for name in ("sensor_0.bin", "notes_0.txt", "batch-00030_0.npy", "packed_0.npy"):
            (self.out / "x" / name).write_text("mine")
        self.infer("--output_dirname", "x", "--outfmt", "BIN", "--force", check=0)
        names = {p.name for p in (self.out / "x").iterdir()}
        self.assertEqual(names, {f"batch-{i:05}_0.bin" for i in range(21)} | {
            ".smlp-run.jsonl", ".smlp-inputs.jsonl", "sensor_0.bin", "notes_0.txt", "batch-00030_0.npy",
            "packed_0.npy"})
        self.assertEqual((self.out / "x" / "packed_0.npy").read_text(), "mine")
        # A result that was changed since, or that is an input now: nothing goes.
        before = tree(self.out)
        results = self.out / "x" / "batch-00003_0.bin"
        kept = results.read_bytes()
        results.write_bytes(kept[:-1] + b"x")
        self.assert_error(self.infer("--output_dirname", "x", "--force"), results, "has changed")
        results.write_bytes(kept)
        self.assertEqual(tree(self.out), before)
        link = self.dir / "link.bin"
        self.infer("--output_dirname", "y", "--pure_data_type", "zero", check=0)
        zeros = self.out / "z"
        zeros.mkdir()
        run("infer", "--model", self.net, "--input", self.bins / "batch-00000.bin", "--output", self.out, "--output_dirname",
            "small", check=0)
        result = self.out / "small" / "batch-00000_0.npy"
        os.link(self.bins / "batch-00000.bin", link)
        result.unlink()
        os.link(link, result)
        self.assert_error(self.infer("--output_dirname", "small", "--force"), result)
        self.assertTrue(result.exists())
        # A summary of the user.
        (self.out / "s_summary.json").write_text("mine")
        self.assert_error(self.infer("--output_dirname", "s", "--force"), "s_summary.json")
        self.assertEqual((self.out / "s_summary.json").read_text(), "mine")

    def test_a_record_that_lists_files_elsewhere_deletes_none(self):
        self.infer("--output_dirname", "x", check=0)
        victim = self.dir / "victim"
        victim.write_text("mine")
        line = {"file": "../../victim", "bytes": 4, "sha256": hashlib.sha256(b"mine").hexdigest()}
        with open(self.out / "x" / ".smlp-run.jsonl", "a") as record:
            record.write(json.dumps(line) + "\n")
        before = tree(self.out)
        self.assert_error(self.infer("--output_dirname", "x", "--force"), "../../victim")
        self.assertTrue(victim.exists())
        self.assertEqual(tree(self.out), before)

    def test_the_folder_and_the_summary_say_where_results_come_from(self):
        self.infer("--output_dirname", "x", check=0)
        header = json.loads((self.out / "x" / ".smlp-run.jsonl").read_text().splitlines()[0])
        summary = json.loads((self.out / "x_summary.json").read_text())
        self.assertEqual(header["provenance"], summary["smlp"]["provenance"])
        origin = header["provenance"]
        self.assertEqual(origin["model"], {"file": str(self.net), "sha256": hashlib.sha256(self.net.read_bytes()).hexdigest()})
        self.assertEqual(origin["precision"], "fp32")
        self.assertRegex(origin["inputs_sha256"], "^[0-9a-f]{64}$")
        self.assertEqual(origin["program"]["version"], run("--version", check=0).stdout.split()[1])
        for key in ("isa", "threads", "preprocess"):
            self.assertTrue(origin[key], key)

    def test_results_are_kept_unless_forced_and_not_mixed(self):
        self.infer("--output_dirname", "x", check=0)
        before = tree(self.out)
        self.assert_error(self.infer("--output_dirname", "x"), self.out / "x", "--resume", "--force")
        self.assert_error(self.infer("--output_dirname", "x", "--resume", "--outfmt", "BIN"), self.out / "x")
        checkpoint(self.net, seed=4)
        self.assert_error(self.infer("--output_dirname", "x", "--resume"), self.out / "x")
        self.assertEqual(tree(self.out), before)
        self.infer("--output_dirname", "x", "--outfmt", "BIN", "--force", check=0)
        self.assertEqual(len(list((self.out / "x").glob("*.npy"))), 0)
        (self.out / "y").mkdir()
        (self.out / "y" / "letter.txt").write_text("mine")
        self.assert_error(self.infer("--output_dirname", "y"), self.out / "y")
        self.assertEqual(sorted(p.name for p in (self.out / "y").iterdir()), ["letter.txt"])

    def test_two_runs_in_one_second_get_folders_of_their_own(self):
        processes = [subprocess.Popen([SMLP, "infer", "--model", self.net, "--input", self.bins, "--output", self.out],
                                      stdout=subprocess.DEVNULL) for _ in range(3)]
        self.assertEqual([p.wait() for p in processes], [0, 0, 0])
        folders = [p for p in self.out.iterdir() if p.is_dir()]
        self.assertEqual(len(folders), 3)
        for folder in folders:
            np.testing.assert_array_equal(self.logits(folder), self.reference())

    def test_a_full_disk_is_named_and_the_run_goes_on_afterwards(self):
        self.reference()
        self.many_bins()
        for packed in ([], ["--packed"]):
            name = "x" + "".join(packed)
            done = self.infer("--output_dirname", name, *packed, limit_bytes=6000 if packed else 150)
            self.assert_error(done, self.out / name)
            self.infer("--output_dirname", name, "--resume", *packed, check=0)
            whole = (np.load(self.out / name / "packed_0.npy") if packed
                     else np.concatenate([np.load(self.out / name / f"batch-{i:05}_0.npy") for i in range(400)]))
            np.testing.assert_array_equal(whole[:21], self.reference()[:21])
            self.assertEqual(whole.shape, (400, 10))

    def test_flags_that_do_not_go_together(self):
        self.assert_error(run("infer", "--model", self.net, "--packed"), "--output", status=2)
        self.assert_error(self.infer("--output_dirname", "a/b"), "output_dirname", status=2)
        self.assert_error(self.infer("--outfmt", "CSV"), "outfmt", status=2)
        self.assert_error(self.infer("--batchsize", "0"), "batchsize", status=2)


if __name__ == "__main__":
    at = sys.argv.index("--smlp")
    SMLP = str(Path(sys.argv[at + 1]).resolve())
    del sys.argv[at : at + 2]
    unittest.main(verbosity=2)
