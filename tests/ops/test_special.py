"""Special functions by their identities, far outside of what the table's tests draw."""

import math

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import fft, special

X = tg.tensor(np.concatenate([np.linspace(-20.3, 20.3, 400), 10.0 ** np.linspace(-6, 4, 60)]))
POSITIVE = X[X > 0]
EPS = 2.0**-52


def near(a: tg.Tensor, b: object, ulps: float = 16, scale: object = 1.0) -> None:
    """Equal to some units in the last place of the larger of b and what cancels in it."""
    b = np.broadcast_to(np.asarray(b), a.shape)
    size = np.maximum(np.abs(b), scale)
    assert np.all(np.abs(a.numpy() - b) <= ulps * EPS * size)


def test_gamma() -> None:
    lgamma = special.gammaln(X)
    right = [math.lgamma(x) for x in X.tolist()]
    near(lgamma, right, 8)
    # psi(x + 1) - psi(x) = 1 / x, and its derivatives
    psi = special.digamma(X)
    gap = (special.psi(X + 1) - psi).numpy()
    np.testing.assert_allclose(gap, 1 / X.numpy(), rtol=1e-9, atol=1e-12)
    for n in (1, 2, 5):
        gap = special.polygamma(n, POSITIVE) - special.polygamma(n, POSITIVE + 1)
        step = (-1) ** (n + 1) * math.factorial(n) / POSITIVE.numpy() ** (n + 1)
        np.testing.assert_allclose(gap[POSITIVE < 5], step[POSITIVE.numpy() < 5], rtol=1e-9)
    assert special.digamma(tg.tensor(1.0, dtype=tg.float64)).item() == pytest.approx(
        -0.57721566490153286, rel=1e-15
    )
    assert special.zeta(tg.tensor(2.0), tg.tensor(1.0)).item() == pytest.approx(math.pi**2 / 6)


def test_gamma_at_its_poles() -> None:
    at = tg.tensor([0.0, -1.0, -2.0, math.inf])
    assert special.gammaln(at).tolist() == [math.inf] * 4
    assert special.digamma(at).tolist()[0] == -math.inf and special.digamma(at)[1:3].isnan().all()


def test_incomplete_gamma() -> None:
    a = tg.tensor(10.0 ** np.linspace(-2, 3, 41)).reshape(-1, 1)
    x = a * tg.tensor(np.linspace(0.2, 3, 15))
    low, high = special.gammainc(a, x), special.gammaincc(a, x)
    near(low + high, 1.0, 4)
    # P(a, x) - P(a + 1, x) = x^a exp(-x) / gamma(a + 1)
    step = (a * x.log() - x - special.gammaln(a + 1)).exp()
    np.testing.assert_allclose(low - special.gammainc(a + 1, x), step, rtol=1e-10, atol=1e-15)
    assert special.gammainc(tg.tensor(2.0), tg.tensor([0.0, math.inf, -1.0])).tolist()[:2] == [0, 1]


def test_normal() -> None:
    p = tg.tensor(np.concatenate([10.0 ** np.linspace(-300, -1, 300), np.linspace(0.1, 0.999, 90)]))
    x = special.ndtri(p)
    np.testing.assert_allclose(special.log_ndtr(x), p.log(), rtol=1e-13)
    y = tg.tensor(np.linspace(-0.9999999, 0.9999999, 201))
    near(special.erf(special.erfinv(y)), y.numpy(), 2)
    last = special.erfinv(tg.tensor(1 - 2.0**-53, dtype=tg.float64)).item()  # beside 1
    assert last == pytest.approx(5.863584748755168, rel=4e-16)
    assert special.erfinv(tg.tensor([1.0, -1.0])).tolist() == [math.inf, -math.inf]
    assert special.erfinv(tg.tensor(1.5)).isnan() and special.ndtri(tg.tensor(-0.1)).isnan()
    near(special.erfcx(POSITIVE[POSITIVE < 5]) * (-POSITIVE[POSITIVE < 5] ** 2).exp(),
         special.erfc(POSITIVE[POSITIVE < 5]).numpy(), 64)  # fmt: skip
    assert special.log_ndtr(tg.tensor(-1e4)).item() == pytest.approx(-5.0000010e7, rel=1e-6)


def test_bessel() -> None:
    # I0^2 - I1 I1' is hard; I1' = I0 - I1 / x is what the derivative has to be
    x = X[X != 0].clone().requires_grad_()
    for f, g in ((special.i0e, special.i1e), (special.i1e, special.i0e)):
        (slope,) = tg.autograd.grad(f(x).sum(), x)
        rest = g(x) - f(x) * x.sign() - (f(x) / x if f is special.i1e else 0)
        np.testing.assert_allclose(slope, rest.detach(), rtol=1e-9, atol=1e-11)
    near(special.i0(X[X.abs() < 20]), np.i0(X[X.abs() < 20].numpy()), 32)
    assert special.i1(tg.tensor(0.0)).item() == 0


def test_dtypes() -> None:
    for f in (special.gammaln, special.digamma, special.erfinv, special.i0, special.ndtr):
        assert f(tg.tensor([0.5])).dtype == tg.float32
        assert f(tg.tensor([0.5], dtype=tg.float16)).dtype == tg.float16
        assert f(tg.tensor([1])).dtype == tg.float32
    with pytest.raises(RuntimeError, match="derivative for 'self' of 'zeta' is not implemented"):
        special.zeta(tg.tensor(2.0, requires_grad=True), tg.tensor(1.0))
    with pytest.raises(AttributeError, match=r"special.bessel_j0 is not there.*scipy.special"):
        special.bessel_j0  # noqa: B018


def test_frequencies() -> None:
    for n in (1, 4, 5):
        np.testing.assert_allclose(fft.fftfreq(n, 0.5), np.fft.fftfreq(n, 0.5))
        np.testing.assert_allclose(fft.rfftfreq(n, 0.5), np.fft.rfftfreq(n, 0.5))
        x = tg.arange(2 * n).reshape(2, n)
        assert np.array_equal(fft.fftshift(x), np.fft.fftshift(x.numpy()))
        assert np.array_equal(fft.ifftshift(fft.fftshift(x, dim=1), dim=1), x)
    with pytest.raises(AttributeError, match=r"fft.rfft works with complex numbers.*numpy.fft"):
        fft.rfft  # noqa: B018
