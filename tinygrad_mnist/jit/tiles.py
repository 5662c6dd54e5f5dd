"""Tiles: a batch gone through some rows at a time, on threads, and the gradients added up.

What a step makes of a few hundred rows stays in a core's cache, where that of 60,000 goes out to
memory after each call; and cores that work on rows of their own need not wait for each other. The
loss must be a mean over the rows, and no row may depend on another, as it does in batch norm: both
are tried on the first two tiles before anything is changed. The gradient is the batch's within
rounding, and the same from run to run: tiles, threads and sums have a fixed order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.floats import USUAL, hush, restore, state
from tinygrad_mnist.autograd.graph import Leaf
from tinygrad_mnist.autograd.tensor import Born, Tensor, new
from tinygrad_mnist.jit import threads
from tinygrad_mnist.jit.flat import Flat, flat_steps
from tinygrad_mnist.jit.heard import Heard, LightTape, Refused, check_rows
from tinygrad_mnist.jit.looks import look, replaced
from tinygrad_mnist.jit.program import EffectStep, Program, Unfinished
from tinygrad_mnist.jit.quick import quick
from tinygrad_mnist.jit.results import tensors_in
from tinygrad_mnist.jit.tape import Call, Effect, Write
from tinygrad_mnist.kernels.scratch import aligned, shaped
from tinygrad_mnist.ops.random import rng_of

Array = np.ndarray[Any, Any]
Step = Callable[[], object]
Homes = dict[Leaf, Array]
CLOSE = 1e-4  # of the largest element: far above rounding, far below what mixing rows does


def cuts(rows: int, tile_rows: int) -> list[slice]:
    """Ranges of at most `tile_rows` rows, as even as can be, larger ones first.

    >>> cuts(10, 4)
    [slice(0, 4, None), slice(4, 7, None), slice(7, 10, None)]
    """
    count = -(-rows // tile_rows)
    small, larger = divmod(rows, count)
    starts = [number * small + min(number, larger) for number in range(count + 1)]
    return [slice(*ends) for ends in pairwise(starts)]


def length(rows: slice) -> int:
    """How many rows a range has."""
    return int(rows.stop - rows.start)


class Tiled:
    """A step whose batch is gone through in tiles; stands where a `Program` stands."""

    grad_feeds = ()  # a step that starts from gradients is refused
    # No result is an argument, or shares memory with another
    fed: dict[int, int] = {}
    inputs: Sequence[Array] = ()
    grads_fed: frozenset[int] = frozenset()

    def __init__(
        self,
        function: Any,
        args: Sequence[Any],
        copied: Sequence[bool],
        tile_rows: int,
        around: Sequence[Any] = (),
    ) -> None:
        """Hear the function on its first two tiles, arrange all gradients, bind, and try.

        `around` are objects that it may use. Raises Refused where the tiles' mean is not the
        batch's, and Failed where the function raises an error; nothing has changed then.
        """
        hear = partial(Heard, function, args, around=around)
        wholes = [a._data for a in args if isinstance(a, Tensor)]
        self.cuts = cuts(len(wholes[0]), tile_rows)
        flat = [_flat_steps(effect) for effect in hear(self.cuts[0]).effects]
        sizes = {length(rows): rows for rows in reversed(self.cuts)}  # the first of each size
        heard = {n: hear(rows, n / len(wholes[0])) for n, rows in sizes.items()}
        first_two = slice(0, self.cuts[1].stop)
        one, both = heard[length(self.cuts[0])], hear(first_two, tape=LightTape)
        self.tape, self.result = one.tape, one.result
        check_rows(one, tensors_in(one.result))
        self._layout = Layout(one.gradients, [part[1:] for parts in flat for part in parts])
        self._outputs = [
            Output(a._data, b._data, self.cuts)
            for a, b in zip(tensors_in(one.result), tensors_in(both.result), strict=True)
        ]
        self._draws = [Draw(*calls, self.cuts) for calls in zip(one.draws, both.draws, strict=True)]
        with np.errstate(all="ignore"):
            self._lanes = self._bind(heard, copied, wholes)
            self._prove(both, wholes)
        self._after = [
            EffectStep(effect, [part[0] for part in parts], self._grads(effect))
            for parts, effect in zip(flat, one.effects, strict=True)
        ]
        self.generators = list({id(d.generator): d.generator for d in self._draws}.values())
        self.born = [(leaf, self._born(leaf, g is None)) for leaf, g in self.tape.grads.items()]

    def _bind(
        self, heard: dict[int, Heard], copied: Sequence[bool], wholes: Sequence[Array]
    ) -> list[Lane]:
        lanes: list[Lane] = []
        count = min(threads.count(), len(self.cuts))
        for numbers in np.array_split(np.arange(len(self.cuts)), count):
            lane = Lane(self._layout, len(numbers) > 1)
            programs = {n: TileProgram(h, copied, lane.homes) for n, h in heard.items()}
            for number in numbers.tolist():
                rows = self.cuts[number]
                lane.tiles.append((number, Tile(programs[length(rows)], rows, wholes)))
            lanes.append(lane)
        return lanes

    def _grads(self, effect: Effect) -> list[tuple[Leaf, Born | None]]:
        return [(leaf, self._born(leaf)) for leaf in effect.grads]

    def _born(self, leaf: Leaf, nothing: bool = False) -> Born | None:
        if nothing:
            return None
        born: Born = new(Born)
        born._data, born._node = self._layout.homes[leaf], None
        return born

    def _prove(self, both: Heard, wholes: Sequence[Array]) -> None:
        """Whether two tiles give together what they give as one batch."""
        drawn = [call.outs[0] for call in both.draws]
        sums = {leaf: np.zeros_like(g) for leaf, g in both.gradients.items()}
        first_two = [(lane, *tile) for lane in self._lanes for tile in lane.tiles][:2]
        for lane, number, tile in first_two:
            tile.run(wholes, drawn)
            for leaf, total in sums.items():
                total += lane.homes[leaf]
            for output, value in zip(self._outputs, tile.program.outputs, strict=True):
                output.put(value, number, tile.rows)
        scale = self.cuts[-1].stop / self.cuts[1].stop
        largest = max(_largest(g) for g in both.gradients.values())
        for leaf, g in both.gradients.items():
            if _differ(sums[leaf] * scale, g, 0.01 * largest):
                raise Refused(
                    f"the gradient of a parameter of shape {list(g.shape)} changes with the cut. "
                    "The loss has to be a mean over the rows, and no row may depend on others"
                )
        for output, tensor in zip(self._outputs, tensors_in(both.result), strict=True):
            if _differ(output.of_first_two(self.cuts[1].stop), tensor._data):
                raise Refused(f"a result of shape {list(tensor.shape)} changes with the cut")

    def at(self, array: Array) -> Array:
        """Where the result that the first tile gave as `array` stands for the whole batch."""
        for output, tensor in zip(self._outputs, tensors_in(self.result), strict=True):
            if tensor._data is array:
                return output.value
        return array

    def root(self, array: Array) -> int:
        """Each result stands for itself."""
        return id(array)

    def place_of(self, root: int) -> Array | None:
        """Each result stands for itself."""
        return None

    def forget(self) -> None:
        """Let go of the captured calls."""
        self.tape, self.result = type(self.tape)(), None

    def replay(self, arrays: Sequence[Array]) -> None:
        """Go through all tiles, then do the effects once."""
        usual = state() is USUAL  # as eager ops are
        try:
            if usual:
                hush()
            self._replay(arrays)
        finally:
            if usual:
                restore()

    def _replay(self, arrays: Sequence[Array]) -> None:
        try:
            drawn = [draw() for draw in self._draws]
            run = [partial(lane.run, arrays, drawn, self._outputs) for lane in self._lanes]
            threads.together(run)
        except Exception as error:
            raise Unfinished from error
        first, *others = (lane.totals for lane in self._lanes)
        for total, one, *more in zip(self._layout.totals, first, *others, strict=True):
            np.add(one, more[0], total) if more else np.copyto(total, one)
            for another in more[1:]:
                np.add(total, another, total)
        for output in self._outputs:
            output.finish()
        for step in self._after:
            step.on_threads(len(self._lanes))
        for leaf, born in self.born:
            leaf.grad = born

    def summary(self) -> str:
        """How it is cut, and what one tile takes."""
        program = self._lanes[0].tiles[0][1].program
        return (
            f"{len(self.cuts)} tiles of at most {length(self.cuts[0])} rows "
            f"(threads: {len(self._lanes)}), in each {program.summary()}"
        )

    def lines(self) -> list[str]:
        """The program of a tile, and what is done when all are over."""
        inner = self._lanes[0].tiles[0][1].program.lines()
        title = f"for each of {len(self.cuts)} tiles (threads: {len(self._lanes)}):"
        after = [f"{getattr(step, '__qualname__', 'the effects')}()" for step in self._after]
        return [title, *(f"    {line}" for line in inner), *after]


class TileProgram(Program):
    """The calls for one tile: effects left out, random numbers put in from outside."""

    def __init__(self, heard: Heard, copied: Sequence[bool], homes: Homes) -> None:
        self.rows, self.read = heard.rows, heard.inputs
        self._heard, self._given = heard, homes
        self.drawn: list[Array] = []
        results = [tensor._data for tensor in tensors_in(heard.result)]
        super().__init__(heard.tape, heard.inputs, copied, {id(a) for a in results})
        self.outputs = [self.at(a) for a in results]
        for leaf, g in heard.gradients.items():
            if self.at(g) is not homes[leaf]:
                self.steps.append(partial(np.copyto, homes[leaf], self.at(g)))
        self.constants = list(heard.tape.constants.values())
        self.forget()
        del self._heard  # and with it all that the tile's rows gave when it was heard

    def _prepare(self, live: Sequence[Call | Write | Effect]) -> None:
        self._homes = {id(g): self._given[leaf] for leaf, g in self._heard.gradients.items()}
        self.drawn = [self._input(call.outs[0]) for call in self._heard.draws]

    def _bind(self, entry: Call | Write | Effect, moment: int) -> None:
        if not isinstance(entry, Effect) and not (isinstance(entry, Call) and entry.op.draws):
            super()._bind(entry, moment)


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
        steps = [replaced(step, partial(moved, read)) for step in program.steps]
        self._steps = quick(steps, program.constants)

    def run(self, arrays: Sequence[Array], drawn: Sequence[Array]) -> None:
        """Leave the gradients, and what the function returned, in the program's buffers."""
        for i, place in self.program.feeds:
            np.copyto(place, arrays[i][self.rows])
        for place, whole in zip(self.program.drawn, drawn, strict=True):
            np.copyto(place, whole[self.rows])
        for step in self._steps:
            step()


class Lane:
    """The tiles that one thread goes through, one after the other, and the sum they leave."""

    def __init__(self, layout: Layout, several: bool) -> None:
        """Of one tile there is nothing to sum."""
        self.tiles: list[tuple[int, Tile]] = []
        self.totals, homes = layout.another()
        self._parts, self.homes = layout.another() if several else ([], homes)

    def run(self, arrays: Sequence[Array], drawn: Sequence[Array], outputs: list[Output]) -> None:
        """All tiles, in order."""
        for turn, (number, tile) in enumerate(self.tiles):
            tile.run(arrays, drawn)
            for output, value in zip(outputs, tile.program.outputs, strict=True):
                output.put(value, number, tile.rows)
            for total, part in zip(self.totals, self._parts, strict=False):
                np.add(total, part, total) if turn else np.copyto(total, part)


class Layout:
    """Where a step's gradients lie: the long buffers of its optimizers, and single arrays."""

    def __init__(self, gradients: Homes, flats: Iterable[tuple[Flat, Sequence[Leaf]]]) -> None:
        self._flats = list({id(flat): (flat, leaves) for flat, leaves in flats}.values())
        inside = {leaf for _, leaves in self._flats for leaf in leaves}
        self._single = {leaf: g for leaf, g in gradients.items() if leaf not in inside}
        self.totals, self.homes = self.another()
        for number, (flat, leaves) in enumerate(self._flats):
            self.totals[number] = flat.g
            self.homes.update(zip(leaves, flat.grads, strict=True))

    def another(self) -> tuple[list[Array], Homes]:
        """Buffers like these, and each leaf's place in them."""
        buffers: list[Array] = []
        homes: Homes = {}
        for flat, leaves in self._flats:
            buffers.append(flat.gradients())
            homes.update(zip(leaves, flat.cut(buffers[-1]), strict=True))
        for leaf, g in self._single.items():
            homes[leaf] = shaped(aligned(g.nbytes), g)
            buffers.append(homes[leaf])
        return buffers, homes


class Output:
    """One array that the function returns: a row for each row, or a mean over all of them."""

    def __init__(self, tile: Array, both: Array, cuts: Sequence[slice]) -> None:
        """`tile` is what the first tile gave, `both` what the first two gave as one."""
        one, two = cuts[0].stop, cuts[1].stop
        self.by_rows = (tile.shape[:1], both.shape[:1]) == ((one,), (two,))
        rest = tile.shape[self.by_rows :]
        if both.shape[self.by_rows :] != rest:
            raise Refused(f"it returns shape {tile.shape} for {one} rows, {both.shape} for {two}")
        self._shares = np.array([length(rows) for rows in cuts]) / cuts[-1].stop
        self._all = np.empty((cuts[-1].stop if self.by_rows else len(cuts), *rest), tile.dtype)
        self.value = self._all if self.by_rows else np.empty_like(tile)

    def put(self, value: Array, number: int, rows: slice) -> None:
        """Take what a tile gave."""
        self._all[rows if self.by_rows else number] = value

    def finish(self) -> None:
        """Make the mean."""
        if not self.by_rows:
            self.value[...] = np.tensordot(self._shares, self._all, 1)

    def of_first_two(self, rows: int) -> Array:
        """What they make together."""
        if self.by_rows:
            return self._all[:rows]
        mean: Array = np.tensordot(self._shares[:2] / self._shares[:2].sum(), self._all[:2], 1)
        return mean


class Draw:
    """Random numbers for the whole batch, drawn as eager does: tiles get their rows of them."""

    def __init__(self, tile: Call, both: Call, cuts: Sequence[slice]) -> None:
        one, two, rows = cuts[0].stop, cuts[1].stop, cuts[-1].stop
        shape = tile.outs[0].shape
        named = [key for key, value in tile.kw.items() if value == shape]
        whole = dict.fromkeys(named, (rows, *shape[1:]))
        of_both = tile.kw | dict.fromkeys(named, (two, *shape[1:]))
        if not named or shape[:1] != (one,) or of_both != both.kw or tile.args:
            raise Refused(f"{tile.op.name} draws random numbers that are not one for each row")
        if tile.kw.get("rng") is not rng_of(None):
            raise Refused("it draws from a generator of its own")
        self.generator = tile.kw["rng"].bit_generator
        self._draw = partial(tile.op.kernel, **tile.kw | whole)

    def __call__(self) -> Array:
        """New ones."""
        drawn: Array = self._draw()
        return drawn


def _flat_steps(effect: Effect) -> list[Any]:
    if not getattr(effect.subject, "elementwise", False):
        return []
    return flat_steps(effect.subject, effect.grads)


def moved(read: Sequence[tuple[Array, int]], array: Array) -> Array:
    """The same look at other rows, so many bytes on, for a look at the rows `part`."""
    for part, by in read:
        if by and np.may_share_memory(array, part):
            return look(array, part, part, by)
    return array


def _largest(array: Array) -> float:
    return float(np.max(np.abs(array), initial=0, where=np.isfinite(array)))


def _differ(a: Array, b: Array, beside: float = 0.0) -> bool:
    return not np.allclose(a, b, 0, CLOSE * (_largest(b) + beside), equal_nan=True)
