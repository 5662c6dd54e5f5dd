"""Which dtype a mixed call computes in: PyTorch's rule, where NumPy's differs.

Arrays with dimensions decide; 0-d arrays and Python numbers matter only if they are of a higher
kind (bool < int < float). https://docs.pytorch.org/docs/stable/tensor_attributes.html
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.autograd.tensor import _DEFAULT_DTYPE, Tensor

DType = np.dtype[Any]
_KIND = {"b": 0, "u": 1, "i": 1, "f": 2}


def set_default_dtype(dtype: Any) -> None:
    """The dtype that Python floats become, and what creation functions make: float32 at first."""
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        raise TypeError(f"only floating-point types can be the default, not {dtype}")
    _DEFAULT_DTYPE[0] = dtype


def get_default_dtype() -> DType:
    """The dtype that Python floats become."""
    return _DEFAULT_DTYPE[0]


def promote_types(a: DType, b: DType) -> DType:
    """The dtype of `a op b` for two arrays with dimensions; int64 with float32 is float32."""
    if _KIND[a.kind] == _KIND[b.kind] or a.kind == "b" or b.kind == "b":
        return np.promote_types(a, b)
    return a if a.kind == "f" else b


def result_type(*args: Any) -> DType:
    """The dtype that a call on these Tensors, arrays and Python numbers computes in."""
    with_dims: DType | None = None
    without: DType | None = None
    for arg in args:
        value = arg._data if isinstance(arg, Tensor) else arg
        if isinstance(value, np.ndarray) and value.ndim:
            with_dims = promote_types(with_dims, value.dtype) if with_dims else value.dtype
            continue
        dtype = value.dtype if isinstance(value, np.ndarray) else _of_number(value)
        without = promote_types(without, dtype) if without else dtype
    if with_dims is None or without is None:
        return with_dims or without or get_default_dtype()
    higher = _KIND[without.kind] > _KIND[with_dims.kind]
    return promote_types(with_dims, without) if higher else with_dims


def _of_number(value: Any) -> DType:
    if isinstance(value, (bool, np.bool_)):
        return np.dtype(np.bool_)
    if isinstance(value, (int, np.integer)):
        return np.dtype(np.int64)
    if isinstance(value, (float, np.floating)):
        return get_default_dtype()
    raise TypeError(f"a Tensor, an array or a number is needed, not {type(value).__name__}")


def promote(kernel: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments, cast to the dtype that the ufunc should compute in."""
    dtype = result_type(*args)
    if dtype.kind != "f":
        probe = np.ones((), dtype)
        if kernel(*[probe] * kernel.nin).dtype.kind == "f":
            dtype = get_default_dtype()
    return tuple(_cast_arg(arg, dtype) for arg in args)


def _cast_arg(arg: Any, dtype: DType) -> Any:
    from tinygrad_mnist.autograd.engine import ENGINE_OPS

    if isinstance(arg, Tensor):
        return arg if arg._data.dtype == dtype else ENGINE_OPS.cast(arg, dtype=dtype)
    if isinstance(arg, np.generic):
        return arg.item()
    if isinstance(arg, np.ndarray):
        return arg.astype(dtype, copy=False)
    return arg
