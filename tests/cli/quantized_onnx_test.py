#!/usr/bin/env python3
"""Compiled models as ONNX, run by ONNX Runtime and OpenVINO.

    quantized_onnx_test.py --smlp BIN [unittest arguments]

The bundled model is compiled in each precision, calibrated on made-up photographs, exported, and others run the files:
their logits are ours, up to what the rest of the network loses in bfloat16. Runs under the Python that SMLP_TEST_PYTHON
names, or build/venv's, or this one.
"""

import platform
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

sys.path.insert(0, str(ROOT / "tests" / "support"))
from test_python import use_test_python  # noqa: E402

try:
    import numpy as np
    import onnx
    import onnxruntime
except ImportError as missing:
    use_test_python()
    print(f"SKIPPED: quantized ONNX: {missing}; `./dev test` installs what tools/requirements-test.txt lists")
    sys.exit(77)

try:
    import openvino
except ImportError as missing:
    openvino = None
    print(f"SKIPPED: quantized ONNX under OpenVINO: {missing}")

from pictures import write_photographs

SMLP = ""
MODEL = ROOT / "models" / "smlp_imagenette.safetensors"
PICTURES = 24
OPSETS = (13, 17, 23)
BLOCKS = 12


def run(*arguments, check=0):
    done = subprocess.run([SMLP, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != check:
        raise AssertionError(f"exit {done.returncode}, expected {check}: {arguments}\n{done.stdout}{done.stderr}")
    return done


def by_onnxruntime(path, pictures):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Without VNNI its sums of bytes saturate at 16 bits unless it is told not to.
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(["output"], {"input": pictures})[0]


def saturates():
    """Whether sums of bytes saturate at 16 bits under OpenVINO: on x86 without VNNI, and nothing turns it off."""
    cpu = Path("/proc/cpuinfo").read_text()
    return platform.machine() == "x86_64" and "avx512_vnni" not in cpu and "avx_vnni" not in cpu


def by_openvino(path, pictures):
    return openvino.compile_model(openvino.Core().read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(pictures)[0]


def difference(a, b):
    """The norm of what differs, as a share of the logits'."""
    return np.linalg.norm(a - b) / np.linalg.norm(b)


class QuantizedOnnx(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.work = Path(cls.folder.name)
        write_photographs(cls.work / "pictures" / "all", PICTURES)
        cls.bins = cls.work / "bins"
        run("preprocess", "--data_root", cls.work / "pictures", "--save_dir", cls.bins, "--model", MODEL, "--batch_size", 1)
        cls.pictures = np.stack([np.fromfile(p, "<f4").reshape(3, 128, 128) for p in sorted(cls.bins.glob("*.bin"))])
        ini = cls.work / "kept.ini"
        ini.write_text("[ByOpType]\nFC2=bf16\n[ByNodeName]\nblock.0.fuse=bf16\n")
        for name, more in (("fp32", ("--precision", "fp32")), ("bf16", ("--precision", "bf16")),
                           ("int8", ("--precision", "int8", "--calibrate", cls.bins)),
                           ("mixed", ("--precision", "int8", "--calibrate", cls.bins, "--op-precision-mode", ini))):
            run("compile", MODEL, cls.work / name, *more)
        cls.ours = {name: cls.infer(name) for name in ("fp32", "bf16", "int8", "mixed")}

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def infer(cls, name):
        run("infer", "--model", cls.work / f"{name}.smlp", "--input", cls.bins, "--output", cls.work / "out",
            "--output_dirname", name, "--outfmt", "NPY")
        return np.array([np.load(f).reshape(-1) for f in sorted((cls.work / "out" / name).glob("*.npy"))])

    def exported(self, name, opset):
        path = self.work / f"{name}.{opset}.onnx"
        run("export", self.work / f"{name}.smlp", path, "--opset", opset, "--force")
        onnx.checker.check_model(onnx.load(str(path)), full_check=True)
        return path

    def check(self, name, opset, bound):
        path = self.exported(name, opset)
        others = {"ONNX Runtime": by_onnxruntime} | ({"OpenVINO": by_openvino} if openvino else {})
        if openvino and name in ("int8", "mixed") and saturates():
            del others["OpenVINO"]
            print("SKIPPED: quantized ONNX: products in int8 under OpenVINO: without VNNI its sums of bytes saturate at 16 bits")
        for program, run_by in others.items():
            got = run_by(path, self.pictures)
            off = difference(got, self.ours[name])
            print(f"{name}, opset {opset}: {program}'s logits differ by {off:.2e} of the norm")
            self.assertLess(off, bound, f"{name} {opset} {program}")
            margin = np.sort(self.ours[name], 1)
            sure = margin[:, -1] - margin[:, -2] > 2 * bound * np.linalg.norm(self.ours[name], axis=1)
            self.assertGreater(sure.sum(), PICTURES // 2)
            np.testing.assert_array_equal(got.argmax(1)[sure], self.ours[name].argmax(1)[sure])
        return onnx.load(str(path))

    def test_float32_is_the_same_network(self):
        for opset in (11, 20):
            self.check("fp32", opset, 1e-5)

    def test_bfloat16_differs_by_its_rounding(self):
        self.check("bf16", 17, 0.01)

    def test_int8_rounds_as_we_do(self):
        cost = difference(self.ours["int8"], self.ours["fp32"])
        print(f"int8 itself costs {cost:.2e}")
        for opset in OPSETS:
            model = self.check("int8", opset, 0.01)
            kinds = [node.op_type for node in model.graph.node]
            self.assertEqual(kinds.count("QuantizeLinear"), 5 * BLOCKS)  # three inputs of fuse, one of FC1, one of FC2
            self.assertEqual(kinds.count("DequantizeLinear"), 10 * BLOCKS)
        size = (self.work / "int8.17.onnx").stat().st_size
        self.assertLess(size, 0.6 * (self.exported("bf16", 17)).stat().st_size)

    def test_products_kept_in_bf16_stay_floating_point(self):
        model = self.check("mixed", 17, 0.01)
        integers = {t.name for t in model.graph.initializer if t.data_type == onnx.TensorProto.INT8 and t.name.endswith("weight")}
        self.assertEqual(len(integers), 3 * (BLOCKS - 1) + BLOCKS)
        self.assertNotIn("block.0.fuse.0.weight", integers)
        self.assertIn("block.3.fc1.weight", integers)

    def test_an_opset_without_quantized_products_is_refused(self):
        for opset in (11, 12):
            done = run("export", self.work / "int8.smlp", self.work / "old.onnx", "--opset", opset, check=1)
            self.assertIn("give --opset 13", done.stderr)
            self.assertFalse((self.work / "old.onnx").exists())

    def test_class_names_and_preprocessing_go_along(self):
        model = onnx.load(str(self.exported("int8", 20)))
        self.assertLessEqual({"smlp.classes", "smlp.wnids", "smlp.preprocess"}, {p.key for p in model.metadata_props})


if __name__ == "__main__":
    at = sys.argv.index("--smlp")
    SMLP = sys.argv[at + 1]
    del sys.argv[at : at + 2]
    unittest.main()
