"""The functions that files below call and files above supply: the one place where a call goes up.

`Tensor.backward` calls the engine, which is built on Tensor; the engine adds gradients by ops,
which are built on the engine. An import inside the caller would take longer than many a call. So
each has its type here, and the file that defines it sets it once, when it is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

Value = Any  # a Tensor or an ndarray; the result is of the same kind


class Backward(Protocol):
    """`backward(tensors, ...)`: see `engine.backward`."""

    def __call__(
        self,
        tensors: Any,
        grad_tensors: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None: ...


class Add(Protocol):
    """`add(a, b)`, of one shape and dtype."""

    def __call__(self, a: Value, b: Value, /) -> Value: ...


class Assign(Protocol):
    """`assign(x, value, key=...)`: a copy of x with the value at `x[key]`."""

    def __call__(self, x: Value, value: Value, /, *, key: Any) -> Value: ...


class SumTo(Protocol):
    """`sum_to(x, shape=...)`: the sum over the axes that broadcasting from `shape` has repeated."""

    def __call__(self, x: Value, /, *, shape: tuple[int, ...]) -> Value: ...


class Cast(Protocol):
    """`cast(x, dtype=...)`."""

    def __call__(self, x: Value, /, *, dtype: np.dtype[Any]) -> Value: ...


class WriteOut(Protocol):
    """`write_out(name, out, made)`: what a function called `name` made, in the Tensor of `out=`."""

    def __call__(self, name: str, out: Any, made: Any, /) -> Any: ...


class Cat(Protocol):
    """`cat(*arrays, axis=..., starts=...)`; each array begins at its start."""

    def __call__(self, *arrays: Value, axis: int, starts: Sequence[int]) -> Value: ...


class LayoutOf(Protocol):
    """`layout_of(tensor)`: the layout of a Tensor, for another one on the same array, or None."""

    def __call__(self, tensor: Any, /) -> Any: ...


class TakeLayout(Protocol):
    """`take_layout(tensor, value)`: the Tensor has been given the memory of `value`."""

    def __call__(self, tensor: Any, value: Any, /) -> None: ...


# By `engine.py`:
backward: Backward

# By `views.py`:
layout_of: LayoutOf
take_layout: TakeLayout

# By `ops/table.py`, the rows that the engine itself computes with:
add: Add
assign: Assign
sum_to: SumTo
cast: Cast
cat: Cat

# By `ops/inplace.py`, which writes what a public function makes:
write_out: WriteOut
assign_view: Any  # the row of the table that writes into a view
