"""The network in PyTorch from a checkpoint, in two forms that compute the same; which is faster differs."""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "train"))
from smlpnet import SMLPNet  # noqa: E402

FORMS = ["matmul", "convolution"]


def convolution_form(block):
    """TokenMix.forward with mixing and fuse as the 1x1 convolutions that the public checkpoints name."""
    local, mix = block.get_submodule("0").conv_merge, block.get_submodule("1")

    def forward(x):  # (B,h,w,C)
        a = F.gelu(local.BN(x.permute(0, 3, 1, 2)))
        g = F.gelu(mix.BN(local.Conv(a)))  # (B,C,h,w)
        along_width = mix.proj_h(g.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        along_height = mix.proh_w(g.permute(0, 2, 1, 3)).permute(0, 2, 1, 3)
        return mix.fuse(torch.cat([g, along_width, along_height], dim=1)).permute(0, 2, 3, 1)

    return forward


def create(config, form="matmul"):
    """`config` is that of `smlp info --json`."""
    network = SMLPNet(config["dim"], config["depths"], config["alpha"], config["patch"], config["image"],
                      config["channels"], config["classes"]).eval()
    if form == "convolution":
        for block in network.token_mix:
            block.forward = convolution_form(block)
    return network


def read_weights(path):
    """{name: float32}; a checkpoint may hold its weights one level down, and under a prefix of DataParallel."""
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file
        weights = load_file(path)
    else:
        weights = torch.load(path, map_location="cpu", weights_only=True)
        for key in ("model", "state_dict", "model_state_dict"):
            weights = weights.get(key, weights) if isinstance(weights.get(key), dict) else weights
    plain = {name.removeprefix("module."): value for name, value in weights.items()}
    return {name: value.float() if value.is_floating_point() else value for name, value in plain.items()}


def load(config, path, form):
    network = create(config, form)
    network.load_state_dict(read_weights(path))
    return network
