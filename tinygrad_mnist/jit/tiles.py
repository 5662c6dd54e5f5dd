"""Tiles: a step goes through its batch some rows at a time, on threads, and adds up the gradients.

The intermediate results of a few hundred rows stay in a core's cache; those of 60,000 go out to
memory after each call. And cores that work on rows of their own need not wait for each other. The
loss must be a mean over the rows, and no row may depend on another, as it does in batch norm: both
are tried on the first two tiles before anything is changed. The gradient is the batch's within
rounding, and the same from run to run: tiles, threads and sums have a fixed order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.floats import USUAL, hush, restore, state
from tinygrad_mnist.autograd.graph import Leaf
from tinygrad_mnist.autograd.tensor import BufferedGrad, Tensor
from tinygrad_mnist.jit import threads
from tinygrad_mnist.jit.effects import EffectStep
from tinygrad_mnist.jit.joint_optimizer import Flat, flat_steps
from tinygrad_mnist.jit.memory import buffered_grad
from tinygrad_mnist.jit.outputs import tensors_in
from tinygrad_mnist.jit.program import Unfinished
from tinygrad_mnist.jit.tape import Call, Effect
from tinygrad_mnist.jit.tile_program import Tile, TileProgram
from tinygrad_mnist.jit.tile_tapes import DrawsOnlyTape, Refused, TileTrace, check_rows
from tinygrad_mnist.kernels.scratch import aligned_bytes, release_scratch, shaped
from tinygrad_mnist.ops.random import rng_of

Array = np.ndarray[Any, Any]
Step = Callable[[], object]
Homes = dict[Leaf, Array]
BLOCK = 1 << 16  # elements that are compared at a time
CLOSE = 1e-4  # of the largest element: far above rounding, far below the effect of mixed rows


def cuts(rows: int, tile_rows: int) -> list[slice]:
    """Return ranges of at most `tile_rows` rows, as even as possible, larger ones first.

    >>> cuts(10, 4)
    [slice(0, 4, None), slice(4, 7, None), slice(7, 10, None)]
    """
    count = -(-rows // tile_rows)
    small, larger = divmod(rows, count)
    starts = [number * small + min(number, larger) for number in range(count + 1)]
    return [slice(*ends) for ends in pairwise(starts)]


def row_count(rows: slice) -> int:
    """Return how many rows a range has."""
    return int(rows.stop - rows.start)


class Tiled:
    """A step that goes through its batch in tiles; stands where a `Program` or a Binding stands."""

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
        """Trace the function on the first two tiles, lay out all gradients, bind, and try.

        `around` are objects that the function may use. Raises Refused where the tiles' mean is not
        the batch's, and Failed where the function raises an error; nothing has changed then.
        """
        wholes = [a._data for a in args if isinstance(a, Tensor)]
        self.cuts = cuts(len(wholes[0]), tile_rows)
        count = min(threads.count(), len(self.cuts))
        with threads.one_thread_each():  # so that one has scratch memory, which is let go of then
            self._prepare(partial(TileTrace, function, args, around=around), copied, wholes, count)

    def _prepare(
        self, trace: Any, copied: Sequence[bool], wholes: Sequence[Array], count: int
    ) -> None:
        # First the larger call, of which little is kept: its memory is free again for the others
        both = trace(slice(0, self.cuts[1].stop), tape=DrawsOnlyTape)
        subjects = [(effect.subject, list(effect.grads)) for effect in both.effects]
        both.keep_values()
        flat = [_flat_steps(*pair) for pair in subjects]  # while no tape holds the parameters
        sizes = {row_count(rows): rows for rows in reversed(self.cuts)}  # the first of each size
        traces = {n: trace(rows, n / len(wholes[0])) for n, rows in sizes.items()}
        release_scratch()
        one = traces[row_count(self.cuts[0])]
        self.tape, self.result = one.tape, one.result
        check_rows(one, tensors_in(one.result))
        self._layout = Layout(one.gradients, [part[1:] for parts in flat for part in parts])
        self._outputs = [
            Output(a._data, b._data, self.cuts)
            for a, b in zip(tensors_in(one.result), tensors_in(both.result), strict=True)
        ]
        self._draws = [Draw(*calls, self.cuts) for calls in zip(one.draws, both.draws, strict=True)]
        for short in traces.values():
            short.shorten()
        with np.errstate(all="ignore"):
            self._workers = self._bind(traces, copied, wholes, count)
            self._prove(both, wholes)
        self._after = [
            EffectStep(effect, [part[0] for part in parts], self._grads_of(effect))
            for parts, effect in zip(flat, one.effects, strict=True)
        ]
        self.generators = list({id(d.generator): d.generator for d in self._draws}.values())
        self.grads = [
            (leaf, None if g is None else buffered_grad(self._layout.homes[leaf]))
            for leaf, g in self.tape.grads.items()
        ]

    def _bind(
        self,
        traces: dict[int, TileTrace],
        copied: Sequence[bool],
        wholes: Sequence[Array],
        count: int,
    ) -> list[Worker]:
        parts = [part.tolist() for part in np.array_split(np.arange(len(self.cuts)), count)]
        buffers = [self._layout.another()]
        programs = {n: TileProgram(t, copied, buffers[0][1]) for n, t in traces.items()}
        buffers += [self._layout.another() for _ in parts[1:]]
        workers: list[Worker] = []
        for part, own in zip(parts, buffers, strict=True):
            worker = Worker(self._layout, own, len(part) > 1)
            usable = {n: programs[n] for n in {row_count(self.cuts[number]) for number in part}}
            if workers:
                pairs = list(zip(workers[0].buffers, worker.buffers, strict=True))
                usable = {n: program.for_another(pairs) for n, program in usable.items()}
            for number in part:
                rows = self.cuts[number]
                worker.tiles.append((number, Tile(usable[row_count(rows)], rows, wholes)))
            workers.append(worker)
        return workers

    def _grads_of(self, effect: Effect) -> list[tuple[Leaf, BufferedGrad | None]]:
        cleared: list[tuple[Leaf, BufferedGrad | None]] = [(leaf, None) for leaf in effect.cleared]
        homes = self._layout.homes
        return cleared + [(leaf, buffered_grad(homes[leaf])) for leaf in effect.grads]

    def _prove(self, both: TileTrace, wholes: Sequence[Array]) -> None:
        """Raise Refused unless two tiles together give what they give as one batch."""
        drawn = [call.outs[0] for call in both.draws]
        workers = self._workers[: 1 if len(self._workers[0].tiles) > 1 else 2]
        for worker in workers:
            worker.run(wholes, drawn, self._outputs, 2 // len(workers))
        scale = self.cuts[-1].stop / self.cuts[1].stop
        largest = max(_largest(g) for g in both.gradients.values())
        for leaf, g in both.gradients.items():
            sums = [worker.sums[leaf] for worker in workers]
            if _differ(sums, g, 0.01 * largest, scale):
                raise Refused(
                    f"the gradient of a parameter of shape {list(g.shape)} changes with the cut. "
                    "The loss has to be a mean over the rows, and no row may depend on others"
                )
        for output, tensor in zip(self._outputs, tensors_in(both.result), strict=True):
            if _differ([output.of_first_two(self.cuts[1].stop)], tensor._data):
                raise Refused(f"a result of shape {list(tensor.shape)} changes with the cut")

    def at(self, array: Array) -> Array:
        """Return the batch's result, for the array that the first tile returned."""
        for output, tensor in zip(self._outputs, tensors_in(self.result), strict=True):
            if tensor._data is array:
                return output.value
        return array

    def root(self, array: Array) -> int:
        """Return the id of the array itself: no result is a view of another."""
        return id(array)

    def buffer_of(self, root: int) -> Array | None:
        """Return None: no result is a view of another."""
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
            run = [partial(worker.run, arrays, drawn, self._outputs) for worker in self._workers]
            threads.together(run)
        except Exception as error:
            raise Unfinished from error
        try:
            self._add_up()
        except BaseException:
            self._drop_gradients()
            raise
        self._do_effects()
        for leaf, grad in self.grads:
            leaf.grad = grad

    def _add_up(self) -> None:
        """Add up the workers' gradients, and finish what the function returns."""
        first, *others = (worker.totals for worker in self._workers)
        for total, one, *more in zip(self._layout.totals, first, *others, strict=True):
            np.add(one, more[0], total) if more else np.copyto(total, one)
            for another in more[1:]:
                np.add(total, another, total)
        for output in self._outputs:
            output.finish()

    def _drop_gradients(self) -> None:
        """Take from the leaves the gradients that an interrupt left half added up."""
        homes = self._layout.homes
        for leaf, home in homes.items():
            if leaf.grad is not None and leaf.grad._data is home:
                leaf.grad = None

    def _do_effects(self) -> None:
        """Run the effects; an error in one leaves the new gradients, as in eager."""
        for step in self._after:
            try:
                step()
            except BaseException:
                for leaf, grad in (*self.grads, *step.grads):
                    leaf.grad = grad
                raise

    def effects(self) -> list[EffectStep]:
        """Return the optimizers' steps."""
        return self._after

    def summary(self) -> str:
        """Describe the cut, and count the calls, steps and bytes of one tile."""
        program = self._workers[0].tiles[0][1].program
        return (
            f"{len(self.cuts)} tiles of at most {row_count(self.cuts[0])} rows "
            f"(threads: {len(self._workers)}), in each {program.summary()}"
        )

    def lines(self) -> list[str]:
        """Return the program of a tile, and the effects that follow the last tile."""
        inner = self._workers[0].tiles[0][1].program.lines()
        title = f"for each of {len(self.cuts)} tiles (threads: {len(self._workers)}):"
        after = [f"{getattr(step, '__qualname__', 'the effects')}()" for step in self._after]
        return [title, *(f"    {line}" for line in inner), *after]


class Worker:
    """The tiles that one thread goes through in turn, and the sums of their gradients."""

    def __init__(self, layout: Layout, own: tuple[list[Array], Homes], several: bool) -> None:
        """Take buffers for a tile's gradients; a worker of a single tile has nothing to sum.

        `sums` are the leaves' parts of the buffers in which the sums lie, `totals`.
        """
        self.tiles: list[tuple[int, Tile]] = []
        self.buffers = own[0]
        self.totals, self.sums = layout.another() if several else own
        self._parts = self.buffers if several else []

    def run(
        self,
        arrays: Sequence[Array],
        drawn: Sequence[Array],
        outputs: list[Output],
        most: int | None = None,
    ) -> None:
        """Run all tiles, in order, or the first ones."""
        for turn, (number, tile) in enumerate(self.tiles[:most]):
            tile.run(arrays, drawn)
            for output, value in zip(outputs, tile.program.outputs, strict=True):
                output.put(value, number, tile.rows)
            for total, part in zip(self.totals, self._parts, strict=False):
                np.add(total, part, total) if turn else np.copyto(total, part)


class Layout:
    """Where gradients lie: in the long buffers of optimizers, or in arrays of their own."""

    def __init__(self, gradients: Homes, flats: Iterable[tuple[Flat, Sequence[Leaf]]]) -> None:
        self._flats = list({id(flat): (flat, leaves) for flat, leaves in flats}.values())
        inside = {leaf for _, leaves in self._flats for leaf in leaves}
        self._single = {leaf: g for leaf, g in gradients.items() if leaf not in inside}
        self.totals, self.homes = self._with_single([flat.g for flat, _ in self._flats])
        for flat, leaves in self._flats:
            self.homes.update(zip(leaves, flat.grads, strict=True))

    def another(self) -> tuple[list[Array], Homes]:
        """Return other buffers of this layout, and the home of each leaf's gradient in them."""
        return self._with_single([flat.gradients() for flat, _ in self._flats])

    def _with_single(self, buffers: list[Array]) -> tuple[list[Array], Homes]:
        """Add buffers for the gradients that lie in none; return all, and the homes in them."""
        homes: Homes = {}
        for (flat, leaves), buffer in zip(self._flats, buffers, strict=True):
            homes.update(zip(leaves, flat.cut(buffer), strict=True))
        for leaf, g in self._single.items():
            homes[leaf] = shaped(aligned_bytes(g.nbytes), g)
            buffers.append(homes[leaf])
        return buffers, homes


class Output:
    """One array that the function returns: with one row per row of the batch, or a mean."""

    def __init__(self, tile: Array, both: Array, cuts: Sequence[slice]) -> None:
        """Take the array of the first tile, and that of `both` the first and the second at once."""
        one, two = cuts[0].stop, cuts[1].stop
        self.by_rows = (tile.shape[:1], both.shape[:1]) == ((one,), (two,))
        rest = tile.shape[self.by_rows :]
        if both.shape[self.by_rows :] != rest:
            raise Refused(f"it returns shape {tile.shape} for {one} rows, {both.shape} for {two}")
        self._shares = np.array([row_count(rows) for rows in cuts]) / cuts[-1].stop
        self._all = np.empty((cuts[-1].stop if self.by_rows else len(cuts), *rest), tile.dtype)
        self.value = self._all if self.by_rows else np.empty_like(tile)

    def put(self, value: Array, number: int, rows: slice) -> None:
        """Put in the value that a tile returned."""
        self._all[rows if self.by_rows else number] = value

    def finish(self) -> None:
        """Compute the mean over the tiles, if the array is a mean."""
        if not self.by_rows:
            self.value[...] = np.tensordot(self._shares, self._all, 1)

    def of_first_two(self, rows: int) -> Array:
        """Return what the first two tiles, which have so many rows, make together."""
        if self.by_rows:
            return self._all[:rows]
        mean: Array = np.tensordot(self._shares[:2] / self._shares[:2].sum(), self._all[:2], 1)
        return mean


class Draw:
    """Random numbers for the whole batch, drawn as in eager; each tile gets those of its rows."""

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
        """Draw random numbers for the whole batch."""
        drawn: Array = self._draw()
        return drawn


def _flat_steps(subject: Any, leaves: Sequence[Leaf]) -> list[Any]:
    return flat_steps(subject, leaves) if getattr(subject, "elementwise", False) else []


def _largest(array: Array) -> float:
    sizes = (np.max(np.abs(a), initial=0, where=np.isfinite(a)) for a, _ in _blocks(array, array))
    return float(max(sizes, default=0))


def _differ(parts: Sequence[Array], whole: Array, beside: float = 0.0, scale: float = 1.0) -> bool:
    close = CLOSE * (_largest(whole) + beside)
    return not all(
        np.allclose(functools.reduce(np.add, some) * scale, other, 0, close, equal_nan=True)
        for *some, other in _blocks(*parts, whole)
    )


def _blocks(*arrays: Array) -> Any:
    """Return an iterator over the elements of arrays, some at a time: no copy is as large."""
    return np.nditer(arrays, ["external_loop", "buffered", "zerosize_ok"], buffersize=BLOCK)
