"""Softmax and its relatives are exact in rows of any size, and do not depend on other rows."""

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist.kernels import loss, softmax

RNG = np.random.default_rng(0)
ROWS = {
    "usual": lambda x: x,
    "wide": lambda x: x * 60,
    "high": lambda x: x + 1000,
    "low": lambda x: x - 50,
    "masked": lambda x: np.where(RNG.random(x.shape) < 0.5, -np.inf, x),
    "peaked": lambda x: x + 20 * np.eye(*x.shape),
    "with huge ones": lambda x: np.where(RNG.random(x.shape) < 0.01, 1e5, x),
    "without weight": lambda x: np.where(np.arange(len(x))[:, None] % 3, x, -np.inf),
    "infinite": lambda x: np.where(RNG.random(x.shape) < 0.01, np.inf, x),
    "not numbers": lambda x: np.where(RNG.random(x.shape) < 0.01, np.nan, x),
}


def by_definition(x):
    with np.errstate(all="ignore"):
        x = x.astype(np.float64)
        z = x - x.max(1, keepdims=True)
        e = np.exp(z)
        rest = np.where(z == 0, 0, e).sum(1, keepdims=True)
        most = (z == 0).sum(1, keepdims=True)
        log_total = np.where(most == 1, np.log1p(rest), np.log(rest + most))
        nan = np.where(np.isnan(z).any(1, keepdims=True), np.nan, 0)
        return e / e.sum(1, keepdims=True), z - log_total + nan


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("shape", [(4, 5), (700, 10), (300, 500)])
def test_against_float64(kind, shape):
    x = ROWS[kind](RNG.standard_normal(shape)).astype(np.float32)
    p, z = by_definition(x)
    for axis, turn in (
        (1, lambda a: a),
        (0, lambda a: np.ascontiguousarray(a.T)),
        (0, np.transpose),
    ):
        at = turn(x)
        np.testing.assert_allclose(softmax.softmax(at, axis=axis), turn(p), rtol=5e-6, atol=1e-38)
        np.testing.assert_allclose(
            softmax.log_softmax(at, axis=axis), turn(z), rtol=2e-6, atol=4e-7
        )
    with np.errstate(all="ignore"):
        total = np.logaddexp.reduce(x.astype(np.float64), 1)
        total = np.where((x == np.inf).any(1) & ~np.isnan(x).any(1), np.inf, total)
    np.testing.assert_allclose(softmax.logsumexp(x, axis=(1,)), total, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", ROWS)
def test_losses_of_likely_and_unlikely_classes(kind):
    x = ROWS[kind](RNG.standard_normal((400, 300))).astype(np.float32)
    p, z = by_definition(x)
    for t in (np.arange(400) % 300, RNG.integers(0, 300, 400)):
        losses, own_p, _ = loss.cross_entropy_rows(x, t)
        np.testing.assert_allclose(losses, -z[np.arange(400), t], rtol=2e-6, atol=1e-38)
        np.testing.assert_allclose(own_p, p, rtol=5e-6, atol=1e-38)


def test_a_row_does_not_depend_on_others():
    x = RNG.standard_normal((64, 100)).astype(np.float32)
    more = x.copy()
    more[1] = 1e4
    for kernel in (softmax.softmax, softmax.log_softmax):
        np.testing.assert_array_equal(kernel(x, axis=1)[2:], kernel(more, axis=1)[2:])


def test_float16_into_memory_of_the_caller():
    x = RNG.standard_normal((3, 4)).astype(np.float16)
    out = np.empty_like(x)
    assert softmax.softmax(x, axis=1, out=out) is out
    np.testing.assert_array_equal(out, softmax.softmax(x, axis=1))


@pytest.mark.parametrize("classes", [5, 40])
def test_captured_losses_have_the_same_bits(classes):
    x = tg.randn(30, classes).requires_grad_()
    t = tg.randint(0, classes, (30,))

    def step(x, t):
        loss = F.cross_entropy(x, t) + F.nll_loss(F.log_softmax(x, 1), t) + x.softmax(1)[0, 0]
        return tg.autograd.grad(loss, x)[0]

    expected, captured = step(x, t), tg.jit(step)
    for _ in range(4):
        assert captured(x, t).tolist() == expected.tolist()
