"""Methods of PyTorch's earlier years, and attributes that have one value here.

`x.type()`, `x.new(2, 3)`, `x.resize_(3)`, `x.ndimension()`; `x.is_cpu`, `x.is_sparse`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import layout, legacy, views
from tinygrad_mnist.autograd.default_dtype import get_default_dtype
from tinygrad_mnist.autograd.modes import note_change
from tinygrad_mnist.autograd.op import DTypeError
from tinygrad_mnist.autograd.tensor import Tensor, as_array, refuse_read, refuse_unrecorded, wrap
from tinygrad_mnist.ops import convert, index, matmul, shape, table
from tinygrad_mnist.ops.arguments import check_device, size_of

__all__ = ["as_strided"]

TENSOR_TYPES = {
    "FloatTensor": "float32", "DoubleTensor": "float64", "HalfTensor": "float16",
    "ByteTensor": "uint8", "CharTensor": "int8", "ShortTensor": "int16", "IntTensor": "int32",
    "LongTensor": "int64", "BoolTensor": "bool",
}  # fmt: skip
TYPE_OF = {dtype: f"torch.{name}" for name, dtype in TENSOR_TYPES.items()}


def dtype_of(type: Any) -> np.dtype[Any]:
    """The dtype that a type stands for: "torch.LongTensor", LongTensor, Tensor, a dtype.

    Raises RuntimeError for a type of another device, ValueError for anything that is no type.
    """
    if type is Tensor:
        return get_default_dtype()
    if isinstance(type, str):
        if type.startswith("torch.cuda."):
            check_device("cuda")
        name = type.removeprefix("torch.")
        if name == type or name not in {*TENSOR_TYPES, "Tensor"}:
            raise ValueError(f"invalid type: {type!r}; 'torch.FloatTensor' is one")
        return np.dtype(TENSOR_TYPES[name]) if name != "Tensor" else get_default_dtype()
    dtype = getattr(type, "dtype", None)  # of a LongTensor; of a NumPy class a descriptor
    return dtype if isinstance(dtype, np.dtype) else np.dtype(type)


def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The Tensor's type as text, `torch.FloatTensor`; with a type or a dtype, cast to it."""
    if dtype is None:
        return TYPE_OF.get(self.dtype.name, f"torch.{self.dtype}")
    return convert.to(self, dtype_of(dtype))


def new(self: Tensor, *data: Any, device: Any = None) -> Tensor:
    """A Tensor of this one's dtype: of data, or zeros of a size; see `Tensor`."""
    if device is not None:
        check_device(device)
    dtype = self.dtype
    if legacy.is_size(data):
        return wrap(legacy.zeros_of(data, dtype))
    if len(data) > 1:
        kinds = ", ".join(type(part).__name__ for part in data)
        raise TypeError(f"new() takes one piece of data, or a size of ints, not ({kinds})")
    if isinstance(data[0], float):
        raise TypeError("new(): data must be a sequence (got float)")
    if isinstance(data[0], Tensor):
        if data[0].dtype != dtype:
            raise DTypeError(
                f"expected a Tensor of {dtype}, not {data[0].dtype}; use x.to({dtype})"
            )
        refuse_read("new()")
        return wrap(data[0]._data)
    whole = isinstance(data[0], np.ndarray) or dtype.kind == "u"
    return wrap(as_array(data[0], dtype) if whole else as_array(data[0]).astype(dtype))


def resize_(self: Tensor, *size: Any, memory_format: Any = None) -> Tensor:
    """Give the Tensor another size in place: its first elements, then zeros.

    The memory stays where it suffices and lies in C order. Raises RuntimeError for a Tensor that
    requires grad.
    """
    if self._node is not None:
        raise RuntimeError("cannot resize variables that require grad")
    refuse_unrecorded("resize_()")
    note_change()
    target = size_of(size)
    count, array = int(np.prod(target)), self._data
    if count <= array.size and array.flags.c_contiguous:
        self._data = array.reshape(-1)[:count].reshape(target)
    else:
        grown = np.zeros(count, array.dtype)
        common = min(count, array.size)
        grown[:common] = array.reshape(-1)[:common]
        self._data = grown.reshape(target)
    return self


def resize_as_(self: Tensor, the_template: Tensor, memory_format: Any = None) -> Tensor:
    """`resize_` to the size of another Tensor."""
    return resize_(self, *the_template.shape)


def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A view of the memory of `input`, with strides counted in elements of PyTorch's layout.

    Raises RuntimeError for a view that leaves the memory, and where `input` requires grad and the
    view is not a mere reshape: use indexing, `unfold` or `expand` instead.
    """
    size, stride = tuple(size), tuple(stride)
    laid_out = views.laid_out_as_pytorch(input)
    first = offset(input)
    same_start = storage_offset in (None, first)
    if same_start and not size and input.ndim and input._data.size:
        return table.slice(input, key=(0,) * input.ndim)  # it may be differentiated
    c_strides = tuple(int(np.prod(size[i + 1 :])) for i in range(len(size)))
    whole = stride == c_strides and np.prod(size) == laid_out.size
    if same_start and whole and laid_out.flags.c_contiguous:
        return shape.view(input, size)
    if input._node is not None:
        raise RuntimeError(
            "as_strided() of a Tensor that requires grad: make the view by indexing, unfold or "
            "expand, whose derivatives are defined"
        )
    base = memory_as_pytorch(input, laid_out)
    first = first if storage_offset is None else storage_offset
    last = first + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if (
        not (base.flags.c_contiguous or base.flags.f_contiguous)
        or first < 0
        or (0 not in size and last >= base.size)
        or min(stride, default=0) < 0
    ):
        raise RuntimeError(
            f"as_strided: size {list(size)}, stride {list(stride)} and offset {first} reach beyond "
            f"the {base.size} elements of the memory"
        )
    flat = base.reshape(-1, order="A")[min(first, base.size) :].view(laid_out.dtype)
    steps = tuple(step * laid_out.itemsize for step in stride)
    result = wrap(np.ndarray(size, flat.dtype, flat, strides=steps))
    result._origin = views.Layout(result._data, steps, base)
    return result


def memory_as_pytorch(tensor: Tensor, laid_out: Any) -> Any:
    """Return the memory that a Tensor looks at, or a copy in PyTorch's order that is kept equal."""
    if laid_out is tensor._data:
        return views.base_memory(tensor)
    origin = views.origin_of(tensor)
    base = tensor if origin is None else origin.base
    if not views.laid_out_as_pytorch(base).flags.c_contiguous:
        raise RuntimeError(
            "as_strided() of a detached view of memory that is laid out in another way than "
            "PyTorch's: take it of the Tensor that the view was made from"
        )
    return shape.in_pytorch_order(base)._data


def to_sparse(self: Tensor, *args: Any, **kw: Any) -> Any:
    """The Tensor as a sparse one: see `sparse_coo_tensor`."""
    return import_module("tinygrad_mnist.compat.sparse").of_dense(self)  # a layer above


def documented(sentence: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function of one line its docstring."""
    function.__doc__ = sentence
    return function


def never(sentence: str) -> Callable[..., Any]:
    """Make a method that returns False, for the reason in its docstring."""
    return documented(f"Return False: {sentence}.", lambda self: False)


# Properties about memory and devices that only a larger library has: all are False.
KINDS = {
    "sparse": "every Tensor is dense", "sparse_csr": "no Tensor lies in compressed rows",
    "quantized": "there are no quantized dtypes", "meta": "every Tensor has memory",
    "mps": "there is no Apple GPU", "xpu": "there is no Intel GPU",
    "mkldnn": "no Tensor has oneDNN's layout", "nested": "no Tensor is made of ragged ones",
    "ipu": "there is no Graphcore device", "xla": "there is no XLA device",
    "vulkan": "there is no Vulkan device", "mtia": "there is no MTIA device",
}  # fmt: skip


METHODS: dict[str, Any] = {
    "type": type_, "new": new, "resize_": resize_, "resize_as_": resize_as_,
    "as_strided": as_strided, "ger": matmul.outer, "to_sparse": to_sparse,
    "to_sparse_coo": to_sparse,
    "ndimension": documented(
        "Return the number of dimensions, as `dim()` does.", lambda self: self._data.ndim
    ),
    "is_complex": never("there are no complex dtypes"),
    "is_conj": never("no Tensor is lazily conjugated"),
    "is_neg": never("no Tensor is lazily negated"),
    "is_inference": never("inference mode makes ordinary Tensors"),
    "is_pinned": never("no memory is page-locked"),
    "is_shared": never("no memory is shared with another process"),
    "is_signed": documented(
        "Tell whether the dtype has negative numbers.", lambda self: self.dtype.kind in "fi"
    ),
    "is_same_size": documented(
        "Tell whether two Tensors have one shape.", lambda self, other: self.shape == other.shape
    ),
    "is_set_to": documented(
        "Tell whether two Tensors are the same view of the same memory.",
        lambda self, tensor: (
            self.shape == tensor.shape
            and self.stride() == tensor.stride()
            and self._data.ctypes.data == tensor._data.ctypes.data
        ),
    ),
    "is_nonzero": documented(
        "Tell whether the one element is not zero; RuntimeError for more.", lambda self: bool(self)
    ),
    "get_device": documented("Return -1, which stands for the CPU.", lambda self: -1),
    "pin_memory": documented(
        "Return the Tensor itself: no memory is page-locked.", lambda self, device=None: self
    ),
    "share_memory_": documented(
        "Return the Tensor itself: a fork sees its memory, and copies it on a write.",
        lambda self: self,
    ),
    "storage_offset": documented(
        "Count the elements from the start of the memory to the first one.",
        lambda self: offset(self),
    ),
    "as_subclass": documented(
        "Return a Tensor of a subclass on the same memory, at the same node of the graph.",
        lambda self, cls: self if cls is Tensor else _subclass(self, cls),
    ),
    "to_dense": documented(
        "Return the Tensor, which is dense, or a cast of it to `dtype`.",
        lambda self, dtype=None, **kw: self if dtype is None else self.to(dtype),
    ),
    "_is_view": lambda self: False,
    "_indices": lambda self: index.nonzero(self).t(),
    "_values": lambda self: self[index.nonzero(self, as_tuple=True)],
    "is_cpu": property(lambda self: True, doc="Always True: there is no other device."),
    "layout": property(
        lambda self: "torch.strided", doc="Always torch.strided: every Tensor is dense."
    ),
    "name": property(lambda self: None, doc="Always None, as for PyTorch's own leaves."),
    "output_nr": property(lambda self: 0, doc="Always 0: every node has one output."),
    **{
        f"is_{kind}": property(lambda self: False, doc=f"Always False: {why}.")
        for kind, why in KINDS.items()
    },
}  # fmt: skip


def offset(x: Tensor) -> int:
    """The offset of a view in its memory, in elements of PyTorch's layout."""
    laid_out = views.laid_out_as_pytorch(x)
    memory = views.base_memory(x) if laid_out is x._data else layout.owner(laid_out)
    return (laid_out.ctypes.data - memory.ctypes.data) // max(x._data.itemsize, 1)


def _subclass(x: Tensor, cls: Any) -> Any:
    tensor = cls.__new__(cls)
    tensor._data, tensor._node = x._data, x._node
    return tensor
