"""PyTorch on the CPU, eager and compiled.

bf16 is a network of bfloat16 weights and activations (`.bfloat16()`), with the pictures' conversion from float32 counted;
autocast computes the same products, converts before and after them, and was never faster. Compiled means torch.compile
with static shapes and with the weights frozen into the graph (`freezing`), which lets it pack them beforehand; without,
it is slower. Inductor's own matrix products (max-autotune) are a peer of their own, since they take minutes to
tune. Both forms of torch_network.py are tried, the faster is measured.
"""

import logging

import torch
import torch._inductor.config as inductor

from . import torch_network
from .candidates import fastest

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Runner:
    """One network with its input; `module` is what PyTorch calls."""

    def __init__(self, module, dtype):
        self.module, self.dtype = module, dtype

    def set_input(self, pictures):
        self.input = torch.from_numpy(pictures)

    @torch.inference_mode()
    def execute(self):
        return self.module(self.input.to(self.dtype)).float().numpy()


class Backend:
    def __init__(self, setup):
        self.setup, self.dtype = setup, DTYPES[setup.precision]
        torch.set_num_threads(setup.threads)
        torch.set_num_interop_threads(1)
        torch.set_grad_enabled(False)
        logging.getLogger("torch").setLevel(logging.ERROR)
        inductor.freezing = True
        inductor.max_autotune = setup.mode == "max-autotune"
        self.runner = None

    def prepare(self, batch, pictures):
        self.runner = None
        self.runner, form = fastest(self._make, torch_network.FORMS, pictures)
        return {"effective": f"{self.dtype} weights and activations, {torch.backends.cpu.get_cpu_capability()}",
                "choice": f"{form} form"}

    def set_input(self, pictures):
        self.runner.set_input(pictures)

    def execute(self):
        return self.runner.execute()

    def _make(self, form):
        network = torch_network.load(self.setup.config, self.setup.checkpoint, form).to(self.dtype)
        if self.setup.mode != "eager":
            torch._dynamo.reset()
            network = torch.compile(network, dynamic=False)
        return Runner(network, self.dtype)
