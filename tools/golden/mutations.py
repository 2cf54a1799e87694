"""Wrong networks: each is a mistake that a reader of the network's description could make.

A golden output is worth something only if it tells them from the right one, so each must break the bounds by FAR.
"""

import contextlib
import copy

import torch
import torch.nn.functional as F
from torch import nn

import rounding
import smlpnet

FAR = 10.0


def edit(model, suffix, change):
    for key, parameter in list(model.named_parameters()) + list(model.named_buffers()):
        if key.endswith(suffix):
            parameter.data.copy_(change(parameter.data).clone())


def swap(model, first, second):
    parameters = dict(model.named_parameters())
    for key in [k for k in parameters if first in k]:
        a, b = parameters[key].data, parameters[key.replace(first, second)].data
        kept = a.clone()
        a.copy_(b)
        b.copy_(kept)


def reorder(order):
    def change(weight):
        parts = weight.chunk(3, dim=1)
        return torch.cat([parts[i] for i in order], dim=1)
    return change


def set_epsilon(model, kind, epsilon):
    for module in model.modules():
        if isinstance(module, kind):
            module.eps = epsilon


def pad_by_the_border(model):
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.padding == (1, 1):
            module.padding_mode, module._reversed_padding_repeated_twice = "replicate", [1, 1, 1, 1]


MUTATIONS = {
    "proj_h and proh_w swapped": lambda m: swap(m, "proj_h", "proh_w"),
    "mixing along the width transposed": lambda m: edit(m, "proj_h.weight", lambda w: w.transpose(0, 1)),
    "mixing along the height transposed": lambda m: edit(m, "proh_w.weight", lambda w: w.transpose(0, 1)),
    "concat g, mixH, mixW": lambda m: edit(m, "fuse.weight", reorder((0, 2, 1))),
    "concat mixW, mixH, g": lambda m: edit(m, "fuse.weight", reorder((2, 0, 1))),
    "depthwise kernel transposed": lambda m: edit(m, "Conv.weight", lambda w: w.transpose(2, 3)),
    "depthwise kernel flipped": lambda m: edit(m, "Conv.weight", lambda w: w.flip(2, 3)),
    "depthwise padding by the border": pad_by_the_border,
    "stems transposed": lambda m: [edit(m, f"to_patch_embedding.{s}.0.weight", lambda w: w.transpose(2, 3))
                                   for s in range(len(m.depths))],
    "BN1 and BN2 swapped": lambda m: swap(m, "0.conv_merge.BN", "1.BN"),
    "BN epsilon 1e-6": lambda m: set_epsilon(m, nn.BatchNorm2d, 1e-6),
    "BN epsilon 1e-3": lambda m: set_epsilon(m, nn.BatchNorm2d, 1e-3),
    "LN epsilon 1e-6": lambda m: set_epsilon(m, nn.LayerNorm, 1e-6),
    "LN without its bias": lambda m: [
        edit(layer, "bias", torch.zeros_like) for layer in m.modules() if isinstance(layer, nn.LayerNorm)],
    "mixing bias missing": lambda m: edit(m, "proj_h.bias", torch.zeros_like),
    "GELU by tanh": None,  # not in the weights: see below
}

# What a configuration can't tell: a 1 x 1 grid has no order and no neighbours, and an epsilon of 1e-6 or 1e-5
# beside a variance of 1 is below float32 noise (the "quiet" configuration is there to tell it).
NEEDS_GRID = {"mixing along the width transposed", "mixing along the height transposed", "depthwise kernel transposed",
              "depthwise kernel flipped", "depthwise padding by the border"}


@contextlib.contextmanager
def tanh_gelu():
    original = F.gelu
    smlpnet.F.gelu = lambda x: original(x, approximate="tanh")
    try:
        yield
    finally:
        smlpnet.F.gelu = original


def excess(model, picture, exact, bound):
    """The largest deviation of any activation, in units of its bound."""
    worst = []
    logits = model(picture, lambda name, value: name in exact and worst.append(
        float((value - exact[name]).abs().max() / bound[name])))
    worst.append(float((logits - exact["logits"][:1]).abs().max() / bound["logits"]))
    return max(worst)


def prove(name, c, model, pictures, exact, bound):
    """Raises AssertionError if a mutation goes unseen that this configuration can tell."""
    if c["dim"] * c["image"] > 80 * 112 or sum(c["depths"]) == 0:
        return  # the same code runs small
    for mutation, apply in MUTATIONS.items():
        if "epsilon" in mutation and c["signal"] == 1.0 or mutation in NEEDS_GRID and c["image"] // c["patch"] < 3:
            continue
        mutant = copy.deepcopy(model)
        if apply is not None:
            apply(mutant)
        with contextlib.nullcontext() if apply is not None else tanh_gelu():
            seen = excess(mutant, pictures[:1], exact, bound)
        assert seen > FAR, (name, mutation, seen)


def prove_rounding(name, state, depths, picture, expected, spread):
    """Raises AssertionError if one of bfloat16's roundings could be left out, or be no rounding to nearest, unseen."""
    def to_nearest(x, place):
        return x.float().to(torch.bfloat16).double()

    def towards_zero(x, place):
        return (x.float().view(torch.int32) & ~0xFFFF).view(torch.float32).double()

    def all_but(left_out):
        return lambda x, place: x if place == left_out else to_nearest(x, place)

    places = [p for p in rounding.PLACES if p != "downsampled" or len(depths) > 1]
    for mutation, rule in [*((f"no rounding: {p}", all_but(p)) for p in places), ("towards zero", towards_zero)]:
        arithmetic = rounding.Arithmetic("bfloat16", round_to_bfloat16=rule)
        worst = rounding.deviations([arithmetic], state, depths, picture, expected)
        seen = max(deviation / spread[activation] for activation, deviation in worst.items())
        assert seen > FAR, (name, mutation, seen)
