"""How far may an engine stray from the exact network? Measured, not guessed: by Monte Carlo arithmetic.

The network is run in float64 with every step's result disturbed at random by as much as float32 arithmetic can disturb
it, and the deviation of each activation from the undisturbed run is observed. Let u = 2^-24. Summing n products p_i one
after the other rounds every partial sum s_k, each by at most u |s_k|. With s_k = (k/n) y + a random walk of step
rms(p), the roundings add up as independent errors to no more than
    u sqrt(sum_k s_k^2)  <=  u sqrt(n) (sqrt(sum p_i^2) + |y|)                                     "float32" arithmetic
which is what a step's result is disturbed by, times a standard normal number. (A rounding's deviation is only
u/sqrt(3), and blocked or vectorised sums have shorter chains: the model is an upper estimate.) Where sums are
accumulated in double, only the stored result and the folded weights are rounded:
    u (sqrt(sum p_i^2) + |y|)                                                                      "reference" arithmetic
Other steps: GELU 2u|x| (its erf is right to 4u), or u|y| through double; scale and shift, residual: u per operand.

The bound of an activation is MARGIN times the largest deviation seen anywhere in it over as many runs as show at least
DEVIATIONS of them. The margin covers what independent noise does not: a folded weight is rounded
once and used at every pixel.

"bfloat16" arithmetic is "float32" arithmetic with some numbers stored as bfloat16 (PLACES), and a GELU that may be off
by BFLOAT16_GELU. Run undisturbed, it is what a bfloat16 engine should give, but for disturbances that tip a rounding to
the other neighbour. That is rare at first, and each tip then tips others, until after some blocks two sound engines are
as far from each other as from the exact network. So there are two bounds: on deviations from the undisturbed run, which
tell a wrong rounding in the first blocks; and on those from the exact network, which tell how much precision is lost.
"""

import torch
import torch.nn.functional as F

U = 2.0 ** -24
DEVIATIONS = 64
BFLOAT16_RUNS = 32  # at least, where they are cheap: a tip that none of them shows must be unlikely
BFLOAT16_CHEAP = 100_000  # multiplications of channels and pixels
MARGIN = 2.0
BFLOAT16_GELU = 1.5e-5

# What is stored as bfloat16: the weights of all dense products, and their inputs. (The depthwise convolution, the
# normalisations, all biases and the residual stream stay float32.)
PLACES = ("weight", "picture", "local", "mixed", "normalised", "hidden", "downsampled", "mean")


class Arithmetic:
    """kind: "exact", "float32", "reference" or "bfloat16". Without a seed nothing is disturbed."""

    def __init__(self, kind, seed=None, round_to_bfloat16=lambda x, place: x.float().to(torch.bfloat16).double()):
        self.kind = kind
        self.random = None if seed is None else torch.Generator().manual_seed(seed)
        self.round_to_bfloat16 = round_to_bfloat16

    def stored(self, x, place):
        return self.round_to_bfloat16(x, place) if self.kind == "bfloat16" else x

    def disturb(self, y, size):
        return y + torch.randn(y.shape, generator=self.random, dtype=y.dtype) * (U * size)

    def summed(self, apply, weight, x, bias, n):
        """y = weight applied to x, + bias, by `apply`, each element a sum of n products."""
        y = apply(weight, x) + bias
        if self.random is None:
            return y
        chain = 1.0 if self.kind == "reference" else float(n) ** 0.5
        energy = apply((weight * weight).float(), (x * x).float()).double()  # three digits would do
        return self.disturb(y, chain * (energy.sqrt() + y.abs()))

    def dense(self, apply, weight, x, bias, n):
        return self.summed(apply, self.stored(weight, "weight"), x, bias, n)

    def gelu(self, x):
        y = F.gelu(x)
        if self.random is None:
            return y
        size = y.abs() if self.kind == "reference" else 2.0 * x.abs()
        return self.disturb(y, size + BFLOAT16_GELU / U if self.kind == "bfloat16" else size)

    def affine(self, x, scale, shift):
        y = x * scale + shift
        return y if self.random is None else self.disturb(y, (x * scale).abs() + shift.abs() + y.abs())

    def add(self, x, branch):
        y = x + branch
        return y if self.random is None else self.disturb(y, y.abs())

    def normalise(self, x, epsilon):
        n = x.shape[-1]
        average = torch.full((1, n), 1.0 / n, dtype=x.dtype)
        centred = self.add(x, -self.summed(lambda w, v: F.linear(v, w), average, x, 0.0, n))
        variance = self.summed(lambda w, v: F.linear(v, w), average, centred * centred, 0.0, n)
        z = centred / (variance + epsilon).sqrt()
        return z if self.random is None else self.disturb(z, 2.0 * z.abs())


def scale_shift(state, prefix, epsilon=1e-5):
    scale = state[prefix + ".weight"] / (state[prefix + ".running_var"] + epsilon).sqrt()
    return scale, state[prefix + ".bias"] - scale * state[prefix + ".running_mean"]


def token_mix(a, state, key, x):
    b, h, w, c = x.shape
    g = a.gelu(a.affine(x, *scale_shift(state, key + ".0.conv_merge.BN")))
    scale, shift = scale_shift(state, key + ".1.BN")
    kernel = state[key + ".0.conv_merge.Conv.weight"] * scale[:, None, None, None]

    def depthwise(weight, v):
        return F.conv2d(v.permute(0, 3, 1, 2), weight, padding=1, groups=c).permute(0, 2, 3, 1)

    g = a.stored(a.gelu(a.summed(depthwise, kernel, g, shift, 10)), "local")
    across, down = (state[f"{key}.1.{name}.weight"][:, :, 0, 0] for name in ("proj_h", "proh_w"))
    row = a.dense(lambda m, v: torch.einsum("jk,bikc->bijc", m, v), across, g,
                  state[key + ".1.proj_h.bias"][:, None], h)
    col = a.dense(lambda m, v: torch.einsum("ik,bkjc->bijc", m, v), down, g,
                  state[key + ".1.proh_w.bias"][:, None, None], h)
    fuse = state[key + ".1.fuse.weight"][:, :, 0, 0]
    joined = torch.cat([g, a.stored(row, "mixed"), a.stored(col, "mixed")], dim=3)
    return a.dense(lambda m, v: F.linear(v, m), fuse, joined, 0.0, 3 * c)


def channel_mix(a, state, key, x):
    z = a.stored(a.normalise(x, 1e-5), "normalised")
    fc1, fc2 = state[key + ".2.net.0.weight"], state[key + ".2.net.3.weight"]
    bias = state[key + ".2.net.0.bias"] + fc1 @ state[key + ".1.bias"]
    hidden = a.dense(lambda m, v: F.linear(v, m), fc1 * state[key + ".1.weight"], z, bias, fc1.shape[1] + 1)
    hidden = a.stored(a.gelu(hidden), "hidden")
    return a.dense(lambda m, v: F.linear(v, m), fc2, hidden, state[key + ".2.net.3.bias"], fc2.shape[1] + 1)


def forward(a, state, depths, x, observe):
    """The folded network, step by step, in the arithmetic `a`; state and x (B, Cin, H, W) in float64."""
    b = 0
    for s, depth in enumerate(depths):
        kernel = state[f"to_patch_embedding.{s}.0.weight"]
        k = kernel.shape[-1]
        x = a.stored(x, "downsampled" if s > 0 else "picture")
        x = a.dense(lambda m, v: F.conv2d(v, m, stride=k), kernel, x, 0.0, kernel[0].numel()).permute(0, 2, 3, 1)
        observe(f"stem.{s}", x)
        for _ in range(depth):
            x = a.add(x, token_mix(a, state, f"token_mix.{b}", x))
            observe(f"token_mix.{b}", x)
            x = a.add(x, channel_mix(a, state, f"channel_mix.{b}", x))
            observe(f"channel_mix.{b}", x)
            b += 1
        x = x.permute(0, 3, 1, 2)
    cells = x.shape[2] * x.shape[3]
    average = torch.full((1, cells), 1.0 / cells, dtype=x.dtype)
    features = a.summed(lambda m, v: F.linear(v, m), average, x.flatten(2), 0.0, cells)[:, :, 0]
    features = a.stored(features, "mean")
    scale, shift = scale_shift(state, "batch_norm")
    weight = state["mlp_head.0.weight"]
    bias = state["mlp_head.0.bias"] + weight @ shift
    logits = a.dense(lambda m, v: F.linear(v, m), weight * scale, features, bias, weight.shape[1] + 1)
    observe("logits", logits)
    return logits


def deviations(arithmetics, state, depths, x, expected):
    """{activation: the largest deviation from `expected` in any of these runs}"""
    worst = {}

    def compare(name, value):
        worst[name] = max(worst.get(name, 0.0), float((value - expected[name]).abs().max()))

    for arithmetic in arithmetics:
        forward(arithmetic, state, depths, x, compare)
    return worst


def bounds(kind, state, depths, x, expected):
    """{activation: bound}; `expected` holds the activations that deviations are from."""
    runs = -(-DEVIATIONS // min(value.numel() for value in expected.values()))
    if kind == "bfloat16" and expected["stem.0"].numel() < BFLOAT16_CHEAP:
        runs = max(runs, BFLOAT16_RUNS)
    worst = deviations((Arithmetic(kind, seed=run) for run in range(runs)), state, depths, x, expected)
    return {name: MARGIN * deviation for name, deviation in worst.items()}
