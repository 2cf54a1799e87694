"""Who takes part: one row each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    name: str       # as the table, the logs and --peers have it
    title: str
    backend: str    # module backend_BACKEND.py
    package: str    # of requirements.txt
    precision: str  # what it is asked for, and ours beside it
    mode: str = ""  # the backend's own
    asked_for: bool = False  # takes part only where --peers names it
    also: str = ""  # a second package that it needs

    @property
    def packages(self):
        return [package for package in (self.package, self.also) if package]


PEERS = [
    Peer("onnxruntime-fp32", "ONNX Runtime", "onnxruntime", "onnxruntime", "fp32"),
    Peer("openvino-fp32", "OpenVINO", "openvino", "openvino", "fp32"),
    Peer("torch-fp32", "PyTorch eager", "torch", "torch", "fp32", "eager"),
    Peer("torch-fp32-compiled", "PyTorch compiled", "torch", "torch", "fp32", "compiled"),
    Peer("openvino-bf16", "OpenVINO", "openvino", "openvino", "bf16"),
    Peer("torch-bf16", "PyTorch eager", "torch", "torch", "bf16", "eager"),
    Peer("torch-bf16-compiled", "PyTorch compiled", "torch", "torch", "bf16", "compiled"),
    Peer("openvino-int8", "OpenVINO, NNCF", "openvino", "openvino", "int8", "NNCF", also="nncf"),
    Peer("openvino-int8-qdq", "OpenVINO, smlp's QDQ", "openvino", "openvino", "int8", "QDQ"),
    # The library that is ours, called from Python: 1.00 would be nothing lost.
    Peer("smlp-python-fp32", "smlp in Python", "smlp", "nanobind-backend", "fp32"),
    # Inductor's own matrix products, tuned for minutes at each batch size.
    Peer("torch-bf16-max-autotune", "PyTorch max-autotune", "torch", "torch", "bf16", "max-autotune", asked_for=True),
]

DEFAULT = [peer for peer in PEERS if not peer.asked_for]

# The logits that everybody's are held against.
REFERENCE = next(peer for peer in PEERS if peer.name == "torch-fp32")


def find(name):
    return next((peer for peer in PEERS if peer.name == name), None)
