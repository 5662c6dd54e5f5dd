"""Shared by elementwise kernels: marks, constants of each dtype, masks, and long arrays in blocks.

A marked kernel is called as a ufunc is: its arguments are cast to one dtype first.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

# np.clip without its Python wrapper
from numpy._core.umath import clip as clip_ufunc  # type: ignore[attr-defined]

from tinygrad_mnist.kernels import blocks
from tinygrad_mnist.kernels.blocks import cut, flat_alike, in_blocks

Array = Any  # an ndarray or a Python number: kernels take both

# By a dtype's letter; a ufunc takes a 0-d array in half the time of a Python number.
ZERO, ONE, INFINITY = ({d: np.array(value, d) for d in "efd"} for value in (0, 1, np.inf))

INTEGER = {d: np.dtype(f"i{np.dtype(d).itemsize}") for d in "efd"}
I8 = np.array(1, np.int8)
FLOATS = frozenset("fd")  # the dtypes in which kernels compute
CALLS = 8  # of NumPy, which a kernel in pieces makes, or more
SIGN = {d: np.array(np.iinfo(i).min, i) for d, i in INTEGER.items()}  # the bit of the sign alone


def like_ufuncs(kernel: Any) -> Any:
    """Mark a kernel of two arrays as elementwise."""
    kernel.nin = 2
    return kernel


def like_ufunc(kernel: Any) -> Any:
    """Mark a kernel of one array as elementwise: integers are promoted as for NumPy's own."""
    kernel.nin = 1
    return kernel


def masked(d: Array, mask: Array) -> Array:
    """d where `mask` is -1, 0 where it is 0, both int8.

    The bits are masked: a product makes NaN of 0 times infinity, and `np.where` takes many times
    longer.
    """
    bits = INTEGER[d.dtype.char]
    mask = mask.astype(bits)
    out = mask if mask.ndim and mask.shape == d.shape else None
    return np.bitwise_and(mask, d.view(bits), out).view(d.dtype)


def masked_by_bools(d: Array, mask: Array) -> Array:
    """d where `mask`, of bools, is True, else 0."""
    return masked(d, np.negative(mask.view(np.int8)))


def by_bits(c: Array, a: Array, b: Array, out: Array | None) -> Array:
    """a where c holds, else b, of integers: b with those bits changed that are not a's."""
    mask = np.negative(c.view(np.int8)).astype(a.dtype)
    if not b.ndim and not b:
        return np.bitwise_and(mask, a, out)
    differ = np.bitwise_and(np.bitwise_xor(a, b), mask)
    return np.bitwise_xor(differ, b, out)


def minus_size(x: Array) -> Array:
    """-|x|, of floats by setting the bit of the sign: one pass instead of two."""
    bits = INTEGER.get(x.dtype.char)
    if bits is None:
        return np.negative(np.abs(x))
    return np.bitwise_or(x.view(bits), SIGN[x.dtype.char]).view(x.dtype)


def multiply_by_sign(y: Array, x: Array, work: Array) -> None:
    """Change the sign of y, of floats, where x has the bit of the sign; in place, by bits alone.

    `np.copysign` takes five times as long. `work` is memory as large as y.
    """
    bits = INTEGER[y.dtype.char]
    signs = np.bitwise_and(x.view(bits), SIGN[y.dtype.char], work.view(bits))
    np.bitwise_xor(y.view(bits), signs, y.view(bits))


def with_sign_of(x: Array, y: Array, out: Array | None) -> Array:
    """y, with its sign changed where x has the bit of the sign."""
    bits = INTEGER[y.dtype.char]
    signs = np.bitwise_and(x.view(bits), SIGN[y.dtype.char])
    if out is None:
        return np.bitwise_xor(y.view(bits), signs, signs).view(y.dtype)
    np.bitwise_xor(y.view(bits), signs, out.view(bits))
    return out


def block_by_block(kernel: Any) -> Any:
    """Make an elementwise kernel take long arrays by blocks that stay in the cache.

    The kernel gets arrays of float32 or float64, the last one with one dimension at least, and
    writes into `out` last of all: an array, or a tuple of them where it has several results.
    float16 is computed in float32; integers become float64.
    """

    @functools.wraps(kernel)
    def whole(*arrays: Array, out: Any = None, **kw: Any) -> Any:
        x = arrays[-1]
        if x.dtype.char not in FLOATS:
            return _in_floats(whole, arrays, out, kw)
        if not x.ndim:
            y = kernel(*arrays[:-1], x.reshape(1), **kw)
            y = _each(lambda a: a.reshape(arrays[0].shape), y)
            return y if out is None else _copied(out, y)
        if x.size <= blocks.BLOCK or not _are_alike(arrays):
            return kernel(*arrays, **kw) if out is None else kernel(*arrays, out=out, **kw)
        return _in_blocks(kernel, arrays, out, kw)

    whole.called_whole = _is_long  # type: ignore[attr-defined]
    return whole


def _in_blocks(kernel: Any, arrays: tuple[Array, ...], out: Any, kw: dict[str, Any]) -> Any:
    """Call an elementwise kernel on blocks of arrays that are alike."""
    x, results = arrays[-1], getattr(kernel, "results", 1)
    y = out
    if out is None:
        y = np.empty_like(x) if results == 1 else tuple(np.empty_like(x) for _ in range(results))
    every = (*arrays, y) if results == 1 else (*arrays, *y)
    flat = flat_alike(*every) or every

    def work(_: int, at: slice) -> None:
        parts = [a[at] for a in flat]
        into = parts[-1] if results == 1 else tuple(parts[-results:])
        kernel(*parts[:-results], out=into, **kw)

    in_blocks(work, cut(len(flat[0]), x.size // len(flat[0]), calls=CALLS))
    return y


def two_results(kernel: Any) -> Any:
    """Mark an elementwise kernel that returns a pair."""
    kernel.results = 2
    return kernel


def _each(function: Any, made: Any) -> Any:
    """Return the function of one array, or a tuple of those of several."""
    return tuple(map(function, made)) if isinstance(made, tuple) else function(made)


def _copied(out: Any, made: Any) -> Any:
    """Copy results into the arrays of `out`, and return these."""
    for into, array in zip(out, made, strict=True) if isinstance(out, tuple) else ((out, made),):
        np.copyto(into, array)
    return out


def _in_floats(kernel: Any, arrays: Any, out: Any, kw: dict[str, Any]) -> Any:
    """Call a kernel of floats on other arrays; the result is float16 if they are."""
    dtype = arrays[-1].dtype
    is_half = dtype.char == "e"
    y = kernel(*(a.astype(np.float32 if is_half else np.float64) for a in arrays), **kw)
    if is_half:  # what only backward sees stays as precise as it is
        y = (y[0].astype(dtype), *y[1:]) if isinstance(y, tuple) else y.astype(dtype)
    return y if out is None else _copied(out, y)


def _is_long(*arrays: Array, **kw: Any) -> bool:
    """Tell whether a kernel goes through arrays in blocks."""
    return arrays[-1].size > blocks.BLOCK and _are_alike(arrays)


def _are_alike(arrays: Sequence[Array]) -> bool:
    """Tell whether arrays have one shape and one dtype."""
    x = arrays[-1]
    return all(a.shape == x.shape and a.dtype == x.dtype for a in arrays)


@functools.lru_cache(maxsize=512)
def single(value: float, letter: str) -> Array:
    """Return a number as a 0-d array of a dtype, by its letter: the same at each call."""
    y = np.array(value, letter)
    y.setflags(write=False)
    return y


@functools.lru_cache(maxsize=512)
def single_bits(value: float, letter: str) -> Array:
    """Return the bits of `single` as an integer."""
    return single(value, letter).view(INTEGER[letter])


def positive_part(x: Array) -> Array:
    """max(x, 0). To clip is faster in NumPy than the maximum with a number."""
    return clip_ufunc(x, ZERO[x.dtype.char], INFINITY[x.dtype.char])


def negative_part(x: Array) -> Array:
    """min(x, 0)."""
    return clip_ufunc(x, single(-np.inf, x.dtype.char), ZERO[x.dtype.char])


def two_steps(mask: Array, high: float, low: float, letter: str) -> Array:
    """Floats that are `high` where `mask`, of bools, is True, else `low`, both to the bit."""
    low_bits = single_bits(low, letter)
    bits = mask.astype(low_bits.dtype)
    bits *= _bits_between(high, low, letter)
    bits += low_bits
    return bits.view(letter)


@functools.lru_cache(maxsize=512)
def _bits_between(high: float, low: float, letter: str) -> Array:
    """The bits of one number minus those of another, as integers that may wrap."""
    with np.errstate(over="ignore"):
        return np.array(np.subtract(single_bits(high, letter), single_bits(low, letter)))
