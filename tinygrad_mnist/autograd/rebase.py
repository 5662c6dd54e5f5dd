"""Recorded writes: the base gets a new node of the graph, and each view one made from that.

As in PyTorch, a write through one Tensor reaches all that look at the same memory: `written` gives
the base a node whose inputs are the old value and the new one, and each view that the write touched
the node of the same view of the new base. Nothing is copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import supplied, writes
from tinygrad_mnist.autograd.graph import Hooks, Node
from tinygrad_mnist.autograd.modes import TAPED, current
from tinygrad_mnist.autograd.op import Op
from tinygrad_mnist.autograd.record import record
from tinygrad_mnist.autograd.tensor import Tensor, new, wrap
from tinygrad_mnist.autograd.views import Way, origin_of, views_of

Array = np.ndarray[Any, Any]


def written(
    tensor: Tensor, node: Any, op: Op, *, foreign: bool, way: Way = (), array: Array | None = None
) -> None:
    """Record that a value, which came from `node`, was written over `tensor` or a part of it.

    A part is the `array` at the end of a `way` from the Tensor; without a way it is all of it.
    `op` is `assign_view`: base with value at the end of a way. Where the value is `foreign`, not
    computed from the Tensor, backward still visits the Tensor's history, with a gradient of zero.
    """
    origin = origin_of(tensor)
    base, way_here = (tensor, ()) if origin is None else origin[:2]
    way = (*way_here, *way)
    if way or node is None or (foreign and base._node is not None):
        node = _assignment(base, node, op, way)
    become(base, node)
    if base is not tensor:
        become(tensor, _node_of(base, way_here))
    array = tensor._data if array is None else array
    try:
        others = views_of(base)
    except AttributeError:
        return
    for ref in others:
        view = ref()
        if view is None or view is tensor or (origin := origin_of(view)) is None:
            continue
        if view._node is None or np.may_share_memory(view._data, array):
            become(view, _node_of(base, origin.way))


def keep_target(value: Any, target: Array, start: int | None) -> None:
    """Let a node made after `start` that has saved its value save the written memory instead.

    That frees one copy, and later writes to that memory are noticed, as in PyTorch.
    """
    node = getattr(value, "_node", None)
    if start is None or not isinstance(node, Node) or node.order > start or not node.saved:
        return
    at = len(node.op.params)
    if len(node.saved) > at and node.saved[at] is value._data and target.shape == value.shape:
        node.saved = (*node.saved[:at], target, *node.saved[at + 1 :])
        node.order = writes.tick()


def keep_apart(value: Any, array: Array, start: int) -> None:
    """Let nodes made after `start` keep copies of an array that is about to be written."""
    waiting = [value._node]
    copies: dict[Any, Any] = {}  # by the id of the array; and the nodes that were visited
    while waiting:
        node = waiting.pop()
        if type(node) is not Node or node.order > start or node in copies:
            continue
        copies[node] = None
        waiting += node.parents
        saved = list(node.saved or ())
        for slot, part in enumerate(saved):
            if isinstance(part, np.ndarray) and np.may_share_memory(part, array):
                if id(part) not in copies:
                    copies[id(part)] = part, copy_before_write(part)
                saved[slot] = copies[id(part)][1]
                node.saved = tuple(saved)


def copy_before_write(array: Array) -> Array:
    """Copy an array that is about to be written; a tape records the copy."""
    tape = current().tape if TAPED else None
    if tape is None:
        return array.copy("K")
    cast, kw = supplied.cast.op, {"dtype": array.dtype}  # type: ignore[attr-defined]
    return record(cast, (wrap(array),), kw, grad=False, tape=tape)._data


def _assignment(base: Tensor, node: Any, op: Op, way: Way) -> Node:
    """Make the base's new node: its old value, except for the view that was written."""
    made = new(Node)
    array = base._data
    order: Sequence[int] = range(array.ndim)
    if not array.flags.c_contiguous:
        order = sorted(order, key=lambda axis: -abs(array.strides[axis]))
    made.op, made.source = op, (base._node, node)
    made.saved = None, None, None, {"way": way, "order": tuple(order)}
    made.shape, made.dtype, made.hooks = array.shape, array.dtype, None
    made.order = writes.tick()
    return made


def _node_of(base: Tensor, way: Way) -> Any:
    """Return the node of a view that is made again from its base."""
    if base._node is None:
        return None
    view = wrap(base._data, base._node)
    for op, kw in way:
        view = record(op, (view,), kw)
    return view._node


def become(tensor: Tensor, node: Any) -> None:
    """Give the Tensor another node; a `retain_grad()` moves to that node."""
    before = tensor._node
    if isinstance(before, Node) and before.hooks is not None and before.hooks.retain:
        before.hooks.retain = False
        if isinstance(node, Node):
            if node.hooks is None:
                node.hooks = Hooks()
            node.hooks.retain, node.hooks.grad = True, before.hooks.grad
    tensor._node = node
