"""Recurrent kernels: the same bits on any number of threads, errors and interrupts beside them."""

import itertools

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist import threads as of_blas
from tinygrad_mnist.kernels import over_steps, parallel, recurrent
from tinygrad_mnist.ops import layers
from tinygrad_mnist.threads import blas

RNG = np.random.default_rng(0)
GATES = {"lstm": 4, "gru": 3, "rnn": 1}
COUNT, N, INPUTS, SIZE = 23, 3, 4, 5


@pytest.fixture
def many_blocks(monkeypatch):
    """Cut the steps into many blocks, and share them with a second thread."""
    monkeypatch.setattr(over_steps, "ENOUGH", 0)
    monkeypatch.setattr(over_steps, "AHEAD", N)
    monkeypatch.setattr(over_steps, "BEHIND", 2 * N)


def use(threads, monkeypatch):
    monkeypatch.setattr(parallel, "count", lambda: threads)


def floats(*shape, dtype=np.float64):
    return RNG.standard_normal(shape).astype(dtype)


def inputs(kind, dtype=np.float64, with_bias=True, transposed=False):
    """Return the arguments of a kernel, and the gradient of what it returns first."""
    rows = GATES[kind] * SIZE
    x = floats(N, COUNT, INPUTS, dtype=dtype).swapaxes(0, 1)
    states = [floats(N, SIZE, dtype=dtype) for _ in range(2 if kind == "lstm" else 1)]
    weights = [floats(rows, size, dtype=dtype) for size in (INPUTS, SIZE)]
    biases = [floats(rows, dtype=dtype) if with_bias else None for _ in range(2)]
    d = floats(COUNT + (kind == "lstm"), N, SIZE, dtype=dtype)
    return (x if transposed else x.copy(), *states, *weights, *biases), d


def both_ways(kind, args, d, **settings):
    """Return what the kernel and its derivative compute."""
    kernel, back = getattr(recurrent, kind), getattr(recurrent, f"{kind}_back")
    x, h, *rest = args
    w, u = rest[-4:-2]
    result = kernel(*args, **settings)
    if kind == "rnn":
        return result, back(d, x, h, w, u, result, **settings)
    y, gates = result
    return y, gates, back(d, x, h, w, u, gates, y, **settings)


CASES = list(itertools.product(GATES, [False, True], [False, True]))


@pytest.mark.parametrize(("kind", "reverse", "with_bias"), CASES)
def test_blocks_give_what_all_steps_at_once_give(
    kind, reverse, with_bias, many_blocks, monkeypatch
):
    args, d = inputs(kind, with_bias=with_bias, transposed=True)
    in_blocks = both_ways(kind, args, d, reverse=reverse)
    monkeypatch.undo()
    at_once = both_ways(kind, args, d, reverse=reverse)
    for one, other in zip(in_blocks, at_once, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", GATES)
def test_one_thread_and_two_give_the_same_bits(kind, dtype, many_blocks, monkeypatch):
    args, d = inputs(kind, dtype)
    use(1, monkeypatch)
    alone = both_ways(kind, args, d)
    use(2, monkeypatch)
    for _ in range(10):
        for one, other in zip(both_ways(kind, args, d), alone, strict=True):
            assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("threads", [1, 2])
def test_the_blas_of_each_thread_has_one_thread_while_there_are_two(
    threads, many_blocks, monkeypatch
):
    """So it has, too, where there is one: the number decides the last bits."""
    seen = []
    factors = recurrent._lstm_factors

    def noted(gates):
        seen.append(blas().get())
        factors(gates)

    monkeypatch.setattr(recurrent, "_lstm_factors", noted)
    use(threads, monkeypatch)
    args, d = inputs("lstm")
    before = blas().get()
    both_ways("lstm", args, d)
    assert len(seen) > 3 and set(seen) == {1}
    assert blas().get() == before


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_an_error_beside_the_steps_is_raised_under_the_callers_errstate(
    kind, threads, many_blocks, monkeypatch
):
    use(threads, monkeypatch)
    args, d = inputs(kind, np.float32)
    args[0][-2] = 3e38
    with np.errstate(all="ignore"):
        both_ways(kind, args, d)
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        both_ways(kind, args, d)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("kind", "called", "at"),
    [
        ("lstm", "_lstm_factors", 3),
        ("lstm", "step_numbers", 2),
        ("gru", "_gru_factors", 2),
        ("gru", "step_numbers", 4),
        ("rnn", "_tanh_slopes", 4),
    ],
)
def test_an_interrupt_between_steps_stops_the_second_thread(
    kind, called, at, threads, many_blocks, monkeypatch
):
    use(threads, monkeypatch)
    args, d = inputs(kind)
    whole, original, calls = both_ways(kind, args, d), getattr(recurrent, called), []
    before = blas().get()

    def interrupted(*args, **settings):
        calls.append(1)
        if len(calls) == at:
            raise KeyboardInterrupt
        return original(*args, **settings)

    monkeypatch.setattr(recurrent, called, interrupted)
    with pytest.raises(KeyboardInterrupt):
        both_ways(kind, args, d)
    assert blas().get() == before and not of_blas._inside
    monkeypatch.setattr(recurrent, called, original)
    for one, other in zip(both_ways(kind, args, d), whole, strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("shape", [(1, 3), (2, 0), (1, 1)])
def test_few_steps_and_no_rows_are_shared_too(kind, shape, many_blocks):
    layer = getattr(nn, kind)(4, 5, num_layers=2, bidirectional=True)
    x = tg.tensor(floats(*shape, 4, dtype=np.float32), requires_grad=True)
    y, _ = layer(x)
    y.sum().backward()
    assert y.shape == (*shape, 10) and x.grad.shape == x.shape
    assert all(p.grad.shape == p.shape for p in layer.parameters())


@pytest.mark.parametrize("kind", GATES)
def test_gates_of_one_unit_in_float32_are_those_of_float64(kind):
    rows = GATES[kind]
    shapes = (3, 5, 2), *[(5, 1)] * (2 if kind == "lstm" else 1), (rows, 2), (rows, 1)
    args = [floats(*shape) for shape in shapes]
    kernel = getattr(recurrent, kind)
    wide, narrow = kernel(*args), kernel(*(a.astype(np.float32) for a in args))
    pairs = [(wide, narrow)] if kind == "rnn" else zip(wide, narrow, strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_gates_that_are_shut_or_open_stay_so():
    """Far from 0 the sigmoid is 0 or 1, without a word about exp."""
    x, h, w = np.float32([[[-1e4]], [[1e4]]]), np.zeros((1, 1), np.float32), np.ones((4, 1))
    with np.errstate(all="raise"):
        _, factors = recurrent.lstm(x, h, h, w.astype(np.float32), 0 * w.astype(np.float32))
    i, f, g, o, c, gate = factors[:2, :, 0, 0].T.tolist()
    assert gate == [0, 1] and i == f == o == [0, 0] and g[0] == c[0] == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nearly_shut_gates_are_right_to_the_last_digit_of_1(dtype):
    v = np.linspace(-50, 0, 501, dtype=dtype)[:, None]
    shut, ones = np.zeros((4, 1), dtype), np.ones((501, 1), dtype)
    w = np.array([[0], [1], [0], [0]], dtype)  # the gate of the state before
    y, _ = recurrent.lstm(v[None], 0 * ones, ones, w, shut)
    gate = 1 / (1 + np.exp(-v.astype(np.float64)))
    np.testing.assert_allclose(y[-1], gate, rtol=0, atol=np.finfo(dtype).eps)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_what_is_not_kept_for_backward_changes_no_output_and_is_refused_by_backward(kind):
    args, _ = inputs(kind, np.float32)
    kernel, layer = getattr(recurrent, kind), getattr(layers, kind)
    assert kernel(*args)[0].tobytes() == kernel(*args, for_backward=False)[0].tobytes()
    x = tg.tensor(args[0], requires_grad=True)
    y = layer(x, *map(tg.tensor, args[1:]), reverse=False, for_backward=False)
    with pytest.raises(RuntimeError, match="for_backward=False"):
        y.sum().backward()


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_layers_keep_nothing_for_backward_without_gradients(kind, monkeypatch):
    called, layer, x = [], getattr(nn, kind)(3, 4), tg.ones(2, 2, 3)
    monkeypatch.setattr(recurrent, f"_{kind.lower()}_factors", called.append)
    with tg.no_grad():
        layer(x)
    assert not called
    layer(x)
    assert called
