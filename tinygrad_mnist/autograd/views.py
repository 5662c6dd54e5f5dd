"""Views: which Tensors look at whose memory, so that a recorded write through one reaches all.

A view holds its base and the way from there, as (op, settings) steps; a base holds its views
weakly. `rebase.py` uses this when a write is recorded.
"""

from __future__ import annotations

import functools
import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygrad_mnist.autograd import layout, supplied
from tinygrad_mnist.autograd.graph import Leaf
from tinygrad_mnist.autograd.layout import owner
from tinygrad_mnist.autograd.modes import MODES, current
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


class Layout(NamedTuple):
    """The strides and the memory that PyTorch would give a Tensor that is no view here."""

    array: Array  # the Tensor's, as long as this holds
    strides: tuple[int, ...]
    memory: Array


class Views(list["weakref.ref[Tensor]"]):
    """Weak references to the views of one base; dead ones are dropped from time to time."""

    room = 8

    def add(self, view: Tensor) -> None:
        if len(self) > self.room:
            self[:] = [ref for ref in self if ref() is not None]
            self.room = 2 * len(self) + 8
        self.append(weakref.ref(view))


# The slots' own getters: an empty slot raises AttributeError, which takes as long as a small call.
_origin_of, views_of = Tensor.__dict__["_origin"].__get__, Tensor.__dict__["_views"].__get__
_HAS_VIEWS = object()  # in the slot of a Tensor that is no view, and whose views are noted
_new_origin = functools.partial(tuple.__new__, Origin)


def _noted(tensor: Tensor) -> Origin | Layout | None:
    try:
        own = _origin_of(tensor)
    except AttributeError:
        return None
    return None if own is _HAS_VIEWS else own


def origin_of(tensor: Tensor) -> Origin | None:
    """Return the base of a view and the way from it; None for a Tensor that is no view."""
    origin = _noted(tensor)
    if type(origin) is not Origin:
        return None
    return origin if owner(origin.base._data) is owner(tensor._data) else None


def look(x: Tensor, view: Tensor, op: Op, kw: dict[str, Any]) -> None:
    """Note that `view` is op(x), if they share memory (a reshape may have had to copy)."""
    array, memory = x._data, view._data.base
    if memory is not array or array.base is not None:  # else a view of a whole array
        memory = owner(view._data)
        if memory is not owner(array):
            return
    try:
        noted = _origin_of(x)
    except AttributeError:
        noted = None
    way: Way = ()
    base = x
    if noted is None:
        x._origin = _HAS_VIEWS
        x._views = Views()
    elif type(noted) is Origin and owner(noted.base._data) is memory:
        base, way = noted.base, noted.way
    view._origin = _new_origin((base, (*way, (op, kw)), not MODES or current().grad))
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
    """Return an array with the strides that PyTorch would give this Tensor, and any elements.

    It is the Tensor's own array where its memory is laid out as PyTorch's.
    """
    array = tensor._data
    if array.base is None and array.flags.c_contiguous and _layout(tensor) is None:
        return array
    origin = origin_of(tensor)
    if origin is None:
        return _base_as_pytorch(tensor)
    shadow = _base_as_pytorch(origin.base)
    if shadow is origin.base._data:
        return array
    for op, kw in origin.way:
        shadow = op.kernel(shadow, **kw)
    return shadow


def _base_as_pytorch(tensor: Tensor) -> Array:
    """`laid_out_as_pytorch` for a Tensor that is no view."""
    array = tensor._data
    own = _layout(tensor)
    if own is not None:
        return array if own.strides == array.strides else with_strides(array, own.strides)
    if array.flags.c_contiguous or id(owner(array)) in layout.FOREIGN:
        return array
    return np.empty(array.shape, array.dtype)


def _layout(tensor: Tensor) -> Layout | None:
    own = _noted(tensor)
    return own if type(own) is Layout and own.array is tensor._data else None


def base_memory(tensor: Tensor) -> Array:
    """Return the array of the base of a view, in which PyTorch would count its offset."""
    origin = origin_of(tensor)
    base = tensor if origin is None else origin.base
    own = _layout(base)
    return base._data if own is None else own.memory


def with_strides(array: Array, strides: tuple[int, ...]) -> Array:
    """Return an array of the same shape and dtype, with any elements."""
    size = sum((n - 1) * step for n, step in zip(array.shape, strides, strict=True))
    memory = np.empty(size // array.itemsize + 1 if array.size else 0, array.dtype)
    return np.ndarray(array.shape, array.dtype, memory, strides=strides)


def layout_of(tensor: Tensor) -> Layout | None:
    """Return the layout for another Tensor on the same array; None if none was noted."""
    if _noted(tensor) is None:
        return None
    return Layout(tensor._data, laid_out_as_pytorch(tensor).strides, base_memory(tensor))


supplied.layout_of = layout_of


def take_layout(tensor: Tensor, value: Any) -> None:
    """Note the layout of `value`, whose memory the Tensor has just been given."""
    own = layout_of(value)
    tensor._origin = _HAS_VIEWS if own is None and has_views(tensor) else own


supplied.take_layout = take_layout


def _goes_through_leaf(origin: Origin) -> bool:
    """Tell whether a view was made of a leaf, that is itself a view."""
    for ref in views_of(origin.base):
        view = ref()
        if view is None or not isinstance(view._node, Leaf) or (leaf := origin_of(view)) is None:
            continue
        way = origin.way[: len(leaf.way)]
        if len(way) == len(leaf.way) and all(a is b for a, b in zip(leaf.way, way, strict=True)):
            return True
    return False


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
    if isinstance(origin.base._node, Leaf) or _goes_through_leaf(origin):
        raise RuntimeError(
            "a view of a leaf Variable that requires grad is being used in an in-place operation. "
            "Write under no_grad(), or out of place."
        )
    if not origin.recorded:
        raise RuntimeError(
            "A view was created in no_grad mode and is being modified inplace with grad mode "
            "enabled. Take the view outside of no_grad(), or write under no_grad() too."
        )
