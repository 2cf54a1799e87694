"""Weights and pictures from integers: tests/support/generator.cc makes the same, bit for bit.

Element i of a tensor is center + scale * x with x = k / 2^23, k a 24-bit signed integer from a hash of
(seed, tensor name, i). Center and scale are multiples of 2^-16, so the sum is exact in float64 and is rounded once, to
float32: no compiler and no library can make it differ.

The weights look trained: BN statistics far from (0, 1), BN and LN weights of both signs, every bias non-zero, matrices
scaled by 1/sqrt(inputs), residual branches damped so that 38 blocks stay in range, mixing matrices with a strong
off-diagonal (by 1 along the width, by 2 along the height).
`signal` scales every activation on the residual path, and every statistic with it, by a power of two: with 2^-6
the variances are about 1e-4, and the epsilons of the normalisations decide the third digit.
"""

import numpy as np

GOLDEN = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1


def fnv1a(data):
    """FNV-1a, 64 bits."""
    h = 0xCBF29CE484222325
    for byte in data:
        h = ((h ^ byte) * 0x100000001B3) & MASK
    return h


def mix(z):
    """The finaliser of splitmix64, on an array of uint64."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def hashes(seed, name, count):
    """uint64 hashes of (seed, name, 0 .. count-1)."""
    key = mix(np.array([(fnv1a(name.encode()) + seed * GOLDEN) & MASK], dtype=np.uint64))
    index = np.arange(1, count + 1, dtype=np.uint64)
    return mix(key + index * np.uint64(GOLDEN))


def positions(seed, name, count, size):
    """`count` hashed indices below `size`: where an activation is sampled."""
    return (hashes(seed, "positions of " + name, count) % np.uint64(size)).astype(np.int64)


def uniform(seed, name, count, center, scale, flip=False):
    """float64 values, exact; `flip` makes one in eight negative."""
    h = hashes(seed, name, count)
    k = (h >> np.uint64(40)).astype(np.int64) - (1 << 23)
    values = center + scale * (k / float(1 << 23))
    return np.where((h & np.uint64(7)) == 0, -values, values) if flip else values


def fan_in(inputs, gain=1.0):
    """The scale that gives variance gain^2 / inputs, cut to a multiple of 2^-16."""
    return np.floor(gain * np.sqrt(3.0 / inputs) * 65536.0) / 65536.0


def mixing(seed, name, h, offset):
    """(h, h): noise plus an off-diagonal, so that no transposition and no swap goes unseen."""
    values = uniform(seed, name, h * h, 0.0, fan_in(h, 0.5)).reshape(h, h)
    rows = np.arange(h)
    values[rows, (rows + offset) % h] += 0.75
    return values


def tensor(seed, key, shape, signal):
    """The tensor of this state-dict key, float32; None for num_batches_tracked."""
    count = int(np.prod(shape, dtype=np.int64))

    def make(center, scale, flip=False):
        return uniform(seed, key, count, center, scale, flip).reshape(shape)

    part = key.split(".", 2)[-1] if key.startswith(("to_patch", "token_mix", "channel_mix")) else key
    if key.endswith("num_batches_tracked"):
        return None
    if key.endswith("running_mean"):
        values = make(0.0, 0.5) * signal
    elif key.endswith("running_var"):
        values = make(1.40625, 1.09375) * (signal * signal)
    elif part.endswith("BN.weight") or part in ("batch_norm.weight", "1.weight"):
        values = make(1.0, 0.5, flip=True)
    elif part.endswith("BN.bias") or part in ("batch_norm.bias", "1.bias"):
        values = make(0.125, 0.3125)
    elif part == "1.proj_h.weight":
        values = mixing(seed, key, shape[0], 1).reshape(shape)
    elif part == "1.proh_w.weight":
        values = mixing(seed, key, shape[0], 2).reshape(shape)
    elif part == "0.conv_merge.Conv.weight":
        values = make(0.0, fan_in(9, 2.0)) * signal
    elif part == "1.fuse.weight":
        values = make(0.0, fan_in(shape[1], 0.25)) * signal
    elif part == "0.weight":  # a stem; the later ones read a signal that is scaled already
        values = make(0.0, fan_in(int(np.prod(shape[1:]))))
        if key.startswith("to_patch_embedding.0."):
            values *= signal
    elif part == "2.net.3.weight":
        values = make(0.0, fan_in(shape[1], 0.5)) * signal
    elif part == "2.net.3.bias":
        values = make(0.0625, 0.25) * signal
    elif part in ("2.net.0.weight", "mlp_head.0.weight"):
        values = make(0.0, fan_in(shape[1]))
    elif part in ("1.proj_h.bias", "1.proh_w.bias", "2.net.0.bias", "mlp_head.0.bias"):
        values = make(0.0625, 0.25)
    else:
        raise KeyError(key)
    return values.astype(np.float32)


def picture(seed, index, shape):
    """Picture `index`, float32 of shape (in_channels, image, image)."""
    return uniform(seed, f"picture.{index}", int(np.prod(shape)), 0.0625, 1.75).reshape(shape).astype(np.float32)
