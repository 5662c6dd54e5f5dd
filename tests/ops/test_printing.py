"""A Tensor as text, to the letter as PyTorch prints it."""

import math

import numpy as np
import pytest

import tinygrad_mnist as tg

inf, nan = math.inf, math.nan
LEAF = tg.tensor([1.0], requires_grad=True)


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (tg.tensor(1.5), "tensor(1.5000)"),
        (tg.tensor([1.0, -2.0]), "tensor([ 1., -2.])"),
        (tg.tensor([1.0, 2.5]), "tensor([1.0000, 2.5000])"),
        (tg.tensor([1e-5, 1.0]), "tensor([1.0000e-05, 1.0000e+00])"),
        (tg.tensor([1e9]), "tensor([1.0000e+09])"),
        (tg.tensor([0.0, 0.0]), "tensor([0., 0.])"),
        (tg.tensor([nan, 1.0, inf]), "tensor([nan, 1., inf])"),
        (tg.tensor([nan]), "tensor([nan])"),
        (tg.tensor([1, -20]), "tensor([  1, -20])"),
        (tg.tensor([True, False]), "tensor([ True, False])"),
        (tg.tensor([1.0], dtype=tg.float64), "tensor([1.], dtype=torch.float64)"),
        (tg.tensor([1], dtype=tg.int32), "tensor([1], dtype=torch.int32)"),
        (tg.tensor([]), "tensor([])"),
        (tg.tensor([], dtype=tg.int64), "tensor([], dtype=torch.int64)"),
        (tg.zeros(2, 0), "tensor([], size=(2, 0))"),
        (LEAF, "tensor([1.], requires_grad=True)"),
        (LEAF * 2, "tensor([2.], grad_fn=<MulBackward0>)"),
        (tg.tensor([[1, 2], [3, 4]]), "tensor([[1, 2],\n        [3, 4]])"),
        (
            tg.ones(2, 1, 2),
            "tensor([[[1., 1.]],\n\n        [[1., 1.]]])",
        ),
        (tg.arange(1001), "tensor([   0,    1,    2,  ...,  998,  999, 1000])"),
        (
            tg.arange(30),
            "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n"
            "        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])",
        ),
    ],
)
def test_text(x: tg.Tensor, text: str) -> None:
    assert repr(x) == str(x) == text


def test_a_summary_of_a_matrix_shows_its_corners() -> None:
    x = tg.arange(1600).reshape(40, 40)
    lines = repr(x).splitlines()
    assert lines[0] == "tensor([[   0,    1,    2,  ...,   37,   38,   39],"
    assert lines[3] == "        ...," and len(lines) == 7
    assert lines[-1] == "        [1560, 1561, 1562,  ..., 1597, 1598, 1599]])"


def test_a_note_that_does_not_fit_goes_on_a_line_of_its_own() -> None:
    x = tg.tensor(np.full(9, 0.12345), requires_grad=True)
    assert repr(x).splitlines()[-1] == "       dtype=torch.float64, requires_grad=True)"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (f"{tg.tensor(1.5):.3f}", "1.500"),
        (f"{tg.tensor([1.0])}", "tensor([1.])"),
        (f"{tg.tensor(2)}", "2"),
    ],
)
def test_in_a_format_string(text: str, want: str) -> None:
    assert text == want
