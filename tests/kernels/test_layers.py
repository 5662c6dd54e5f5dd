"""Kernels of whole layers: parts of the work at a time give what all of it at once gives."""

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.kernels import (
    activation,
    attention,
    batch_norm,
    blocks,
    conv,
    index,
    parallel,
    recurrent,
)
from tinygrad_mnist.kernels import scaled_norm as norm
from tinygrad_mnist.threads import blas

RNG = np.random.default_rng(0)


def floats(*shape):
    return RNG.standard_normal(shape)


def assert_same(these, those):
    these, those = (a if isinstance(a, tuple) else (a,) for a in (these, those))
    for one, other in zip(these, those, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("masked", ["causal", "bools", "numbers"])
def test_attention_of_few_queries_at_a_time(masked, monkeypatch):
    q, k, v, d = floats(2, 3, 70, 4), floats(2, 3, 70, 4), floats(2, 3, 70, 5), floats(2, 3, 70, 5)
    masks = {"bools": RNG.random((70, 70)) > 0.5, "numbers": floats(3, 1, 70), "causal": None}
    kw = {"scale": 0.5, "causal": masked == "causal"}

    def both():
        y, lse = attention.attention(q, k, v, masks[masked], **kw)
        return y, lse, attention.attention_back(d, q, k, v, y, lse, masks[masked], **kw)

    whole = both()
    monkeypatch.setattr(attention, "BLOCK", 70 * 40)
    assert_same(both(), whole)


def test_norms_of_few_rows_at_a_time(monkeypatch):
    x, d, w, b = floats(6, 4, 8), floats(6, 4, 8), floats(8), floats(8)
    images, di, wi, bi = floats(3, 5, 4, 4), floats(3, 5, 4, 4), floats(5), floats(5)

    def all_four():
        y, moments = norm.layer_norm(x, w, b, eps=1e-5, size=8)
        back = norm.layer_norm_back(d, x, moments, w, size=8)
        yi = batch_norm.batch_norm(images, wi, bi, eps=1e-5)
        return y, back, yi, batch_norm.batch_norm_back(di, images, wi, eps=1e-5)

    whole = all_four()
    monkeypatch.setattr(norm, "BLOCK", 30)
    monkeypatch.setattr(blocks, "BLOCK", 30)
    monkeypatch.setattr(batch_norm, "WIDE", 1)
    assert_same(all_four(), whole)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_recurrent_sweep_of_few_steps_at_a_time(reverse, monkeypatch):
    x, h, c, w, u = floats(7, 2, 3), floats(2, 4), floats(2, 4), floats(16, 3), floats(16, 4)
    y, gates = recurrent.lstm(x, h, c, w, u, reverse=reverse)
    z, inner = recurrent.gru(x, h, w[:12], u[:12], reverse=reverse)

    def both():
        first = recurrent.lstm_back(y, u, gates, reverse=reverse)
        return first, recurrent.gru_back(z, h, u[:12], inner, z, reverse=reverse)

    whole = both()
    monkeypatch.setattr(recurrent, "BLOCK", 16)
    assert_same(both(), whole)


def test_a_gate_of_one_unit_in_float32_is_that_of_float64():
    """NumPy's negative, in place, changes the first element of a column of float32 alone."""
    args = floats(3, 5, 2), floats(5, 1), floats(5, 1), floats(4, 2), floats(4, 1)
    wide = recurrent.lstm(*args)
    narrow = recurrent.lstm(*(a.astype(np.float32) for a in args))
    for one, other in zip(wide, narrow, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_gelu_is_precise_in_its_left_tail_too():
    x = np.linspace(-6, 6, 2001)
    for wide, narrow in zip(activation.gelu(x), activation.gelu(x.astype(np.float32)), strict=True):
        np.testing.assert_allclose(narrow, wide, rtol=3e-5, atol=1e-7)


@pytest.mark.parametrize(("count", "rows"), [(500, 7), (300, 1000), (5000, 2), (70, 70)])
def test_put_adds_up_rows_as_one_by_one(count, rows):
    x, rows_at = floats(count, 3, 4), RNG.integers(-rows, rows, count)
    expected = np.zeros((rows, 3, 4))
    np.add.at(expected, rows_at, x)
    assert_same(index.put(x, rows_at, shape=(rows, 3, 4)), expected)
    with pytest.raises(IndexError):
        index.put(x, rows_at + rows, shape=(rows, 3, 4))


@pytest.fixture
def two_threads():
    before = tg.get_num_threads()
    if not blas().is_known:
        pytest.skip("NumPy's BLAS cannot be told how many threads to use")
    tg.set_num_threads(2)
    yield
    tg.set_num_threads(before)


@pytest.mark.parametrize("size", [1, 3])
def test_convolutions_in_parts(two_threads, size, monkeypatch):
    x, w, b = floats(5, 16, 12, 12), floats(8, 16, size, size), floats(8)
    geom = conv.Geometry(padding=(1, 1))

    def all_three():
        y = conv.conv(x, w, b, geom=geom)
        back = conv.conv_input(y, w, size=(12, 12), geom=geom)
        return y, back, conv.conv_weight(x, y, size=(size, size), geom=geom)

    whole = all_three()
    monkeypatch.setattr(parallel, "ENOUGH", 1)
    assert len(parallel.ranges(5, 5, x)) == 2
    assert_same(all_three(), whole)
    assert tg.get_num_threads() == 2


def test_one_part_where_there_is_one_thread_or_little_to_do(two_threads):
    assert parallel.ranges(9, 100) == [slice(0, 9)]
    assert len(parallel.ranges(9, 1 << 22)) == 2
    with parallel.one_thread_each():
        assert parallel.ranges(9, 1 << 22) == [slice(0, 9)]
