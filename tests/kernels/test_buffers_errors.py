"""`ignoring`: what a kernel expects is silent in every state, and others' states hold."""

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.autograd.floats import hush, restore
from tinygrad_mnist.kernels import softmax
from tinygrad_mnist.kernels.buffers import ignoring

ROW = np.full((1, 2), -np.inf, np.float32)


def test_a_row_that_gives_nan_by_design_raises_in_no_state() -> None:
    for kernel in (softmax.softmax, softmax.log_softmax):
        with np.errstate(all="raise"):
            assert np.isnan(kernel(ROW, axis=1)).all()
        assert np.isnan(kernel(ROW, axis=1)).all()
        hush()
        try:
            assert np.isnan(kernel(ROW, axis=1)).all()
        finally:
            restore()
    with np.errstate(all="raise"):
        assert tg.softmax(tg.tensor(ROW), 1).isnan().all()


def test_the_state_of_the_caller_holds_inside_and_afterwards() -> None:
    with np.errstate(divide="raise", invalid="raise"):
        with ignoring(invalid="ignore"), pytest.raises(FloatingPointError):
            np.divide(np.ones(1), np.zeros(1))
        assert np.geterr()["invalid"] == np.geterr()["divide"] == "raise"
