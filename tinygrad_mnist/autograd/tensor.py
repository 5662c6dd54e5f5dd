"""Tensor: a handle on an ndarray and on the record of how it came about.

`_data` is the ndarray. `_node` is None (not differentiated), a `Leaf` (the user asked for its
gradient) or a `Node` (a recorded call). The operators and most methods arrive from `ops/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_mnist.autograd import default_dtype, legacy, supplied, writes
from tinygrad_mnist.autograd.graph import Hooks, Leaf, Node, RemovableHandle
from tinygrad_mnist.autograd.layout import PAIRS, is_paired
from tinygrad_mnist.autograd.modes import TAPED, current, is_taped, note_change
from tinygrad_mnist.autograd.size import SIZES, Size

if TYPE_CHECKING:
    from tinygrad_mnist.autograd._methods import TensorMethods
else:
    TensorMethods = object

Array = np.ndarray[Any, Any]
Hook = Callable[["Tensor"], "Tensor | None"]

new = object.__new__


def wrap(array: Any, node: Node | Leaf | None = None) -> Tensor:
    """Make a Tensor on this very array: for ops, as `Tensor(...)` is for people."""
    tensor = new(Tensor)
    tensor._data = array if type(array) is np.ndarray else np.asarray(array)
    tensor._node = node
    tensor._origin = None
    return tensor


def unwrap(value: Any) -> Any:
    """Return the ndarray of a Tensor, and anything else as it is."""
    return value._data if isinstance(value, Tensor) else value


def as_array(data: Any, dtype: Any = None) -> Array:
    """Make a new ndarray of `data`: Python floats become the default dtype, arrays keep theirs."""
    if TAPED and _holds_tensor(data):
        refuse_read("tensor()")
    data = unwrap(data)
    if dtype is None and not isinstance(data, (np.ndarray, np.generic)):
        array = np.array(_unwrap_nested(data))
        if array.dtype == np.float64 and not _has_float64(data):
            array = array.astype(default_dtype.current)
    else:
        array = np.array(_unwrap_nested(data), dtype=dtype)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"a Tensor holds real numbers or bools, not {array.dtype} "
            f"(from {type(data).__name__}); a nested list must be rectangular"
        )
    return array


NUMBERS = frozenset((int, float, bool, np.float32, np.float64, np.int64))


def _unwrap_nested(data: Any) -> Any:
    """The data with arrays for Tensors, which are numbers in a list if they have one element."""
    if not isinstance(data, (list, tuple)):
        return unwrap(data)
    if NUMBERS.issuperset(map(type, data)):
        return data
    return [_unwrap_item(item) for item in data]


def _unwrap_item(item: Any) -> Any:
    if isinstance(item, Tensor) and item._data.size == 1:
        return item._data.reshape(())
    return _unwrap_nested(item)


def _holds_tensor(data: Any) -> bool:
    """Tell whether `data` is a Tensor, or a nested list with one in it."""
    nested = isinstance(data, (list, tuple))
    return any(map(_holds_tensor, data)) if nested else isinstance(data, Tensor)


def _has_float64(data: Any) -> bool:
    """Tell whether a nested list holds NumPy or Tensor values that are float64 themselves."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    data = unwrap(data)
    return isinstance(data, (np.ndarray, np.generic)) and data.dtype == np.float64


class Tensor(TensorMethods):
    """An n-dimensional array whose computation can be differentiated.

    `Tensor(data)` copies `data` (nested lists, arrays) into the default dtype, ints too;
    `tensor(data)` keeps dtypes. Another Tensor gives its memory and dtype. `Tensor(2, 3)` and
    `Tensor(x.size())` are zeros of that size; `Tensor()` has no element.

    >>> import tinygrad_mnist as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> w.grad
    tensor([2., 4.])
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_data",
        "_frozen",  # the Leaf, while it is not asked for a gradient; mostly not set
        "_node",
        "_origin",
        "_views",
    )  # the last two: `views.py`
    __array_priority__ = 1000

    _data: Array
    _frozen: Leaf | None
    _node: Node | Leaf | None
    _origin: Any
    _views: Any

    def __init__(
        self, *data: Any, requires_grad: bool = False, dtype: Any = None, device: Any = None
    ) -> None:
        if device is not None and str(device) != "cpu":
            raise RuntimeError(f"device {device!r} is not available: everything runs on the CPU")
        kind = default_dtype.current if dtype is None else np.dtype(dtype)
        if legacy.is_size(data):
            self._data = legacy.zeros_of(data, kind)
        elif len(data) > 1:
            kinds = ", ".join(type(part).__name__ for part in data)
            raise TypeError(f"Tensor() takes one piece of data, or a size of ints, not ({kinds})")
        elif isinstance(data[0], Tensor) and dtype in (None, data[0].dtype):
            refuse_read("Tensor()")
            self._data = data[0]._data
        else:
            self._data = as_array(data[0]).astype(kind, copy=False)
        self._node = None
        if requires_grad:
            self.requires_grad_()

    # Its array

    @property
    def shape(self) -> Size:
        """The length of each dimension."""
        return SIZES[self._data.shape]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of one element, a NumPy dtype."""
        dtype: np.dtype[Any] = self._data.dtype
        return dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._data.ndim

    def __len__(self) -> int:
        if not self._data.ndim:
            raise TypeError("len() of a 0-d tensor")
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        if not self._data.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return (self[i] for i in range(len(self._data)))

    # Differentiation

    @property
    def requires_grad(self) -> bool:
        """Tell whether backward will reach this Tensor."""
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask (or stop asking) for this leaf's gradient; float dtypes only."""
        if not isinstance(requires_grad, (bool, np.bool_)):
            raise RuntimeError(f"requires_grad must be a bool, not {requires_grad!r}")
        if isinstance(self._node, Node):
            if requires_grad:
                return self
            raise RuntimeError(
                "requires_grad of a computed Tensor cannot be turned off; use .detach()"
            )
        if TAPED and (tape := current().tape) is not None and self.requires_grad != requires_grad:
            tape.requires(self)
        note_change()
        if not requires_grad:
            self._freeze()
        elif self._node is None:
            if self._data.dtype.kind != "f":
                raise RuntimeError(
                    f"only floating point Tensors can require gradients, this one is {self.dtype}"
                )
            self._node, self._frozen = self._thawed_leaf(), None
        return self

    def _thawed_leaf(self) -> Leaf:
        """Return the Leaf from before it was frozen: jitted programs know it; or a new one."""
        leaf, kind = frozen_leaf(self), (self._data.shape, self._data.dtype)
        if leaf is None or (leaf.shape, leaf.dtype) != kind:
            return Leaf(self._data)
        if leaf.order == 0:  # no graph has had it, so it may become younger
            leaf.order = writes.tick()
        leaf.is_frozen = False
        return leaf

    def _frozen_leaf(self) -> Leaf:
        """Return what holds the `.grad` of a Tensor that requires none; tapes watch it."""
        leaf = frozen_leaf(self)
        if leaf is None:
            leaf = self._frozen = Leaf(self._data)
            leaf.is_frozen, leaf.order = True, 0  # older than any call: ticks count down from -1
        return leaf

    def _freeze(self) -> None:
        """Require no gradient from now on, and keep the one that is there."""
        if isinstance(self._node, Leaf):
            self._frozen, self._node.is_frozen = self._node, True
        self._node = None

    @property
    def is_leaf(self) -> bool:
        """Tell whether the user made this Tensor, rather than a recorded call."""
        return not isinstance(self._node, Node)

    @property
    def grad_fn(self) -> Node | None:
        """The recorded call that made this Tensor; None for a leaf."""
        return self._node if isinstance(self._node, Node) else None

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward()` accumulated; None before it, and for what it skips."""
        node = self._node
        if isinstance(node, Node):
            return node.hooks.grad if node.hooks is not None else None
        if node is None:
            node = self._frozen_leaf() if TAPED else frozen_leaf(self)
            if node is None:
                return None
        if TAPED and (tape := current().tape) is not None:
            tape.grad_read(node)
        if type(node.grad) is BufferedGrad:  # lives in a buffer that the next call writes again
            node.grad = wrap(node.grad._data.copy(order="K"))
        return node.grad  # type: ignore[no-any-return]

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        node = grad_owner(self)
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"grad must be a Tensor or None, not {type(value).__name__}")
            if value is self:
                raise RuntimeError("can't assign a Tensor as its own grad")
            if value.shape != self.shape:
                theirs, own = tuple(value.shape), tuple(self.shape)
                raise RuntimeError(f"grad has shape {theirs}, its Tensor {own}")
            if value.dtype != self.dtype:
                raise RuntimeError(f"grad is {value.dtype}, its Tensor {self.dtype}")
        if node is None and (TAPED or value is not None):
            node = self._frozen_leaf()
        if isinstance(node, Leaf):
            if TAPED and (tape := current().tape) is not None:
                tape.cleared(node)
                if value is not None:
                    tape.accumulated(node, None, value)
            node.grad = value
        elif node is not None and (value is not None or node.hooks is not None):
            refuse_unrecorded("x.grad = ... of a computed Tensor")
            node.hooks = Hooks() if node.hooks is None else node.hooks
            node.hooks.grad = value

    @grad.deleter
    def grad(self) -> None:
        self.grad = None

    def retain_grad(self) -> None:
        """Keep the gradient of this computed Tensor in `.grad` too."""
        if self._node is None:
            raise RuntimeError("can't retain_grad on a Tensor that has requires_grad=False")
        if isinstance(self._node, Node):
            if self._node.hooks is None:
                self._node.hooks = Hooks()
            self._node.hooks.retain = True

    @property
    def retains_grad(self) -> bool:
        """Tell whether `retain_grad()` was called on this computed Tensor."""
        hooks = self._node.hooks if isinstance(self._node, Node) else None
        return hooks is not None and hooks.retain

    def register_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(grad)` once this gradient is complete; its result, if any, replaces it."""
        if self._node is None:
            raise RuntimeError("cannot register a hook on a Tensor that doesn't require gradient")
        if self._node.hooks is None:
            self._node.hooks = Hooks()
        return RemovableHandle(self._node.hooks, hook)

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add d(self)/d(leaf) to `.grad` of every leaf; see `autograd.backward`."""
        supplied.backward(self, gradient, retain_graph, create_graph, inputs)

    def detach(self) -> Tensor:
        """Return a Tensor on the same memory, cut off from the graph."""
        cut = wrap(self._data)
        if self._data.base is not None and (laid_out := supplied.layout_of(self)) is not None:
            cut._origin = laid_out
        if TAPED and (tape := current().tape) is not None:
            tape.looked(self, cut)
        return cut

    def detach_(self) -> Tensor:
        """Cut this very Tensor off from its graph."""
        note_change()
        self._freeze()
        return self

    @property
    def data(self) -> Tensor:
        """A Tensor on the same memory that is not differentiated."""
        return Tensor.detach(self)

    @data.setter
    def data(self, value: Tensor) -> None:
        array = unwrap(value)
        if not isinstance(array, np.ndarray):
            raise TypeError(f".data must be a Tensor, not {type(value).__name__}")
        refuse_unrecorded("x.data = ...")
        leaf = grad_owner(self)
        if isinstance(self._node, Leaf) and array.dtype.kind != "f":
            raise RuntimeError(
                "data set to a tensor that requires gradients must be floating point, not "
                f"{array.dtype}"
            )
        if isinstance(leaf, Leaf) and (leaf.shape, leaf.dtype) != (array.shape, array.dtype):
            fresh = Leaf(array)
            fresh.hooks, fresh.is_frozen = leaf.hooks, leaf.is_frozen
            setattr(self, "_frozen" if leaf.is_frozen else "_node", fresh)
        note_change()
        self._data = array
        supplied.take_layout(self, value)

    # Reading values out

    def numpy(self) -> Array:
        """Return the ndarray itself, not a copy; detach a Tensor that requires grad first."""
        if self._node is not None:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() "
                "instead."
            )
        refuse_read("numpy()")
        if PAIRS and is_paired(self._data):  # a write would not reach the copy
            array = self._data.view()
            array.flags.writeable = False
            return array
        return self._data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def item(self) -> Any:
        """Return the one element as a Python number; RuntimeError if there is not exactly one."""
        if TAPED:
            refuse_read("item()")
        data = self._data
        if data.size != 1:
            raise RuntimeError(f"a Tensor with {data.size} elements cannot be converted to Scalar")
        return data.item()

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python numbers."""
        refuse_read("tolist()")
        return self._data.tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self._data.dtype.kind not in "iub":
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __bool__(self) -> bool:
        if self._data.size != 1:
            raise RuntimeError(
                f"the truth of a Tensor of {self._data.size} elements is ambiguous; "
                "use .any() or .all()"
            )
        return bool(self.item())

    __hash__ = object.__hash__

    def __format__(self, spec: str) -> str:
        if self._data.ndim == 0 or (spec and self._data.size == 1):
            return format(self.item(), spec)
        if spec:
            raise TypeError(
                f"unsupported format string {spec!r} for a Tensor of {self._data.size} elements; "
                "format one of them, or its .item()"
            )
        return repr(self)


_frozen_of = Tensor.__dict__["_frozen"].__get__  # an AttributeError without a detour


def frozen_leaf(tensor: Tensor) -> Leaf | None:
    """Return the Leaf of a Tensor that requires no gradient, if it has had one."""
    try:
        return _frozen_of(tensor)  # type: ignore[no-any-return]
    except AttributeError:
        return None


def grad_owner(tensor: Tensor) -> Node | Leaf | None:
    """Return what holds `.grad`: the node, or the Leaf of a Tensor that requires none now."""
    node = tensor._node
    return frozen_leaf(tensor) if node is None else node


class BufferedGrad(Tensor):
    """A gradient in a buffer of a compiled program: copied out when it is read."""


def refuse_read(what: str) -> None:
    """Raise RuntimeError under a tape: a value read out would be frozen into the program."""
    if is_taped():
        raise RuntimeError(
            f"{what} reads a value out while a program is being captured; the value of this call "
            "would be frozen into every later one. Return the Tensor and read it outside."
        )


def refuse_unrecorded(what: str) -> None:
    """Raise RuntimeError under a tape: no tape records this, so no replay would repeat it."""
    if is_taped():
        raise RuntimeError(
            f"{what} while a program is being captured: later calls would not do it again. "
            "Do it outside."
        )
