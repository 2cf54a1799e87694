#!/usr/bin/env python3
"""`smlp infer`: what it takes, the logits it gives, and the labels by which they are scored."""

import json
import re
import shutil
from pathlib import Path

import guide  # before NumPy, without which it skips the test
from guide import InferringTest, checkpoint, image_folder, run
import numpy as np
from pictures import photograph, png


class InferTest(InferringTest):
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


if __name__ == "__main__":
    guide.main()
