"""Files of NumPy: every type, order and version, and damaged headers."""

import io
import struct
import warnings

import numpy as np

from readers.comparison import Expected
from readers.numbers import array_of, as_floats


def integers_of(array):
    """The array as int64, or None where a value is none."""
    exact = []
    for value in array.reshape(-1).tolist():
        if isinstance(value, float) and (not np.isfinite(value) or value != int(value)):
            return None
        exact.append(int(value))
    if any(not -(2**63) <= value < 2**63 for value in exact):
        return None
    return np.array(exact, np.int64)


def add_array(files, name):
    """Of a file that is written already."""
    path = files.path(name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of files that Python 2 wrote
            array = np.load(path, allow_pickle=False)
    except Exception as problem:  # noqa: BLE001
        files.add(name, Expected(refused=repr(problem)))
        return
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        files.add(name, Expected(refused=f"type {array.dtype}, which we refuse"))
        return
    with np.errstate(over="ignore"):
        wanted = (array.shape, as_floats(np.ascontiguousarray(array)), integers_of(array))
    # NumPy ignores what follows the array, takes any Python literal as a header and any word for a type.
    words = ("bytes of data, expected", "damaged .npy header") + (("numpy type", "a structured type") if name.startswith(("changed", "header")) else ())
    files.add(name, Expected(array=wanted, may_refuse=words))


def make(files, rng, draw):
    shapes = [(), (1,), (7,), (0,), (3, 0, 2), (2, 3), (5, 4, 3), (2, 1, 3, 2), (1,) * 20]
    for dtype in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"):
        for order in "CF":
            for endian in "<>":
                shape = draw.choice(shapes)
                name = f"{dtype}_{order}_{'big' if endian == '>' else 'little'}.npy"
                array = array_of(rng, dtype, shape if shape else (1,)).reshape(shape).astype(endian + dtype)
                np.save(files.path(name), np.asarray(array, order=order))
                add_array(files, name)
    for version in ((1, 0), (2, 0), (3, 0)):
        name = f"version{version[0]}.npy"
        with open(files.path(name), "wb") as file:
            np.lib.format.write_array(file, array_of(rng, "f8", (3, 5)).T, version=version)
        add_array(files, name)
    for name, array in {
        "complex.npy": np.ones(3, "c8"), "long_double.npy": np.ones(3, np.longdouble), "text.npy": np.array(["a", "bc"]),
        "time.npy": np.zeros(2, "M8[s]"), "structured.npy": np.zeros(2, [("a", "f4"), ("b", "i4")]),
        "bytes.npy": np.array([b"ab"]), "whole_floats.npy": np.array([1.0, -3.0, 2.0**53]),
        "beyond_int64.npy": np.array([2.0**63]), "unsigned_beyond.npy": np.array([2**63], "u8"),
    }.items():
        np.save(files.path(name), array)
        add_array(files, name)
    broken_npy(files, draw)


def broken_npy(files, draw):
    """A changed or missing byte: where both read the file still, they read the same."""
    stream = io.BytesIO()
    np.save(stream, np.asfortranarray(np.arange(12, dtype=">i2").reshape(3, 4)))
    whole = stream.getvalue()
    variants = {f"cut_{n}": whole[:n] for n in range(0, len(whole), 3)}
    for n in range(120):
        at, value = draw.randrange(80), draw.choice(b"\x00\x01\x7f\xff'(),:<>0123456789FTuif L")
        variants[f"changed_{n}"] = whole[:at] + bytes([value]) + whole[at + 1:]
    for text in ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "{'shape': (2,), 'descr': '<f4', 'fortran_order': True}",
                 "{'descr': '<f4', 'fortran_order': False, 'shape': (2L,), }", "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,), }",
                 "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", "{'descr': '<f4', 'fortran_order': False, 'shape': 2, }",
                 "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }",
                 "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1, }",
                 "{'descr': '<f4', 'fortran_order': False}", "{'descr': 'float32', 'fortran_order': False, 'shape': (2,)}",
                 "{'descr': '=f4', 'fortran_order': False, 'shape': (2,)}", "{'descr': '|u1', 'fortran_order': False, 'shape': (8,)}",
                 "{'descr': '>u1', 'fortran_order': False, 'shape': (8,)}", "{'descr': '|f4', 'fortran_order': False, 'shape': (2,)}"):
        header = text + " " * ((64 - (len(text) + 11) % 64) % 64) + "\n"
        variants[f"header_{len(variants)}"] = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + b"\0\0\x80?\0\0\0@"
    for name, content in variants.items():
        files.path(f"{name}.npy").write_bytes(content)
        add_array(files, f"{name}.npy")
