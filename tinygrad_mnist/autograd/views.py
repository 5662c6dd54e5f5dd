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


class Origin(NamedTuple):
    """The base of a view and the way from it; `recorded` is False for one made under no_grad."""

    base: Tensor
    way: Way
    recorded: bool


class Views(list["weakref.ref[Tensor]"]):
    """Weak references to the views of one base; dead ones are dropped from time to time."""

    room = 8

    def add(self, view: Tensor) -> None:
        if len(self) > self.room:
            self[:] = [ref for ref in self if ref() is not None]
            self.room = 2 * len(self) + 8
        self.append(weakref.ref(view))


# The slots' own getters: an empty slot raises AttributeError.
_origin_of, views_of = Tensor.__dict__["_origin"].__get__, Tensor.__dict__["_views"].__get__


def origin_of(tensor: Tensor) -> Origin | None:
    """Return the base of a view and the way from it; None for a Tensor that is no view."""
    try:
        origin: Origin = _origin_of(tensor)
    except AttributeError:
        return None
    return origin if owner(origin.base._data) is owner(tensor._data) else None


def look(x: Tensor, view: Tensor, op: Op, kw: dict[str, Any]) -> None:
    """Note that `view` is op(x), if they share memory (a reshape may have had to copy)."""
    memory = owner(view._data)
    if memory is not owner(x._data):
        return
    origin = origin_of(x)
    base, way = (x, ()) if origin is None else (origin.base, origin.way)
    view._origin = Origin(base, (*way, (op, kw)), current().grad)
    try:
        views = views_of(base)
    except AttributeError:
        views = base._views = Views()
    views.add(view)


def has_views(tensor: Tensor) -> bool:
    """Tell whether a live Tensor is a view of this one."""
    try:
        return any(ref() is not None for ref in views_of(tensor))
    except AttributeError:
        return False


def laid_out_as_pytorch(tensor: Tensor) -> Array:
    """Return an array with the strides that PyTorch would give this Tensor, and any elements."""
    origin = origin_of(tensor)
    base, way = (tensor, ()) if origin is None else (origin.base, origin.way)
    array = base._data
    if array.flags.c_contiguous or id(owner(array)) in layout.FOREIGN:
        return tensor._data
    shadow = np.empty(array.shape, array.dtype)
    for op, kw in way:
        shadow = op.kernel(shadow, **kw)
    return shadow


def check_allowed(tensor: Tensor) -> None:
    """Raise RuntimeError where a write may not be recorded."""
    if layout.PAIRS:
        layout.check_alone(tensor)
    origin = origin_of(tensor)
    if isinstance(tensor._node, Leaf):
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation. "
            "Write under no_grad(), or out of place."
        )
    if origin is None:
        return
    if isinstance(origin.base._node, Leaf):
        raise RuntimeError(
            "a view of a leaf Variable that requires grad is being used in an in-place operation. "
            "Write under no_grad(), or out of place."
        )
    if not origin.recorded:
        raise RuntimeError(
            "A view was created in no_grad mode and is being modified inplace with grad mode "
            "enabled. Take the view outside of no_grad(), or write under no_grad() too."
        )
