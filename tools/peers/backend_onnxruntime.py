"""ONNX Runtime, fp32: its CPU provider has no bf16 network kernels.

Graph optimisation is at its default, the highest; so is the spinning of its threads while work is under way. The batch
is made a constant of the graph, which allows it more folding than a variable one.
"""

import onnxruntime


class Backend:
    def __init__(self, setup):
        self.setup = setup
        self.session = None

    def prepare(self, batch, pictures):
        self.session = None  # two at a time would need twice the memory
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.setup.threads
        options.inter_op_num_threads = 1
        options.add_free_dimension_override_by_name("batch", batch)
        self.session = onnxruntime.InferenceSession(self.setup.onnx, options, providers=["CPUExecutionProvider"])
        return {"effective": "fp32, MLAS", "choice": ""}

    def set_input(self, pictures):
        self.input = {"input": pictures}

    def execute(self):
        return self.session.run(None, self.input)[0]
