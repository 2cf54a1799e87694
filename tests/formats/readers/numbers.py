"""Numbers that files are made of."""

import numpy as np

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
