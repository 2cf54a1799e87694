"""smlp through its Python package: what it costs to call the same library with numpy's arrays."""

import smlp


class Backend:
    def __init__(self, setup):
        self.setup = setup
        self.model = smlp.Model.load(setup.checkpoint)

    def prepare(self, batch, pictures):
        del pictures
        self.session = smlp.Session(self.model, threads=self.setup.threads, precision=self.setup.precision, batch=batch)
        return {"effective": f"{self.session.isa} kernels", "choice": "numpy arrays"}

    def set_input(self, pictures):
        self.input = pictures

    def execute(self):
        return self.session.logits(self.input)
