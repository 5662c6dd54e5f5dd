"""Views: which Tensors look at whose memory, so that a recorded write through one reaches all.

A view holds its base and the way from there, as (op, settings) steps; a base holds its views
weakly. `rebase.py` uses this when a write is recorded.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygrad_mnist.autograd import layout
from tinygrad_mnist.autograd.graph import Leaf
from tinygrad_mnist.autograd.layout import owner
from tinygrad_mnist.autograd.modes import current
from tinygrad_mnist.autograd.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_mnist.autograd.op import Op

Array = np.ndarray[Any, Any]
Way = tuple[tuple["Op", dict[str, Any]], ...]


class Seen(NamedTuple):
    """Where a view comes from; `recorded` is False for one that was made under no_grad."""

    base: Tensor
    way: Way
    recorded: bool


class Views(list["weakref.ref[Tensor]"]):
    """The views of one base; those that are gone are forgotten from time to time."""

    room = 8

    def add(self, view: Tensor) -> None:
        if len(self) > self.room:
            self[:] = [ref for ref in self if ref() is not None]
            self.room = 2 * len(self) + 8
        self.append(weakref.ref(view))


# Slots that are empty raise AttributeError.
_seen, views_of = Tensor.__dict__["_seen"].__get__, Tensor.__dict__["_views"].__get__


def seen(tensor: Tensor) -> Seen | None:
    """Where a view comes from; None for what is no view."""
    try:
        found: Seen = _seen(tensor)
    except AttributeError:
        return None
    return found if owner(found.base._data) is owner(tensor._data) else None


def look(x: Tensor, view: Tensor, op: Op, kw: dict[str, Any]) -> None:
    """Say that `view` is op(x), if it shares memory (a reshape may have had to copy)."""
    memory = owner(view._data)
    if memory is not owner(x._data):
        return
    before = seen(x)
    base, way = (x, ()) if before is None else (before.base, before.way)
    view._seen = Seen(base, (*way, (op, kw)), current().grad)
    try:
        known = views_of(base)
    except AttributeError:
        known = base._views = Views()
    known.add(view)


def looked_at(tensor: Tensor) -> bool:
    """Whether other Tensors, that are still there, are views of this one."""
    try:
        return any(ref() is not None for ref in views_of(tensor))
    except AttributeError:
        return False


def as_seen(tensor: Tensor) -> Array:
    """An array that is laid out as PyTorch would lay out this Tensor; its elements mean nothing."""
    known = seen(tensor)
    base, way = (tensor, ()) if known is None else (known.base, known.way)
    array = base._data
    if array.flags.c_contiguous or id(owner(array)) in layout.FOREIGN:
        return tensor._data
    shadow = np.empty(array.shape, array.dtype)
    for op, kw in way:
        shadow = op.kernel(shadow, **kw)
    return shadow


def check_allowed(tensor: Tensor) -> None:
    """RuntimeError where a write may not be recorded."""
    if layout.PAIRS:
        layout.check_alone(tensor)
    known = seen(tensor)
    if isinstance(tensor._node, Leaf):
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation. "
            "Write under no_grad(), or out of place."
        )
    if known is None:
        return
    if isinstance(known.base._node, Leaf):
        raise RuntimeError(
            "a view of a leaf Variable that requires grad is being used in an in-place operation. "
            "Write under no_grad(), or out of place."
        )
    if not known.recorded:
        raise RuntimeError(
            "A view was created in no_grad mode and is being modified inplace with grad mode "
            "enabled. Take the view outside of no_grad(), or write under no_grad() too."
        )
