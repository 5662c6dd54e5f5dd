"""Kernels of whole layers: parts of the work at a time give what all of it at once gives."""

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.kernels import (
    activation,
    attention,
    batch_norm,
    blocks,
    buffers,
    conv,
    index,
    parallel,
    sums,
)
from tinygrad_mnist.kernels import scaled_norm as norm
from tinygrad_mnist.threads import blas, one_thread_each

RNG = np.random.default_rng(0)


def floats(*shape):
    return RNG.standard_normal(shape)


def assert_same(these, those):
    these, those = (a if isinstance(a, tuple) else (a,) for a in (these, those))
    for one, other in zip(these, those, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@pytest.fixture
def two_threads():
    before = tg.get_num_threads()
    if not blas().is_known:
        pytest.skip("NumPy's BLAS cannot be told how many threads to use")
    tg.set_num_threads(2)
    yield
    tg.set_num_threads(before)


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


def test_gelu_is_precise_in_its_left_tail_too():
    x = np.linspace(-6, 6, 2001)
    for wide, narrow in zip(activation.gelu(x), activation.gelu(x.astype(np.float32)), strict=True):
        np.testing.assert_allclose(narrow, wide, rtol=3e-5, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_gelu_of_huge_numbers_is_its_limit_and_of_0_exact(dtype):
    huge = [np.finfo(dtype).max, np.inf]
    x = np.array([*huge, *np.negative(huge), 0.0, -0.0, np.nan], dtype)
    with np.errstate(all="raise", under="ignore"):
        y, slope = activation.gelu(x)
    np.testing.assert_array_equal(y, [*huge, 0, 0, 0, 0, np.nan])
    np.testing.assert_array_equal(slope, [1, 1, 0, 0, 0.5, 0.5, np.nan])


@pytest.mark.parametrize(("count", "rows"), [(500, 7), (300, 1000), (5000, 2), (70, 70)])
def test_put_keeps_infinities_to_the_rows_that_they_are_added_to(count, rows):
    x, rows_at = floats(count, 9).astype(np.float32), RNG.integers(0, rows, count)
    x[3, 2], x[4, 5] = np.inf, np.nan
    expected = np.zeros((rows, 9), np.float32)
    np.add.at(expected, rows_at, x)
    np.testing.assert_allclose(
        index.put(x, rows_at, shape=(rows, 9)), expected, rtol=2e-5, atol=1e-5
    )


@pytest.mark.parametrize(("count", "rows"), [(500, 7), (300, 1000), (5000, 2), (70, 70)])
def test_put_adds_up_rows_as_one_by_one(count, rows):
    x, rows_at = floats(count, 3, 4), RNG.integers(-rows, rows, count)
    expected = np.zeros((rows, 3, 4))
    np.add.at(expected, rows_at, x)
    assert_same(index.put(x, rows_at, shape=(rows, 3, 4)), expected)
    for beyond in (rows, 1 << 16):
        with pytest.raises(IndexError):
            index.put(x, rows_at + beyond, shape=(rows, 3, 4))


def test_put_has_the_same_bits_on_any_number_of_threads(two_threads):
    x, rows_at = floats(8000, 150).astype(np.float32), RNG.integers(0, 9, 8000)
    rows_at[4000:] = 8  # two threads round the sum of so many rows in another way
    x[rows_at == 3, 1], x[rows_at == 4, 2] = np.nan, np.inf
    on_two = index.put(x, rows_at, shape=(9, 150))
    tg.set_num_threads(1)
    assert on_two.tobytes() == index.put(x, rows_at, shape=(9, 150)).tobytes()
    assert np.argwhere(~np.isfinite(on_two)).tolist() == [[3, 1], [4, 2]]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(
    "shape", [(5, 50, 64), (3, 64, 140), (3, 64, 141), (0, 50, 64), (2, 9, 32)]
)
def test_a_stack_of_matrices_is_added_up_row_by_row(shape, keepdims, two_threads):
    x = floats(*shape)
    x[:1, 0, 1], x[1:2, 3, 2] = np.nan, np.inf
    narrow = x.astype(np.float32)
    on_two = sums.total(narrow, (1,), keepdims=keepdims)
    assert on_two.dtype == np.float32
    np.testing.assert_allclose(on_two, np.sum(x, 1, keepdims=keepdims), rtol=1e-5, atol=1e-5)
    tg.set_num_threads(1)
    assert sums.total(narrow, (1,), keepdims=keepdims).tobytes() == on_two.tobytes()


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("scale", [1.0, 200.0])
def test_large_scores_give_the_same_attention_in_float32(causal, scale):
    q, k, v, d = (floats(2, 3, 40, 8) for _ in range(4))
    kw = {"scale": scale, "causal": causal}

    def both(dtype):
        args = [a.astype(dtype) for a in (q, k, v)]
        y, lse = attention.attention(*args, **kw)
        return y, lse, attention.attention_back(d.astype(dtype), *args, y, lse, **kw)

    for one, other in zip(both(np.float32), both(np.float64), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3 * np.abs(other).max())


def test_attention_on_threads_is_that_of_one(two_threads, monkeypatch):
    q, k, v, d = (floats(6, 2, 9, 4).astype(np.float32) for _ in range(4))
    monkeypatch.setattr(attention, "BLOCK", 9 * 9 * 2)

    def both():
        y, lse = attention.attention(q, k, v, scale=0.5, causal=True)
        return y, lse, attention.attention_back(d, q, k, v, y, lse, scale=0.5, causal=True)

    alone = both()
    monkeypatch.setattr(parallel, "ENOUGH", 1)
    assert len(parallel.ranges(6, 6, q)) == 2
    for one, other in zip(both(), alone, strict=True):
        np.testing.assert_array_equal(one, other)


def test_attention_without_queries_keys_or_heads():
    for lead, queries, keys in (((2,), 0, 3), ((2,), 3, 0), ((0,), 3, 3)):
        q, k, v = floats(*lead, queries, 4), floats(*lead, keys, 4), floats(*lead, keys, 5)
        y, lse = attention.attention(q, k, v, scale=0.5)
        assert y.shape == (*lead, queries, 5)
        assert not y.any()
        back = attention.attention_back(floats(*y.shape), q, k, v, y, lse, scale=0.5)
        assert not back.any()


def test_the_first_error_of_tasks_is_raised_when_all_are_over(two_threads):
    over = []

    def fails(number):
        over.append(number)
        raise ValueError(number)

    with pytest.raises(ValueError, match="1"):
        parallel.together([lambda: over.append(0), *(lambda n=n: fails(n) for n in (1, 2))])
    assert sorted(over) == [0, 1, 2]


def test_a_row_buffer_is_put_back():
    before = np.getbufsize()
    with buffers.RowBuffer(512):
        assert np.getbufsize() == 512
    assert np.getbufsize() == before


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
    with one_thread_each():
        assert parallel.ranges(9, 1 << 22) == [slice(0, 9)]
