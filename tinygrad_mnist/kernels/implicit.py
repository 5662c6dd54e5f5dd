"""The derivatives of samples of the gamma and beta distributions by their parameters.

M. Figurnov, S. Mohamed, A. Mnih, Implicit Reparameterization Gradients, 2018: a sample x at which
the distribution function F(x; a) stays the same moves by -(dF/da) / p. F / p is a series, or a
continued fraction, of positive terms, which is differentiated term by term.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.kernels.special import EPS, digamma, wide

Array = Any  # an ndarray; NumPy's own types say too little to help here


def drawn(a: Array, x: Array) -> Array:
    """x, a sample of a distribution with parameter a."""
    return np.array(x)


@wide(2)
def gamma_slope(a: Array, x: Array) -> Array:
    """dx/da of a sample x of the gamma distribution of shape a and rate 1."""
    a, x = np.broadcast_arrays(a, x)
    gap = digamma(a) - np.log(x)
    below = x <= a + 1
    y = np.empty(x.shape)
    y[below] = _lower(a[below], x[below], gap[below])
    y[~below] = _upper(a[~below], x[~below], gap[~below])
    return np.where(x == 0, 0.0, y)


def _lower(a: Array, x: Array, gap: Array) -> Array:
    """By F / p = x / a + x^2 / (a (a + 1)) + ..."""
    k, term, harmonic = a, x / a, 1 / a
    total, slope = term, term * harmonic
    while np.any(term > EPS / 8 * total):
        k = k + 1
        term, harmonic = term * x / k, harmonic + 1 / k
        total, slope = total + term, slope + term * harmonic
    return gap * total + slope


def _upper(a: Array, x: Array, gap: Array) -> Array:
    """By (1 - F) / p, Legendre's continued fraction, from its end."""
    if not x.size:
        return x
    steps = 10 + int(90 / x.min()) + int(8 * np.sqrt(a.max()))
    tail, slope = np.zeros_like(x), np.zeros_like(x)
    for i in range(steps, 0, -1):
        below = x + 2 * i + 1 - a + tail
        tail = -i * (i - a) / below
        slope = (i + tail - tail * slope) / below
    below = x + 1 - a + tail
    ratio = x / below
    return ratio * (1 - slope) / below - gap * ratio


@wide(3)
def beta_slope(x: Array, a: Array, total: Array) -> Array:
    """dx/da / (1 - x) of a sample x of the beta distribution of a and b = total - a."""
    x, a, total = np.broadcast_arrays(x, a, total)
    b = total - a
    rise = np.log(x) - digamma(a) + digamma(total)
    # Each series is short near its own end, and all of its terms are positive beyond the mean.
    mean = a / total
    near = (x - mean) ** 2 < 9 * mean * (1 - mean) / (total + 1)
    low = np.where(near, x < 0.5, x <= mean)
    y = np.empty(x.shape)
    sums, slopes = _series(x[low], a[low], b[low], own=True)
    y[low] = -x[low] * (rise[low] * sums + slopes)
    sums, slopes = _series(1 - x[~low], b[~low], a[~low], own=False)
    y[~low] = x[~low] * (rise[~low] * sums + slopes)
    return np.where(x == 0, 0.0, y)


def _series(x: Array, a: Array, b: Array, own: bool) -> tuple[Array, Array]:
    """F / (p x (1 - x)) = 1 / a (1 + (a + b) / (a + 1) x + ...), and its derivative.

    By `a` itself, or by b. Every few terms the elements that have converged are set aside.
    """
    total, slope = np.empty_like(x), np.empty_like(x)
    live, both = np.arange(len(x)), a + b
    term = s = 1 / a
    harmonic = -term if own else np.zeros_like(x)
    d = term * harmonic
    k = 0
    while len(live):
        for _ in range(16):
            term = term * x * (both + k) / (a + 1 + k)
            harmonic = harmonic + 1 / (both + k)
            if own:
                harmonic = harmonic - 1 / (a + 1 + k)
            s, d = s + term, d + term * harmonic
            k += 1
        total[live], slope[live] = s, d
        on = term > EPS / 8 * s
        live, x, a, both, term, harmonic, s, d = (
            v[on] for v in (live, x, a, both, term, harmonic, s, d)
        )
    return total, slope
