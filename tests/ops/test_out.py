"""`out=`: the result in a Tensor that is there already, for every function alike."""

import warnings
from typing import Any

import pytest

import tinygrad_mnist as tg

X, Y = tg.tensor([1.0, 2.0]), tg.tensor([3.0, 5.0])


@pytest.mark.parametrize(
    "call",
    [
        lambda **out: tg.add(X, Y, **out),
        lambda **out: tg.exp(X, **out),
        lambda **out: tg.sum(tg.ones(2, 3), dim=1, **out),
        lambda **out: tg.cat([X[:1], Y[:1]], **out),
        lambda **out: tg.zeros(2, **out),
        lambda **out: tg.arange(2, dtype=tg.float32, **out),
        lambda **out: tg.rsqrt(input=X, **out),
        lambda **out: tg.diff(tg.tensor([1.0, 4.0, 9.0]), **out),
    ],
)
def test_the_result_is_written_into_out(call: Any) -> None:
    out = tg.tensor([7.0, 7.0])
    memory = out.numpy()
    assert call(out=out) is out
    assert out.numpy() is memory and out.equal(call())


def test_out_may_be_an_operand_a_view_or_wider() -> None:
    x = tg.tensor([1.0, 2.0])
    assert tg.mul(x, Y, out=x).tolist() == [3, 10]
    table = tg.zeros(2, 2)
    tg.add(X, Y, out=table[:, 1])
    assert table.tolist() == [[0, 4], [0, 7]]
    assert tg.add(X, Y, out=tg.zeros(2, dtype=tg.float64)).tolist() == [4, 7]


def test_several_results_go_into_several() -> None:
    values, indices = tg.zeros(2), tg.zeros(2, dtype=tg.int64)
    actual = tg.sort(tg.tensor([2.0, 1.0]), out=(values, indices))
    assert actual.values is values and actual.indices is indices
    assert values.tolist() == [1, 2] and indices.tolist() == [1, 0]
    with pytest.raises(TypeError, match="out= must be 2 Tensors, not 1"):
        tg.sort(X, out=values)


def test_a_tensor_of_another_shape_is_resized() -> None:
    with pytest.warns(UserWarning, match=r"was resized since it had shape \[3\]"):
        assert tg.add(X, Y, out=tg.zeros(3)).tolist() == [4, 7]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tg.add(X, Y, out=tg.zeros(0)).tolist() == [4, 7]


def test_what_would_be_lost_is_refused() -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    for call in (lambda: tg.add(w, Y, out=tg.zeros(2)), lambda: tg.add(X, Y, out=w)):
        with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
            call()
    with tg.no_grad():
        assert tg.add(w, Y, out=tg.zeros(2)).tolist() == [4, 7]
    with pytest.raises(RuntimeError, match="float32 can't be cast to the desired output type int"):
        tg.add(X, Y, out=tg.zeros(2, dtype=tg.int64))
    with pytest.raises(TypeError, match="'out' must be Tensor, not list"):
        tg.add(X, Y, out=[0, 0])
    with pytest.raises(TypeError, match=r"allclose\(\) got an unexpected keyword argument 'out'"):
        tg.allclose(X, Y, out=tg.zeros(2))
