"""Layout: how PyTorch's users see memory that this library lays out in its own way.

Images lie channel by channel within a pixel and weights column by column, where that is faster.
To a program written for PyTorch they are contiguous all the same: `is_contiguous`, `stride`,
`view` and `reshape` answer as if every Tensor that is no view were in C order. Where such memory
cannot be shared they take a copy in C order, and the two are kept equal: what the library writes
to one it writes to the other, for as long as the copy lives.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Tensor = Any  # which is built on this file

# By the id of the array that owns memory: the pairs that this memory is one of
PAIRS: dict[int, list[Pair]] = {}
# By the id of the array that owns it: memory that a user has laid out, and PyTorch would keep so
FOREIGN: dict[int, weakref.ref[Array]] = {}
# By the id of the array that owns it: memory whose address a user has asked for
ADDRESSED: dict[int, weakref.ref[Array]] = {}


def owner(array: Array) -> Array:
    """Return the last ndarray in the chain of bases, which lives as long as the memory."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def repeats(array: Array) -> bool:
    """Tell whether an expanded array has elements that share memory."""
    return any(n > 1 and not step for n, step in zip(array.shape, array.strides, strict=True))


def as_writeable(array: Array) -> Array:
    """Return a view that can be written, if the memory can: an expanded array cannot."""
    if array.flags.writeable or not owner(array).flags.writeable:
        return array
    view = array.view()
    view.setflags(write=True)
    return view


class Pair:
    """An array and its copy in C order; a pair dies with its copy, and keeps the array until then.

    So the array's memory is not reused while the copy lives.
    """

    def __init__(self, tensor: Tensor, copy: Array) -> None:
        self.array, self.tensor = as_writeable(tensor._data), weakref.ref(tensor)
        memory = owner(copy)
        self.keys = id(owner(self.array)), id(memory)
        self.ref = weakref.ref(memory, self._forget)
        for key in self.keys:
            PAIRS.setdefault(key, []).append(self)

    def _forget(self, _: object) -> None:
        for key in self.keys:
            PAIRS[key].remove(self)
            if not PAIRS[key]:
                del PAIRS[key]

    def update(self, key: int) -> Array | None:
        """Copy from the memory with that key to the other memory, and return the latter."""
        memory = self.ref()
        if memory is None:
            return None
        copy = memory.reshape(self.array.shape)
        source, target = (self.array, copy) if key == self.keys[0] else (copy, self.array)
        np.copyto(target, source)
        return target


def update_copies(written: Array) -> Iterator[Array]:
    """Update all other copies of a written array; yield each array that was changed."""
    done, waiting = set(), [id(owner(written))]
    while waiting:
        key = waiting.pop()
        done.add(key)
        for pair in list(PAIRS.get(key, ())):
            (other,) = {*pair.keys} - {key}
            if other not in done:
                waiting.append(other)
                changed = pair.update(key)
                if changed is not None:
                    yield changed


def is_paired(array: Array) -> bool:
    """Tell whether this memory is kept equal to another."""
    return bool(PAIRS) and id(owner(array)) in PAIRS


def check_alone(tensor: Tensor) -> None:
    """Raise RuntimeError where a write to be recorded would have to change another's graph too."""
    key = id(owner(tensor._data))
    for pair in PAIRS.get(key, ()):
        if key == pair.keys[0] or pair.tensor() is not None:
            raise RuntimeError(
                "an in-place operation that is recorded, on a Tensor of which view() has made a "
                f"copy in another layout (of shape {list(pair.array.shape)}), or on that view: "
                "write out of place, or to a clone()"
            )


def note_foreign(array: Array) -> None:
    """Note that an array from outside has a layout of its own, which is PyTorch's too."""
    _note(FOREIGN, array)


def note_address(array: Array) -> None:
    """Note that a user knows where this memory lies, and may expect a write to leave it there."""
    _note(ADDRESSED, array)


def _note(notes: dict[int, weakref.ref[Array]], array: Array) -> None:
    memory = owner(array)
    key = id(memory)
    notes[key] = weakref.ref(memory, lambda _: notes.pop(key, None))
