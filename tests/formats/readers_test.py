#!/usr/bin/env python3
"""Our readers beside PyTorch, safetensors, onnx and NumPy, on files that those make: equal to the bit, or refused by both.

    readers_test.py READERS_TOOL [--seed 1] [--files 60]

READERS_TOOL is the program built from readers_tool.cc. Each library that this Python lacks is said and left out; without
any the test is skipped. Runs under the Python that SMLP_TEST_PYTHON names, or build/venv's, or this one.

What we refuse although the library reads it is listed: REFUSED_TYPES, and the words of `may_refuse`. Nothing else may
differ, least of all a value.
"""

import argparse
import io
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import warnings

ROOT = pathlib.Path(__file__).resolve().parents[2]


def use_test_python():
    """Goes on under the Python that has the modules, if there is one."""
    for python in (os.environ.get("SMLP_TEST_PYTHON", ""), str(ROOT / "build" / "venv" / "bin" / "python")):
        if os.path.exists(python) and pathlib.Path(python).parent != pathlib.Path(sys.executable).parent:
            os.execv(python, [python, *sys.argv])


try:
    import numpy as np
except ImportError:
    use_test_python()
    print("SKIPPED: no NumPy; `./dev test` installs what tools/requirements-test.txt lists")
    sys.exit(77)


def optional(name):
    """A library, or None where it is missing (or broken: a PyTorch built for another NumPy)."""
    try:
        module = __import__(name)
        if module.__file__ is None:  # the folder of that name beside this file
            raise ImportError(f"no module named {name}")
        return module
    except Exception as problem:  # noqa: BLE001
        print(f"SKIPPED: the comparison with {name}, which cannot be imported ({problem})")
        return None


if optional("onnx") is None:
    use_test_python()
onnx, safetensors, torch = optional("onnx"), optional("safetensors"), optional("torch")

# Types that hold no number we compute with. Their tensors are listed; their values are refused by name.
REFUSED_TYPES = "cannot be converted to float32"


class Expected:
    """What the library finds: `tensors` as (container, name, shape, float32 values), `array` as (shape, values,
    integers or None), or `refused`. `may_refuse`: parts of messages with which we may refuse what the library reads."""

    def __init__(self, tensors=None, array=None, refused=None, may_refuse=()):
        self.tensors, self.array, self.refused, self.may_refuse = tensors, array, refused, may_refuse


class Files:
    """The files of one run of the tool, and what is expected of each."""

    def __init__(self, folder):
        self.folder, self.expected = folder, {}

    def path(self, name):
        return self.folder / name

    def add(self, name, expected):
        self.expected[str(self.folder / name)] = expected


def floats(hexadecimal):
    return np.frombuffer(bytes.fromhex(hexadecimal), "<f4")


def same(got, wanted):
    """Bit for bit; of NaN only that it is one, since conversions may change its payload."""
    wanted = np.asarray(wanted, "<f4").reshape(-1)
    if got.shape != wanted.shape:
        return False
    return bool(np.all((got.view("<u4") == wanted.view("<u4")) | (np.isnan(got) & np.isnan(wanted))))


def read_all(tool, paths):
    """path -> rows of the tool's answer."""
    done = subprocess.run([str(tool)], input="".join(f"{p}\n" for p in paths), capture_output=True, text=True,
                          errors="replace", check=True)
    found, rows = {}, None
    for line in done.stdout.splitlines():
        kind, *fields = line.split("\t")
        if kind == "F":
            rows = found.setdefault(fields[0], [])
        else:
            rows.append((kind, fields))
    return found


def faults_of(rows, expected):
    refusal = next((fields[0] for kind, fields in rows if kind == "E"), None)
    if refusal is not None:
        if expected.refused is not None or any(words in refusal for words in expected.may_refuse):
            return []
        return [f"we refuse what the library reads: {refusal}"]
    if expected.refused is not None:
        if all(kind == "T" and fields[4].startswith("!") for kind, fields in rows):
            return []  # listed for people, and no value is given
        return [f"we read what the library refuses ({expected.refused})"]
    if expected.array is not None:
        return array_faults(rows, *expected.array)
    return tensor_faults(rows, expected)


def array_faults(rows, shape, values, integers):
    (_, fields), = rows
    got_shape = [int(n) for n in fields[0].split(",") if n]
    found = []
    if got_shape != list(shape):
        found.append(f"shape {got_shape}, not {list(shape)}")
    if not same(floats(fields[1]), values):
        found.append(f"values {floats(fields[1])[:8]}, not {np.asarray(values).reshape(-1)[:8]}")
    refused = fields[2].startswith("!")
    if (integers is None) != refused:
        found.append(f"integers {'refused' if refused else 'read'} on one side alone")
    elif integers is not None and not np.array_equal(np.frombuffer(bytes.fromhex(fields[2]), "<i8"), integers.reshape(-1)):
        found.append("other integers")
    return found


def tensor_faults(rows, expected):
    text = lambda hexadecimal: bytes.fromhex(hexadecimal).decode()
    got = {(text(f[0]), text(f[1])): f for _, f in rows}
    wanted = {(container, name): (shape, values) for container, name, shape, values in expected.tensors}
    found = []
    if got.keys() != wanted.keys() or len(rows) != len(wanted):
        found.append(f"tensors {sorted(got.keys() ^ wanted.keys())} on one side alone")
    for key in got.keys() & wanted.keys():
        shape, values = wanted[key]
        fields = got[key]
        if [int(n) for n in fields[3].split(",") if n] != list(shape):
            found.append(f"{key}: shape {fields[3]}, not {shape}")
        if fields[4].startswith("!"):
            if values is not None and not any(words in fields[4] for words in expected.may_refuse):
                found.append(f"{key}: we refuse its values: {fields[4]}")
        elif values is None:
            found.append(f"{key}: we read values of type {text(fields[2])}")
        elif not same(floats(fields[4]), values):
            found.append(f"{key} ({text(fields[2])}): {floats(fields[4])[:6]}, not {np.asarray(values).reshape(-1)[:6]}")
    return found


# Numbers at which conversions go wrong: ties, the ends of each type, values below the smallest normal ones.
EDGES = [0.0, -0.0, 1.0, -1.5, 65504.0, 65519.9, 65520.0, 1e-8, 5.9604645e-8, 6.1e-5, 3.4028234e38, 3.4028236e38, 1e39, 1e-46,
         1.17549435e-38, 1.00000006, 1.0000001788, 16777217.0, float("inf"), float("-inf"), float("nan")]


def numbers(rng, count):
    drawn = rng.standard_normal(count) * 10.0 ** rng.integers(-9, 9, count)
    drawn[: min(count, len(EDGES))] = EDGES[: min(count, len(EDGES))]
    return drawn


def array_of(rng, dtype, shape):
    dtype = np.dtype(dtype)
    count = int(np.prod(shape))
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return numbers(rng, count).astype(dtype).reshape(shape)
    if dtype.kind == "b":
        return rng.integers(0, 2, count).astype(bool).reshape(shape)
    info = np.iinfo(dtype)
    drawn = np.array([int(v) for v in rng.integers(info.min, info.max, count, dtype=dtype, endpoint=True)], dtype=object)
    edges = [info.max, info.min, 0, min(info.max, 16777217)]
    drawn[: min(count, 4)] = edges[: min(count, 4)]
    return drawn.astype(dtype).reshape(shape)


def as_floats(array):
    with np.errstate(over="ignore", invalid="ignore"):
        return array.astype("<f4")


# --- NumPy ---------------------------------------------------------------------------------------------------------


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


def npy_files(files, rng, draw):
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


# --- safetensors ---------------------------------------------------------------------------------------------------

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


def safetensors_files(files, rng, draw):
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


# --- PyTorch -------------------------------------------------------------------------------------------------------


def tensors_of(value, container="", name=""):
    """(container, name, tensor) of everything nested in `value`, as our reader names them."""
    if isinstance(value, torch.Tensor):
        yield container, name, value
        return
    inner = f"{container}.{name}" if container and name else container + name
    if isinstance(value, dict):
        for key, item in value.items():
            yield from tensors_of(item, inner, str(key))
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from tensors_of(item, inner, str(i))


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


def torch_files(files, draw, count):
    for n in range(count):
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


# --- onnx ----------------------------------------------------------------------------------------------------------


def onnx_tensor(draw, rng, name, folder):
    """A TensorProto with its values raw, in the field of its type, or in a file beside the model."""
    kinds = {"FLOAT": "f4", "DOUBLE": "f8", "FLOAT16": "f2", "INT64": "i8", "INT32": "i4", "INT16": "i2", "INT8": "i1",
             "UINT8": "u1", "BOOL": "?", "BFLOAT16": None}
    kind = draw.choice(sorted(kinds))
    shape = [draw.randrange(0, 5) for _ in range(draw.randrange(4))]
    count = int(np.prod(shape))
    proto = onnx.TensorProto(name=name, dims=shape, data_type=getattr(onnx.TensorProto, kind))
    if kind == "BFLOAT16":
        array = rng.integers(0, 65536, count).astype("<u2")
    else:
        array = array_of(rng, kinds[kind], (count,))
    place = draw.choice(["raw", "field", "beside"])
    if place == "field" and kind in ("FLOAT", "DOUBLE", "INT64"):
        getattr(proto, {"FLOAT": "float_data", "DOUBLE": "double_data", "INT64": "int64_data"}[kind]).extend(array.tolist())
    elif place == "field":
        bits = array.view("<u2") if kind == "FLOAT16" else array
        proto.int32_data.extend(int(v) for v in bits)
    elif place == "raw":
        proto.raw_data = array.tobytes()
    else:
        before = rng.bytes(draw.randrange(9))
        (folder / f"{name}.data").write_bytes(before + array.tobytes() + rng.bytes(draw.randrange(2) * 5))
        proto.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", f"{name}.data"), ("offset", len(before)), ("length", array.nbytes)):
            proto.external_data.add(key=key, value=str(value))
    return proto


def onnx_values(proto, folder):
    if proto.data_type == onnx.TensorProto.BFLOAT16:
        copy = onnx.TensorProto()
        copy.CopyFrom(proto)
        if copy.data_location == onnx.TensorProto.EXTERNAL:
            onnx.external_data_helper.load_external_data_for_tensor(copy, str(folder))
        bits = np.frombuffer(copy.raw_data, "<u2") if copy.raw_data else np.array(copy.int32_data, "<u2")
        return (bits.astype("<u4") << 16).view("<f4")
    return as_floats(onnx.numpy_helper.to_array(proto, str(folder)))


def onnx_files(files, rng, draw):
    for n in range(40):
        tensors = [onnx_tensor(draw, rng, f"file{n}_tensor{i}", files.folder) for i in range(draw.randrange(1, 7))]
        graph = onnx.helper.make_graph([], "graph", [], [], initializer=tensors)
        opset = draw.choice([1, 6, 7, 9, 13, 18, 21, 23])
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
        name = f"drawn_{n}.onnx"
        files.path(name).write_bytes(model.SerializeToString())
        wanted = [("", t.name, list(t.dims), onnx_values(t, files.folder)) for t in tensors]
        files.add(name, Expected(tensors=wanted))

    (files.folder / "beside.bin").write_bytes(bytes(range(16)))

    def broken(name, **fields):
        proto = onnx.TensorProto(name="t", dims=[4], data_type=onnx.TensorProto.FLOAT)
        for key, value in fields.items():
            if key == "external":
                proto.data_location = onnx.TensorProto.EXTERNAL
                for pair in value.items():
                    proto.external_data.add(key=pair[0], value=str(pair[1]))
            elif isinstance(value, list):
                del getattr(proto, key)[:]
                getattr(proto, key).extend(value)
            else:
                setattr(proto, key, value)
        graph = onnx.helper.make_graph([], "graph", [], [], initializer=[proto])
        files.path(f"{name}.onnx").write_bytes(onnx.helper.make_model(graph).SerializeToString())
        try:
            values = onnx_values(proto, files.folder)
            if proto.data_location != onnx.TensorProto.EXTERNAL:
                onnx.checker.check_tensor(proto)
            files.add(f"{name}.onnx", Expected(tensors=[("", "t", list(proto.dims), values)]))
        except Exception as problem:  # noqa: BLE001
            files.add(f"{name}.onnx", Expected(refused=repr(problem)))

    broken("raw_short", raw_data=bytes(12))
    broken("raw_long", raw_data=bytes(20))
    broken("field_short", float_data=[1.0, 2.0])
    broken("negative", dims=[-4], raw_data=bytes(16))
    broken("no_data")
    broken("outside", external={"location": "../beside.bin"})
    broken("missing", external={"location": "nothing.bin"})
    broken("past_the_end", external={"location": "beside.bin", "offset": 8, "length": 16})
    broken("far_past", external={"location": "beside.bin", "offset": 2**62, "length": 16})
    broken("whole_file", external={"location": "beside.bin"})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--files", type=int, default=60, help="checkpoints of PyTorch")
    options = parser.parse_args()
    problems, total = [], 0
    with tempfile.TemporaryDirectory(prefix="smlp-readers-") as scratch:
        for library in ("numpy", "safetensors", "torch", "onnx"):
            folder = pathlib.Path(scratch) / library
            folder.mkdir()
            files, rng, draw = Files(folder), np.random.default_rng(options.seed), random.Random(options.seed)
            if library == "numpy":
                npy_files(files, rng, draw)
            elif library == "safetensors" and safetensors:
                safetensors_files(files, rng, draw)
            elif library == "torch" and torch:
                torch_files(files, draw, options.files)
            elif library == "onnx" and onnx:
                onnx_files(files, rng, draw)
            found = read_all(options.tool, files.expected)
            refused = sum(e.refused is not None for e in files.expected.values())
            if files.expected:
                print(f"{library}: {len(files.expected)} files, {refused} of them refused by {library}")
            total += len(files.expected)
            for path, expected in files.expected.items():
                problems += [f"{path}: {fault}" for fault in faults_of(found[path], expected)]
    for problem in problems:
        print(problem)
    print(f"{total} files, {len(problems)} differences")
    return 1 if problems else 0


if torch:
    FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
    INTEGERS = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]

if __name__ == "__main__":
    sys.exit(main())
