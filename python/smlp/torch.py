"""A model as a torch.nn.Module, for code that wants one. Needs torch."""

from __future__ import annotations

from typing import Any

import torch  # type: ignore[import-not-found,unused-ignore]

from ._model import Model
from ._session import Session
from .errors import InputTypeError, OptionError


class SmlpModule(torch.nn.Module):  # type: ignore[misc,unused-ignore]
    """Prepared tensors to logits: (n, channels, size, size) -> (n, classes), both float32 on the CPU.

    Inference only: it has no parameters, and no gradient goes through it.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if torch.jit.is_tracing():
            raise OptionError("a trace would hold the answers to this one input; smlp.export() writes the model as ONNX")
        if not isinstance(x, torch.Tensor):
            raise InputTypeError(f"{type(x).__name__} is no torch.Tensor; smlp.Session takes other pictures")
        if x.dtype == torch.uint8:
            raise InputTypeError("a tensor of uint8; pass float32 as model.preprocess() and torchvision prepare it")
        if x.requires_grad and torch.is_grad_enabled():
            raise InputTypeError("no gradient goes through smlp; use torch.inference_mode(), or pass x.detach()")
        return torch.from_numpy(self.session.logits(x.detach()))

    def extra_repr(self) -> str:
        return repr(self.session)


def wrap(model: Model | Session, **options: Any) -> SmlpModule:
    """A module that runs `model`; `options` are those of :class:`smlp.Session`, where it is a Model.

    >>> module = smlp.torch.wrap(smlp.Model.bundled())
    >>> logits = module(batch)
    """
    if isinstance(model, Session):
        if options:
            raise OptionError("options of a session that is made already; give them to smlp.Session")
        return SmlpModule(model)
    return SmlpModule(Session(model, **options))
