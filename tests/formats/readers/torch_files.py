"""Files of PyTorch: drawn trees of tensors, each seen through any view, and files that are cut off."""

import io
import struct

import numpy as np
import torch

from readers.comparison import Expected
from readers.nested_tensors import tensors_of
from readers.numbers import EDGES

FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
INTEGERS = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]


def torch_values(tensor):
    """float32 values in C order, or None of a type we refuse. Without the bridge to NumPy, whose version may not fit."""
    if tensor.is_complex() or tensor.is_quantized or not (tensor.is_floating_point() or tensor.dtype in INTEGERS):
        return None
    return np.array(struct.unpack(f"<{tensor.numel()}f", struct.pack(f"<{tensor.numel()}f", *tensor.detach().float().reshape(-1).tolist())), "<f4")


def drawn_tensor(draw):
    """A tensor of any type, seen through any view."""
    dtype = draw.choice(FLOATS + INTEGERS)
    shape = [draw.randrange(1, 6) for _ in range(draw.randrange(1, 4))]
    count = int(np.prod(shape))
    if dtype in FLOATS:
        base = torch.tensor([draw.choice(EDGES + [draw.gauss(0, 3)]) for _ in range(count)], dtype=torch.float64).to(dtype)
    elif dtype is torch.bool:
        base = torch.tensor([draw.random() < 0.5 for _ in range(count)])
    else:
        info = torch.iinfo(dtype)
        base = torch.tensor([draw.choice([info.min, info.max, draw.randrange(-100, 100) % (info.max + 1)]) for _ in range(count)], dtype=dtype)
    base = base.reshape(shape)
    view = draw.randrange(7)
    if view == 0:
        base = base.transpose(0, -1)
    elif view == 1:
        base = base[draw.randrange(shape[0]):]
    elif view == 2:
        base = base[..., ::2]
    elif view == 3:
        base = base[0]
    elif view == 4:
        base = base.unsqueeze(0).expand(3, *shape)
    elif view == 5 and count > 2:
        base = torch.as_strided(base, (2, 2), (1, 1), draw.randrange(count - 2))
    return torch.nn.Parameter(base, requires_grad=draw.random() < 0.5) if base.is_floating_point() and draw.random() < 0.2 else base


def drawn_tree(draw, depth=0):
    kind = draw.randrange(4) if depth < 3 else 0
    if kind == 0 and depth:
        return drawn_tensor(draw)
    items = [drawn_tree(draw, depth + 1) for _ in range(draw.randrange(1, 5))]
    if kind == 1 and depth:
        return items
    if kind == 2 and depth:
        return tuple(items)
    return {f"key{i}": item for i, item in enumerate(items)}


def make(files, _rng, draw):
    for n in range(files.count):
        value = drawn_tree(draw)
        shared = drawn_tensor(draw)
        value["shared"], value["again"], value["text"], value["number"] = shared, shared, "word", 3
        options = draw.choice([{}, {}, {"_use_new_zipfile_serialization": False}, {"pickle_protocol": 4},
                               {"pickle_protocol": 4, "_use_new_zipfile_serialization": False}, {"pickle_protocol": 3}])
        name = f"drawn_{n}.pth"
        torch.save(value, files.path(name), **options)
        loaded = torch.load(files.path(name), map_location="cpu", **({"weights_only": False} if torch.__version__ > "1.13" else {}))
        files.add(name, Expected(tensors=[(c, k, list(t.shape), torch_values(t)) for c, k, t in tensors_of(loaded)]))
    for name, value in {"complex.pth": torch.zeros(2, dtype=torch.complex64), "quantized.pth": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
                        "sparse.pth": torch.eye(3).to_sparse()}.items():
        torch.save({"t": value}, files.path(name))
        files.add(name, Expected(tensors=[("", "t", list(value.shape), None)], may_refuse=("",)))
    for options in ({}, {"_use_new_zipfile_serialization": False}):
        value = {"a": torch.arange(12.0).reshape(3, 4).t(), "b": torch.tensor([1, 2], dtype=torch.int16)}
        stream = io.BytesIO()
        torch.save(value, stream, **options)
        whole = stream.getvalue()
        for n in range(0, len(whole), 37):
            name = f"cut_{n}_{len(options)}.pth"
            files.path(name).write_bytes(whole[:n])
            files.add(name, Expected(refused="it is cut off"))
