"""Between dtypes, devices, NumPy and Python: what a Tensor turns into, and what it can say."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.autograd.graph import Leaf
from tinygrad_mnist.autograd.op import REGISTRY
from tinygrad_mnist.autograd.tensor import Tensor, _reads, wrap
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.arguments import check_device
from tinygrad_mnist.ops.arguments import device as Device
from tinygrad_mnist.ops.matmul import matmul
from tinygrad_mnist.ops.shape import is_contiguous, stride


def to(
    self: Tensor,
    *args: Any,
    dtype: Any = None,
    device: Any = None,
    other: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """The Tensor in another dtype; a device may be named, and must be the CPU."""
    for arg in (*args, device, other):
        if isinstance(arg, Tensor):
            dtype = arg.dtype
        elif isinstance(arg, (str, Device)) and str(arg) not in np.sctypeDict:
            check_device(arg)
        elif arg is not None and not isinstance(arg, bool):
            dtype = arg
    if not copy and (dtype is None or np.dtype(dtype) == self.dtype):
        return self
    dtype = np.dtype(dtype or self.dtype)
    return table.cast(self if dtype.kind == "f" else self.detach(), dtype=dtype)


def cpu(self: Tensor) -> Tensor:
    """The Tensor itself: it is there already."""
    return self


def cuda(self: Tensor, *_: Any) -> Tensor:
    """RuntimeError: everything runs on the CPU."""
    check_device("cuda")
    return self


def caster(dtype: str) -> Any:
    """A method that casts to one dtype."""

    def cast(self: Tensor, memory_format: Any = None) -> Tensor:
        return to(self, np.dtype(dtype))

    cast.__doc__ = f"The Tensor as {dtype}."
    return cast


def array_ufunc(self: Tensor, ufunc: Any, method: str, *inputs: Any, **kw: Any) -> Any:
    """NumPy's functions of Tensors are ours: np.exp(x), and array * x, give Tensors."""
    known = OF_UFUNC.get(ufunc)
    if known is not None and method == "__call__" and not kw:
        return known(*inputs)
    kw = {k: tuple(map(plain, v)) if k == "out" else v for k, v in kw.items()}
    result = getattr(ufunc, method)(*map(plain, inputs), **kw)
    return result if "out" in kw else wrap(result)


def plain(value: Any) -> Any:
    """The ndarray of a Tensor that does not require grad; anything else as it is."""
    return value.numpy() if isinstance(value, Tensor) else value


OF_UFUNC: dict[Any, Any] = {}
for _it in REGISTRY.values():
    if isinstance(_it.kernel, np.ufunc):
        OF_UFUNC.setdefault(_it.kernel, getattr(table, _it.name))
OF_UFUNC |= {
    np.matmul: matmul, np.reciprocal: table.reciprocal, np.remainder: table.remainder,
    np.floor_divide: table.floor_divide, np.fmod: table.fmod, np.power: table.pow,
}  # fmt: skip


def deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    """A leaf on new memory, with a copy of its gradient."""
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user support the deepcopy protocol; "
            "use .detach().clone()"
        )
    _reads("deepcopy()")
    twin = wrap(self._data.copy(order="K"))
    memo[id(self)] = twin
    if self.__dict__:
        from copy import deepcopy as deep

        twin.__dict__.update(deep(self.__dict__, memo))
    if isinstance(self._node, Leaf):
        twin.requires_grad_()
        if self.grad is not None:
            twin.grad = wrap(self.grad._data.copy(order="K"))
    return twin


def reduce(self: Tensor) -> tuple[Any, ...]:
    """What a pickle holds: the elements, and whether a gradient is wanted; no graph."""
    _reads("pickling")
    return unpickled, (self._data, self._node is not None)


def unpickled(array: Any, requires_grad: bool) -> Tensor:
    """The leaf that a pickle becomes."""
    return wrap(array).requires_grad_(requires_grad)


METHODS: dict[str, Any] = {
    "to": to, "cpu": cpu, "cuda": cuda, "__array_ufunc__": array_ufunc, "__deepcopy__": deepcopy,
    "__reduce__": reduce,
    "float": caster("float32"), "double": caster("float64"), "half": caster("float16"),
    "long": caster("int64"), "int": caster("int32"), "short": caster("int16"),
    "byte": caster("uint8"), "bool": caster("bool"),
    "type_as": lambda self, other: to(self, other.dtype),
    "is_floating_point": lambda self: self.dtype.kind == "f",
    "is_contiguous": lambda self, **kw: is_contiguous(self),
    "numel": lambda self: self._data.size,
    "nelement": lambda self: self._data.size,
    "dim": lambda self: self._data.ndim,
    "size": lambda self, dim=None: self.shape if dim is None else self.shape[dim],
    "element_size": lambda self: self._data.itemsize,
    "stride": lambda self, dim=None: stride(self) if dim is None else stride(self)[dim],
    "data_ptr": lambda self: self._data.ctypes.data,
    "__dlpack__": lambda self, **kw: self.detach().numpy().__dlpack__(**kw),
    "__dlpack_device__": lambda self: self._data.__dlpack_device__(),
}  # fmt: skip
