"""Calls that nobody records or follows: a write is one NumPy call and a stamp, a read is one call.

Optimizers written by hand, buffers and everything under `no_grad` take this way. `inplace.py` and
`index.py` have the general one, to which these functions leave what needs a cast, or the words of
an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import views, writes
from tinygrad_mnist.autograd.floats import USUAL, hush, restore, state
from tinygrad_mnist.autograd.graph import Node
from tinygrad_mnist.autograd.modes import MODES, is_recording
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops import table

PLAIN = frozenset((int, slice, type(None), type(Ellipsis)))
KINDS: dict[type, str] = {int: "fiu", float: "f"}  # the dtypes that hold a number without a cast


def is_plain(tensor: Tensor, args: Iterable[Any]) -> bool:
    """Tell whether a write that depends on these is neither recorded nor followed."""
    records = is_recording() if MODES else True
    if not records:
        return records is False
    if tensor._node is not None:
        return False
    for arg in args:  # noqa: SIM110  (a generator takes longer than the loop)
        if isinstance(arg, Tensor) and arg._node is not None:
            return False
    return True


def overwritten(tensor: Tensor, value: Tensor) -> bool:
    """Write a value of the Tensor's own shape and dtype, in a plain call; tell whether it was."""
    array, elements = tensor._data, value._data
    if elements.shape != array.shape or elements.dtype is not array.dtype:
        return False
    if not array.flags.writeable:
        return False
    np.copyto(array, elements)
    writes.stamp(array)
    return True


def computed_into(ufunc: Any, tensor: Tensor, args: tuple[Any, ...], alpha: Any) -> bool:
    """Compute into the Tensor's own memory where that takes no cast; tell whether it did.

    What does not fit, and what NumPy is to report, is left to the general way.
    """
    array, other = tensor._data, args[0] if len(args) == 1 else None
    if isinstance(other, Tensor):
        other = other._data
        if other.dtype is not array.dtype or other.ndim > array.ndim:
            return False
    elif type(other) is not float and type(other) is not int:
        return False
    if array.dtype.kind != "f" or not array.flags.writeable or state() is not USUAL:
        return False
    try:
        hush()
        ufunc(array, other if alpha == 1 else other * alpha, array)
    except (TypeError, ValueError, OverflowError):
        return False
    finally:
        restore()
    writes.stamp(array)
    return True


def filled(tensor: Tensor, value: Any) -> bool:
    """Write one number everywhere, in a plain call; tell whether it was."""
    array = tensor._data
    if type(value) is not float and type(value) is not int:
        return False
    if array.dtype.kind != "f" or not array.flags.writeable or not is_plain(tensor, ()):
        return False
    array.fill(value)
    writes.stamp(array)
    return True


def numpy_key(parts: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Return a key that means the same to NumPy, or None: it moves an int beside index arrays."""
    key = []
    ints = others = False
    for part in parts:
        if type(part) is Tensor and part._data.dtype.kind in "iub":
            if not part._data.ndim:
                return None
            key.append(part._data)
            continue
        if type(part) not in PLAIN:
            return None
        ints |= type(part) is int
        others |= type(part) is not int
        key.append(part)
    return None if ints and others else tuple(key)


def at_key(x: Tensor, parts: tuple[Any, ...]) -> Any:
    """Return the elements at a key with index arrays in new memory, or None: see the general way.

    For calls that nobody records or follows. The general way also says what is wrong with a key.
    """
    key = numpy_key(parts)
    if key is None:
        return None
    try:
        return np.asarray(x._data[key])
    except (IndexError, ValueError):
        return None


def is_own_view(tensor: Tensor, key: tuple[Any, ...], value: Any) -> bool:
    """Tell whether a call writes x[key] to itself: Python does, after x[key] += 1.

    What is recorded changes nothing either, as the view has the gradient of its place in x.
    """
    if type(value) is not Tensor or value._data.base is None:
        return False
    origin = views.origin_of(value)
    if origin is None or origin.base is not tensor or len(origin.way) != 1:
        return False
    nodes = type(tensor._node), type(value._node)
    if not is_plain(tensor, (value,)) and not (origin.recorded and nodes == (Node, Node)):
        return False
    op, kw = origin.way[0]
    return op is table.slice.op and kw["key"] == key  # type: ignore[attr-defined]


def put_at_basic_key(tensor: Tensor, key: tuple[Any, ...], value: Any) -> bool:
    """Write at a key without index arrays, in a plain call; tell whether it was done."""
    array = tensor._data
    elements = value._data if type(value) is Tensor else value
    if type(value) is Tensor:
        fits = elements.dtype is array.dtype
    else:
        fits = array.dtype.kind in KINDS.get(type(value), "")
    if not fits or not is_plain(tensor, (value,)):
        return False
    if not array.flags.writeable or state() is not USUAL:
        return False
    try:
        hush()
        part = array[key if ... in key else (*key, ...)]  # with an Ellipsis, a view: no number
        part[...] = elements
    except (IndexError, OverflowError, ValueError):  # the general way has words for it
        return False
    finally:
        restore()
    writes.stamp(part)
    return True


def put_at_key(tensor: Tensor, parts: tuple[Any, ...], value: Any) -> bool:
    """Write at a key with index arrays, in a plain call; tell whether it was done."""
    array, key = tensor._data, numpy_key(parts)
    if key is None or not array.flags.writeable:
        return False
    if isinstance(value, Tensor):
        value = value._data
        if value.dtype is not array.dtype:
            return False
    elif type(value) not in (int, float) or array.dtype.kind != "f":
        return False
    try:
        array[key] = value
    except (IndexError, TypeError, ValueError):  # TypeError: a value of 2 dimensions at a mask
        return False
    writes.stamp(array)
    return True
