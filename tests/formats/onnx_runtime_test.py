"""Our ONNX exports, read by others: the ONNX checker, its shape inference, and ONNX Runtime against PyTorch's logits.

    python3 onnx_runtime_test.py ONNX_TOOL

ONNX_TOOL is the program built from onnx_tool.cc. The logits to meet are the golden ones (tests/engine/golden), which
PyTorch computed in float64. Runs under the Python that SMLP_TEST_PYTHON names, or build/venv's, or this one; without the
modules onnx, onnxruntime and numpy it says so and exits with 77.
"""

import base64
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BOUND = 1e-4  # relative to the largest logit
SAID_BY_OPSET = {11: {"Erf", "ReduceMean", "Pow"}, 17: {"Erf", "LayerNormalization"}, 20: {"Gelu", "LayerNormalization"}}

sys.path.insert(0, str(ROOT / "tests" / "support"))
from test_python import use_test_python  # noqa: E402

try:
    import numpy as np
    import onnx
    import onnxruntime
except ImportError as missing:
    use_test_python()
    print(f"skipped: {missing}; `./dev test` installs what tools/requirements-test.txt lists")
    sys.exit(77)

sys.path.insert(0, str(ROOT / "tools" / "golden"))
import generator  # noqa: E402


def logits_of(network):
    (entry,) = [a for a in network["activations"] if a["name"] == "logits"]
    return np.frombuffer(base64.b64decode(entry["samples"]), np.float64).reshape(network["config"]["pictures"], -1)


def check_file(path, opset, network):
    """The file's faults, as text."""
    model = onnx.load(str(path))
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    config, faults = network["config"], []
    dims = [d.dim_value or d.dim_param for d in inferred.graph.output[0].type.tensor_type.shape.dim]
    if dims != ["batch", config["classes"]]:
        faults.append(f"output of shape {dims}")
    if missing := SAID_BY_OPSET.get(opset, set()) - {node.op_type for node in model.graph.node}:
        faults.append(f"no {', '.join(sorted(missing))} at opset {opset}")

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    shape = (config["in_channels"], config["image"], config["image"])
    pictures = np.stack([generator.picture(config["seed"], i, shape) for i in range(config["pictures"])])
    want = logits_of(network)
    (whole,) = session.run(["output"], {"input": pictures})
    single = np.concatenate([session.run(["output"], {"input": picture[None]})[0] for picture in pictures])
    for name, got in (("together", whole), ("one by one", single)):
        error = np.abs(got - want).max() / np.abs(want).max() if got.shape == want.shape else np.inf
        if not error <= BOUND:
            faults.append(f"logits of the pictures {name} are off by {error:.2e}")
    return faults


def main():
    opsets = list(range(11, 24))
    networks = json.loads((ROOT / "tests" / "engine" / "golden" / "network.json").read_text())["networks"]
    bad = checked = 0
    with tempfile.TemporaryDirectory() as folder:
        for opset in opsets:
            subprocess.run([sys.argv[1], folder, str(opset)], check=True)
            for network in networks:
                path = pathlib.Path(folder) / f"{network['name']}.{opset}.onnx"
                if not path.exists():
                    continue
                checked += 1
                for fault in check_file(path, opset, network):
                    bad += 1
                    print(f"{path.name}: {fault}")
                path.unlink()
    print(f"onnx {onnx.__version__}, ONNX Runtime {onnxruntime.__version__}: {checked} files checked, {bad} faults")
    return 1 if bad or checked < len(opsets) else 0


if __name__ == "__main__":
    sys.exit(main())
