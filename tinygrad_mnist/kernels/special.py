"""Special functions, computed in float64: gamma and its relatives, Bessel's I, inverses of erf."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.activation import erf, erfc, erfcx_positive

Array = Any  # an ndarray or a Python number: kernels take both
EPS = float(np.finfo(np.float64).eps)
EULER = 0.57721566490153286060651209008240243


def wide(arrays: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a kernel of `arrays` arrays as elementwise, and make it compute in float64."""

    def mark(kernel: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(kernel)
        def run(*xs: Array, **kw: Any) -> Array:
            dtypes = [x.dtype for x in xs if hasattr(x, "dtype") and x.dtype.kind == "f"]
            dtype = np.result_type(*dtypes) if dtypes else np.dtype(np.float64)
            with np.errstate(all="ignore"):
                y = kernel(*(np.asarray(x, np.float64) for x in xs), **kw)
            return np.asarray(y).astype(dtype, copy=False)

        run.nin = arrays  # type: ignore[attr-defined]
        return run

    return mark


def where_or(x: Array, mask: Array, safe: float) -> Array:
    """Return x where the mask is True, else `safe`, a number that the masked formula can take."""
    return np.where(mask, x, safe)


# Gamma

# B(2k) / (2k (2k - 1)), Stirling's series; and B(2k) / 2k, that of its derivative.
BERNOULLI = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510,
             43867 / 798, -174611 / 330, 854513 / 138, -236364091 / 2730]  # fmt: skip
STIRLING = [b / (2 * k * (2 * k - 1)) for k, b in enumerate(BERNOULLI[:8], 1)]
PSI = [b / (2 * k) for k, b in enumerate(BERNOULLI[:8], 1)]
# S. L. Moshier, Cephes: lgamma(x) / (x - 2) - 1 on [2, 3], to double precision.
LG_P = [-1.37825152569120859e3, -3.88016315134637840924e4, -3.31612992738871184744e5,
        -1.16237097492762307383e6, -1.72173700820839662146e6, -8.53555664245765466e5]  # fmt: skip
LG_Q = [1.0, -3.51815701436523471e2, -1.70642106651881159223e4, -2.20528590553854454839e5,
        -1.13933444367982507207e6, -2.53252307177582951285e6, -2.01889141433532773e6]  # fmt: skip


def tail(x: Array, series: list[float]) -> Array:
    """An asymptotic series in 1 / x^2, times 1 / x."""
    square = 1 / (x * x)
    return np.polyval(series[::-1], square) / x


@wide(1)
def lgamma(x: Array) -> Array:
    """log |gamma(x)|."""
    z = np.abs(x)
    far = z >= 13
    factor, p = np.ones_like(z), where_or(z, ~far & (z > 0), 2.0)
    while np.any(above := p >= 3):
        p = np.where(above, p - 1, p)
        factor = np.where(above, factor * p, factor)
    while np.any(below := p < 2):
        factor = np.where(below, factor / p, factor)
        p = np.where(below, p + 1, p)
    d = p - 2
    y = np.log(factor) + d * np.polyval(LG_P, d) / np.polyval(LG_Q, d)
    if np.any(far):
        big = where_or(z, far, 13.0)
        large = (big - 0.5) * np.log(big) - big + math.log(2 * math.pi) / 2 + tail(big, STIRLING)
        y = np.where(far, large, y)
    if np.all((x > 0) & (z < np.inf)):
        return y
    y = np.where(np.isinf(z) | (z == 0), np.inf, y)
    turn = np.abs(np.sin(math.pi * (z - np.rint(z)))) * z
    mirrored = np.where(turn == 0, np.inf, math.log(math.pi) - np.log(turn) - y)
    return np.where(np.isnan(x), x, np.where(x > 0, y, np.where(np.isinf(x), np.inf, mirrored)))


@wide(1)
def digamma(x: Array) -> Array:
    """The derivative of lgamma."""
    positive = x > 0
    z = np.where(positive, x, 1 - x)
    total = np.zeros_like(z)
    while np.any(low := z < 10):
        total = total - low / z
        z = z + low
    y = total + np.log(z) - 0.5 / z - tail(z, PSI) / z
    if np.all(positive):
        return y
    part = x - np.rint(x)
    mirrored = np.where(part == 0, np.nan, y - math.pi / np.tan(math.pi * part))
    mirrored = np.where(np.isinf(x), np.nan, mirrored)
    return np.where(positive | np.isnan(x), y, np.where(x == 0, -np.copysign(np.inf, x), mirrored))


@wide(2)
def zeta(x: Array, q: Array) -> Array:
    """Hurwitz's zeta function, the sum of (q + k) ** -x, by Euler and Maclaurin."""
    x, q = np.broadcast_arrays(x, q)
    regular = (x > 1) & ((q > 0) | ((x == np.rint(x)) & (q != np.rint(q)))) & np.isfinite(q)
    s, a = where_or(x, regular, 2.0), where_or(q, regular, 1.0)
    total = np.zeros_like(s)
    steps = 10 + max(0, math.ceil(-float(a.min(initial=0))))
    for _ in range(steps):
        low = (a <= 9) | (total == 0)
        total = np.where(low, total + a**-s, total)
        a = np.where(low, a + 1, a)
    power = a**-s
    total = total + power * a / (s - 1) + power / 2
    factor = s
    for k, b in enumerate(BERNOULLI, 1):
        power = power / a
        term = b / math.factorial(2 * k) * factor * power
        more = np.abs(term) > EPS / 8 * np.abs(total)
        total = np.where(more, total + term, total)
        power = power / a
        factor = factor * (s + 2 * k - 1) * (s + 2 * k)
    y = np.where(regular, total, np.nan)
    y = np.where((x > 1) & np.isposinf(q), 0.0, y)
    y = np.where((x > 1) & (q <= 0) & (q == np.rint(q)), np.inf, y)
    return np.where(x == 1, np.inf, y)


@wide(1)
def polygamma(x: Array, *, n: int) -> Array:
    """The derivative of order n of digamma, n at least 1."""
    sign = -1.0 if n % 2 == 0 else 1.0
    if n > 1 or np.all(x > 0):
        return sign * math.factorial(n) * zeta(np.float64(n + 1), x)
    part = np.sin(math.pi * (x - np.rint(x)))
    y = zeta(np.float64(2), np.where(x > 0, x, 1 - x))
    return np.where(x > 0, y, np.where(part == 0, np.inf, (math.pi / part) ** 2 - y))


def density(a: Array, x: Array) -> Array:
    """x^a exp(-x) / gamma(a + 1); near a large a without the cancellation of large logarithms."""
    large = a > 10
    m = where_or(a, large, 11.0)
    d = np.where(large, x - m, 0.0) / m
    far = np.exp(m * (np.log1p(d) - d) - tail(m, STIRLING)) / np.sqrt(2 * math.pi * m)
    low = where_or(a, ~large, 1.0)
    near = np.exp(low * np.log(x) - x - lgamma(low + 1))
    return np.where(large, far, near)


def lower_series(a: Array, x: Array) -> Array:
    """The sum of x^n / ((a + 1) ... (a + n)); for x <= a + 1."""
    total = term = np.ones(np.broadcast_shapes(a.shape, x.shape))
    n = a
    while True:
        n = n + 1
        term = term * x / n
        total = total + term
        if not np.any(term > EPS / 8 * total):
            return total


def upper_fraction(a: Array, x: Array) -> Array:
    """gamma(a, x) exp(x) x^-a: Legendre's continued fraction, by Lentz; for x > a + 1."""
    b = x + 1 - a
    c, d = np.full(b.shape, 1e300), 1 / b
    h = d
    for i in range(1, 100_000):
        step = -i * (i - a)
        b = b + 2
        d, c = 1 / (step * d + b), b + step / c
        h = h * (d * c)
        if not np.any(np.abs(d * c - 1) > EPS):
            break
    return h


@wide(2)
def gammainc(a: Array, x: Array) -> Array:
    """The regularized lower incomplete gamma function."""
    return split(a, x, lower=True)


@wide(2)
def gammaincc(a: Array, x: Array) -> Array:
    """The regularized upper incomplete gamma function."""
    return split(a, x, lower=False)


def split(a: Array, x: Array, lower: bool) -> Array:
    """By the series below a + 1, by the fraction above; NaN outside of a >= 0 and x >= 0."""
    a, x = np.broadcast_arrays(a, x)
    regular = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
    below = regular & (x <= a + 1)
    above = regular & ~below
    a1, x1 = where_or(a, below, 1.0), where_or(x, below, 1.0)
    p = density(a1, x1) * lower_series(a1, x1)
    a2, x2 = where_or(a, above, 1.0), where_or(x, above, 3.0)
    q = density(a2, x2) * a2 * upper_fraction(a2, x2)
    y = np.where(below, p, 1 - q) if lower else np.where(below, 1 - p, q)
    least = (x == 0) | (np.isinf(a) & np.isfinite(x))  # all of the mass is above
    most = np.isposinf(x) | (a == 0)
    edge = np.where(least & (a > 0), 0.0, np.where(most & (x > 0) & np.isfinite(a), 1.0, np.nan))
    edge = np.where((a < 0) | (x < 0), np.nan, edge)
    return np.where(regular, y, edge if lower else 1 - edge)


# The normal distribution


@wide(1)
def erfcx(x: Array) -> Array:
    """exp(x^2) erfc(x), which neither over- nor underflows for large x."""
    low, high = np.minimum(x, 0.46875), np.maximum(x, 0.46875)
    return np.where(x <= 0.46875, np.exp(low * low) * erfc(low), erfcx_positive(high))


@wide(1)
def erfinv(x: Array) -> Array:
    """The inverse of erf: M. Giles's approximation (GPU Computing Gems 2, 2011), then Halley's."""
    z = np.abs(x)
    inside = z < 1
    y = where_or(z, inside, 0.0)
    w = -np.log((1 - y) * (1 + y))
    near = np.polyval([2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06,
                       0.00021858087, -0.00125372503, -0.00417768164, 0.246640727,
                       1.50140941], w - 2.5)  # fmt: skip
    far = np.polyval([-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844,
                      0.00573950773, -0.0076224613, 0.00943887047, 1.00167406,
                      2.83297682], np.sqrt(np.maximum(w, 5.0)) - 3)  # fmt: skip
    t = np.where(w < 5, near, far) * y
    t = np.where(w > 16, far_inverse(np.log(1 - y)), t)  # Giles's is for single precision
    for _ in range(2):
        gap = np.where(y < 0.5, erf(t) - y, (1 - y) - erfc(t))
        t = t - gap / (np.exp(-t * t) * (2 / math.sqrt(math.pi)) + t * gap)
    t = np.where(inside, t, np.where(z == 1, np.inf, np.nan))
    return np.copysign(t, x)


def far_inverse(log_p: Array) -> Array:
    """About the inverse of erfc, given the logarithm, where erfc is tiny."""
    guess = np.sqrt(np.maximum(-log_p, 1.0))
    return np.sqrt(guess**2 - np.log(guess * math.sqrt(math.pi)))


def erfc_inverse(p: Array) -> Array:
    """The inverse of erfc on (0, 1]: erfinv's, and Newton's on the logarithm."""
    t = np.asarray(erfinv(1 - p))
    log_p = np.log(p)
    t = np.where(p < 1e-8, far_inverse(log_p), t)
    for _ in range(3):
        scaled = erfcx(t)
        t = t + (np.log(scaled) - t * t - log_p) * scaled * (math.sqrt(math.pi) / 2)
    return t


@wide(1)
def ndtri(p: Array) -> Array:
    """The quantile of the standard normal distribution."""
    side = np.minimum(p, 1 - p)
    central = np.abs(p - 0.5) < 0.25
    tails = where_or(side, ~central & (side > 0), 0.25)
    y = np.where(p < 0.5, -1.0, 1.0) * erfc_inverse(2 * tails)
    y = np.where(central, erfinv(2 * where_or(p, central, 0.5) - 1), y) * math.sqrt(2)
    edge = np.where(p == 0, -np.inf, np.where(p == 1, np.inf, np.nan))
    return np.where(side > 0, y, edge)


@wide(1)
def ndtr(x: Array) -> Array:
    """The standard normal distribution function."""
    return erfc(-x / math.sqrt(2)) / 2


@wide(1)
def log_ndtr(x: Array) -> Array:
    """The logarithm of the standard normal distribution function."""
    u = x / math.sqrt(2)
    low = np.minimum(x, -1.0) / math.sqrt(2)
    return np.where(x < -1, np.log(erfcx(-low) / 2) - low * low, np.log1p(-erfc(u) / 2))


@wide(1)
def mills(x: Array) -> Array:
    """The derivative of log_ndtr: the normal density divided by the distribution function."""
    low = np.minimum(x, 0.0) / math.sqrt(2)
    high = np.maximum(x, 0.0)
    dense = np.exp(-high * high / 2) / math.sqrt(2 * math.pi)
    return np.where(
        x < 0, math.sqrt(2 / math.pi) / erfcx(-low), dense / (erfc(-high / math.sqrt(2)) / 2)
    )


# Bessel's functions of an imaginary argument


@wide(1)
def bessel_i(x: Array, *, n: int) -> Array:
    """The modified Bessel function of the first kind, of order n."""
    return bessel(x, n) * np.exp(np.abs(x))


@wide(1)
def bessel_ie(x: Array, *, n: int) -> Array:
    """`bessel_i` times exp(-|x|)."""
    return bessel(x, n)


def bessel(x: Array, n: int) -> Array:
    """By the power series near 0, by the asymptotic one far from it; scaled."""
    z = np.abs(x)
    edge = max(20.0, 2.0 * n * n)
    near = np.minimum(z, edge)
    square, term = near * near / 4, np.exp(n * np.log(near / 2) - math.lgamma(n + 1) - near)
    if n == 0:
        term = np.exp(-near)
    total = term
    for k in range(1, 30 + 2 * int(edge)):
        term = term * square / (k * (k + n))
        total = total + term
    far = np.maximum(z, edge)
    term = series = np.ones_like(far)
    for k in range(1, 28):
        term = term * ((2 * k - 1) ** 2 - 4 * n * n) / (8 * k * far)
        series = series + term
    y = np.where(z <= edge, total, series / np.sqrt(2 * math.pi * far))
    y = np.where(np.isinf(z), 0.0, y)
    return np.where(x < 0, -y, y) if n % 2 else np.where(np.isnan(x), x, y)


# Products with logarithms


@wide(1)
def entr(x: Array) -> Array:
    """-x log(x), 0 at 0 and -inf below."""
    y = -x * np.log(np.where(x > 0, x, 1.0))
    return np.where(x < 0, -np.inf, np.where(np.isnan(x), x, y))


@wide(2)
def xlog1py(a: Array, b: Array) -> Array:
    """a log(1 + b), and 0 where a is 0 and b is a number."""
    y = a * np.log1p(b)
    return np.where((a == 0) & ~np.isnan(b), 0.0, y)
