"""OpenVINO, fp32 and bf16 (INFERENCE_PRECISION_HINT), and int8: a network that NNCF quantized, or smlp's own export, QDQ.
What NNCF leaves in floating point runs as OpenVINO chooses (bf16 where the processor has it).

A batch can be run by one stream with all threads (what the LATENCY hint chooses) or be dealt out to one stream a thread
(what THROUGHPUT chooses). Which is faster depends on the batch and the machine: both are tried where the batch divides,
and the faster is measured. Either way the whole batch is done before the next one starts, as with every other peer. The
network's batch is fixed, from which OpenVINO chooses its kernels; opset 17 was never ahead of both others and is left
out. ov.convert_model of the PyTorch network gave a slower one than the ONNX file.
"""

from collections import Counter

import numpy as np
import openvino

from .candidates import fastest

PRODUCTS = {"Convolution", "FullyConnected", "MatMul"}


class Streams:
    """`count` requests that share a batch."""

    def __init__(self, setup, batch, count, file):
        core, config = openvino.Core(), setup.config
        network = core.read_model(file)
        network.reshape([batch // count, config["channels"], config["image"], config["image"]])
        settings = {"INFERENCE_NUM_THREADS": setup.threads, "NUM_STREAMS": count}
        if hint := {"fp32": "f32", "bf16": "bf16"}.get(setup.precision):
            settings["INFERENCE_PRECISION_HINT"] = hint
        self.compiled = core.compile_model(network, "CPU", settings)
        self.requests = [self.compiled.create_infer_request() for _ in range(count)]

    def set_input(self, pictures):
        self.parts = np.split(pictures, len(self.requests))
        for request, part in zip(self.requests, self.parts):
            request.set_input_tensor(openvino.Tensor(part, shared_memory=True))

    def execute(self):
        if len(self.requests) == 1:
            self.requests[0].infer()
            return self.requests[0].get_output_tensor().data
        for request in self.requests:
            request.start_async()
        for request in self.requests:
            request.wait()
        return np.concatenate([request.get_output_tensor().data for request in self.requests])

    def effective_precision(self):
        """What the matrix products were compiled to, as the executed graph tells: the hint alone proves nothing."""
        precisions, kernels = Counter(), set()
        for node in self.compiled.get_runtime_model().get_ops():
            told = {key: node.rt_info[key].astype(str) for key in ("layerType", "runtimePrecision", "primitiveType")
                    if key in node.rt_info}
            if told.get("layerType") in PRODUCTS:
                precisions[told.get("runtimePrecision", "?")] += 1
                kernels.add(told.get("primitiveType", "?"))
        total = sum(precisions.values())
        counts = ", ".join(f"{name} in {count} of {total} products" for name, count in precisions.most_common())
        return f"{counts} ({', '.join(sorted(kernels))})"


class Backend:
    def __init__(self, setup):
        self.setup = setup
        self.streams = None
        if setup.mode:
            self.forms = {setup.mode: setup.quantized[setup.mode]}
        else:
            self.forms = {f"opset {opset}": setup.onnx[opset] for opset in ("11", "20")}

    def prepare(self, batch, pictures):
        self.streams = None  # two at a time would need twice the memory
        counts = [1]
        if self.setup.threads > 1 and batch % self.setup.threads == 0:
            counts.append(self.setup.threads)
        choices = [(count, form) for count in counts for form in self.forms]
        self.streams, (count, form) = fastest(
            lambda choice: Streams(self.setup, batch, choice[0], self.forms[choice[1]]), choices, pictures)
        return {"effective": self.streams.effective_precision(), "choice": f"{count} stream{'s' * (count > 1)}, {form}"}

    def set_input(self, pictures):
        self.streams.set_input(pictures)

    def execute(self):
        return self.streams.execute()
