#!/usr/bin/env python3
"""`smlp postprocess`: results that the guide's own tool could have written, and what is wrong with some of them."""

import json
import shutil

import guide  # before NumPy, without which it skips the test
from guide import GuideTest, run
import numpy as np
from pictures import png


class PostprocessTest(GuideTest):
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


if __name__ == "__main__":
    guide.main()
