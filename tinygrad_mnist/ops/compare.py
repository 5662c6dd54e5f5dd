"""Comparisons, logic and choice; what has no derivative, and `where`."""

from __future__ import annotations

# ruff: noqa: F403
import math
from typing import Any

from tinygrad_mnist.autograd.dtypes import result_type
from tinygrad_mnist.autograd.tensor import Tensor, as_array, wrap
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.arguments import composed, public, tensor_of
from tinygrad_mnist.ops.published import public_names
from tinygrad_mnist.ops.rows import *

__all__ = ["allclose", "equal", "isclose", "isneginf", "isposinf", "where"]
__all__ += public_names(table, with_rules=False)
NOT_METHODS = {"where"}
METHODS = [name for name in __all__ if name not in NOT_METHODS]

isposinf = composed("Test each element for +inf.", lambda input: table.eq(input, math.inf))
isneginf = composed("Test each element for -inf.", lambda input: table.eq(input, -math.inf))


@public
def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """input where condition holds, else other; with the condition alone, `nonzero` as a tuple."""
    if input is None and other is None:
        from tinygrad_mnist.ops.index import nonzero

        return nonzero(condition, as_tuple=True)
    dtype = result_type(input, other)
    a, b = (
        table.cast(v, dtype=dtype) if isinstance(v, Tensor) and v.dtype != dtype else v
        for v in (input, other)
    )
    if not isinstance(a, Tensor) and not isinstance(b, Tensor):
        a = wrap(as_array(a, dtype))
    return table.where(tensor_of(condition), a, b)


@public
def isclose(
    input: Tensor, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Test |input - other| <= atol + rtol * |other|, for each element."""
    if rtol < 0 or atol < 0:
        raise RuntimeError(f"isclose: rtol and atol must not be negative, got {rtol} and {atol}")
    other = tensor_of(other, input)
    same = table.eq(input, other)
    finite = table.isfinite(input) & table.isfinite(other)
    a, b = table.where(finite, input, 0), table.where(finite, other, 0)
    close = finite & (table.abs(a - b) <= table.abs(b) * rtol + atol)
    result = same | close
    if equal_nan:
        result = result | (table.isnan(input) & table.isnan(other))
    return result


@public
def allclose(
    input: Tensor, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Tell whether `isclose` holds everywhere, as a Python bool."""
    return bool(isclose(input, other, rtol, atol, equal_nan=equal_nan).all())


@public
def equal(input: Tensor, other: Tensor) -> bool:
    """Tell whether two Tensors have the same shape and elements, as a Python bool."""
    return input.shape == other.shape and bool(table.eq(input, other).all())
