"""Collectives in a function that `jit(pure=True)` captures: each replay calls them again.

To a program they are ops whose answer is another one at every call, as random numbers are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.modes import current, no_grad, switch
from tinygrad_mnist.autograd.record import op
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops.inplace import write

Array = np.ndarray[Any, Any]


def collective(x: Array, *, move: Callable[[Array], Array]) -> Array:
    """Return what a collective makes of an array."""
    before = switch(current()._replace(tape=None))
    try:
        return move(x)
    finally:
        switch(before)


_recorded = op(collective, draws=True)


def replace(tensor: Tensor, move: Callable[[Array], Array]) -> None:
    """Write into a Tensor what `move` makes of its elements, now and at every replay."""
    with no_grad():
        write(tensor, _recorded(tensor, move=move))


def repeat(run: Callable[[], object], subject: Any) -> bool:
    """Have every replay call `run`, if a program is being captured; tell whether to call it now."""
    tape = current().tape
    return tape is None or tape.effect(run, subject)
