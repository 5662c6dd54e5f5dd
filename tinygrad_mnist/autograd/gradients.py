"""Gradients that are complete: hooks may replace them, and leaves add them to `.grad`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.autograd import supplied, writes
from tinygrad_mnist.autograd.graph import AnyNode, Hooks, Leaf, Node
from tinygrad_mnist.autograd.modes import MODES, TAPED, current
from tinygrad_mnist.autograd.tensor import Tensor, unwrap, wrap
from tinygrad_mnist.kernels.scratch import is_view


def run_hooks(node: AnyNode, g: Any) -> Any:
    """Pass a complete gradient to each hook, which may replace it; return the result."""
    raw = not isinstance(g, Tensor)
    for hook in list((node.hooks or {}).values()):
        shown = wrap(g) if raw else g
        result = hook(shown)
        if result is not None:
            g = unwrap(result) if raw else result
    if isinstance(node, Node) and node.hooks is not None and node.hooks.retain:
        retain(node, np.array(g) if raw else g)
    return g


def retain(node: Node, g: Any) -> None:
    """Add `g` to the `.grad` of a computed Tensor, and go on adding."""
    node.hooks = Hooks() if node.hooks is None else node.hooks
    node.hooks.retain = True
    grad = g if isinstance(g, Tensor) else wrap(g)
    before = node.hooks.grad
    node.hooks.grad = grad if before is None else supplied.add(before, grad)


def accumulate(leaf: Leaf, g: Any, *, owned: bool, record: bool) -> None:
    """Add `g` to `leaf.grad`, unless it is frozen; no two `.grad`s ever share memory."""
    if leaf.is_frozen:
        return
    before = leaf.grad
    if isinstance(g, Tensor):
        if before is not None and before._node is None and not record:
            if MODES and (tape := current().tape) is not None:
                tape.accumulated(leaf, before, before)
                tape.written(before, total := supplied.add(before, g))
                g = unwrap(total)
            np.copyto(before._data, g)
            writes.stamp(before._data)
            return
        if before is not None:
            g = supplied.add(before, g)
        elif not owned or is_view(g._data):
            g = supplied.cast(g, dtype=g.dtype)
        leaf.grad = g
        if TAPED and (tape := current().tape) is not None:
            tape.accumulated(leaf, before, g)
    elif before is None:
        leaf.grad = wrap(g if owned and g.base is None else np.array(g))
    elif before._node is not None:
        leaf.grad = supplied.add(before, wrap(g))
    else:
        np.add(before._data, g, out=before._data)
        writes.stamp(before._data)
