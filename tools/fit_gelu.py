"""Fits the polynomials of src/kernels/gelu_coefficients.h; prints that file's tables.

    GELU(x) = max(x, 0) - t s(t),   t = min(|x|, c),   s(t) = erfc(t / sqrt 2) / 2

s is fitted on [0, c] as a polynomial in u = 2 t / c - 1, which lies in [-1, 1], so that Horner's rule in float32 loses
nothing to cancellation. The fit is a minimax one (Lawson's reweighting of least squares) of the weighted error
max(t, 0.5) |error of s|: absolute error of GELU for large t, relative error near 0. The cut c is chosen for the
smallest error together with the tail c s(c) that lies beyond it.

Where 32 floats can be looked up in registers, s is a polynomial of a lower degree in t on each of 32 segments:
segment i holds the t that round(31 t / c) gives i. Its error is weighted by t. Coefficients are printed by powers,
each for all segments.

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


def fit_segment(low, high, degree, rounds=40):
    t = np.linspace(low, high, 400)
    to_unit = np.polynomial.Polynomial([-(high + low) / (high - low), 2 / (high - low)])
    basis, scale, y = np.polynomial.chebyshev.chebvander(to_unit(t), degree), np.maximum(t, 1e-3), s(t)
    weight = np.ones_like(t)
    for _ in range(rounds):
        root = np.sqrt(weight) * scale
        coefficients = np.linalg.lstsq(basis * root[:, None], y * root, rcond=None)[0]
        error = scale * abs(basis @ coefficients - y)
        weight *= error / error.max() + 1e-3
        weight /= weight.max()
    return np.polynomial.Polynomial(np.polynomial.chebyshev.cheb2poly(coefficients))(to_unit).coef, error.max()


def fit_table(c, degree, segments=32):
    step = c / (segments - 1)
    found = [fit_segment(max(i - 0.5, 0) * step, min(i + 0.5, segments - 1) * step, degree) for i in range(segments)]
    last = found[-1][0]
    beyond = c * abs(np.polynomial.Polynomial(last)(c))  # where t stays at the cut
    return np.array([f[0] for f in found]).T, max(max(f[1] for f in found), beyond, c * s(c))


for degree in (5, 9, 17):
    error, c = min((fit(c, degree, 60)[1], c) for c in np.arange(2.5, 6.3, 0.1))
    coefficients = fit(c, degree)[0]
    power = np.polynomial.chebyshev.cheb2poly(coefficients)
    beyond = c * abs(np.polynomial.chebyshev.chebval(1.0, coefficients))  # where t stays at the cut
    print(f"// degree {degree}: error below {max(error, beyond):.1e}")
    print(f"cut {c:.1f}")
    print(", ".join(f"{v:.9e}F" for v in power))

for degree in (1, 2):
    error, c = min((fit_table(c, degree)[1], c) for c in np.arange(3, 6, 0.25))
    print(f"// 32 segments of degree {degree}: error below {error:.1e}")
    print(f"cut {c:.2f}")
    for power in fit_table(c, degree)[0]:
        print("{" + ", ".join(f"{v:.9e}F" for v in power) + "}")
