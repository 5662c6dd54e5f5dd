"""`FloatTensor`, `LongTensor`, ... and `Variable`: PyTorch's ways to make Tensors before 0.4."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.default_dtype import set_default_dtype
from tinygrad_mnist.autograd.tensor import as_array, wrap
from tinygrad_mnist.ops.legacy import TENSOR_TYPES, dtype_of, new

__all__ = [
    "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "HalfTensor",
    "IntTensor", "LongTensor", "ShortTensor", "set_default_tensor_type",
]  # fmt: skip


class TensorType(type):
    """The class of `FloatTensor`: a call makes a Tensor, isinstance() tests for its dtype."""

    dtype: np.dtype[Any]

    def __call__(cls, *data: Any, device: Any = None, requires_grad: bool = False) -> Tensor:
        """Make a Tensor of data, or zeros of a size, as `Tensor(...)` does."""
        result = new(wrap(np.zeros(0, cls.dtype)), *data, device=device)
        return result.requires_grad_() if requires_grad else result

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor) and instance.dtype == cls.dtype

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


def _tensor_type(name: str, dtype: str) -> TensorType:
    text = f"Tensors of {dtype}: `{name}(data)`, or `{name}(2, 3)` for zeros of that size."
    return TensorType(name, (), {"__doc__": text, "dtype": np.dtype(dtype)})


FloatTensor, DoubleTensor, HalfTensor, ByteTensor, CharTensor, ShortTensor, IntTensor, LongTensor, \
    BoolTensor = (_tensor_type(name, dtype) for name, dtype in TENSOR_TYPES.items())  # fmt: skip


class _Variable(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor)

    def __call__(cls, data: Any = None, requires_grad: bool = False, volatile: bool = False) -> Any:
        """Return a Tensor on the memory of `data`, with this `requires_grad`."""
        if volatile:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with no_grad():` instead.",
                UserWarning,
                stacklevel=2,
            )
        if data is None:
            return wrap(as_array([]))
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        leaf = wrap(data._data) if data.is_leaf else data
        return leaf.requires_grad_() if requires_grad else leaf


class Variable(metaclass=_Variable):
    """The old name of Tensor: since 0.4, `Variable(x)` is x.

    >>> import tinygrad_mnist as tg
    >>> Variable(tg.ones(2), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """


def set_default_tensor_type(t: Any) -> None:
    """Make this type's dtype the default dtype; TypeError unless it is floating-point."""
    if not isinstance(t, (str, TensorType)) and t is not Tensor:
        raise TypeError(
            f"invalid type object: {t!r} is none of FloatTensor, DoubleTensor, HalfTensor"
        )
    dtype = dtype_of(t)
    if dtype.kind != "f":
        raise TypeError("only floating-point types are supported as the default type")
    set_default_dtype(dtype)
