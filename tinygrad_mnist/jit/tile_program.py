"""The steps for one tile of a batch, bound to the first tile and moved to the rows of another."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence, Set
from functools import partial
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.graph import Leaf
from tinygrad_mnist.jit.bind import Binding
from tinygrad_mnist.jit.liveness import Order, gradients_early, gradients_of
from tinygrad_mnist.jit.outputs import tensors_in
from tinygrad_mnist.jit.pooled_convs import Backward, Bound, Forward
from tinygrad_mnist.jit.program import lines_of, summary_of
from tinygrad_mnist.jit.respell import respell
from tinygrad_mnist.jit.tape import Call, Effect, Entry
from tinygrad_mnist.jit.tile_tapes import TileTrace
from tinygrad_mnist.jit.views import OtherMemory, map_arrays, moved_view

Array = np.ndarray[Any, Any]
Homes = dict[Leaf, Array]


class TileBinding(Binding):
    """The calls for one tile, without effects; random numbers are copied in."""

    drawn: list[Array]  # buffers for the random numbers
    convs: dict[int, Bound]  # by the id of the forward call; their steps are put in later
    settings: list[Array]  # arrays among the settings of calls

    def _order(self, returned: Set[int]) -> Order:
        order = super()._order(returned)
        return order._replace(entries=gradients_early(order.entries, gradients_of(self.tape)))

    def _reserve(self, live: Sequence[Entry]) -> None:
        draws = [e for e in self.tape.entries if isinstance(e, Call) and e.op.draws]
        self.drawn = [self._input(call.outs[0]) for call in draws]
        self.convs, self.settings = {}, []

    def _bind(self, entry: Entry, moment: int) -> None:
        if not isinstance(entry, Effect) and not (isinstance(entry, Call) and entry.op.draws):
            super()._bind(entry, moment)

    def _bind_call(self, call: Call, moment: int) -> None:
        map_arrays(list(call.kw.values()), self._note_setting)
        if not isinstance(call, (Forward, Backward)):
            super()._bind_call(call, moment)
            return
        args = [self.at(a) for a in call.args]
        outs = [self._home(out) for out in call.outs]
        if isinstance(call, Forward):
            self.convs[id(call)] = Bound(len(self.steps), call.on(args, outs))
        else:
            conv = self.convs[id(call.of)]
            conv.backward, conv.way = len(self.steps), call.on(args, outs)
        self.steps.append(not_put_in)
        self._bound.update(zip(map(id, call.outs), outs, strict=True))
        for key in self._read_last_by(call, moment):
            self.pool.release(self._bound[key])

    def _note_setting(self, array: Array) -> Array:
        self.settings.append(array)
        return array

    def _home(self, array: Array) -> Array:
        """Return where a captured array lies from now on, filled with what it holds."""
        home = self._homes.get(id(array))
        home = self.pool.like(array) if home is None else home
        np.copyto(home, array)
        return home


def not_put_in() -> None:
    """Stand for a step of `Bound`."""


class TileProgram:
    """The steps for a tile of one size, bound to the first tile of that size."""

    def __init__(self, trace: TileTrace, copied: Sequence[bool], homes: Homes) -> None:
        """Bind a trace, which keeps nothing but its inputs: its arrays go while others come."""
        self.rows, self.read = trace.rows, trace.inputs
        results = [tensor._data for tensor in tensors_in(trace.result)]
        ids = {leaf: id(g) for leaf, g in trace.gradients.items()}
        gradients = {ids[leaf]: homes[leaf] for leaf in ids}
        returned = {id(a) for a in results}
        binding = TileBinding(trace.tape, trace.inputs, copied, returned, homes=gradients)
        trace.let_go()
        binding.bind()
        self.feeds, self.drawn, self.steps = binding.feeds, binding.drawn, binding.steps
        self.outputs = [binding.at(a) for a in results]
        for leaf, key in ids.items():
            buffer = binding.buffer_of(key)
            assert buffer is not None
            if buffer is not homes[leaf]:
                self.steps.append(partial(np.copyto, homes[leaf], buffer))
        self.constants = list(trace.tape.constants.values())
        external = (array for array, _ in trace.tape.external.values())
        self._outside = [*external, *trace.inputs, *self.constants, *binding.settings]
        self._convs = list(binding.convs.values())
        self._put(lambda array: array)
        self._summary = summary_of(binding)

    def _put(self, change: Callable[[Array], Array]) -> None:
        for conv in self._convs:
            conv.put(self.steps, change)

    def for_another(self, buffers: Iterable[tuple[Array, Array]]) -> TileProgram:
        """Return this program on memory of its own, for another thread.

        `buffers` are those of the gradients, and what takes the place of each.
        """
        change = OtherMemory(self._outside, buffers)
        other = copy.copy(self)
        numbers = {n for conv in self._convs for n in (conv.forward, conv.backward)}
        other.steps = [
            not_put_in if number in numbers else map_arrays(step, change)
            for number, step in enumerate(self.steps)
        ]
        other._put(change)
        other.feeds = [(number, change(buffer)) for number, buffer in self.feeds]
        other.drawn, other.outputs = map_arrays((self.drawn, self.outputs), change)
        return other

    def summary(self) -> str:
        """Count calls, steps, and bytes of memory."""
        return self._summary

    def lines(self) -> list[str]:
        """Return the steps, one NumPy call per line."""
        return lines_of(self.steps)


class Tile:
    """A program bound to one range of rows."""

    def __init__(self, program: TileProgram, rows: slice, wholes: Sequence[Array]) -> None:
        self.rows, self.program = rows, program
        by, fed = rows.start - program.rows.start, {i for i, _ in program.feeds}
        read = [
            (part, by * whole.strides[0])
            for i, (whole, part) in enumerate(zip(wholes, program.read, strict=True))
            if i not in fed
        ]
        steps = [map_arrays(step, partial(on_other_rows, read)) for step in program.steps]
        self._steps = respell(steps, program.constants)

    def run(self, arrays: Sequence[Array], drawn: Sequence[Array]) -> None:
        """Leave the gradients and the results of the function in the program's buffers."""
        for i, buffer in self.program.feeds:
            np.copyto(buffer, arrays[i][self.rows])
        for buffer, whole in zip(self.program.drawn, drawn, strict=True):
            np.copyto(buffer, whole[self.rows])
        for step in self._steps:
            step()


def on_other_rows(read: Sequence[tuple[Array, int]], array: Array) -> Array:
    """Return, for a view of rows that are read in place, the same view some bytes further on."""
    for part, by in read:
        if by and np.may_share_memory(array, part):
            return moved_view(array, part, part, by)
    return array
