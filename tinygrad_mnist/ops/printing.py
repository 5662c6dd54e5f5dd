"""A Tensor as text, to the letter as PyTorch prints it: four decimals, lines of 80 columns.

https://docs.pytorch.org/docs/stable/generated/torch.set_printoptions.html gives the defaults.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.default_dtype import get_default_dtype
from tinygrad_mnist.autograd.graph import Node
from tinygrad_mnist.autograd.tensor import Tensor, _reads

Array = np.ndarray[Any, Any]
PRECISION, EDGE, THRESHOLD, WIDTH = 4, 3, 1000, 80


def render(tensor: Tensor) -> str:
    """What `repr(tensor)` says."""
    _reads("repr()")
    array, prefix = tensor._data, "tensor("
    summarize = array.size > THRESHOLD
    text = "[]"
    if array.size:
        shown = corners(array) if summarize else array
        text = block(array, len(prefix), *formatter(shown), summarize=summarize)
    notes = []
    if not array.size and array.ndim != 1:
        notes.append(f"size={array.shape}")
    implied = (get_default_dtype(), np.int64, np.bool_)
    if array.dtype not in (implied if array.size else implied[:1]):
        notes.append(f"dtype=torch.{array.dtype}")
    if isinstance(tensor._node, Node):
        notes.append(f"grad_fn={tensor._node!r}")
    elif tensor._node is not None:
        notes.append("requires_grad=True")
    return with_notes(prefix + text, notes, len(prefix))


def with_notes(text: str, notes: list[str], indent: int) -> str:
    """The text and its notes, on a new line where a line would become too long."""
    used = len(text) - text.rfind("\n") + 1
    for note in notes:
        if used + len(note) + 2 > WIDTH:
            text += ",\n" + " " * indent + note
            used = indent + len(note)
        else:
            text += ", " + note
            used += len(note) + 2
    return text + ")"


def corners(array: Array) -> Array:
    """The elements that a summary shows."""
    for axis, n in enumerate(array.shape):
        if n > 2 * EDGE:
            array = np.take(array, [*range(EDGE), *range(n - EDGE, n)], axis)
    return array


def formatter(array: Array) -> tuple[Callable[[Any], str], int]:
    """How to write each element so that all are equally wide; and how wide that is."""
    if array.dtype.kind != "f":
        plain = [str(value) for value in array.ravel().tolist()]
        width = max(map(len, plain))
        return lambda value: str(value).rjust(width), width
    values = array[np.isfinite(array) & (array != 0)].astype(np.float64)
    sizes = np.abs(values)
    whole = bool((values == np.ceil(values)).all())
    style = f".{PRECISION}f"
    if values.size:
        low, high = sizes.min(), sizes.max()
        if high / low > 1000 or high > 1e8 or low < 1e-4:
            style, whole = f".{PRECISION}e", False
    if whole:
        style = ".0f"
    width = max((len(format(value, style)) + whole for value in values.tolist()), default=1)

    def write(value: float) -> str:
        dot = "." if whole and math.isfinite(value) else ""
        return (format(value, style) + dot).rjust(width)

    return write, width


def block(
    array: Array, indent: int, write: Callable[[Any], str], width: int, *, summarize: bool
) -> str:
    """The elements in nested brackets."""
    if not array.ndim:
        return write(array.item())
    cut = summarize and len(array) > 2 * EDGE
    first, last = (array[:EDGE], array[-EDGE:]) if cut else (array, array[:0])
    gap = [" ..." if array.ndim == 1 else "..."] if cut else []
    if array.ndim > 1:
        inner = [
            [block(x, indent + 1, write, width, summarize=summarize) for x in part]
            for part in (first, last)
        ]
        return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(
            [*inner[0], *gap, *inner[1]]
        ) + "]"  # fmt: skip
    parts = [*map(write, first.tolist()), *gap, *map(write, last.tolist())]
    a_line = max(1, (WIDTH - indent) // (width + 2))
    lines = [", ".join(parts[i : i + a_line]) for i in range(0, len(parts), a_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
