"""An optimizer's update of a large parameter, in blocks that stay in the cache."""

from __future__ import annotations

from _thread import _local  # as threading.local, without loading threading
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from tinygrad_mnist.kernels.axpby import is_one_pass
from tinygrad_mnist.kernels.blocks import BLOCK, cut, flat_alike, in_blocks
from tinygrad_mnist.optim.pieces import (
    CALLS,
    RUNS,
    Array,
    Group,
    Runs,
    State,
    runs_within,
    takes_blas,
)

PASSES = 10  # calls of NumPy in an update
FEW = 16 * BLOCK  # elements that one call updates as fast, with scratch memory of 4 MB in float32


def update_parameter(optimizer: Any, group: Group, p: Array, g: Array, state: State) -> None:
    """Do what `optimizer.update` does; in blocks, if it takes each element on its own.

    Scratch memory is then as large as a block, and none of it stays in `state`.
    """
    blocks = None
    if p.size > FEW and _goes_in_blocks(optimizer, group, p):
        blocks = _Blocks.of(optimizer, group, p, g, state)
    if blocks is None:
        optimizer.update(group, p, g, state)
        return
    try:
        in_blocks(blocks, cut(p.size, calls=PASSES))
    finally:
        blocks.count()


def _goes_in_blocks(optimizer: Any, group: Group, p: Array) -> bool:
    """Tell whether an update has several passes, each of which takes each element on its own."""
    if not optimizer.elementwise or "update" in vars(optimizer):
        return False
    calls = CALLS.get(type(optimizer).update)
    one_pass = calls is not None and calls.is_one_pass and calls.are_enough(group)
    return not one_pass or not is_one_pass(p.dtype)


class _Local(_local):
    """Each thread's memory for blocks, by optimizer."""

    def __init__(self) -> None:
        self.scratch: WeakKeyDictionary[Any, State] = WeakKeyDictionary()


_LOCAL = _Local()


class _Blocks:
    """The update of one block of a parameter, with a state of its own."""

    @classmethod
    def of(cls, optimizer: Any, group: Group, p: Array, g: Array, state: State) -> _Blocks | None:
        """Prepare the blocks; return None where parameter, gradient and state lie differently."""
        made = optimizer.init_state(group, p[:1]).keys()
        if new := made - state.keys():  # such as momentum that was turned on later
            whole = optimizer.init_state(group, p)
            state.update((key, whole[key]) for key in new)
        counters = {key: state[key] for key in state.keys() & optimizer.counters}
        keys = [key for key in state if key not in counters and not key.startswith("_")]
        if not made <= {*keys, *counters}:
            return None  # a key with `_` that an update does not make anew
        arrays = [p, g, *(state[key] for key in keys)]
        if any(type(a) is not np.ndarray or a.shape != p.shape for a in arrays):
            return None
        flat = flat_alike(*arrays)
        if flat is None:
            return None
        runs = state.get(RUNS) or [(slice(0, p.size), takes_blas(p))]
        for key in state.keys() - counters.keys() - {RUNS, *keys}:
            del state[key]  # scratch of an update in one piece
        return cls(optimizer, group, flat, keys, counters, runs)

    def __init__(
        self, optimizer: Any, group: Group, flat: list[Array], keys: list[str], counters: State,
        runs: Runs,
    ) -> None:  # fmt: skip
        self._optimizer, self._group, self._runs = optimizer, group, runs
        self._p, self._g, *self._values = flat
        self._keys, self._counters, self._counted = keys, counters, counters

    def __call__(self, number: int, at: slice) -> None:
        """Update a block; each counts the step for itself."""
        p = self._p[at]
        state = {key: value.copy() for key, value in self._counters.items()}
        for key, value in zip(self._keys, self._values, strict=True):
            state[key] = value[at]
        scratch = _LOCAL.scratch.setdefault(self._optimizer, {})
        for key, value in scratch.items():
            if len(value) >= len(p) and value.dtype == p.dtype:
                state[key] = value[: len(p)]
        state[RUNS] = runs_within(self._runs, at)
        self._counted, keys_before = state, set(state)
        self._optimizer.update(self._group, p, self._g[at], state)
        for key in state.keys() - keys_before:
            if getattr(state[key], "shape", None) == p.shape:
                scratch[key] = state[key]

    def count(self) -> None:
        """Note in the whole state what the blocks have counted, which is the same in all."""
        for key, counter in self._counters.items():
            np.copyto(counter, self._counted[key])
