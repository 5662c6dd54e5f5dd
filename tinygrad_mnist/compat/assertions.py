"""`torch.testing`: `assert_close`, the older `assert_allclose`, and `make_tensor`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.size import Size
from tinygrad_mnist.autograd.tensor import wrap
from tinygrad_mnist.ops.arguments import size_of

# (rtol, atol) for each dtype; everything else is compared exactly.
TOLERANCES = {"float16": (1e-3, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: Any = None,
) -> None:
    """Raise AssertionError unless |actual - expected| <= atol + rtol |expected| everywhere.

    Both may be Tensors, numbers, arrays, or sequences and mappings of these. Tolerances are the
    dtype's unless both are passed; only one raises ValueError.

    >>> import tinygrad_mnist as tg
    >>> assert_close(tg.tensor([1.0]), tg.tensor([1.0 + 1e-7]))
    """
    if (rtol is None) != (atol is None):
        missing = "rtol" if rtol is None else "atol"
        raise ValueError(
            f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}."
        )
    problem = _difference(actual, expected, rtol, atol, equal_nan, check_dtype)
    if problem:
        text = msg(problem) if callable(msg) else msg
        raise AssertionError(text or problem)


def _difference(a: Any, b: Any, rtol: Any, atol: Any, equal_nan: bool, check_dtype: bool) -> str:
    """Return a description of the first difference, or an empty string."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        if a.keys() != b.keys():
            return f"The keys of the mappings do not match: {set(a)} and {set(b)}"
        pairs = [(f"key {k!r}", a[k], b[k]) for k in a]
    elif isinstance(a, Sequence) and isinstance(b, Sequence) and not isinstance(a, str):
        if len(a) != len(b):
            return f"The length of the sequences mismatch: {len(a)} != {len(b)}"
        pairs = [(f"index {i}", x, y) for i, (x, y) in enumerate(zip(a, b, strict=True))]
    else:
        return _array_difference(a, b, rtol, atol, equal_nan, check_dtype)
    for where, x, y in pairs:
        problem = _difference(x, y, rtol, atol, equal_nan, check_dtype)
        if problem:
            return f"{problem}\nThe failure occurred for {where}"
    return ""


def _array_difference(
    a: Any, b: Any, rtol: Any, atol: Any, equal_nan: bool, check_dtype: bool
) -> str:
    if a is None or b is None:
        return "" if a is b else f"None mismatch: {a} is not {b}"
    x, y = (np.asarray(v.detach() if isinstance(v, Tensor) else v) for v in (a, b))
    tensors = isinstance(a, Tensor) and isinstance(b, Tensor)
    if x.shape != y.shape:
        return f"The values for attribute 'shape' do not match: {Size(x.shape)} != {Size(y.shape)}."
    if tensors and check_dtype and x.dtype != y.dtype:
        return f"The values for attribute 'dtype' do not match: {x.dtype} != {y.dtype}."
    if rtol is None:
        tolerances = [TOLERANCES.get(v.dtype.name, (0.0, 0.0)) for v in (x, y)]
        rtol, atol = (max(pair) for pair in zip(*tolerances, strict=True))
    if x.dtype.kind == "b":
        x, y = x.astype(np.int8), y.astype(np.int8)
    close = np.isclose(x, y, rtol, atol, equal_nan)
    if close.all():
        return ""
    with np.errstate(all="ignore"):
        distance = np.abs(x.astype(np.float64) - y.astype(np.float64))
        ratio = distance / np.abs(y.astype(np.float64))
    mismatches = int((~close).sum())
    where = tuple(int(i) for i in np.unravel_index(int(np.nanargmax(distance)), distance.shape)) \
        if distance.size and not np.isnan(distance).all() else ()  # fmt: skip
    largest, relative = (np.nan if np.isnan(v).all() else np.nanmax(v) for v in (distance, ratio))
    return (
        f"Tensor-likes are not close!\n\nMismatched elements: {mismatches} / {close.size} "
        f"({100 * mismatches / close.size:.1f}%)\n"
        f"Greatest absolute difference: {largest} at index {where} (up to {atol} allowed)\n"
        f"Greatest relative difference: {relative} (up to {rtol} allowed)"
    )


def assert_allclose(
    actual: Any, expected: Any, rtol: Any = None, atol: Any = None, equal_nan: bool = True,
    msg: str = "",
) -> None:  # fmt: skip
    """`assert_close` as it was before PyTorch 1.12: dtypes may differ, and NaN equals NaN."""
    if not isinstance(actual, Tensor):
        actual = wrap(np.asarray(actual))
    if not isinstance(expected, Tensor):
        expected = wrap(np.asarray(expected, actual.dtype))
    assert_close(
        actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False,
        msg=msg or None,
    )  # fmt: skip


def make_tensor(
    *shape: Any, dtype: Any, device: Any = "cpu", low: Any = None, high: Any = None,
    requires_grad: bool = False, **kw: Any,
) -> Tensor:  # fmt: skip
    """Draw floats or integers uniformly from [low, high), by default [-9, 9), or bools."""
    from tinygrad_mnist.ops.random import rng_of

    kind = np.dtype(dtype)
    low = (0 if kind.kind in "bu" else -9) if low is None else low
    high = (2 if kind.kind == "b" else 9) if high is None else high
    rng, size = rng_of(None), size_of(shape)
    values = rng.uniform(low, high, size) if kind.kind == "f" else rng.integers(low, high, size)
    result = wrap(np.asarray(values).astype(kind))
    return result.requires_grad_() if requires_grad else result
