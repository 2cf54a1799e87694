"""Triton's Python backend with ONNX Runtime: one call gets the requests that Triton's dynamic batcher has gathered."""

import os
import sys

sys.path.insert(0, os.environ["SERVING_PACKAGES"])  # the stub that runs this does not look at PYTHONPATH
import numpy  # noqa: E402
import triton_python_backend_utils as triton  # noqa: E402
from network import Network, prepared  # noqa: E402


class TritonPythonModel:
    def initialize(self, arguments):
        self.network = Network()

    def execute(self, requests):
        inputs = [triton.get_input_tensor_by_name(request, "input").as_numpy() for request in requests]
        if inputs[0].dtype == object:
            inputs = [numpy.stack([prepared(data) for data in one.ravel()]) for one in inputs]
        logits = self.network.logits(numpy.concatenate(inputs))
        answers, first = [], 0
        for one in inputs:
            part = logits[first : first + len(one)]
            first += len(one)
            answers.append(triton.InferenceResponse([triton.Tensor("output", part)]))
        return answers
