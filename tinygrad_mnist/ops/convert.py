"""Conversions between dtypes, devices, NumPy and Python, and attributes of a Tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.autograd.graph import Leaf
from tinygrad_mnist.autograd.layout import note_address
from tinygrad_mnist.autograd.op import REGISTRY
from tinygrad_mnist.autograd.tensor import Tensor, refuse_read, wrap
from tinygrad_mnist.ops import shape, table
from tinygrad_mnist.ops.arguments import check_device
from tinygrad_mnist.ops.arguments import device as Device
from tinygrad_mnist.ops.matmul import matmul


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
    """The Tensor itself, which is on the CPU already."""
    return self


def cuda(self: Tensor, *_: Any) -> Tensor:
    """Raise RuntimeError: everything runs on the CPU."""
    check_device("cuda")
    return self


def caster(dtype: str) -> Any:
    """Make a method that casts to one dtype."""

    def cast(self: Tensor, memory_format: Any = None) -> Tensor:
        return to(self, np.dtype(dtype))

    cast.__doc__ = f"The Tensor as {dtype}."
    return cast


def array_ufunc(self: Tensor, ufunc: Any, method: str, *inputs: Any, **kw: Any) -> Any:
    """Call our function for NumPy's: np.exp(x), and array * x, give Tensors."""
    function = OF_UFUNC.get(ufunc)
    if function is not None and method == "__call__" and not kw:
        return function(*inputs)
    kw = {k: tuple(map(bare, v)) if k == "out" else v for k, v in kw.items()}
    result = getattr(ufunc, method)(*map(bare, inputs), **kw)
    return result if "out" in kw else wrap(result)


def bare(value: Any) -> Any:
    """The ndarray of a Tensor that does not require grad; anything else as it is."""
    return value.numpy() if isinstance(value, Tensor) else value


OF_UFUNC: dict[Any, Any] = {}
for _op in REGISTRY.values():
    if isinstance(_op.kernel, np.ufunc):
        OF_UFUNC.setdefault(_op.kernel, getattr(table, _op.name))
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
    refuse_read("deepcopy()")
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
    """Return the content of a pickle: the elements and `requires_grad`; no graph."""
    refuse_read("pickling")
    return unpickled, (self._data, self._node is not None)


def unpickled(array: Any, requires_grad: bool) -> Tensor:
    """The leaf that a pickle becomes."""
    return wrap(array).requires_grad_(requires_grad)


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """The Tensor in the dtype of `other`; itself if it has that dtype."""
    return to(self, other.dtype)


def is_floating_point(self: Tensor) -> bool:
    """Tell whether the dtype is a float."""
    return self.dtype.kind == "f"


def is_contiguous(self: Tensor, memory_format: Any = None) -> bool:
    """Tell whether the elements lie in memory row by row, without gaps."""
    return shape.is_contiguous(self)


def numel(self: Tensor) -> int:
    """The number of elements: the product of the shape."""
    return self._data.size


def dim(self: Tensor) -> int:
    """The number of dimensions: the length of the shape."""
    return self._data.ndim


def size(self: Tensor, dim: int | None = None) -> Any:
    """The shape, or its length along one dimension; IndexError if it has no such dimension."""
    return self.shape if dim is None else self.shape[dim]


def element_size(self: Tensor) -> int:
    """The number of bytes of one element."""
    return self._data.itemsize


def stride(self: Tensor, dim: int | None = None) -> Any:
    """The number of elements from one to the next along each dimension, or along one."""
    steps = shape.stride(self)
    return steps if dim is None else steps[dim]


def data_ptr(self: Tensor) -> int:
    """The address in memory of the first element."""
    note_address(self._data)
    return self._data.ctypes.data


METHODS: dict[str, Any] = {
    "to": to, "cpu": cpu, "cuda": cuda, "__array_ufunc__": array_ufunc, "__deepcopy__": deepcopy,
    "__reduce__": reduce,
    "float": caster("float32"), "double": caster("float64"), "half": caster("float16"),
    "long": caster("int64"), "int": caster("int32"), "short": caster("int16"),
    "byte": caster("uint8"), "char": caster("int8"), "bool": caster("bool"),
    "type_as": type_as, "is_floating_point": is_floating_point, "is_contiguous": is_contiguous,
    "numel": numel, "nelement": numel, "dim": dim, "size": size, "element_size": element_size,
    "stride": stride, "data_ptr": data_ptr,
    "__dlpack__": lambda self, **kw: self.detach().numpy().__dlpack__(**kw),
    "__dlpack_device__": lambda self: self._data.__dlpack_device__(),
}  # fmt: skip
