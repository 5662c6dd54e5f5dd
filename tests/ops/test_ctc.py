"""Connectionist temporal classification, by counting every reading."""

import itertools
import math

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist.autograd.op import ShapeError


def read(path: tuple[int, ...], blank: int) -> list[int]:
    """The labels of a path: runs as one, without blanks."""
    return [k for k, _ in itertools.groupby(path) if k != blank]


def by_counting(log_p: np.ndarray, target: list[int], blank: int) -> float:
    steps, classes = log_p.shape
    total = sum(
        math.exp(sum(log_p[t, k] for t, k in enumerate(path)))
        for path in itertools.product(range(classes), repeat=steps)
        if read(path, blank) == target
    )
    return -math.log(total) if total else math.inf


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("target", [[], [1], [1, 1], [1, 3], [3, 1, 3]], ids=str)
def test_every_reading_counts(target: list[int], blank: int) -> None:
    log_p = F.log_softmax(tg.randn(4, 4, dtype=tg.float64), 1)
    labels = tg.tensor(target, dtype=tg.int64)
    loss = F.ctc_loss(log_p, labels, 4, len(target), blank, "none")
    assert loss.item() == pytest.approx(by_counting(log_p.numpy(), target, blank))


def test_lengths_padding_and_reductions() -> None:
    log_p = F.log_softmax(tg.randn(4, 2, 3, dtype=tg.float64), 2)
    rows, lengths = tg.tensor([[1, 2], [2, 9]]), (tg.tensor([4, 3]), tg.tensor([2, 1]))
    each = F.ctc_loss(log_p, rows, *lengths, reduction="none")
    want = [by_counting(log_p[:4, 0].numpy(), [1, 2], 0), by_counting(log_p[:3, 1].numpy(), [2], 0)]
    assert each.tolist() == pytest.approx(want)
    assert F.ctc_loss(log_p, rows, *lengths).item() == pytest.approx((want[0] / 2 + want[1]) / 2)
    joined = F.ctc_loss(log_p, tg.tensor([1, 2, 2]), *lengths, reduction="sum")
    assert joined.item() == pytest.approx(sum(want))


def test_gradients_of_normalized_scores() -> None:
    x = tg.randn(4, 2, 3, dtype=tg.float64, requires_grad=True)

    def loss(x: tg.Tensor) -> tg.Tensor:
        log_p = F.log_softmax(x, 2)
        return F.ctc_loss(log_p, tg.tensor([[1, 1], [2, 0]]), (4, 3), (2, 1), reduction="none")

    assert tg.autograd.gradcheck(loss, x) and tg.autograd.gradgradcheck(loss, x)


def test_a_target_that_does_not_fit_costs_infinity_or_nothing() -> None:
    x = tg.randn(2, 1, 3, requires_grad=True)
    settings = (tg.tensor([[1, 1]]), (2,), (2,))
    log_p = F.log_softmax(x, 2)
    assert F.ctc_loss(log_p, *settings).item() == math.inf
    loss = F.ctc_loss(log_p, *settings, zero_infinity=True)
    loss.backward()
    assert loss.item() == 0 and np.isfinite(x.grad.numpy()).all()


def test_what_does_not_fit_is_refused() -> None:
    log_p = F.log_softmax(tg.zeros(4, 2, 3), 2)
    labels = tg.ones(2, 2, dtype=tg.int64)
    with pytest.raises(ShapeError, match="Expected input_lengths to have values from 0 to 4"):
        F.ctc_loss(log_p, labels, (5, 4), (2, 2))
    with pytest.raises(ShapeError, match="target_lengths to have values from 0 to 2"):
        F.ctc_loss(log_p, labels, (4, 4), (3, 2))
    with pytest.raises(ShapeError, match="3 rows of targets for 2 sequences"):
        F.ctc_loss(log_p, tg.ones(3, 2, dtype=tg.int64), (4, 4), (2, 2))
    with pytest.raises(IndexError, match="target 3 is out of bounds for 3 classes"):
        F.ctc_loss(log_p, labels * 3, (4, 4), (2, 2))
    with pytest.raises(IndexError, match="blank 3 is not one of 3 classes"):
        F.ctc_loss(log_p, labels, (4, 4), (2, 2), 3)
