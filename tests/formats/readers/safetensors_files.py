"""Files of safetensors: drawn ones, and headers that it refuses."""

import json
import struct

import numpy as np
import safetensors

from readers.comparison import Expected
from readers.numbers import as_floats

NUMPY_OF = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1",
            "BOOL": "?"}
BYTES_OF = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1, "U64": 8,
            "U32": 4, "U16": 2, "F8_E4M3": 1, "F8_E5M2": 1}


def safetensors_values(kind, data):
    if kind == "BF16":
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
    return as_floats(np.frombuffer(data, NUMPY_OF[kind])) if kind in NUMPY_OF else None


def add_safetensors(files, name):
    content = files.path(name).read_bytes()
    try:
        entries = safetensors.deserialize(content)
    except Exception as problem:  # noqa: BLE001
        files.add(name, Expected(refused=repr(problem)))
        return
    tensors = [("", key, entry["shape"], safetensors_values(entry["dtype"], bytes(entry["data"]))) for key, entry in entries]
    # Empty all the same: (0, 2**62, 8).
    files.add(name, Expected(tensors=tensors, may_refuse=("is too large",) if name.startswith("zero_overflow") else ()))


def safetensors_of(header, data, pad=b""):
    text = (header if isinstance(header, str) else json.dumps(header)).encode() + pad
    return struct.pack("<Q", len(text)) + text + data


def make(files, rng, draw):
    for n in range(20):
        header, data = {}, b""
        if n % 3 == 0:
            header["__metadata__"] = {"format": "pt", "words": "é\u4e2d\n"}
        for i in range(draw.randrange(1, 9)):
            kind = draw.choice(sorted(BYTES_OF))
            shape = [draw.randrange(0, 5) for _ in range(draw.randrange(4))]
            size = int(np.prod(shape)) * BYTES_OF[kind]
            content = bytes(b & 1 for b in rng.bytes(size)) if kind == "BOOL" else rng.bytes(size)
            header[f"tensor {i} é"] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + size]}
            data += content
        files.path(f"drawn_{n}.safetensors").write_bytes(safetensors_of(header, data, b" " * draw.randrange(9)))
        add_safetensors(files, f"drawn_{n}.safetensors")
    one = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    variants = {
        "gap": ({"a": one, "b": {**one, "data_offsets": [12, 20]}}, 20), "overlap": ({"a": one, "b": one}, 8),
        "beyond": ({"a": one}, 4), "surplus": ({"a": one}, 12), "short": ({"a": {**one, "shape": [3]}}, 8),
        "negative": ({"a": {**one, "shape": [-2]}}, 8), "fraction": ({"a": {**one, "shape": [2.0]}}, 8),
        "type": ({"a": {**one, "dtype": "F33"}}, 8), "no_type": ({"a": {"shape": [2], "data_offsets": [0, 8]}}, 8),
        "backwards": ({"a": {**one, "data_offsets": [8, 0]}}, 8), "list": ([one], 8), "empty": ({}, 0),
        "overflow": ({"a": {**one, "shape": [2**62, 8]}}, 8), "three": ({"a": {**one, "data_offsets": [0, 8, 8]}}, 8),
        "metadata_number": ({"__metadata__": {"a": 1}, "a": one}, 8), "not_json": ('{"a": ', 8), "unsorted": (
            {"b": {**one, "data_offsets": [8, 16]}, "a": one}, 16), "zero_overflow": ({"a": {**one, "shape": [0, 2**62, 8], "data_offsets": [0, 0]}}, 0),
    }
    for name, (header, size) in variants.items():
        files.path(f"{name}.safetensors").write_bytes(safetensors_of(header, bytes(range(size))))
        add_safetensors(files, f"{name}.safetensors")
    whole = safetensors_of({"a": one, "b": {"dtype": "I8", "shape": [1], "data_offsets": [8, 9]}}, bytes(range(9)))
    for n in range(0, len(whole), 5):
        files.path(f"cut_{n}.safetensors").write_bytes(whole[:n])
        add_safetensors(files, f"cut_{n}.safetensors")
