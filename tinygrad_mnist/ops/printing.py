"""A Tensor as text, exactly as PyTorch prints it: four decimals, lines of 80 columns.

https://docs.pytorch.org/docs/stable/generated/torch.set_printoptions.html gives the defaults.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.default_dtype import get_default_dtype
from tinygrad_mnist.autograd.graph import Node
from tinygrad_mnist.autograd.tensor import Tensor, refuse_read

Array = np.ndarray[Any, Any]
PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}
OPTIONS: dict[str, Any] = {**PROFILES["default"], "sci_mode": None}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how Tensors are printed; None leaves a setting as it is.

    `profile` is "default", "short" or "full" and applies first. Every call resets `sci_mode`, whose
    default None chooses for each Tensor.

    >>> import tinygrad_mnist as tg
    >>> set_printoptions(precision=2)
    >>> tg.tensor([1 / 3])
    tensor([0.33])
    >>> set_printoptions(profile="default")
    """
    if profile is not None:
        OPTIONS.update(PROFILES[profile])
    settings = {
        "precision": precision, "threshold": threshold, "edgeitems": edgeitems,
        "linewidth": linewidth,
    }  # fmt: skip
    OPTIONS.update({name: value for name, value in settings.items() if value is not None})
    OPTIONS["sci_mode"] = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The settings of printing, as `set_printoptions` takes them."""
    return dict(OPTIONS)


def text_of(tensor: Tensor) -> str:
    """Return `repr(tensor)`."""
    refuse_read("repr()")
    array, prefix = tensor._data, "tensor("
    summarize = array.size > OPTIONS["threshold"]
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
        if used + len(note) + 2 > OPTIONS["linewidth"]:
            text += ",\n" + " " * indent + note
            used = indent + len(note)
        else:
            text += ", " + note
            used += len(note) + 2
    return text + ")"


def corners(array: Array) -> Array:
    """The elements that a summary shows."""
    edge = OPTIONS["edgeitems"]
    for axis, n in enumerate(array.shape):
        if n > 2 * edge:
            array = np.take(array, [*range(edge), *range(n - edge, n)], axis)
    return array


def formatter(array: Array) -> tuple[Callable[[Any], str], int]:
    """A function that writes each element with the same width, and that width."""
    if array.dtype.kind != "f":
        plain = [str(value) for value in array.ravel().tolist()]
        width = max(map(len, plain))
        return lambda value: str(value).rjust(width), width
    values = array[np.isfinite(array) & (array != 0)].astype(np.float64)
    sizes = np.abs(values)
    whole = bool((values == np.ceil(values)).all())
    precision, sci_mode = OPTIONS["precision"], OPTIONS["sci_mode"]
    style = f".{precision}f"
    if values.size:
        low, high = sizes.min(), sizes.max()
        wide = high / low > 1000 or high > 1e8 or low < 1e-4
        if wide if sci_mode is None else sci_mode:
            style, whole = f".{precision}e", False
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
    edge = OPTIONS["edgeitems"]
    cut = summarize and len(array) > 2 * edge
    first, last = (
        (array[:edge], array[-edge:] if edge else array[:0]) if cut else (array, array[:0])
    )
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
    per_line = max(1, (OPTIONS["linewidth"] - indent) // (width + 2))
    lines = [", ".join(parts[i : i + per_line]) for i in range(0, len(parts), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
