"""Fits the polynomials of src/kernels/gelu_coefficients.h; prints that file's tables.

    GELU(x) = max(x, 0) - t s(t),   t = min(|x|, c),   s(t) = erfc(t / sqrt 2) / 2

s is fitted on [0, c] as a polynomial in u = 2 t / c - 1, which lies in [-1, 1], so that Horner's rule in float32 loses
nothing to cancellation. The fit is a minimax one (Lawson's reweighting of least squares) of the weighted error
max(t, 0.5) |error of s|: absolute error of GELU for large t, relative error near 0. The cut c is chosen for the
smallest error together with the tail c s(c) that lies beyond it.

Needs numpy and scipy.
"""

import numpy as np
from scipy.special import erfc


def s(t):
    return 0.5 * erfc(t / np.sqrt(2.0))


def fit(c, degree, rounds=300):
    u = np.cos(np.pi * (np.arange(3000) + 0.5) / 3000)
    t = (u + 1) * c / 2
    basis, scale, y = np.polynomial.chebyshev.chebvander(u, degree), np.maximum(t, 0.5), s(t)
    weight = np.ones_like(u)
    for _ in range(rounds):
        root = np.sqrt(weight) * scale
        coefficients = np.linalg.lstsq(basis * root[:, None], y * root, rcond=None)[0]
        error = scale * abs(basis @ coefficients - y)
        weight *= error / error.max() + 1e-3
        weight /= weight.max()
    return coefficients, max(error.max(), c * s(c))


for degree in (5, 9, 17):
    error, c = min((fit(c, degree, 60)[1], c) for c in np.arange(2.5, 6.3, 0.1))
    coefficients = fit(c, degree)[0]
    power = np.polynomial.chebyshev.cheb2poly(coefficients)
    beyond = c * abs(np.polynomial.chebyshev.chebval(1.0, coefficients))  # where t stays at the cut
    print(f"// degree {degree}: error below {max(error, beyond):.1e}")
    print(f"cut {c:.1f}")
    print(", ".join(f"{v:.9e}F" for v in power))
