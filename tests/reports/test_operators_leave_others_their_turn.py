"""An operator that knows nothing of the other operand must return NotImplemented, not raise."""

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.autograd.op import DTypeError, ShapeError


class Other:
    """Answers every operator itself."""

    def __radd__(self, other: object) -> str:
        return "radd"

    __rsub__ = __rmul__ = __rtruediv__ = __rpow__ = __rmatmul__ = __rmod__ = __rfloordiv__ = (
        __radd__
    )
    __rand__ = __ror__ = __rxor__ = __add__ = __mul__ = __sub__ = __radd__


def test_sequences_are_repeated() -> None:
    assert [0] * tg.tensor(3) == [0, 0, 0]
    assert tg.tensor(2) * [1] == [1, 1]
    assert "x" * tg.tensor(2) == "xx"
    assert (1, 2) * tg.tensor(2) == (1, 2, 1, 2)


def test_the_other_operand_has_its_turn() -> None:
    t, other = tg.ones(2), Other()
    answers = [t + other, t - other, t * other, t / other, t**other, t @ other, t % other]
    answers += [t // other, t & other, t | other, t ^ other, other + t, other * t, other - t]
    assert answers == ["radd"] * 14


@pytest.mark.parametrize("other", [None, "a", [1.0, 2.0], {}, object()])
def test_what_nobody_knows_is_a_type_error(other: object) -> None:
    for call in (
        lambda: tg.ones(2) + other,
        lambda: other - tg.ones(2),
        lambda: tg.ones(2) @ other,
    ):
        with pytest.raises(TypeError, match="unsupported operand"):
            call()


def test_numpy_and_numbers_are_known() -> None:
    t = tg.tensor([1.0, 2.0])
    for x in (np.float32(2), np.array(2.0), 2, 2.0, True, np.ones(2, np.float32), np.int64(1)):
        assert isinstance(t + x, tg.Tensor) and isinstance(x * t, tg.Tensor)


def test_formats() -> None:
    assert f"{tg.tensor(0.123456):.4f}" == "0.1235"
    assert f"{tg.tensor([0.123456]):.4f}" == "0.1235"
    assert f"{tg.tensor(0.5)}" == "0.5" and f"{tg.tensor(3)}" == "3"
    assert f"{tg.tensor([1.0, 2.0])}" == "tensor([1., 2.])"
    with pytest.raises(TypeError, match="format"):
        f"{tg.tensor([1.0, 2.0]):.4f}"


def test_each_error_has_its_class() -> None:
    with pytest.raises(DTypeError, match=r"float32.*float64"):
        tg.ones(2, 2) @ tg.ones(2, 2, dtype=tg.float64)
    with pytest.raises(ShapeError):
        tg.ones(2, 2) @ tg.ones(3, 2)
    with pytest.raises(DTypeError):
        -tg.tensor([True])
    for call in (
        lambda: tg.log(tg.tensor(0.0)),
        lambda: tg.ones(1) / 0,
        lambda: tg.exp(tg.tensor([1000.0])),
        lambda: tg.tensor([1e30]) ** 2,
        lambda: tg.full((4,), 1e38).sum(),
        lambda: tg.tensor([1e30]).mul(tg.tensor([1e30])),
    ):
        with np.errstate(all="raise"), pytest.raises(FloatingPointError):
            call()


def test_ops_are_silent_about_overflow_and_nan() -> None:
    """As PyTorch's; the suite turns every warning into an error."""
    for call in (
        lambda: tg.log(tg.tensor([0.0, -1.0])),
        lambda: tg.tensor([1e30]) ** 2 / 0,
        lambda: tg.tensor([1e30]).half().sum(),
        lambda: tg.tensor([float("nan")]).long(),
        lambda: tg.tensor([1.0]).copy_(tg.tensor([1e300], dtype=tg.float64)),
        lambda: tg.tensor([float("inf")]) - float("inf"),
        lambda: tg.full((4,), 1e38).sum(),
        lambda: tg.full((2, 2), 1e30) @ tg.full((2, 2), 1e30),
        lambda: tg.full((9, 9), 6e4, dtype=tg.float16).sum(0),
    ):
        call()
