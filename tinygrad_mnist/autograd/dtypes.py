"""The dtype that a mixed call computes in: PyTorch's rule, where NumPy's differs.

Arrays with dimensions decide. 0-d arrays come after them, then Python numbers: either matters only
if it is of a higher kind (bool < int < float). https://docs.pytorch.org/docs/stable/tensor_attributes.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import supplied
from tinygrad_mnist.autograd.default_dtype import get_default_dtype
from tinygrad_mnist.autograd.tensor import Tensor, unwrap

DType = np.dtype[Any]
KIND = {"b": 0, "u": 1, "i": 1, "f": 2}


def promote_types(type1: DType, type2: DType) -> DType:
    """Return the dtype of `a op b` for arrays with dimensions: int64 with float32 is float32."""
    a, b = type1, type2
    if KIND[a.kind] == KIND[b.kind] or a.kind == "b" or b.kind == "b":
        return np.promote_types(a, b)
    return a if a.kind == "f" else b


def result_type(*args: Any) -> DType:
    """Return the dtype that a call on these Tensors, arrays and Python numbers computes in."""
    by_rank: list[DType | None] = [None, None, None]  # of numbers, of 0-d arrays, of the others
    for arg in args:
        value = arg._data if isinstance(arg, Tensor) else arg
        array = isinstance(value, np.ndarray)
        dtype, rank = (value.dtype, 1 + (value.ndim > 0)) if array else (_of_number(value), 0)
        so_far = by_rank[rank]
        by_rank[rank] = dtype if so_far is None else promote_types(so_far, dtype)
    result: DType | None = None
    for dtype in by_rank:
        if result is None:
            result = dtype
        elif dtype is not None:
            higher = KIND[result.kind] > KIND[dtype.kind]
            result = promote_types(dtype, result) if higher else dtype
    return get_default_dtype() if result is None else result


def _of_number(value: Any) -> DType:
    if isinstance(value, (bool, np.bool_)):
        return np.dtype(np.bool_)
    if isinstance(value, (int, np.integer)):
        return np.dtype(np.int64)
    if isinstance(value, (float, np.floating)):
        return get_default_dtype()
    raise TypeError(f"a Tensor, an array or a number is needed, not {type(value).__name__}")


def _no_integers(dtype: DType, args: tuple[Any, ...]) -> None:
    if dtype.kind != "f":
        raise TypeError(f"not implemented for {dtype}; cast to float first")


def _no_bool_at_all(dtype: DType, args: tuple[Any, ...]) -> None:
    if any(getattr(unwrap(arg), "dtype", None) == np.bool_ for arg in args):
        raise TypeError(
            "subtraction, the `-` operator, with a bool Tensor is not supported; use `^`, "
            "logical_xor() or, to invert a mask, `~`"
        )


def _integers_alone(dtype: DType, args: tuple[Any, ...]) -> None:
    if dtype.kind not in "iu":
        raise TypeError(f"not implemented for {dtype}; integers are needed")


# Dtypes that PyTorch refuses, though NumPy has an answer. Other ufuncs take every dtype.
REFUSED: dict[Any, Callable[[DType, tuple[Any, ...]], None]] = {
    np.subtract: _no_bool_at_all,
    np.hypot: _no_integers,
    np.logaddexp: _no_integers,
    np.logaddexp2: _no_integers,
    np.nextafter: _no_integers,
    np.gcd: _integers_alone,
    np.lcm: _integers_alone,
    np.left_shift: _integers_alone,
    np.right_shift: _integers_alone,
}


def promote(kernel: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Cast the arguments to the dtype that the ufunc should compute in."""
    dtype = result_type(*args)
    refused = REFUSED.get(kernel)
    if refused is not None:
        refused(dtype, args)
    if dtype.kind != "f":
        probe = np.ones((), dtype)
        if kernel(*[probe] * kernel.nin).dtype.kind == "f":
            dtype = get_default_dtype()
    return tuple(_cast_arg(arg, dtype) for arg in args)


def _cast_arg(arg: Any, dtype: DType) -> Any:
    if isinstance(arg, Tensor):
        return arg if arg._data.dtype == dtype else supplied.cast(arg, dtype=dtype)
    if isinstance(arg, np.generic):
        return arg.item()
    if isinstance(arg, np.ndarray):
        return arg.astype(dtype, copy=False)
    return arg
