"""In-place writes: which memory was written when, so that a stale value is never used silently.

Every node is numbered when it is made; a write takes a number from the same counter. A saved array
is stale if its memory was written after the node was made. Writes are keyed by the memory they
touched, not by its owner: writing one bias in a flat buffer of parameters blames no other layer.
An op pays nothing; a write pays about a microsecond.
"""

from __future__ import annotations

import gc
import itertools
import weakref
from _thread import allocate_lock  # `threading` itself takes longer to load
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.layout import PAIRS, owner, update_copies

Array = np.ndarray[Any, Any]

# Counts down, so that the newest number is the smallest: what a heap pops first.
tick = itertools.count(-1, -1).__next__

_Key = tuple[int, tuple[int, ...], tuple[int, ...], int]


class _Written(weakref.ref[Array]):
    """One written region, and the moment; called, it gives the owner of its memory, or None.

    `alone` is the id of an owner that NumPy allocated, else 0: two such owners share nothing.
    """

    __slots__ = ("_extent", "alone", "key", "moment", "own")

    _extent: tuple[int, int] | None
    alone: int
    key: _Key
    moment: int
    own: int

    def extent(self) -> tuple[int, int]:
        """Return the first address of the region, and the one behind its last."""
        if self._extent is None:
            self._extent = _extent(*self.key)
        return self._extent

    def touches(self, array: Array) -> bool:
        """Tell whether the write changed at least one element of `array`."""
        base = self()
        return base is not None and np.shares_memory(np.asarray(_View(*self.key, base)), array)


def _written(memory: Array, key: _Key, moment: int) -> _Written:
    """Make the record of a write, which goes when the memory's owner dies: no node saved it."""
    written: _Written = _new_ref(_Written, memory, _forget)
    written.key, written.moment, written._extent = key, moment, None
    written.own = own = id(memory)
    written.alone = own if memory.flags.owndata else 0
    return written


def _forget(written: Any) -> None:
    WRITES.pop(written.key, None)
    OWN.pop(written.own, None)


_new_ref: Callable[..., Any] = weakref.ref.__new__


def _key_of(array: Array) -> _Key:
    pointer = array.__array_interface__["data"][0]
    return pointer, array.shape, array.strides, array.itemsize


def _extent(
    pointer: int, shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int
) -> tuple[int, int]:
    """Return the first address of a region, and the one behind its last; equal if it is empty."""
    if 0 in shape:
        return pointer, pointer
    reaches = [(n - 1) * step for n, step in zip(shape, strides, strict=True)]
    low = pointer + sum(reach for reach in reaches if reach < 0)
    return low, pointer + sum(reach for reach in reaches if reach > 0) + itemsize


class _View:
    """A strided view of memory with another owner, for NumPy's exact test of overlap."""

    def __init__(
        self,
        pointer: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        itemsize: int,
        base: Any,
    ) -> None:
        self.base = base
        self.__array_interface__ = {
            "data": (pointer, True),
            "shape": shape,
            "strides": strides,
            "typestr": f"|V{itemsize}",
            "version": 3,
        }


WRITES: dict[_Key, _Written] = {}
newest: _Written | None = None  # the last one in WRITES, as long as it is there
# The last write of a whole array that owns its memory, by its id: NumPy takes a microsecond to tell
# where an array lies, and parameters and buffers are written again and again.
OWN: dict[int, _Written] = {}
last = 0  # the moment of the newest write; moments count down
NODES: set[type] = set()  # the type of nodes, which are built on this file
FEW = 4000  # writes that are kept without a look at the live nodes
room = FEW
_IN_ORDER = allocate_lock()  # two threads that write: the newest number is the last one noted


def stamp(array: Array) -> None:
    """Record that the elements of `array` have just been written."""
    _note(array)
    if PAIRS:
        for copy in update_copies(array):
            _note(copy)


def _note(array: Array) -> None:
    """Record one write."""
    global last, newest
    memory = owner(array)
    whole = OWN.get(id(array)) if memory is array else None
    if whole is not None and whole() is array and whole.key[1:3] == (array.shape, array.strides):
        key = whole.key
    else:
        key = _key_of(array)
    with _IN_ORDER:
        moment = last = tick()
        written = WRITES.pop(key, None)
        if written is None or written() is not memory:
            written = _written(memory, key, moment)
            if array.base is None:
                OWN[id(array)] = written
        written.moment = moment
        WRITES[key] = newest = written  # at the end: the dict stays in the order of moments
        if len(WRITES) > room:
            drop_old_writes()


def drop_old_writes() -> None:
    """Drop the writes that are older than every live node: no saved value is older.

    That goes through all objects, so it is done when writes have doubled since the last time.
    """
    global room, newest
    nodes = [obj for obj in gc.get_objects() if type(obj) in NODES]
    oldest = max([getattr(node, "order", last) for node in nodes], default=last)
    for key in [key for key, written in WRITES.items() if written.moment > oldest]:
        del WRITES[key]
    newest = None
    room = 2 * len(WRITES) + FEW


def written_since(array: Array, moment: int, until: int | None = None) -> bool:
    """Tell whether `array` was written after `moment` (and before `until`).

    Backward asks this for each saved array, and a step may have written as many others, as batch
    norm does: so regions of two owners, and two that lie apart, are told without NumPy.
    """
    if last >= moment:
        return False
    try:
        return _is_among(reversed(WRITES.values()), array, moment, until)
    except RuntimeError:  # another thread wrote, or an array died, and the dict changed meanwhile
        return _is_among(reversed(list(WRITES.values())), array, moment, until)


def _is_among(
    newest_first: Iterable[_Written], array: Array, moment: int, until: int | None
) -> bool:
    memory, low, high = owner(array), -1, -1
    own = id(memory) if memory.flags.owndata else 0
    for written in newest_first:
        if written.moment >= moment:
            return False
        if own and written.alone and written.alone != own:
            continue
        if low < 0:
            low, high = _extent(*_key_of(array))
        start, end = written.extent()
        apart = start >= high or low >= end
        if not apart and (until is None or written.moment > until) and written.touches(array):
            return True
    return False


def restamp(array: Array) -> Callable[[], None]:
    """Return a function that stamps this very array again, in a tenth of the time of `stamp`."""
    key = _key_of(array)
    written = _written(owner(array), key, tick())

    def again() -> None:
        global last, newest
        with _IN_ORDER:
            written.moment = last = tick()
            if newest is not written:
                WRITES.pop(key, None)
                WRITES[key] = newest = written
        if PAIRS and (memory := written()) is not None:
            for copy in update_copies(memory):
                _note(copy)

    return again
