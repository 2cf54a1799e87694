"""Writes tests/formats/fixtures/: one tiny network in every form that checkpoints take, and what PyTorch reads in them.

    python tests/formats/make_fixtures.py

Needs: pip install torch numpy safetensors. expected.json lists, for each file, every tensor: [dict, name, type, shape] and two
sums over its float32 values v[0], v[1], ...: sum v[i], and sum (i + 1) v[i], which a wrong order changes.
"""

import argparse
import collections
import gzip
import io
import json
import pickle
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
OUT = HERE / "fixtures"
sys.path.insert(0, str(HERE.parents[1] / "tools" / "train"))
from smlpnet import SMLPNet  # noqa: E402

from readers.nested_tensors import tensors_of  # noqa: E402

CONFIG = dict(dim=2, depths=(1,), alpha=3, patch=2, image=6, in_channels=3, classes=5)
FOUR_STAGES = dict(dim=1, depths=(1, 2, 1, 1), alpha=2, patch=4, image=64, in_channels=1, classes=2)
expected = {}


def state_dict(config):
    torch.manual_seed(7)
    net = SMLPNet(**config)
    state = collections.OrderedDict()
    for key, value in net.state_dict().items():
        if key.endswith("num_batches_tracked"):
            state[key] = torch.tensor(1234)
        elif key.endswith("running_var"):
            state[key] = torch.rand_like(value) + 0.5
        else:
            state[key] = torch.randn_like(value)
    return state


def describe(container, name, tensor, types=str):
    entry = [container, name, types(tensor.dtype), list(tensor.shape)]
    if tensor.dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool):
        total = weighted = 0.0
        for i, v in enumerate(tensor.detach().float().flatten().tolist()):
            total += v
            weighted += (i + 1) * v
        entry += [total, weighted]
    return entry


def record(file, value, place=None, config=CONFIG, types=lambda t: str(t).removeprefix("torch.")):
    config = dict(config, channels=config["in_channels"])
    del config["in_channels"]
    expected[file] = {"tensors": [describe(*t, types) for t in tensors_of(value)], "place": place,
                      "config": config if place is not None else None}


def save(file, value, place=None, config=CONFIG, **options):
    torch.save(value, OUT / file, **options)
    record(file, value, place, config)


def repack(source, file, top, value, place, config):
    with zipfile.ZipFile(OUT / source) as old, zipfile.ZipFile(OUT / file, "w", zipfile.ZIP_DEFLATED) as new:
        for item in old.infolist():
            new.writestr(top + item.filename.split("/", 1)[1], old.read(item))
    record(file, value, place, config)


def save_old_legacy(file, state, place):
    """As PyTorch 0.3 wrote it on a GPU: all tensors are views of one storage, each through a view of its own."""
    flat = torch.cat([v.flatten() for v in state.values()])
    offsets = dict(zip(state, np.cumsum([0] + [v.numel() for v in state.values()])))

    class Storage:
        def __init__(self, key):
            self.key = key

    class Tensor:
        def __init__(self, key):
            self.key = key

        def __reduce__(self):
            v = state[self.key]
            return torch._utils._rebuild_tensor, (Storage(self.key), 0, tuple(v.shape), tuple(v.stride()))

    class Pickler(pickle._Pickler):
        def persistent_id(self, value):
            if not isinstance(value, Storage):
                return None
            view = ("view " + value.key, int(offsets[value.key]), state[value.key].numel())
            return "storage", CudaStorage, "7", "cuda:0", flat.numel(), view

        def save_global(self, value, name=None):
            if value is not CudaStorage:
                return super().save_global(value, name)
            self.write(b"ctorch.cuda\nFloatStorage\n")

        dispatch = dict(pickle._Pickler.dispatch)
        dispatch[type] = save_global

    class CudaStorage:
        pass

    body = io.BytesIO()
    Pickler(body, 2).dump({key: Tensor(key) for key in state})
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    parts = [pickle.dumps(v, 2) for v in (0x1950A86A20F9469CFC6C, 1001, system)] + [body.getvalue()]
    parts += [pickle.dumps(["7"], 2), struct.pack("<q", flat.numel()), flat.numpy().tobytes()]
    (OUT / file).write_bytes(b"".join(parts))
    record(file, state, place)


def checkpoints():
    state = state_dict(CONFIG)
    legacy = dict(_use_new_zipfile_serialization=False)
    top = "the file's top"
    save("zip.pth", state, top)
    save("legacy.pth", state, top, **legacy)
    save("legacy_protocol4.pth", state, top, pickle_protocol=4, **legacy)
    for name, dtype in (("f16", torch.float16), ("bf16", torch.bfloat16), ("f64", torch.float64)):
        cast = {k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()}
        if dtype is torch.float64:  # not multiples of what float32 can hold
            cast = {k: v + 1e-9 * (1 + v.abs()) if v.is_floating_point() else v for k, v in cast.items()}
        save(f"{name}.pth", cast, top, **legacy)
    save("module.pth", {"state_dict": {"module." + k: v for k, v in state.items()}, "epoch": 3},
         "'state_dict', keys with 'module.'", **legacy)
    save("parameters.pth", {k: torch.nn.Parameter(v) if v.is_floating_point() else v for k, v in state.items()}, top, **legacy)

    flat = torch.cat([v.flatten() for v in state.values() if v.is_floating_point()])
    shared, at = {}, 0
    for key, value in state.items():
        shared[key] = flat[at:at + value.numel()].view(value.shape) if value.is_floating_point() else value
        at += value.numel() if value.is_floating_point() else 0
    save("shared.pth", shared, top)
    strided = {k: v.transpose(0, 1).contiguous().transpose(0, 1) if v.dim() > 1 else torch.stack([v, v], -1)[..., 1]
               for k, v in state.items()}
    save("strided.pth", strided, top, **legacy)
    save_old_legacy("legacy_views.pth", {k: v for k, v in state.items() if v.is_floating_point()}, top)

    options = argparse.Namespace(lr=1e-3, model="smlpnet_tiny", path=Path("/data"), size=torch.Size([1, 2]), big=10**30,
                                 mean=torch.tensor([0.5, 0.25]))
    training = {
        "optimizer": {"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.ones(2, 3)}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
        "model_ema": {"module." + k: v * 2 if v.is_floating_point() else v for k, v in shared.items()},
        "model": shared, "args": options, "epoch": 7, "best_acc": np.float64(81.5), "history": np.arange(5),
        "log": collections.defaultdict(list, {"loss": [1.5, 2.5]}), "optimizer_type": torch.optim.SGD}
    save("training.pth", training, "'model'")

    four = state_dict(FOUR_STAGES)
    torch.save([four, "second"], OUT / "four.tmp")
    repack("four.tmp", "deflated.pth", "any top/", [four, "second"], "'0'", FOUR_STAGES)
    (OUT / "four.tmp").unlink()
    with zipfile.ZipFile(OUT / "legacy_in_a.zip", "w", zipfile.ZIP_DEFLATED) as outer:
        outer.write(OUT / "legacy.pth", "weights/smlp.pth")
    record("legacy_in_a.zip", state, top)
    (OUT / "legacy.pth.gz").write_bytes(gzip.compress((OUT / "legacy.pth").read_bytes(), mtime=0))
    record("legacy.pth.gz", state, top)

    save("odd.pth", {"empty": torch.zeros(0, 3), "scalar": torch.tensor(5.5), "expanded": torch.tensor([2.5]).expand(4, 3),
                     "bool": torch.tensor([True, False]), "bytes": torch.arange(9, dtype=torch.uint8)[1::2],
                     "complex64": torch.zeros(2, dtype=torch.complex64), "float8": torch.zeros(2, dtype=torch.float8_e4m3fn),
                     "nested": [{"deep": (torch.tensor([1.0]),)}], 3: torch.tensor([3.0])})

    names = {torch.float32: "F32", torch.int64: "I64"}
    config = dict(CONFIG, channels=3, depths=list(CONFIG["depths"]))
    del config["in_channels"]
    save_file(state, OUT / "state.safetensors", metadata={
        "smlp.config": json.dumps(config), "smlp.classes": json.dumps(["tench", "springer", "cassette", "saw", "church"]),
        "smlp.preprocess": json.dumps({"resize": 7, "crop": 6, "interpolation": "bicubic", "mean": [0.5, 0.25, 0.125],
                                       "std": [0.5, 1, 2]})})
    record("state.safetensors", state, top, types=names.get)


def arrays():
    rng = np.random.default_rng(3)
    for name, array in {
        "f4": rng.standard_normal((2, 3)).astype("<f4"), "f8_fortran": np.asfortranarray(rng.standard_normal((2, 3, 4))),
        "f2": rng.standard_normal(5).astype("<f2"), "f4_big_endian": rng.standard_normal((3, 2)).astype(">f4"),
        "i8": np.arange(-3, 3), "u2_fortran": np.asfortranarray(np.arange(6, dtype="<u2").reshape(2, 3)),
        "bool": np.array([True, False]), "scalar": np.array(2.5), "empty": np.zeros((0, 3)),
    }.items():
        np.save(OUT / f"{name}.npy", array)
        expected[f"{name}.npy"] = {"shape": list(array.shape), "values": array.astype("<f4").flatten().tolist()}
    for major in (2, 3):
        with open(OUT / f"version{major}.npy", "wb") as file:
            np.lib.format.write_array(file, np.arange(4.0).reshape(2, 2), version=(major, 0))
        expected[f"version{major}.npy"] = {"shape": [2, 2], "values": [0.0, 1.0, 2.0, 3.0]}


def main():
    OUT.mkdir(exist_ok=True)
    checkpoints()
    arrays()
    lines = [f"{json.dumps(file)}: {json.dumps(value, separators=(',', ':'))}" for file, value in sorted(expected.items())]
    (OUT / "expected.json").write_text("{" + ",\n".join(lines) + "}\n")


if __name__ == "__main__":
    main()
