"""The values that nodes have saved for their rules: may they still be used, and as what.

Backward frees saved values, and a write in place can make them stale. Using one then raises an
error that names the op.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_mnist.autograd import writes
from tinygrad_mnist.autograd.graph import Node
from tinygrad_mnist.autograd.modes import TAPED, current
from tinygrad_mnist.autograd.record import record
from tinygrad_mnist.autograd.tensor import wrap

if TYPE_CHECKING:
    from tinygrad_mnist.autograd.listeners import Tape

ndarray = np.ndarray


def check_saved(node: Node) -> tuple[Any, ...]:
    """Return a node's saved values; RuntimeError if they were freed, or written in place since.

    There is no false alarm. An output that PyTorch would not have saved is computed again.
    """
    saved = node.saved
    if saved is None:
        raise RuntimeError(
            f"Trying to backward through the graph a second time: what {node.op.name} kept has "
            "already been freed. Specify retain_graph=True in the first backward() or grad() to go "
            "through the graph again."
        )
    names = (*node.op.params, "y", *node.op.residual)
    for name, value in zip(names, saved, strict=False):
        if type(value) is not ndarray or not writes.written_since(value, node.order):
            continue
        if name == "y" and node.op.again:
            x, _, kw = saved
            node.saved = saved = (x, compute_again(node.op, x, kw), kw)
            continue
        what = "its output" if name == "y" else f"its argument {name!r}"
        raise RuntimeError(
            f"one of the variables needed for gradient computation has been modified by an "
            f"inplace operation: {node.op.name} kept {what} {list(value.shape)} for "
            "backward, and it was written afterwards. Write to a clone(), or out of place."
        )
    return saved


def compute_again(op: Any, x: Any, kw: dict[str, Any]) -> Any:
    """Compute an overwritten output again; a tape records that call."""
    tape = current().tape if TAPED else None
    if tape is None:
        return op.kernel(x, **kw)
    return record(op, (wrap(x),), kw, grad=False, tape=tape)._data


def as_tensors(
    node: Node, saved: tuple[Any, ...], tape: Tape | None, *, attached: bool
) -> tuple[Any, ...]:
    """Wrap a node's saved values in Tensors, so that a tape records the calls of its rules.

    If `attached`, these Tensors keep their history, so that the rules' calls can be differentiated.
    """
    if tape is not None:
        tape.walked(node)
    op = node.op
    if not saved:
        return ()
    if not attached:
        return tuple(wrap(v) if type(v) is ndarray else v for v in saved[:-1]) + saved[-1:]
    count = len(op.params)
    inputs: list[Any] = []
    parents = iter(node.parents)
    for value in saved[:count]:
        parent = next(parents, None)
        inputs.append(wrap(value, parent) if type(value) is ndarray else value)
    y = wrap(saved[count], node) if saved[count] is not None else None
    if not op.residual:
        return (*inputs, y, saved[-1])
    return (*inputs, y, *op.rebuild(inputs, saved), saved[-1])
