"""How many multiply-adds a call of an op is: counted from shapes, for products and convolutions.

A product that is added to a sum counts one, and so does each bias that such an op adds: what a
layer of n inputs and m outputs computes for one row counts n * m + m, as many as it has parameters.
Elementwise arithmetic, activations, normalisation, pooling and look-ups count nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Shapes = list[tuple[int, ...]]


def _linear(shapes: Shapes, out: int) -> int:
    return out * shapes[0][-1] + (out if len(shapes) > 2 else 0)


def _conv(shapes: Shapes, out: int) -> int:
    return out * _product(shapes[1][1:]) + (out if len(shapes) > 2 else 0)


def _attention(shapes: Shapes, out: int) -> int:
    """Count the scores, and what is summed by them."""
    (*_, size), (*_, keys, _), (*_, value_size) = shapes[:3]
    return out // max(1, value_size) * keys * (size + value_size)


def _recurrent(weights: int) -> Callable[[Shapes, int], int]:
    """Count for a layer whose weights and biases are the arguments from this number on."""

    def count(shapes: Shapes, out: int) -> int:
        steps, rows, _ = shapes[0]
        return steps * rows * sum(map(_product, shapes[weights:]))

    return count


COUNTS: dict[
    str, Callable[[Shapes, int], int]
] = {  # from the arrays' shapes, and the output's size
    "matmul": lambda shapes, out: out * shapes[0][-1],
    "matmul_columns": lambda shapes, out: out * shapes[0][0],
    "linear": _linear,
    "linear_columns": _linear,
    "conv": _conv,
    "conv_input": lambda shapes, out: _product(shapes[0]) * _product(shapes[1][1:]),
    "lstm": _recurrent(3),
    "gru": _recurrent(2),
    "rnn": _recurrent(2),
    "attention": _attention,
    "conv_weight": lambda shapes, out: out * _product(shapes[1]) // max(1, shapes[1][1]),
}


def multiply_adds(op: Any, args: tuple[Any, ...], out: Any) -> int:
    """Return the multiply-adds of one call of an op, 0 for one that is no product.

    >>> import tinygrad_mnist as tg
    >>> from tinygrad_mnist.ops import table
    >>> x, w = tg.ones(64, 784), tg.ones(10, 784)
    >>> multiply_adds(table.linear.op, (x, w), table.linear(x, w))
    501760
    """
    count = COUNTS.get(op.row)
    if count is None:
        return 0
    shapes = [tuple(arg.shape) for arg in args if arg is not None]
    return count(shapes, _product(out.shape))


def _product(shape: tuple[int, ...]) -> int:
    n = 1
    for length in shape:
        n *= length
    return n
