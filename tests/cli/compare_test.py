#!/usr/bin/env python3
"""smlp compare beside NumPy, which counts on the logits that smlp infer writes.

    compare_test.py --smlp BIN [unittest arguments]
"""

import csv
import io
import json
import math
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from pictures import photograph, png

try:
    import numpy as np
except ImportError:
    print("SKIPPED: compare, two models' answers counted with NumPy: this Python has none (Debian: python3-numpy)")
    sys.exit(77)

SMLP = ""
MODEL = Path(__file__).parents[2] / "models" / "smlp_imagenette.safetensors"
FOLDERS = ("n01440764", "n02102040", "n03417042", "n03888257")  # classes 0, 1, 6 and 9 of the model
CLASSES = (0, 1, 6, 9)
EACH = 25


def run(*arguments, check=0, **environment):
    done = subprocess.run([SMLP, *map(str, arguments)], capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode != check:
        raise AssertionError(f"exit {done.returncode}, expected {check}: {arguments}\n{done.stdout}{done.stderr}")
    return done


class Compare(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.work = Path(cls.folder.name)
        cls.data = cls.work / "data"
        for label, folder in enumerate(FOLDERS):
            (cls.data / folder).mkdir(parents=True)
            for i in range(EACH):
                png(cls.data / folder / f"{label}{i:02}.png", photograph(1000 * label + i, 60, 60))
        cls.labels = np.repeat(CLASSES, EACH)
        # A model that answers some pictures otherwise: other preprocessing does that, and so may precisions.
        run("compile", MODEL, cls.work / "other", "--mean", "0.3,0.6,0.4", "--interpolation", "nearest")
        run("compile", MODEL, cls.work / "int8", "--precision", "int8", "--calibrate", cls.data)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def logits(self, model, *more):
        name = f"{Path(model).stem}{''.join(more).replace('-', '')}"
        files = [str(p) for folder in FOLDERS for p in sorted((self.data / folder).iterdir())]
        listing = self.work / "list.txt"
        listing.write_text("\n".join(f"{path}" for path in files) + "\n")
        run("infer", "--model", model, "--input", f"@{listing}", "--output", self.work / "out", "--output_dirname", name,
            "--packed", "--force", *more)
        packed = np.load(self.work / "out" / name / "packed_0.npy")
        return packed.reshape(len(files), -1).astype(np.float64)

    def check(self, got, first, second):
        pictures = len(self.labels)
        best = [np.argmax(x, 1) for x in (first, second)]
        right = [b == self.labels for b in best]
        top5 = [(np.argsort(-x, 1, "stable")[:, :5] == self.labels[:, None]).any(1) for x in (first, second)]
        for side, name in enumerate(("first", "second")):
            self.assertAlmostEqual(got[name]["acc1"], right[side].mean(), places=12)
            self.assertAlmostEqual(got[name]["acc5"], top5[side].mean(), places=12)
            self.assertGreater(got[name]["images_per_second"], 0)
        flipped = np.flatnonzero(best[0] != best[1])
        names = [f"{FOLDERS[i // EACH]}/{i // EACH}{i % EACH:02}.png" for i in flipped]
        self.assertEqual([flip["file"].split("data/")[1] for flip in got["flips"]], names)
        for flip, i in zip(got["flips"], flipped):
            self.assertEqual(flip["right"], [bool(right[0][i]), bool(right[1][i])])
        b, c = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
        self.assertEqual(got["only_right"], [b, c])
        self.assertAlmostEqual(got["difference"], right[1].mean() - right[0].mean(), places=12)
        p = min(1.0, 2 * sum(math.comb(b + c, k) for k in range(min(b, c) + 1)) / 2 ** (b + c)) if b + c else 1.0
        self.assertAlmostEqual(got["mcnemar_p"], p, places=9)
        n, x, y = pictures + 2, b + 0.5, c + 0.5
        half = 1.959963984540054 * math.sqrt(x + y - (y - x) ** 2 / n) / n
        np.testing.assert_allclose(got["difference_interval"], [(y - x) / n - half, (y - x) / n + half], atol=1e-12)
        np.testing.assert_allclose(got["relative_error"], np.linalg.norm(second - first) / np.linalg.norm(first), rtol=1e-5)
        np.testing.assert_allclose(got["largest_error"], np.abs(second - first).max(), rtol=1e-5)
        return len(flipped)

    def test_two_models(self):
        got = json.loads(run("compare", MODEL, self.work / "other.smlp", "--data", self.data, "--json").stdout)
        flips = self.check(got, self.logits(MODEL), self.logits(self.work / "other.smlp"))
        self.assertGreater(flips, 3, "the comparison has something to count")

    def test_two_precisions_of_one_model(self):
        got = json.loads(run("compare", "fp32", "bf16", "--model", MODEL, "--data", self.data, "--json").stdout)
        self.check(got, self.logits(MODEL, "--precision", "fp32"), self.logits(MODEL, "--precision", "bf16"))
        self.assertEqual((got["first"]["precision"], got["second"]["precision"]), ("fp32", "bf16"))

    def test_provenance(self):
        """Of each side what evaluate says of it; of both what they have in common."""
        words = (MODEL, self.work / "other.smlp", "--data", self.data, "--json")
        got = json.loads(run("compare", *words).stdout)
        sides = []
        for name, model in (("first", MODEL), ("second", self.work / "other.smlp")):
            alone = json.loads(run("evaluate", self.data, "--model", model, "--json").stdout)["provenance"]
            self.assertEqual(got[name]["provenance"], alone)
            sides.append(alone)
        shared = {key: value if value == sides[1][key] else None for key, value in sides[0].items()}
        self.assertEqual(got["provenance"], shared)
        self.assertIsNone(shared["preprocess"])
        self.assertTrue(shared["isa"] and shared["inputs_sha256"] and shared["labels"] and shared["threads"])

    def test_a_model_in_a_precision(self):
        words = (f"{MODEL}:fp32", self.work / "int8.smlp")
        got = json.loads(run("compare", *words, "--data", self.data, "--json").stdout)
        self.check(got, self.logits(MODEL, "--precision", "fp32"), self.logits(self.work / "int8.smlp"))
        self.assertEqual(got["second"]["precision"], "int8")

    def test_text_and_csv_name_every_flip(self):
        words = (MODEL, self.work / "other.smlp", "--data", self.data)
        flips = json.loads(run("compare", *words, "--json").stdout)["flips"]
        rows = list(csv.DictReader(io.StringIO(run("compare", *words, "--csv").stdout)))
        self.assertEqual([row["file"] for row in rows], [flip["file"] for flip in flips])
        self.assertEqual([[row["first"], row["second"]] for row in rows], [flip["answers"] for flip in flips])
        text = run("compare", *words).stdout
        for said in ("acc@1 differs by", "McNemar's p", f"{len(flips)} answered differently", flips[0]["label"]):
            self.assertIn(said, text)

    def test_broken_pictures_are_skipped_and_said(self):
        broken = self.work / "broken" / FOLDERS[0]
        broken.mkdir(parents=True)
        png(broken / "a.png", photograph(1))
        (broken / "b.png").write_bytes((broken / "a.png").read_bytes()[:100])
        done = run("compare", "fp32", "bf16", "--data", self.work / "broken", "--json", check=1)
        self.assertEqual(json.loads(done.stdout)["skipped"], 1)
        self.assertIn("b.png", done.stderr)

    def test_logits_that_are_not_finite_are_said(self):
        np.save(self.work / "zeros.npy", np.zeros((1, 3, 128, 128), np.float32))
        np.save(self.work / "nan.npy", np.full((1, 3, 128, 128), np.nan, np.float32))
        listing = self.work / "prepared.txt"
        listing.write_text(f"{self.work}/zeros.npy 0\n{self.work}/nan.npy 0\n")
        done = run("compare", f"{MODEL}:fp32", f"{MODEL}:bf16", "--data", f"@{listing}")
        for precision in ("fp32", "bf16"):
            self.assertIn(f"{MODEL}:{precision}: 1 of 2 pictures have logits that are no finite numbers", done.stderr)

    def test_remarks_for_programs(self):
        """With SMLP_REMARKS=json every line on standard error is an object."""
        broken = self.data / FOLDERS[0] / "broken \u202e.png"
        broken.write_bytes(b"no picture")
        try:
            told = run("compare", "fp32", "bf16", "--data", self.data, "--json", check=1, SMLP_REMARKS="json").stderr
        finally:
            broken.unlink()
        lines = [json.loads(line) for line in told.splitlines()]
        errors = [line for line in lines if "error" in line]
        self.assertEqual([line["file"] for line in errors], [str(broken)])
        self.assertEqual(set(errors[0]), {"error", "what", "file", "offset", "tensor", "remedy", "transient"})
        self.assertIn("JPEG or PNG", errors[0]["what"])
        self.assertNotIn("\u202e", told)
        progress = [line["progress"] for line in lines if "progress" in line]
        self.assertEqual(len(progress) + 1, len(lines))
        self.assertEqual(progress[-1], {"done": len(self.labels) + 1, "all": len(self.labels) + 1, "unit": "pictures"})
        usage = run("compare", "fp32", "--unknown", check=2, SMLP_REMARKS="json").stderr
        self.assertIn("--unknown", json.loads(usage)["error"])
        chance = run("evaluate", self.data / "..", check=1, SMLP_REMARKS="json").stderr
        self.assertEqual({key for line in chance.splitlines() for key in json.loads(line)} & {"error"}, {"error"})

    def test_refusals(self):
        for words, wanted in ((("fp32", "fp16"), "'fp16' is no file; unknown precision 'fp16' (did you mean bf16?); known are"),
                              (("BF16", "fp32"), "unknown precision 'BF16' (did you mean bf16?)"), (("fp32", "bf1"), "mean bf16?"),
                              (("fp32", "half"), "unknown precision 'half'; known are fp32, bf16 and int8"),
                              (("fp32", f"{MODEL}:uint8"), "unknown precision 'uint8' (did you mean int8?); known are")):
            self.assertIn(wanted, run("compare", *words, "--data", self.data, check=2).stderr)
        for words, wanted in ((("fp32", "int8"), "no scales for int8"), (("fp32", self.work / "none.smlp"), "none.smlp")):
            self.assertIn(wanted, run("compare", *words, "--data", self.data, check=1).stderr)

    def test_classes_in_another_order_are_refused(self):
        names = json.loads(run("info", MODEL, "--json").stdout)["classes"]
        pictures = [f"{path}\t{label}" for label, f in zip(CLASSES, FOLDERS) for path in sorted((self.data / f).iterdir())[:2]]
        (self.work / "list.txt").write_text("\n".join(pictures) + "\n")
        for order, status in ((names[::-1], 1), ([name.split(",")[0] for name in names], 0)):
            (self.work / "names.txt").write_text("\n".join(order) + "\n")
            named = self.work / f"named{status}"
            run("compile", MODEL, named, "--classes", self.work / "names.txt")
            done = run("compare", MODEL, f"{named}.smlp", "--data", f"@{self.work / 'list.txt'}", check=status)
            self.assertEqual("class 0 is 'tench, Tinca tinca'" in done.stderr, status == 1, done.stderr)


if __name__ == "__main__":
    at = sys.argv.index("--smlp")
    SMLP = sys.argv[at + 1]
    del sys.argv[at : at + 2]
    unittest.main()
