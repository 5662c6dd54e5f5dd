"""Taking over: a recorded in-place call of which no one can see the memory needs no write.

`h = conv(x); relu_(h)` may leave h's memory as it is and give h the result's, if nothing but h
looks at that memory: no view, no `detach()`, no ndarray, no node that has saved it. References are
counted to find out, so any doubt means a write. That saves a copy of the operand and one of the
result, and a captured program sees the same calls as of the call out of place.
"""

from __future__ import annotations

from sys import getrefcount
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import layout, rebase, views
from tinygrad_mnist.autograd.graph import Node
from tinygrad_mnist.autograd.modes import MODES, current, note_change
from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.kernels.scratch import Memory

Array = np.ndarray[Any, Any]


def _count(tensor: Tensor) -> int:
    return getrefcount(tensor._data)


def _count_base(tensor: Tensor) -> int:
    return getrefcount(tensor._data.base)


def _count_source(tensor: Tensor) -> tuple[int, int]:
    return getrefcount(tensor._origin), getrefcount(tensor._origin.base)


def _usual_counts() -> tuple[int, int, tuple[int, int]]:
    """Count where a Tensor alone refers to its array, that to a base, and a view to its source."""
    tensor = wrap(np.empty(2))
    one = _count(tensor)
    tensor._data = tensor._data.view()
    tensor._origin = views.Origin(wrap(np.empty(2)), (), recorded=True)
    return one, _count_base(tensor), _count_source(tensor)


_ONE, _ONE_BASE, _ONE_SOURCE = _usual_counts()


BIG = 1 << 16  # bytes: to copy fewer takes less time than what follows from other memory


def take_over(
    tensor: Tensor, value: Tensor, others: Any, start: int, *, fresh: bool = False
) -> bool:
    """Make the Tensor the result of the call that computed `value` of it; tell whether it was done.

    `others` are the other arguments of that call, `start` is a moment before it. The result has to
    lie as the Tensor does. `fresh` tells that the Tensor is most likely the result of a call just
    made, and no buffer that a jitted function expects at its place.
    """
    array, result = tensor._data, value._data
    if not (type(tensor._node) is type(value._node) is Node or _may_go(tensor, value, fresh)):
        return False
    if (
        result.dtype is not array.dtype
        or result.shape != array.shape
        or not _lie_alike(result, array)
    ):
        return False
    if value is tensor or type(value._origin) is views.Origin:
        return False
    if not array.flags.writeable or not result.flags.writeable:
        return False
    for other in others:
        if isinstance(other, Tensor) and np.may_share_memory(result, other._data):
            return False
    del array
    if not _is_alone(tensor, value._node, start):
        return False
    if tensor._origin is not None:
        if value._node is not None:
            views.check_allowed(tensor)
        if views.origin_of(tensor) is not None:
            tensor._origin = None
    note_change()
    tensor._data = result
    rebase.become(tensor, value._node)
    return True


def _may_go(tensor: Tensor, value: Tensor, fresh: bool) -> bool:
    """Tell whether a Tensor that is not differentiated may move to other memory."""
    if tensor._node is not None or value._node is not None:
        return False
    listener = _listener()
    if listener is None:
        return fresh and tensor._data.nbytes >= BIG
    return bool(listener.made_in_call(tensor._data))


def _listener() -> Any:
    """Return the tape or the follower of this thread, or None."""
    mode = current() if MODES else None
    return None if mode is None else mode.tape or mode.follower


def _lie_alike(a: Array, b: Array) -> bool:
    """Tell whether two arrays of one shape have the same strides, where these matter."""
    if a.strides == b.strides:
        return True
    return all(s == t for n, s, t in zip(a.shape, a.strides, b.strides, strict=True) if n > 1)


def _is_alone(tensor: Tensor, node: Any, start: int) -> bool:
    """Tell whether nothing can see the Tensor's memory but nodes of the call that ends in `node`.

    What these have saved of the operand stays as it is.
    """
    if layout.PAIRS or (layout.ADDRESSED and id(layout.owner(tensor._data)) in layout.ADDRESSED):
        return False
    listener = _listener()
    count = 0 if listener is None else listener.references(tensor._data)
    further = _count(tensor) - _ONE - count
    if count < 0 or (further and further != _saved_by(node, start, tensor)):
        return False
    if tensor._origin is not None and views.origin_of(tensor) is not None:
        return _is_only_view(tensor, listener)
    if type(tensor._data.base) is np.ndarray:
        return _count_base(tensor) == _ONE_BASE and _is_whole(tensor._data.base, 0)
    return _is_whole(tensor._data, count)


def _saved_by(node: Any, start: int, tensor: Tensor) -> int:
    """Count how often the nodes made after `start` have saved the Tensor's array."""
    waiting, seen, count = [node], set(), 0
    while waiting:
        node = waiting.pop()
        if type(node) is Node and node.order < start and node not in seen:
            seen.add(node)
            count += sum(value is tensor._data for value in node.saved or ())
            waiting += node.parents
    return count


def _is_only_view(tensor: Tensor, listener: Any) -> bool:
    """Tell whether a view is all that is left of its base, and would be no view in PyTorch."""
    source, base = tensor._origin.base, tensor._data.base
    array = source._data
    if _count_source(tensor) != (_ONE_SOURCE[0], _ONE_SOURCE[1] + 1):  # `source` is one more
        return False
    if type(base) is not np.ndarray or base.size != tensor._data.size:
        return False
    if not views.laid_out_as_pytorch(tensor).flags.c_contiguous:
        return False
    count = 0 if listener is None else listener.references(base)
    expected = _ONE_BASE + 1 + count + (array is base) + (array.base is base)  # 1: `base`
    if count < 0 or _count_base(tensor) != expected + (array is base):  # and `array`
        return False
    if array is not base:
        inner = 0 if listener is None else listener.references(array)
        if inner < 0 or _count(source) != _ONE + inner + 1:  # 1: `array`
            return False
    return _is_whole(base, count)


def _is_whole(array: Array, count: int) -> bool:
    """Tell whether an array is all that lies in its memory; in a listener's, if that keeps it."""
    return array.flags.owndata or (type(array.base) is Memory and count > 0)
