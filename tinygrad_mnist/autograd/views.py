"""Views: which Tensors look at whose memory, so that a recorded write through one reaches all.

A view holds its base and the way from there, as (op, settings) steps; a base knows its views
weakly. A recorded write makes the base a new node of the graph, `written`, and the views that the
write touched are made anew from it, as in PyTorch. Nothing is copied.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygrad_mnist.autograd import writes
from tinygrad_mnist.autograd.modes import current
from tinygrad_mnist.autograd.tensor import Hooks, Leaf, Node, Tensor, new, wrap

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


_seen, _views = Tensor.__dict__["_seen"].__get__, Tensor.__dict__["_views"].__get__


def seen(tensor: Tensor) -> Seen | None:
    """Where a view comes from; None for what is no view."""
    try:
        found: Seen = _seen(tensor)
    except AttributeError:
        return None
    return found if writes.owner(found.base._data) is writes.owner(tensor._data) else None


def look(x: Tensor, view: Tensor, op: Op, kw: dict[str, Any]) -> None:
    """Say that `view` is op(x), if it shares memory (a reshape may have had to copy)."""
    memory = writes.owner(view._data)
    if memory is not writes.owner(x._data):
        return
    before = seen(x)
    base, way = (x, ()) if before is None else (before.base, before.way)
    view._seen = Seen(base, (*way, (op, kw)), current().grad)
    try:
        known = _views(base)
    except AttributeError:
        known = base._views = Views()
    known.add(view)


def looked_at(tensor: Tensor) -> bool:
    """Whether other Tensors, that are still there, are views of this one."""
    try:
        return any(ref() is not None for ref in _views(tensor))
    except AttributeError:
        return False


def check_allowed(tensor: Tensor) -> None:
    """RuntimeError where a write may not be recorded."""
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


def written(tensor: Tensor, node: Any, op: Op, foreign: bool) -> None:
    """Say that a value, which came from `node`, was written over all of `tensor`.

    `op` is `assign_view`: base with value at the end of a way. A `foreign` value was not computed
    from the Tensor: what that came from is gone through all the same, with a gradient of zero.
    """
    known = seen(tensor)
    base, way = (tensor, ()) if known is None else known[:2]
    if way or node is None or (foreign and base._node is not None):
        node = _assignment(base, node, op, way)
    _become(base, node)
    if base is not tensor:
        _become(tensor, _node_of(base, way))
    try:
        others = _views(base)
    except AttributeError:
        return
    for ref in others:
        view = ref()
        if view is None or view is tensor or (known := seen(view)) is None:
            continue
        if view._node is None or np.may_share_memory(view._data, tensor._data):
            _become(view, _node_of(base, known.way))


def settle(value: Any, place: Array, start: int | None) -> None:
    """Let a node that was made after `start`, and kept its value, keep where it was written to.

    One copy less is held, and what is written there later is noticed, as in PyTorch.
    """
    node = getattr(value, "_node", None)
    if start is None or not isinstance(node, Node) or node.order > start or not node.saved:
        return
    at = len(node.op.params)
    if len(node.saved) > at and node.saved[at] is value._data and place.shape == value.shape:
        node.saved = (*node.saved[:at], place, *node.saved[at + 1 :])
        node.order = writes.tick()


def _assignment(base: Tensor, node: Any, op: Op, way: Way) -> Node:
    """The base's new node: its old value, but for what was written at the end of the way."""
    made = new(Node)
    array = base._data
    order = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    made.op, made.source = op, (base._node, node)
    made.saved = None, None, None, {"way": way, "order": tuple(order)}
    made.shape, made.dtype, made.hooks = array.shape, array.dtype, None
    made.order = writes.tick()
    return made


def _node_of(base: Tensor, way: Way) -> Any:
    """The node of a view that is made anew of its base."""
    from tinygrad_mnist.autograd.record import record

    if base._node is None:
        return None
    view = wrap(base._data, base._node)
    for op, kw in way:
        view = record(op, (view,), kw)
    return view._node


def _become(tensor: Tensor, node: Any) -> None:
    """Give the Tensor another node; what `retain_grad()` asked for goes along."""
    before = tensor._node
    if isinstance(before, Node) and before.hooks is not None and before.hooks.retain:
        before.hooks.retain = False
        if isinstance(node, Node):
            if node.hooks is None:
                node.hooks = Hooks()
            node.hooks.retain = True
    tensor._node = node
