"""The short form of a Tensor in a notebook: what it is, and its values as text or in shades."""

from __future__ import annotations

import html
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.tensor import Tensor, refuse_read

SMALLEST, LARGEST = 2, 28  # the sides of a matrix that is drawn in shades: up to a digit's


def render_html(tensor: Tensor) -> str:
    """Return shape, dtype and origin, then the values; a matrix up to 28 x 28 also in shades.

    >>> import tinygrad_mnist as tg
    >>> render_html(tg.ones(2))
    '<div><b>2</b> float32<pre>tensor([1., 1.])</pre></div>'
    """
    refuse_read("a notebook's picture")
    text = html.escape(repr(tensor))
    if hasattr(type(tensor), "materialize"):  # it has no shape yet
        return f"<pre>{text}</pre>"
    array, node = tensor._data, tensor._node
    about = [f"<b>{' × '.join(map(str, array.shape)) or 'one number'}</b> {array.dtype}"]
    if node is not None:
        about.append("requires grad" if tensor.is_leaf else html.escape(f"made by {node!r}"))
    return f"<div>{', '.join(about)}{_shades(array)}<pre>{text}</pre></div>"


def _shades(array: np.ndarray[Any, Any]) -> str:
    """Return a matrix of numbers as squares, white for the least value, black for the greatest."""
    if array.ndim != 2 or not all(SMALLEST <= n <= LARGEST for n in array.shape):
        return ""
    values = array.astype(np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size or finite.min() == finite.max():
        return ""
    low, high = finite.min(), finite.max()
    levels = (values / 2 - low / 2) / (high / 2 - low / 2)  # a difference might overflow
    squares = [
        f'<rect x="{x}" y="{y}" width="1" height="1" fill="{_shade(levels[y, x])}"/>'
        for y, x in np.ndindex(*array.shape)
    ]
    (rows, columns), side = array.shape, 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns * side}" height="{rows * side}" '
        f'viewBox="0 0 {columns} {rows}" shape-rendering="crispEdges" role="img" '
        f'aria-label="values from {low:.4g} (white) to {high:.4g} (black)" '
        f'style="display:block;border:1px solid #888">{"".join(squares)}</svg>'
    )


def _shade(level: float) -> str:
    """Return the colour of a level from 0 to 1; red for what is not finite."""
    if not 0 <= level <= 1:
        return "#d33"
    grey = round(255 * (1 - level))
    return f"#{grey:02x}{grey:02x}{grey:02x}"
