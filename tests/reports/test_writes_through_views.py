"""Recorded writes through views are refused or lose a gradient; views are copies, or copies views.

`tests/conformance` has the interleavings beside PyTorch.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F


def test_the_writes_of_the_report() -> None:
    w = tg.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    y = tg.ones(2, 3) * w * 2
    for i in range(2):
        y[i] += w[i]
    y[:, 0].mul_(2)
    y.t().add_(1)
    y.view(-1)[1] = 5
    (y * y).sum().backward()
    assert y.tolist() == [[7, 5, 10], [25, 16, 19]]
    assert w.grad.tolist() == [[84, 0, 60], [300, 96, 114]]


def test_a_view_made_before_the_write_has_the_gradient() -> None:
    w, u = (tg.tensor(v, requires_grad=True) for v in ([1.0, 2.0], [3.0]))
    base = tg.zeros(2)
    v = base[:1]
    base.add_(w)
    (v * u).sum().backward()
    assert w.grad.tolist() == [3, 0] and u.grad.tolist() == [1]


def test_a_view_of_a_parameter_is_used_in_two_backwards() -> None:
    w = tg.ones(2, 3, requires_grad=True)
    v = w.T
    with tg.no_grad():
        w.mul_(0.5)
    (v * 2).sum().backward()
    (v[1:] * 3).sum().backward()
    assert w.grad.tolist() == [[2, 5, 5], [2, 5, 5]]


def test_what_does_not_overlap_is_not_refused() -> None:
    x = tg.ones(1, 1, 4, 4, requires_grad=True) * 1
    F.max_pool2d(x, 2).relu_().sum().backward()
    y = tg.arange(4.0).requires_grad_() * 1
    kept = y[:2].exp()
    y[2:].mul_(3)
    kept.sum().backward()


def test_what_was_kept_and_written_is_refused() -> None:
    for write in (lambda y: y[:1].mul_(2), lambda y: y.t().add_(1), lambda y: y[0].zero_()):
        y = tg.ones(2, 2, requires_grad=True) * 1
        z = y.exp()
        write(z)
        with pytest.raises(RuntimeError, match="inplace"):
            z.sum().backward()
        y = tg.ones(2, 2, requires_grad=True) * 1
        half = y[:1].tanh_()
        y.add_(1)
        with pytest.raises(RuntimeError, match="inplace"):
            half.sum().backward()


def test_leaves_and_their_views_are_not_written_in_grad_mode() -> None:
    w = tg.ones(2, requires_grad=True)
    for write in (lambda: w.add_(1), lambda: w[:1].add_(1), lambda: w.view(2, 1).zero_()):
        with pytest.raises(RuntimeError, match="leaf Variable"):
            write()
    with tg.no_grad():
        v = (w * 1)[:1]
    with pytest.raises(RuntimeError, match="no_grad"):
        v.mul_(w[:1])


def test_the_gradient_that_was_asked_for_follows_the_write() -> None:
    w = tg.ones(2, requires_grad=True)
    y = w * 1
    y.retain_grad()
    y.mul_(2)
    y[0] = 5
    (y * 3).sum().backward()
    assert y.grad.tolist() == [3, 3] and w.grad.tolist() == [0, 6]


def test_writes_can_be_differentiated_twice() -> None:
    w = tg.tensor([2.0, 3.0], requires_grad=True)
    b = tg.zeros(2, 2)
    b[0] = w**2
    b.view(-1)[3:].add_(w[1] ** 3)
    (g,) = tg.autograd.grad((b * b).sum(), w, create_graph=True)
    (h,) = tg.autograd.grad(g.sum(), w)
    np.testing.assert_allclose(h.numpy(), [12 * 4, 12 * 9 + 30 * 81])


def test_rows_are_written_in_their_own_time() -> None:
    """A row at a time, as a solver does: each write takes its row, not the buffer."""
    b, v = tg.zeros(50, 20), tg.ones(20, requires_grad=True)
    place = b.data_ptr()
    for i in range(50):
        b[i] = v * i
    assert b.data_ptr() == place
    b.sum().backward()
    assert v.grad.tolist() == [49 * 25] * 20


VIEWS: dict[str, Callable[[Any], Any]] = {
    "diagonal": lambda x: x.diagonal(),
    "diagonal of the transposed": lambda x: x.T.diagonal(1),
    "ravel": lambda x: x.ravel(),
    "contiguous": lambda x: x.contiguous(),
    "expand": lambda x: x.expand(1, 3, 3),
}
COPIES: dict[str, Callable[[Any], Any]] = {
    "prod": lambda x: x[:1].prod(0),
    "prod of one": lambda x: x[0, :1].prod(),
    "cumprod": lambda x: x[:1].cumprod(0),
    "logcumsumexp": lambda x: x[:1].logcumsumexp(0),
    "diag": lambda x: x.diag(),
    "ravel of a column": lambda x: x[:, :1].ravel(),
    "flip": lambda x: x.flip(0),
    "roll": lambda x: x.roll(1, 0),
}


@pytest.mark.parametrize("name", [*VIEWS, *COPIES])
def test_views_are_views_and_copies_copies(name: str) -> None:
    x = tg.arange(9.0).reshape(3, 3)
    before = x.tolist()
    {**VIEWS, **COPIES}[name](x).fill_(-1)
    assert (x.tolist() == before) is (name in COPIES)
