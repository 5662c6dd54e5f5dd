"""y = a x + b y by the BLAS: the same bits in every place, and NumPy's errors where asked."""

import ctypes
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.kernels import axpby
from tinygrad_mnist.kernels.axpby import combine

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
needs_axpby = pytest.mark.skipif(not axpby._functions(), reason="no BLAS that rounds alike")
rng = np.random.default_rng(0)


def numbers(*shape: int, dtype: np.dtype = F32) -> np.ndarray:
    return rng.standard_normal(shape).astype(dtype)


def rounded_once(y: np.ndarray, x: np.ndarray, a: float, b: float) -> np.ndarray:
    """The sum in more digits, then rounded."""
    wide = np.longdouble if y.dtype == F64 else np.float64
    a, b = (wide(y.dtype.type(factor)) for factor in (a, b))
    return (b * y.astype(wide) + a * x.astype(wide)).astype(y.dtype)


@needs_axpby
@pytest.mark.parametrize("dtype", [F32, F64])
@pytest.mark.parametrize("b", [1.0, 0.9])
@pytest.mark.parametrize("size", [1, 2, 15, 16, 17, 63, 64, 65, 1000, 20_001])
def test_the_sum_is_right_to_an_ulp_and_the_same_in_every_place(
    dtype: np.dtype, size: int, b: float
) -> None:
    y, x = numbers(size, dtype=dtype), numbers(size, dtype=dtype)
    whole = y.copy()
    assert combine(whole, x, -0.1, b)
    tolerance = np.finfo(dtype).eps * (np.abs(y) + 0.1 * np.abs(x))
    assert (np.abs(whole - rounded_once(y, x, -0.1, b)) <= tolerance).all()
    for start, stop in (0, 1), (size // 3, size // 2 + 1), (size - 1, size), (1, size):
        part = y[start:stop].copy()
        if part.size:
            assert combine(part, x[start:stop].copy(), -0.1, b)
            assert part.tobytes() == whole[start:stop].tobytes()


LAYOUTS = {
    "rows": lambda a: a,
    "columns": np.asfortranarray,
    "a view with gaps": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "backwards": lambda a: a[::-1].copy()[::-1],
    "other order of axes": lambda a: np.ascontiguousarray(a.transpose(2, 0, 1)).transpose(1, 2, 0),
}


@needs_axpby
@pytest.mark.parametrize("of_y", LAYOUTS)
@pytest.mark.parametrize("of_x", LAYOUTS)
@pytest.mark.parametrize("is_fixed", [False, True])
def test_every_layout_gets_the_same_bits(of_y: str, of_x: str, is_fixed: bool) -> None:
    y, x = numbers(4, 6, 5), numbers(4, 6, 5)
    wanted = y.copy()
    assert combine(wanted, x, 0.3)
    laid_out, other = LAYOUTS[of_y](y), LAYOUTS[of_x](x)
    other.flags.writeable = not is_fixed
    assert combine(laid_out, other, 0.3)
    assert np.array_equal(laid_out, wanted) and np.array_equal(other, x)


def test_memory_that_overlaps_is_left_to_numpy() -> None:
    memory = numbers(40)
    before = memory.copy()
    assert not combine(memory[:30], memory[10:], 0.5)
    assert np.array_equal(memory, before)


@needs_axpby
def test_an_equal_dtype_is_the_same_dtype() -> None:
    """Arrays that were pickled, or came from another process, may have their own."""
    y, x = numbers(7), numbers(7).astype(np.dtype(np.float32, copy=True, metadata={"of": "x"}))
    assert x.dtype is not y.dtype
    assert combine(y, x, 0.5)


@needs_axpby
def test_an_array_may_be_added_to_itself() -> None:
    y = numbers(33)
    before = y.copy()
    assert combine(y, y, 1.0)
    assert np.array_equal(y, before + before)


@pytest.mark.parametrize(
    "y, x, a",
    [
        (numbers(0), numbers(0), 1.0),
        (numbers(3), numbers(3, dtype=F64), 1.0),
        (numbers(3), numbers(1), 1.0),
        (numbers(3).astype(np.float16), numbers(3).astype(np.float16), 1.0),
        (numbers(3).astype(">f4"), numbers(3).astype(">f4"), 1.0),
        (np.zeros(3), np.full(3, np.inf), 0.0),
        (np.zeros(3, complex), np.ones(3, complex), 1.0),
    ],
    ids=["empty", "two dtypes", "broadcast", "half", "swapped bytes", "times 0", "complex"],
)
def test_what_only_numpy_can_do_is_left_to_it(y: np.ndarray, x: np.ndarray, a: float) -> None:
    before = y.copy()
    assert not combine(y, x, a)
    assert y.tobytes() == before.tobytes()


def test_an_array_that_cannot_be_written_is_numpys_error() -> None:
    p = tg.tensor([1.0, 2.0], requires_grad=True)
    p._data.flags.writeable = False
    p.grad = tg.tensor([1.0, 1.0])
    with pytest.raises(ValueError, match="read-only"):
        tg.optim.SGD([p], lr=0.1).step()


def test_errors_are_reported_where_numpy_is_asked_to() -> None:
    y, x = np.array([3e38], np.float32), np.array([3e38], np.float32)
    with np.errstate(over="raise"):
        assert not combine(y, x, 2.0)
    p = tg.tensor([3e38], requires_grad=True)
    p.grad = tg.tensor([-3e38])
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        tg.optim.SGD([p], lr=1.0).step()
    tg.optim.SGD([p], lr=1.0).step()
    assert p.item() == np.inf


@needs_axpby
@pytest.mark.parametrize("errors", [{}, {"all": "ignore"}, {"divide": "raise"}, {"divide": "warn"}])
def test_the_bits_do_not_depend_on_how_errors_are_treated(errors: dict[str, str]) -> None:
    with np.errstate(all="ignore"), np.errstate(**errors):
        assert combine(numbers(3), numbers(3), 0.1)
    with np.errstate(over="warn"):
        assert not combine(numbers(3), numbers(3), 0.1)
    assert combine(numbers(3), numbers(3), 0.1)


def test_a_blas_that_rounds_its_last_elements_otherwise_is_not_used() -> None:
    def uneven(size: int, a: float, x: int, dx: int, b: float, y: int, dy: int) -> None:
        right(size, a, x, dx, b, y, dy)
        last = np.ctypeslib.as_array((ctypes.c_float * size).from_address(y))
        last[size - size % 8 :] = np.nextafter(last[size - size % 8 :], np.float32(np.inf))

    right = axpby._function("saxpby", ctypes.c_float)
    if right is None:
        pytest.skip("no BLAS here has an axpby")
    assert not axpby._rounds_alike(uneven, F32)


OPTIMIZERS = [
    partial(tg.optim.SGD, lr=0.1),
    partial(tg.optim.SGD, lr=0.1, momentum=0.9, nesterov=True),
    partial(tg.optim.SGD, lr=0.1, momentum=0.9, dampening=0.3, maximize=True),
    tg.optim.Adam,
    partial(tg.optim.AdamW, amsgrad=True),
    tg.optim.Adamax,
    tg.optim.NAdam,
    tg.optim.RAdam,
    tg.optim.ASGD,
    tg.optim.Adagrad,
    tg.optim.Adadelta,
    partial(tg.optim.RMSprop, momentum=0.5, centered=True),
]


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_without_such_a_blas_an_update_is_the_same_but_for_rounding(
    kind: Callable[..., tg.optim.Optimizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    results = []
    for functions in (axpby._functions(), {}):
        monkeypatch.setattr(axpby, "_functions", lambda functions=functions: functions)
        p = tg.tensor(np.linspace(-1, 1, 101), requires_grad=True)
        optimizer = kind([p])
        for _ in range(5):
            optimizer.zero_grad()
            (p * p * p).sum().backward()
            optimizer.step()
        results.append(p.detach().numpy().copy())
    np.testing.assert_allclose(*results, rtol=1e-13)
