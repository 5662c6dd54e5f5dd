"""Flat: all parameters of one optimizer group in one buffer, and their gradients in another.

Then a step is one update of one long vector, instead of one for each parameter. Parameters and
optimizer state keep their names: their arrays become views of the buffers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from tinygrad_mnist.autograd import writes
from tinygrad_mnist.autograd.tensor import Leaf, Tensor
from tinygrad_mnist.jit import threads
from tinygrad_mnist.kernels.scratch import ALIGN, aligned, shaped
from tinygrad_mnist.optim.joint import Joint

Array = np.ndarray[Any, Any]

MANY = 1 << 18  # numbers: an update of fewer is over before another thread has begun

# Keyed by the leaf: Tensors compare element by element.
_OF: WeakKeyDictionary[Any, Flat] = WeakKeyDictionary()


class Flat:
    """Two buffers of one layout: parameters in `p`, gradients in `g`; gaps hold zeros."""

    def __init__(self, params: Sequence[Tensor]) -> None:
        self.like = [p._data for p in params]
        self.starts, size = [], 0
        for array in self.like:
            self.starts.append(size)
            size += -(-array.nbytes // ALIGN) * ALIGN
        self._size = size
        self.p, self.g = self.zeros(), self.zeros()
        for tensor, view in zip(params, self.cut(self.p), strict=True):
            view[...] = tensor._data
            tensor._data = view
            _OF[tensor._node] = self
        self.grads = self.cut(self.g)
        self.like = self.cut(self.p)
        self.restamp = writes.restamp(self.p)
        self._joints: WeakKeyDictionary[Any, Joint] = WeakKeyDictionary()

    def zeros(self) -> Array:
        """One more buffer of this layout."""
        buffer = aligned(self._size).view(self.like[0].dtype)
        buffer[...] = 0
        return buffer

    def joint(self, optimizer: Any, group: dict[str, Any], params: list[Tensor]) -> Joint:
        """The one update of these parameters by an optimizer, shared by all programs."""
        if optimizer not in self._joints:
            self._joints[optimizer] = Joint(optimizer, group, params, self.p, self.cut)
        return self._joints[optimizer]

    def cut(self, buffer: Array) -> list[Array]:
        """The parameters' views of a buffer of this layout."""
        raw = buffer.view(np.uint8)
        return [shaped(raw[at:], array) for at, array in zip(self.starts, self.like, strict=True)]


def flat_of(params: Sequence[Tensor]) -> Flat | None:
    """The buffers of exactly these parameters, made now if need be; None if there can be none."""
    known = {id(_OF.get(p._node)): _OF.get(p._node) for p in params}
    flat = next(iter(known.values()))
    if len(known) > 1 or len({p.dtype for p in params}) != 1:
        return None
    if flat is None:
        return Flat(params)
    held = [(a.ctypes.data, a.shape, a.strides) for a in flat.like]
    if held == [(p._data.ctypes.data, p.shape, p._data.strides) for p in params]:
        return flat
    return None


class FlatStep:
    """One optimizer's step on the parameters of one group, as one update."""

    def __init__(self, joint: Joint, flat: Flat) -> None:
        self._joint, self._flat = joint, flat
        self.__qualname__ = f"{type(joint.optimizer).__name__}.update"

    def holds(self) -> bool:
        return True

    def __call__(self) -> None:
        self._joint.optimizer.stepped = True
        self._joint.update(self._flat.g)
        self._flat.restamp()

    def on_threads(self, count: int) -> None:
        """The same, on some threads; it pays for many parameters only."""
        if len(self._flat.g) < MANY:
            self()
            return
        self._joint.optimizer.stepped = True
        threads.together(self._joint.in_parts(self._flat.g, count))
        self._flat.restamp()


def flat_steps(optimizer: Any, grads: dict[Leaf, Array]) -> list[tuple[FlatStep, Flat, list[Leaf]]]:
    """A step of the optimizer in flat form, a part for each group; [] where it has none."""
    parts = []
    for group in optimizer.param_groups:
        params = [p for p in group["params"] if p._node in grads]
        if not params:
            continue
        if not optimizer.elementwise or not _joinable(optimizer, group, params):
            return []
        flat = flat_of(params)
        if flat is None:
            return []
        parts.append(
            (FlatStep(flat.joint(optimizer, group, params), flat), flat, [p._node for p in params])
        )
    return parts


def _joinable(optimizer: Any, group: dict[str, Any], params: list[Tensor]) -> bool:
    """Whether the parameters' step counts and the like agree, as they do unless one was skipped."""
    states = [optimizer.state_of(group, p) for p in params]
    counters = [{k: v for k, v in s.items() if k in optimizer.counters} for s in states]
    return all(keys == counters[0] for keys in counters)
