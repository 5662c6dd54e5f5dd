"""The short form of a Tensor in a notebook."""

from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn


def read(tensor: tg.Tensor) -> ElementTree.Element:
    return ElementTree.fromstring(tensor._repr_html_())


def text(tensor: tg.Tensor) -> str:
    return "".join(read(tensor).itertext())


def test_what_it_is_and_its_values() -> None:
    assert text(tg.ones(2, 1)) == "2 × 1 float32tensor([[1.],\n        [1.]])"
    assert text(tg.tensor(3)) == "one number int64tensor(3)"
    w = tg.ones(1, requires_grad=True)
    assert "float32, requires grad" in text(w)
    assert "made by <MulBackward0>" in text(w * 2)


def test_a_matrix_in_shades() -> None:
    svg = read(tg.tensor([[0.0, 1.0, np.nan], [0.5, np.inf, 1e-9]])).find("{*}svg")
    shades = [rect.get("fill") for rect in svg]
    assert shades == ["#ffffff", "#000000", "#d33", "#808080", "#d33", "#ffffff"]
    assert "from 0 (white) to 1 (black)" in svg.get("aria-label")
    digit = tg.rand(28, 28)._repr_html_()
    assert digit.count("<rect") == 784 and len(digit) < 60_000


@pytest.mark.parametrize(
    "tensor",
    [tg.rand(29, 2), tg.rand(1, 5), tg.rand(3), tg.rand(2, 2, 2), tg.ones(3, 3), tg.ones(0, 3),
     tg.full((2, 2), np.nan)],
)  # fmt: skip
def test_no_shades_where_there_is_nothing_to_see(tensor: tg.Tensor) -> None:
    assert "<svg" not in tensor._repr_html_()


@pytest.mark.filterwarnings("error")
def test_numbers_of_any_size_and_kind() -> None:
    huge = np.finfo(np.float64).max
    squares = read(tg.tensor([[-huge, huge], [0.0, huge]])).find("{*}svg")
    assert [square.get("fill") for square in squares] == [
        "#ffffff", "#000000", "#808080", "#000000",
    ]  # fmt: skip
    assert "<svg" in tg.tensor([[True, False], [False, False]])._repr_html_()
    assert "<svg" in tg.tensor(np.array([[0, 255], [3, 4]], np.uint8))._repr_html_()


def test_a_parameter_without_a_shape_and_a_subclass() -> None:
    assert read(nn.LazyLinear(2).weight).text == "<UninitializedParameter>"

    class Named(tg.Tensor):
        def __repr__(self) -> str:
            return "<b>mine</b>"

    assert "&lt;b&gt;mine" in Named([1.0])._repr_html_()
