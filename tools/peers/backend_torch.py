"""PyTorch on the CPU, eager and compiled.

bf16 is a network of bfloat16 weights and activations (`.bfloat16()`), with the pictures' conversion from float32
counted; autocast was slower when eager (13 to 16 images a second of one Zen 5 core at batch 8), the same when compiled.
Compiled means torch.compile with a fixed batch and with the weights frozen into the graph (`freezing`), which lets
oneDNN pack them beforehand (25 to 15 without). Inductor's own matrix products (max-autotune) are a peer of their own:
they took five minutes to tune and gained nothing here.

Of the two forms in torch_network.py the faster is measured when eager. Compiled, it is the convolutions', which was the
faster one in both precisions (by 11 % in bf16, 21 % in fp32); compiling both at each batch size would double the
minutes that it takes.
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
        forms = torch_network.FORMS if self.setup.mode == "eager" else ["convolution"]
        self.runner, form = fastest(self._make, forms, pictures)
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
