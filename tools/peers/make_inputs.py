"""Run in the peers' environment: `python -m peers.make_inputs checkpoint|pictures ...`, what the others are given."""

import argparse
import json

import numpy as np

DEPTHS_AND_DIM = {"tiny": (80, (2, 8, 14, 2)), "small": (96, (2, 10, 24, 2)), "base": (112, (2, 10, 24, 2))}


def make_checkpoint(name, path, seed):
    """The network as PyTorch initialises it."""
    import torch

    from .torch_network import SMLPNet

    torch.manual_seed(seed)
    dim, depths = DEPTHS_AND_DIM[name]
    torch.save(SMLPNet(dim, depths).state_dict(), path)


def make_pictures(count, config, path, seed):
    """Waves of random direction and wavelength under noise, each picture another mixture: unlike pure noise, whose
    mean over a picture is always the same, they are of different classes."""
    random = np.random.default_rng(seed)
    side, channels = config["image"], config["channels"]
    y, x = np.mgrid[0:side, 0:side] / side
    pictures = np.empty((count, channels, side, side), np.float32)
    for picture in pictures:
        for plane in picture:
            fx, fy, phase = random.uniform(-12, 12, (3, 4, 1, 1))
            waves = np.sin(2 * np.pi * (fx * x + fy * y) + phase).sum(axis=0)
            plane[:] = waves * random.uniform(0.2, 1) + random.normal(0, 1) + 0.3 * random.normal(size=(side, side))
    pictures.tofile(path)


def quantize(onnx, pictures, config, path):
    """NNCF's post-training quantization with its own defaults. Opset 20 keeps GELU and LayerNorm whole: in an older one
    NNCF would quantize their parts."""
    import nncf
    import openvino

    shape = (-1, 1, config["channels"], config["image"], config["image"])
    batches = list(np.fromfile(pictures, np.float32).reshape(shape))
    quantized = nncf.quantize(openvino.Core().read_model(onnx), nncf.Dataset(batches), subset_size=len(batches))
    openvino.save_model(quantized, path, compress_to_fp16=False)


def main():
    parser = argparse.ArgumentParser(prog="python -m peers.make_inputs")
    parser.add_argument("--seed", type=int, default=1)
    kinds = parser.add_subparsers(dest="kind", required=True)
    checkpoint = kinds.add_parser("checkpoint")
    checkpoint.add_argument("name", choices=DEPTHS_AND_DIM)
    checkpoint.add_argument("path")
    pictures = kinds.add_parser("pictures")
    pictures.add_argument("count", type=int)
    pictures.add_argument("config", type=json.loads)
    pictures.add_argument("path")
    quantized = kinds.add_parser("quantized")
    quantized.add_argument("onnx")
    quantized.add_argument("pictures")
    quantized.add_argument("config", type=json.loads)
    quantized.add_argument("path")
    given = parser.parse_args()
    if given.kind == "checkpoint":
        make_checkpoint(given.name, given.path, given.seed)
    elif given.kind == "quantized":
        quantize(given.onnx, given.pictures, given.config, given.path)
    else:
        make_pictures(given.count, given.config, given.path, given.seed)


if __name__ == "__main__":
    main()
