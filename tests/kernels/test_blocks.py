"""Work in blocks: each block once, on threads too, and the same bits on any number of them."""

import itertools

import numpy as np
import pytest

from tinygrad_mnist import threads as of_blas
from tinygrad_mnist.kernels import activation, batch_norm, blocks, parallel
from tinygrad_mnist.threads import Blas

RNG = np.random.default_rng(0)
ROWS = RNG.standard_normal((7, 30), np.float32)


@pytest.fixture(params=[1, 3])
def threads(request, monkeypatch):
    monkeypatch.setattr(blocks, "MANY", 0)
    monkeypatch.setattr(blocks, "SHARED", 40)
    monkeypatch.setattr(parallel, "count", lambda: request.param)
    return request.param


@pytest.mark.parametrize(("rows", "width"), [(0, 1), (1, 1), (100, 1), (120, 1), (7, 20), (3, 99)])
def test_each_row_is_in_one_block(rows, width, threads):
    seen, numbers = np.zeros(rows, int), []

    def work(number, at):
        numbers.append(number)
        seen[at] += 1

    parts = blocks.cut(rows, width, calls=1)
    blocks.in_blocks(work, parts)
    assert seen.tolist() == [1] * rows
    assert sorted(numbers) == list(range(len(parts.parts)))


def test_an_error_in_a_block_is_raised(threads):
    def work(number, at):
        if number == 1:
            raise ValueError("the second block")

    with pytest.raises(ValueError, match="the second block"):
        blocks.in_blocks(work, blocks.cut(200, calls=1))


def test_blocks_are_under_the_errstate_of_the_caller(threads):
    def work(number, at):
        np.float32(1) / np.zeros(1, np.float32)

    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        blocks.in_blocks(work, blocks.cut(200, calls=1))
    with np.errstate(all="ignore"):
        blocks.in_blocks(work, blocks.cut(200, calls=1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_batch_norm_has_the_same_bits_on_any_number_of_threads(dtype, monkeypatch):
    x, d = (RNG.standard_normal((6, 5, 4, 4)).astype(dtype) for _ in range(2))
    w, b = (RNG.standard_normal(5).astype(dtype) for _ in range(2))
    monkeypatch.setattr(blocks, "MANY", 0)
    monkeypatch.setattr(batch_norm, "BLOCK", 160)
    monkeypatch.setattr(batch_norm, "WIDE", 16)

    def bits(count):
        monkeypatch.setattr(parallel, "count", lambda: count)
        y = batch_norm.batch_norm(x, w, b, eps=1e-5)
        back = batch_norm.batch_norm_back(d, x, w, eps=1e-5)
        return [a.tobytes() for a in (batch_norm.channel_moments(x), y, back)]

    assert bits(1) == bits(2) == bits(3)


@pytest.mark.parametrize(
    "x",
    [
        ROWS,
        ROWS.T,
        ROWS[:, ::2],
        np.broadcast_to(ROWS[0], (7, 30)),
        ROWS[:0],
        ROWS[:, :0],
        ROWS[0, 0, None].reshape(()),
    ],
    ids=["rows", "columns", "steps", "repeated", "no rows", "empty rows", "one"],
)
def test_gelu_is_that_of_each_element_on_any_threads(x, threads, monkeypatch):
    one_by_one = [activation.gelu(np.array([value])) for value in x.ravel()]
    for whole, number in zip(activation.gelu(x), range(2), strict=True):
        alone = np.array([pair[number][0] for pair in one_by_one], np.float32)
        assert whole.tobytes() == alone.tobytes() and whole.shape == x.shape


@pytest.mark.parametrize("block", [1, 1000, 1 << 18])
@pytest.mark.parametrize("offset", [0, 1e4])
def test_moments_of_blocks_are_those_of_all(block, offset, monkeypatch):
    """Also where the mean is many times the deviation, in which squares would lose all digits."""
    x = (RNG.standard_normal((20, 3, 8, 8)) + offset).astype(np.float32)
    x += np.arange(20, dtype=np.float32).reshape(-1, 1, 1, 1)  # no block has the mean of all
    monkeypatch.setattr(batch_norm, "BLOCK", block)
    mean, variance = batch_norm.channel_moments(x)
    wide = x.astype(np.float64)
    np.testing.assert_allclose(mean, wide.mean((0, 2, 3)), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(variance, wide.var((0, 2, 3)), rtol=1e-4)


def test_arrays_that_lie_alike_are_flat():
    c, f = np.zeros((3, 4)), np.zeros((4, 3)).T
    assert [a.shape for a in blocks.flat_alike(f, f)] == [(12,), (12,)]
    assert np.shares_memory(blocks.flat_alike(f)[0], f)
    for other in (c, np.zeros((3, 8))[:, ::2], np.zeros((4, 3))[::-1].T):
        assert all(blocks.flat_alike(*pair) is None for pair in itertools.permutations((f, other)))


@pytest.mark.parametrize(("others", "stops"), [(0, 1), (99, 0)])
def test_the_blas_is_stopped_only_where_nobody_else_may_use_it(others, stops, monkeypatch):
    calls = []
    stub = Blas(lambda: 2, lambda count: None, stop_threads=lambda: calls.append("stop"))
    monkeypatch.setattr(of_blas, "blas", lambda: stub)
    monkeypatch.setattr(parallel, "_other_threads", lambda: others)
    parallel.clear_cores()
    assert not calls  # products of this thread may be under way
    with of_blas.one_thread_each():
        parallel.clear_cores()
        with of_blas.one_thread_each():
            parallel.clear_cores()
    assert len(calls) == stops
