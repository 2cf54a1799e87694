"""ONNX Runtime, fp32: its CPU provider has no bf16 network kernels.

Graph optimisation is at its default, the highest; so is the spinning of its threads while work is under way. A batch
that is a constant of the graph gained nothing over the variable one. The fastest opset is measured.
"""

import onnxruntime

from .candidates import fastest


class Session:
    def __init__(self, setup, opset):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = setup.threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(setup.onnx[opset], options, providers=["CPUExecutionProvider"])

    def set_input(self, pictures):
        self.input = {"input": pictures}

    def execute(self):
        return self.session.run(None, self.input)[0]


class Backend:
    def __init__(self, setup):
        self.setup = setup
        self.session = None

    def prepare(self, batch, pictures):
        self.session = None  # two at a time would need twice the memory
        self.session, opset = fastest(lambda opset: Session(self.setup, opset), list(self.setup.onnx), pictures)
        return {"effective": "fp32, MLAS", "choice": f"opset {opset}"}

    def set_input(self, pictures):
        self.session.set_input(pictures)

    def execute(self):
        return self.session.execute()
