"""Files of onnx: tensors wherever a model may keep them, and models that it refuses."""

import numpy as np
import onnx

from readers.comparison import Expected
from readers.numbers import array_of, as_floats


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


def make(files, rng, draw):
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
