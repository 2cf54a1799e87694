"""Tensors nested in what torch.load() gives."""

import argparse

import torch


def tensors_of(value, container="", name=""):
    """(container, name, tensor) of everything nested in value, as the reader names them."""
    if isinstance(value, torch.Tensor):
        yield container, name, value
        return
    inner = f"{container}.{name}" if container and name else container + name
    if isinstance(value, argparse.Namespace):
        yield from tensors_of(vars(value), inner)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from tensors_of(item, inner, str(key))
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from tensors_of(item, inner, str(i))
