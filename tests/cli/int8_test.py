#!/usr/bin/env python3
"""Quantization to int8 beside NumPy, which measures, quantizes and simulates on its own.

    int8_test.py --smlp BIN [unittest arguments]

The bundled model is calibrated on made-up photographs. NumPy runs the same network in float64, finds the ranges of each
product's inputs, the integers of its weights and, with both, what a network with those products in int8 gives; all else
is rounded to bfloat16 where the program rounds.
"""

import json
import math
import random
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from pictures import photograph, png, write_photographs

try:
    import numpy as np
except ImportError:
    print("SKIPPED: int8, quantization checked with NumPy: this Python has none (Debian: python3-numpy)")
    sys.exit(77)

SMLP = ""
MODEL = Path(__file__).parents[2] / "models" / "smlp_imagenette.safetensors"
PICTURES = 12


def run(*arguments, check=0, **options):
    done = subprocess.run([SMLP, *map(str, arguments)], capture_output=True, text=True, **options)
    if done.returncode != check:
        raise AssertionError(f"exit {done.returncode}, expected {check}: {arguments}\n{done.stdout}{done.stderr}")
    return done


def read_safetensors(path):
    """Its tensors as arrays (bfloat16 as float32) and its metadata."""
    data = Path(path).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        if entry["dtype"] == "BF16":
            values = (np.frombuffer(data[begin:end], "<u2").astype("<u4") << 16).view("<f4")
        else:
            values = np.frombuffer(data[begin:end], {"F32": "<f4", "I8": "i1", "U8": "u1"}[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"])
    return tensors, header["__metadata__"]


GRID = np.linspace(-9, 9, 180001)
GELUS = np.array([0.5 * x * math.erfc(-x / math.sqrt(2)) for x in GRID])


def gelu(x):
    return np.where(x > 9, x, np.where(x < -9, 0, np.interp(x, GRID, GELUS)))  # right to 2e-9


def bfloat16(x):
    bits = np.asarray(x, np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16).astype(np.uint32).view(np.float32).astype(np.float64)


class Net:
    """The network of a compiled fp32 model, on one picture. `quantized` (tensors of an int8 model): with its products of
    bytes, and bfloat16 elsewhere. `inputs` gets what each product reads, segment by segment."""

    def __init__(self, tensors, config, quantized=None):
        self.t, self.config, self.quantized, self.inputs = tensors, config, quantized, {}
        self.round = (lambda x: x) if quantized is None else bfloat16

    def dense(self, name, x):
        y = self.round(x) @ self.round(self.t[f"{name}.weight"]).astype(np.float64).T
        return y + self.t[f"{name}.bias"] if f"{name}.bias" in self.t else y

    def product(self, name, *segments):
        self.inputs[name] = segments
        q = self.quantized
        if q is None or q[f"{name}.weight"].dtype != np.int8:
            return self.dense(name, np.concatenate(segments, -1))
        integers = [
            np.clip(np.rint(x / q[f"{name}.input_scale"][s] + q[f"{name}.input_zero"][s]), 0, 255) - q[f"{name}.input_zero"][s]
            for s, x in enumerate(segments)
        ]
        sums = np.concatenate(integers, -1) @ q[f"{name}.weight"].astype(np.float64).T
        return sums * q[f"{name}.output_scale"] + q[f"{name}.bias"]

    def block(self, b, x):
        p, t = f"block.{b}.", self.t
        a = gelu(x * t[p + "pre.scale"] + t[p + "pre.shift"])
        size = len(a)
        padded = np.pad(a, ((1, 1), (1, 1), (0, 0)))
        local = sum(
            padded[i : i + size, j : j + size] * t[p + "depthwise.weight"][:, 3 * i + j] for i in range(3) for j in range(3)
        )
        g = self.round(gelu(local + t[p + "depthwise.bias"]))
        width, height = (self.round(t[p + f"mix_{way}.weight"]).astype(np.float64) for way in ("width", "height"))
        along_width = np.einsum("jk,ikc->ijc", width, g) + t[p + "mix_width.bias"][None, :, None]
        along_height = np.einsum("ik,kjc->ijc", height, g) + t[p + "mix_height.bias"][:, None, None]
        x = x + self.product(p + "fuse", g, along_width, along_height)
        centred = x - x.mean(-1, keepdims=True)
        z = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + t["norm_epsilon"][b])
        return x + self.product(p + "fc2", gelu(self.product(p + "fc1", z)))

    def logits(self, picture):
        c = self.config
        grid = c["image"] // c["patch"]
        x = picture.reshape(c["channels"], grid, c["patch"], grid, c["patch"]).transpose(1, 3, 0, 2, 4).reshape(grid, grid, -1)
        b = 0
        for s, depth in enumerate(c["depths"]):
            if s > 0:
                half = len(x) // 2
                x = x[: 2 * half, : 2 * half].reshape(half, 2, half, 2, -1).transpose(0, 2, 4, 1, 3).reshape(half, half, -1)
            x = self.dense(f"stem.{s}", x)
            for _ in range(depth):
                x = self.block(b, x)
                b += 1
        return self.dense("head", x.mean((0, 1)))


class Int8(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.work = Path(cls.folder.name)
        write_photographs(cls.work / "pictures" / "all", PICTURES)
        cls.bins = cls.work / "bins"
        run("preprocess", "--data_root", cls.work / "pictures", "--save_dir", cls.bins, "--model", MODEL, "--batch_size", 1)
        run("compile", MODEL, cls.work / "fp32", "--precision", "fp32")
        cls.exact, metadata = read_safetensors(cls.work / "fp32.smlp")
        cls.config = json.loads(metadata["smlp.config"])
        side = cls.config["image"]
        cls.pictures = [np.fromfile(p, "<f4").reshape(-1, side, side).astype(np.float64) for p in sorted(cls.bins.glob("*.bin"))]
        cls.nets = [Net(cls.exact, cls.config) for _ in cls.pictures]
        cls.logits = np.array([net.logits(p) for net, p in zip(cls.nets, cls.pictures)])
        cls.compiled = {how: cls.compile(f"int8_{how}", "--calibration-range", how) for how in ("mse", "minmax", "percentile")}

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def compile(cls, name, *more, **options):
        run("compile", MODEL, cls.work / name, "--precision", "int8", "--calibrate", cls.bins, *more, **options)
        return read_safetensors(cls.work / f"{name}.smlp")[0]

    def infer(self, model, precision):
        run("infer", "--model", self.work / model, "--input", self.bins, "--output", self.work / "out", "--output_dirname",
            f"{Path(model).stem}_{precision}", "--outfmt", "NPY", "--precision", precision)
        files = sorted((self.work / "out" / f"{Path(model).stem}_{precision}").glob("*.npy"))
        return np.array([np.load(f).reshape(-1) for f in files])

    def products(self):
        for name in self.nets[0].inputs:
            for segment in range(len(self.nets[0].inputs[name])):
                yield name, segment, np.concatenate([net.inputs[name][segment].ravel() for net in self.nets])

    def test_numpy_runs_the_network_that_the_program_runs(self):
        np.testing.assert_allclose(self.infer("fp32.smlp", "fp32"), self.logits, atol=1e-4 * np.abs(self.logits).max())

    def test_minmax_is_from_the_least_to_the_largest(self):
        t = self.compiled["minmax"]
        for name, segment, values in self.products():
            scale, zero = t[f"{name}.input_scale"][segment], t[f"{name}.input_zero"][segment]
            low, high = min(values.min(), 0), max(values.max(), 0)
            self.assertAlmostEqual(scale * 255 / (high - low), 1, delta=2e-4, msg=name)
            self.assertLessEqual(abs(int(zero) - round(-low / scale)), 1, name)

    def test_the_percentile_leaves_out_a_hundred_thousandth_on_either_side(self):
        t = self.compiled["percentile"]
        for name, segment, values in self.products():
            scale, zero = t[f"{name}.input_scale"][segment], t[f"{name}.input_zero"][segment]
            low, high = -int(zero) * scale, (255 - int(zero)) * scale
            # As many as that are outside, to the width of a bin (2^-7 of a number) and of a byte's rounding.
            for share in ((values > high * (1 + 2**-6) + scale).mean(), (values < low * (1 + 2**-6) - scale).mean()):
                self.assertLessEqual(share, 1e-5 + 1 / values.size, name)
            inner = ((values >= high * (1 - 2**-6) - scale).mean(), (values <= low * (1 - 2**-6) + scale).mean())
            self.assertGreaterEqual(min(inner), 0.9e-5 - 1 / values.size, name)

    def test_the_mse_is_as_small_as_a_search_over_all_ranges_finds(self):
        def error(values, weights, scale, zero):
            bytes_ = np.clip(np.rint(values / scale) + zero, 0, 255)
            return np.average(((bytes_ - zero) * scale - values) ** 2, weights=weights)

        t, rng = self.compiled["mse"], random.Random(1)
        for name, segment, values in rng.sample(list(self.products()), 12):
            # All of the tails, and each of the others for its neighbours.
            values, tail = np.sort(values), 500
            stride = max(1, (len(values) - 2 * tail) // 20000)
            middle = values[tail : len(values) - tail : stride]
            some = np.concatenate([values[:tail], middle, values[len(values) - tail :]])
            weights = np.concatenate([np.ones(tail), np.full(len(middle), stride), np.ones(tail)])
            ours = error(some, weights, t[f"{name}.input_scale"][segment], int(t[f"{name}.input_zero"][segment]))
            least = math.inf
            for low in np.linspace(0.1, 1, 25) * min(values[0], 0):
                for high in np.linspace(0.1, 1, 25) * max(values[-1], 0):
                    scale = (high - low) / 255
                    least = min(least, error(some, weights, scale, round(-low / scale)))
            self.assertLessEqual(ours, 1.1 * least, f"{name} {segment}")

    def test_weights_are_rounded_for_each_output(self):
        for how, t in self.compiled.items():
            for name, segments in self.nets[0].inputs.items():
                scales = np.repeat(t[f"{name}.input_scale"].astype(np.float64), [s.shape[-1] for s in segments])
                folded = self.exact[f"{name}.weight"].astype(np.float64) * scales
                output = np.abs(folded).max(1) / 127
                np.testing.assert_allclose(t[f"{name}.output_scale"], output, rtol=1e-6, err_msg=f"{how} {name}")
                exact = folded / output[:, None]
                self.assertLessEqual(np.abs(t[f"{name}.weight"] - exact).max(), 0.5 + 1e-4, f"{how} {name}")
                bias = self.exact.get(f"{name}.bias", np.zeros(len(folded), np.float32))
                np.testing.assert_array_equal(t[f"{name}.bias"], bias)

    def test_the_program_gives_what_numpy_simulates(self):
        for how, t in self.compiled.items():
            simulated = np.array([Net(self.exact, self.config, t).logits(p) for p in self.pictures])
            got = self.infer(f"int8_{how}.smlp", "int8")
            cost = np.linalg.norm(simulated - self.logits) / np.linalg.norm(self.logits)
            error = np.linalg.norm(got - simulated) / np.linalg.norm(self.logits)
            print(f"{how}: int8 costs {cost:.4f} of the logits' norm; program and NumPy differ by {error:.4f}")
            self.assertLess(cost, 0.05)
            # A byte falls on the other side of a tie now and then, and tips others.
            self.assertLess(error, 0.5 * cost)

    def test_the_same_bytes_every_time(self):
        again = self.work / "again.smlp"
        self.compile("again")
        whole = (self.work / "int8_mse.smlp").read_bytes()
        self.assertEqual(again.read_bytes(), whole)
        self.compile("one_cpu", preexec_fn=lambda: __import__("os").sched_setaffinity(0, {0}))
        self.assertEqual((self.work / "one_cpu.smlp").read_bytes(), whole)

    def test_a_compiled_model_runs_in_other_precisions_too(self):
        for precision in ("bf16", "fp32"):
            got = self.infer("int8_mse.smlp", precision)
            self.assertLess(np.linalg.norm(got - self.logits) / np.linalg.norm(self.logits), 0.05, precision)

    def test_products_can_be_kept_in_bf16(self):
        ini = self.work / "modes.ini"
        ini.write_text("[ByOpType]\nFC2=bf16\n[ByNodeName]\nblock.0.fuse=bf16\nblock.1.fc2=int8\n")
        t = self.compile("mixed", "--op-precision-mode", ini)
        for name in self.nets[0].inputs:
            kept = name == "block.0.fuse" or (name.endswith("fc2") and name != "block.1.fc2")
            self.assertEqual(t[f"{name}.weight"].dtype, np.float32 if kept else np.int8, name)
        simulated = np.array([Net(self.exact, self.config, t).logits(p) for p in self.pictures])
        error = np.linalg.norm(self.infer("mixed.smlp", "int8") - simulated) / np.linalg.norm(self.logits)
        self.assertLess(error, 0.01)
        for line, wanted in (("FC2=fp8", "the known modes are: int8, bf16"), ("block.99.fc1=bf16", "blocks are 0 to 11"),
                             ("Conv=int8", "the known operators are")):
            ini.write_text(line + "\n")
            done = run("compile", MODEL, self.work / "refused", "--precision", "int8", "--calibrate", self.bins,
                       "--op-precision-mode", ini, check=1)
            self.assertIn(wanted, done.stderr)
            self.assertFalse((self.work / "refused.smlp").exists())

    def test_products_return_to_bf16_until_the_budget_holds(self):
        # Labelled by the exact network, which is then always right: a drop is the share of answers that differ. Ranges found
        # on a single grey picture fit no other; even so few answers change, so that a third of the pictures are such.
        data, dull = self.work / "judged", self.work / "dull.png"
        png(dull, np.full((150, 150, 3), 128, np.uint8))
        arguments = ("--precision", "int8", "--calibrate", dull, "--json")
        run("compile", MODEL, self.work / "plain", *arguments)
        made = self.work / "made"
        made.mkdir()
        rng = np.random.default_rng(7)
        for i in range(300):
            a, b, share = photograph(rng.integers(1000)), photograph(rng.integers(1000)), rng.uniform()
            png(made / f"{i:03}.png", np.uint8(share * a + (1 - share) * b))
        answers = []
        for model in (MODEL, self.work / "plain.smlp"):
            done = run("classify", "--model", model, "--json", "--top", "1", made)
            lines = map(json.loads, done.stdout.splitlines())
            answers.append({line["file"]: line["top"][0]["index"] for line in lines})
        exact, plain = answers
        changed = [file for file in exact if exact[file] != plain[file]]
        self.assertGreater(len(changed), 4, "such ranges change some answers")
        same = [file for file in exact if exact[file] == plain[file]][:2 * len(changed)]
        folders = ["n01440764", "n02102040", "n02979186", "n03000684", "n03028079", "n03394916", "n03417042", "n03425413",
                   "n03445777", "n03888257"]
        for file in changed + same:
            folder = data / folders[exact[file]]
            folder.mkdir(parents=True, exist_ok=True)
            Path(file).rename(folder / Path(file).name)
        free = json.loads(run("compile", MODEL, self.work / "free", *arguments, "--max-drop", 100, "--data", data).stdout)
        self.assertEqual((free["returned_to_bf16"], free["drop"]), ([], free["drop_all_int8"]))
        self.assertEqual((self.work / "free.smlp").read_bytes(), (self.work / "plain.smlp").read_bytes())
        self.assertAlmostEqual(free["drop"], 100 * len(changed) / len(changed + same), places=9)
        tight = json.loads(
            run("compile", MODEL, self.work / "tight", *arguments, "--max-drop", free["drop"] * 0.6, "--data", data).stdout)
        self.assertLessEqual(tight["drop"], free["drop"] * 0.6)
        self.assertGreater(len(tight["returned_to_bf16"]), 0)
        # What the file does is what the report says, measured by another command.
        compared = json.loads(run("compare", f"{MODEL}:fp32", self.work / "tight.smlp", "--data", data, "--json").stdout)
        self.assertAlmostEqual(-100 * compared["difference"], tight["drop"], places=9)
        t = read_safetensors(self.work / "tight.smlp")[0]
        kept = {name for name in self.nets[0].inputs if t[f"{name}.weight"].dtype != np.int8}
        self.assertEqual(kept, set(tight["returned_to_bf16"]))
        # The ini gives the same file again.
        run("compile", MODEL, self.work / "again_tight", *arguments, "--op-precision-mode", tight["op_precision"])
        self.assertEqual((self.work / "again_tight.smlp").read_bytes(), (self.work / "tight.smlp").read_bytes())
        # Without labels the budget is on answers that differ.
        loose = json.loads(run("compile", MODEL, self.work / "loose", *arguments, "--max-drop", 100).stdout)
        self.assertEqual(loose["returned_to_bf16"], [])

    def test_info_prints_the_scales(self):
        t = self.compiled["mse"]
        report = json.loads(run("info", "--json", self.work / "int8_mse.smlp").stdout)
        self.assertEqual(report["precision"], "int8")
        self.assertEqual(report["calibration"], f"mse over {PICTURES} pictures")
        self.assertEqual(set(report["int8"]), set(self.nets[0].inputs))
        for name, scales in report["int8"].items():
            np.testing.assert_allclose([s["scale"] for s in scales["inputs"]], t[f"{name}.input_scale"], rtol=1e-6)
            self.assertEqual([s["zero"] for s in scales["inputs"]], list(t[f"{name}.input_zero"]))
            np.testing.assert_allclose(scales["output_scales"], t[f"{name}.output_scale"], rtol=1e-6)
        text = run("info", self.work / "int8_mse.smlp").stdout
        self.assertIn("block.3.fc1", text)
        self.assertIn("mse over", text)


class Refusals(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.work = Path(folder.name)
        self.pictures = self.work / "pictures"
        self.pictures.mkdir()

    def add(self, count, picture=photograph):
        for i in range(count):
            png(self.pictures / f"{len(list(self.pictures.iterdir())):03}.png", picture(i))

    def compile(self, *more, model=MODEL, check=0):
        done = run("compile", model, self.work / "out", "--precision", "int8", "--calibrate", self.pictures, *more, check=check)
        self.assertEqual((self.work / "out.smlp").exists(), check == 0)
        return done.stderr

    def test_without_pictures(self):
        done = run("compile", MODEL, self.work / "out", "--precision", "int8", check=1)
        self.assertIn("int8 needs pictures", done.stderr)
        self.add(1)
        done = run("compile", MODEL, self.work / "out", "--precision", "bf16", "--calibrate", self.pictures, check=1)
        self.assertIn("--precision int8", done.stderr)
        self.assertFalse((self.work / "out.smlp").exists())

    def test_few_pictures(self):
        self.add(3)
        self.assertIn("3 calibration pictures are few", self.compile())

    def test_black_pictures(self):
        self.add(70, lambda i: np.zeros((40, 40, 3), np.uint8) if i < 60 else photograph(i))
        said = self.compile()
        self.assertIn("60 of 70 calibration pictures are of a single colour", said)
        self.assertNotIn("few", said)

    def test_pictures_of_one_class(self):
        self.add(70, lambda i: photograph(1))
        self.assertRegex(self.compile(), "70 of 70 calibration pictures are answered with one class, [a-zA-Z, ]+:")

    def test_broken_pictures(self):
        self.add(4)
        (self.pictures / "broken.png").write_bytes((self.pictures / "000.png").read_bytes()[:200])
        self.assertRegex(self.compile(), "1 calibration pictures could not be read and were left out: .*broken.png")
        for path in self.pictures.iterdir():
            path.write_bytes(path.read_bytes()[:200])
        (self.work / "out.smlp").unlink()
        self.assertIn("none of 5 calibration pictures can be read", self.compile(check=1))

    def test_activations_that_are_not_finite(self):
        self.add(2)
        run("compile", MODEL, self.work / "fp32", "--precision", "fp32")
        data = bytearray((self.work / "fp32.smlp").read_bytes())
        length = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8 : 8 + length])
        for name, says in (("block.2.depthwise", "block.2.fuse"), ("block.4.fc1", "block.4.fc2"), ("head", "the head")):
            begin, end = (8 + length + offset for offset in header[f"{name}.weight"]["data_offsets"])
            damaged = data[:begin] + struct.pack("<f", 3e38) * ((end - begin) // 4) + data[end:]
            path = self.work / "damaged.smlp"
            path.write_bytes(damaged)
            self.assertRegex(self.compile(model=path, check=1), f"{says}.*not finite")

    def test_a_prepared_picture_that_is_not_finite_is_named(self):
        folder = self.work / "prepared"
        write_photographs(self.work / "root" / "all", 3)
        run("preprocess", "--data_root", self.work / "root", "--save_dir", folder / "bins", "--model", MODEL, "--batch_size", 1)
        for value in (math.nan, math.inf, -math.inf):
            path = folder / "bins" / "batch-00001.bin"
            pixels = np.fromfile(path, "<f4")
            pixels[7] = value
            pixels.tofile(path)
            done = run("compile", MODEL, self.work / "out", "--precision", "int8", "--calibrate", folder, check=1)
            self.assertRegex(done.stderr, "block.0.fuse.*not finite.*batch-00001.bin has pixels that no preprocessing gives")
            self.assertFalse((self.work / "out.smlp").exists())

    def test_pictures_prepared_in_another_way_are_said(self):
        folder = self.work / "prepared"
        write_photographs(self.work / "root" / "all", 3)
        run("preprocess", "--data_root", self.work / "root", "--save_dir", folder / "bins", "--model", MODEL, "--batch_size", 1)
        self.pictures = folder / "bins"
        self.assertNotIn("preprocessing cannot give", self.compile())
        for path in sorted(self.pictures.glob("*.bin"))[1:]:
            pixels = np.fromfile(path, "<f4")  # as whoever forgets to divide by 255
            (pixels * 255).tofile(path)
        said = self.compile("--force")
        self.assertRegex(said, "2 of 3 calibration pictures have pixels that this model's preprocessing cannot give.*00001.bin")

    def test_a_budget_on_prepared_pictures_of_several_in_a_file(self):
        folder = self.work / "prepared"
        write_photographs(self.work / "root" / "all", 7)
        run("preprocess", "--data_root", self.work / "root", "--save_dir", folder / "bins", "--model", MODEL, "--batch_size", 3)
        self.pictures = folder / "bins"
        said = self.compile("--max-drop", 1)
        self.assertIn("--max-drop 1 is judged by 7 pictures", said)
        (self.work / "list.txt").write_text(f"{self.pictures}/batch-00000.bin 0\n")
        done = run("compile", MODEL, self.work / "other", "--precision", "int8", "--calibrate", self.pictures, "--max-drop", 1,
                   "--data", f"@{self.work}/list.txt", check=1)
        self.assertIn("batch-00000.bin: holds 3 pictures, and has labels for 1", done.stderr)

    def test_the_folder_that_preprocess_filled(self):
        folder = self.work / "prepared"
        write_photographs(self.work / "root" / "all", 3)
        run("preprocess", "--data_root", self.work / "root", "--save_dir", folder / "bins", "--model", MODEL, "--batch_size", 2)
        self.assertTrue((folder / "labels.npy").exists())
        files = []
        for given in (folder, folder / "bins"):
            run("compile", MODEL, self.work / f"of_{given.name}", "--precision", "int8", "--calibrate", given)
            files.append((self.work / f"of_{given.name}.smlp").read_bytes())
        self.assertEqual(files[0], files[1], "labels.npy is no picture")

    def test_black_pictures_alone_still_give_a_model(self):
        self.add(2, lambda i: np.zeros((40, 40, 3), np.uint8))
        for method in ("mse", "minmax", "percentile"):
            said = self.compile("--calibration-range", method, "--force")
            self.assertIn("2 of 2 calibration pictures are of a single colour", said)
            for name, values in read_safetensors(self.work / "out.smlp")[0].items():
                if name.endswith("_scale"):
                    self.assertTrue((np.isfinite(values) & (values > 0)).all(), name)
            run("classify", "--model", self.work / "out.smlp", "--precision", "int8", self.pictures)

    def test_labels_that_do_not_fit_are_found_before_the_work(self):
        self.pictures.joinpath("broken.png").write_bytes(b"no picture")
        data = self.work / "data" / "zebra"
        data.mkdir(parents=True)
        png(data / "a.png", photograph(1))
        self.assertIn("zebra", self.compile("--max-drop", 1, "--data", data.parent, check=1))

    def test_pictures_that_the_budget_cannot_be_judged_by(self):
        self.add(2)
        data = self.work / "data" / "n01440764"
        data.mkdir(parents=True)
        png(data / "a.png", photograph(1))
        (data / "b.png").write_bytes((data / "a.png").read_bytes()[:200])
        said = self.compile("--max-drop", 60, "--data", data.parent)
        self.assertRegex(said, "1 of the 2 pictures that --max-drop is judged by could not be read .*b.png")
        self.assertIn("judged by 1 pictures, of which one is 100 points", said)

    def test_outputs_that_cannot_be_written_are_found_before_the_work(self):
        # The only picture is broken: an error that does not name it came before the first was read.
        self.pictures.joinpath("broken.png").write_bytes(b"no picture")
        ini, out, taken = (self.work / name for name in ("out.op_precision.ini", "out.smlp", "taken"))

        def refused(output, *more):
            before = {path: path.read_bytes() for path in self.work.rglob("*") if path.is_file()}
            done = run("compile", MODEL, output, "--precision", "int8", "--calibrate", self.pictures, *more, check=1)
            self.assertNotIn("broken.png", done.stderr)
            self.assertEqual(len(done.stderr.strip().splitlines()), 1)
            self.assertEqual({path: path.read_bytes() for path in self.work.rglob("*") if path.is_file()}, before)
            return done.stderr

        out.write_bytes(b"")
        self.assertIn("out.smlp: exists already", refused(out))
        out.unlink()
        out.symlink_to(self.work / "elsewhere")
        self.assertIn("out.smlp: exists already", refused(out))
        self.assertIn("symbolic link", refused(out, "--force"))
        out.unlink()
        ini.write_text("[ByNodeName]\nblock.0.fuse=bf16\n")
        self.assertIn("out.op_precision.ini: exists already", refused(out, "--max-drop", 1))
        self.assertIn("is not an ini that --max-drop wrote", refused(out, "--max-drop", 1, "--force"))
        self.assertIn("would be written by --max-drop", refused(out, "--max-drop", 1, "--force", "--op-precision-mode", ini))
        taken.write_text("a file")
        self.assertIn("taken", refused(taken / "out"))
        self.assertIn("/proc", refused("/proc/out"))
        self.assertIn("/proc", refused("/proc/none/out"))
        out.mkdir()
        self.assertIn("out.smlp", refused(out))

    def test_int8_of_a_model_without_scales(self):
        self.add(1)
        done = run("classify", "--precision", "int8", next(self.pictures.iterdir()), check=1)
        self.assertIn("no scales for int8", done.stderr)

    def test_what_was_rounded_away_does_not_come_back(self):
        self.add(2)
        self.compile()
        for more in (["--precision", "bf16"], ["--precision", "int8", "--calibrate", self.pictures]):
            done = run("compile", self.work / "out.smlp", self.work / "again", *more, check=1)
            self.assertIn("is compiled to int8", done.stderr)
        run("compile", self.work / "out.smlp", self.work / "again", "--input-shape", "4,3,128,128")
        self.assertEqual(json.loads(run("info", "--json", self.work / "again.smlp").stdout)["precision"], "int8")


if __name__ == "__main__":
    at = sys.argv.index("--smlp")
    SMLP = sys.argv[at + 1]
    del sys.argv[at : at + 2]
    unittest.main()
