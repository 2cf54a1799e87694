#!/usr/bin/env python3
"""`smlp preprocess`: bins like Pillow's, labels and manifest, and runs that are interrupted, resumed or in the way."""

import hashlib
import json
import os
import shutil
import subprocess
import unittest

import guide  # before NumPy, without which it skips the test
from guide import GuideTest, checkpoint, image_folder, kill_often, run, tree, without_journal
import numpy as np
from pictures import photograph, png


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
        (self.bins / "batch-00002.bin").write_bytes(b"")
        (self.bins / "batch-00003.bin").touch()  # as a copy of the folder has other times
        (self.bins.parent / "labels.npy").unlink()
        self.preprocess("--batch_size", 4, check=0)
        self.assertEqual(without_journal(tree(self.bins.parent)), without_journal(before))

    def test_the_folder_of_another_part_is_named_as_that(self):
        self.preprocess("--batch_size", 4, "--shard", "1/3", check=0)
        self.assert_error(self.preprocess("--batch_size", 4, "--shard", "2/3"), self.bins, "as part 1/3", "part 2/3")

    def test_a_bin_that_somebody_changed_is_not_lost(self):
        self.preprocess("--batch_size", 4, check=0)
        bin_ = self.bins / "batch-00003.bin"
        kept = bin_.read_bytes()
        (self.bins / "batch-00001.bin").unlink()
        for content in (b"mine", kept + b"x", kept[:-4]):
            bin_.write_bytes(content)
            before = tree(self.bins.parent)
            self.assert_error(self.preprocess("--batch_size", 4), bin_, "not the file that an earlier run wrote", "move it away")
            self.assertEqual(tree(self.bins.parent), before)
        bin_.unlink()
        self.preprocess("--batch_size", 4, check=0)
        self.assertEqual(bin_.read_bytes(), kept)

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
        process = subprocess.Popen([guide.SMLP, "preprocess", "--data_root", self.data, "--save_dir", self.bins, "--batch_size", "8",
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
        processes = [subprocess.Popen([guide.SMLP, "preprocess", "--data_root", self.data, "--save_dir", self.dir / "p" / name,
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


if __name__ == "__main__":
    guide.main()
