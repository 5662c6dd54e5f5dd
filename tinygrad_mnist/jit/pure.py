"""PureFunction: eager on the first call, captured on the second, replayed from the third on.

The function does not run at a replay: it depends on nothing but its arguments and the library's
objects. A program belongs to the shapes, dtypes and settings of one call; another shape, such as
that of a last, smaller batch, gets its own. Each call first checks the program's assumptions.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import Any
from weakref import ReferenceType, WeakSet, ref

import numpy as np

from tinygrad_mnist.autograd import modes
from tinygrad_mnist.autograd.graph import Leaf
from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.jit import passes
from tinygrad_mnist.jit.bind import Binding
from tinygrad_mnist.jit.callable import JitFunction, batch_arguments
from tinygrad_mnist.jit.guards import Guards, array_of
from tinygrad_mnist.jit.joint_optimizer import flat_steps
from tinygrad_mnist.jit.liveness import arrays_changed
from tinygrad_mnist.jit.names import NUMBERS, Names
from tinygrad_mnist.jit.outputs import Plan, refuse_live_graph, tensors_in
from tinygrad_mnist.jit.program import Program, Unfinished
from tinygrad_mnist.jit.replay import MISSED, Call, call_of, replay
from tinygrad_mnist.jit.signatures import batch_rows, kind_of, signature, usual
from tinygrad_mnist.jit.tape import Effect, Tape, Write
from tinygrad_mnist.jit.tile_size import TileRows, Undecided, tile_rows_of
from tinygrad_mnist.jit.tile_tapes import Failed, Refused
from tinygrad_mnist.jit.tiles import Tiled
from tinygrad_mnist.jit.views import dense
from tinygrad_mnist.kernels import spinning
from tinygrad_mnist.nn import Module
from tinygrad_mnist.ops.random import Generator
from tinygrad_mnist.optim import Optimizer

Array = np.ndarray[Any, Any]
BIG = 1 << 20  # bytes: larger inputs that are the same array at each call are not copied
MOST_PROGRAMS = 64
MOST_SEEN = 256
MOST_TRIES = 10  # from then on, so many doublings lie between two


class PureFunction(JitFunction):
    """A function that is captured and replayed; see `jit`."""

    def __init__(self, function: Callable[..., Any], *, tile_rows: TileRows = None) -> None:
        super().__init__(function, tile_rows=tile_rows)
        number = type(tile_rows) is int and tile_rows > 0
        if not number and tile_rows is not None and tile_rows != "auto":
            raise ValueError(
                f'tile_rows must be a whole number above 0 or "auto", not {tile_rows!r}'
            )
        self.tile_rows = tile_rows
        self._chosen: dict[Any, int | None] = {}  # under "auto", for each kind of call
        self._captured: list[Captured] = []  # the last one used first
        self._seen: dict[Any, Seen] = {}  # the last eager call of each kind
        self._tried: WeakSet[Any] = WeakSet()  # optimizers whose parameters need not be moved again
        self._busy = threading.Lock()

    def __call__(self, *args: Any, **kw: Any) -> Any:
        if modes.MODES and (modes.current().tape or modes.current().watch) is not None:
            return self.function(*args, **kw)  # part of an outer capture, or watched
        if kw:
            raise TypeError(f"{self.__name__}: a jitted function takes its arguments by position")
        if monotonic() > spinning.due:
            spinning.adapt()
        # Taken by another thread, or by a call around this one; by name it takes longer
        if not self._busy.acquire(False):  # noqa: FBT003
            return self._eager(args)
        try:
            for captured in self._captured:
                result = captured.call(args)
                if result is not MISSED:
                    if captured is not self._captured[0]:
                        self._captured.remove(captured)
                        self._captured.insert(0, captured)
                    return result
            return self._not_captured(args)
        except Unfinished:  # nothing has changed yet
            pass
        finally:
            self._busy.release()
        # The function itself raises the error, and leaves what it leaves in eager; or it takes
        # another way than the captured call did.
        return self._eager(args)

    def over(self, batches: Iterable[Any]) -> list[Any]:
        if isinstance(batches, np.ndarray):
            batches = list(batches)
        if type(batches) not in (list, tuple):  # code of others runs between two calls
            return super().over(batches)
        results: list[Any] = []
        rest = map(batch_arguments, batches)
        for args in rest:
            results.append(self(*args))
            captured = self._captured[0] if self._captured else None
            if captured is None or not captured.is_alone:
                continue
            args_left = self._replay_next(captured, rest, results)
            if args_left is not None:
                results.append(self(*args_left))
        return results

    def _replay_next(
        self, captured: Captured, rest: Iterator[tuple[Any, ...]], results: list[Any]
    ) -> tuple[Any, ...] | None:
        """Replay while the program stands for the calls; return the next call's arguments."""
        if modes.MODES and (modes.current().tape or modes.current().watch) is not None:
            return None
        if not self._busy.acquire(blocking=False):
            return None
        try:
            call, add = captured.next_call, results.append
            for args in rest:
                if monotonic() > spinning.due:
                    spinning.adapt()
                try:
                    result = call(args)
                except Unfinished:
                    return args
                if result is MISSED:
                    return args
                add(result)
        finally:
            self._busy.release()
        return None

    def programs(self) -> list[Program | Tiled]:
        """Return the captured programs, the last one used first."""
        return [captured.program for captured in self._captured]

    def _not_captured(self, args: tuple[Any, ...]) -> Any:
        """Call the function eagerly the first time, and capture the call the second time."""
        args = tuple(usual(a) for a in args)
        self._check(args)
        tile_rows = self._chosen_for(args) if self.tile_rows == "auto" else self.tile_rows
        if tile_rows and batch_rows(self.__name__, args) > tile_rows:
            try:
                return self._capture_tiled(args, tile_rows)
            except Refused:
                if self.tile_rows != "auto":
                    raise
                self._chosen[kind_of(args)] = None
        self._captured = [c for c in self._captured if c.guards.names.bound()]
        key = (modes.current().grad, *map(signature, args))
        seen = self._seen.pop(key, None)
        again = seen is not None and seen.holds()
        gaps = any(isinstance(a := array_of(arg), np.ndarray) and not dense(a) for arg in args)
        if not again or gaps:
            self._note(key, Seen(args, self.function))
            result = self._eager(args)
            self._seen[key].note_result(result)
            self._settle(self._seen[key].names.objects)
            return result
        assert seen is not None
        self._note(key, seen)
        if seen.waiting:
            seen.waiting -= 1
            result = self._eager(args)
            seen.note_result(result)
            return result
        return self._captured_call(args, seen)

    def _chosen_for(self, args: tuple[Any, ...]) -> int | None:
        """Return how many rows a tile of such a call gets, by the sizes of its arrays."""
        kind = kind_of(args)
        if kind not in self._chosen:
            try:
                self._chosen[kind] = tile_rows_of(self.function, args)
            except Undecided:
                return None
        return self._chosen[kind]

    def __repr__(self) -> str:
        if self.tile_rows != "auto" or not self._chosen:
            return super().__repr__()
        chosen = [
            f"batches of more than {rows} rows go in tiles" if rows else "no tiles"
            for rows in self._chosen.values()
        ]
        return f'# tile_rows="auto": {"; ".join(chosen)}\n{super().__repr__()}'

    def _captured_call(self, args: tuple[Any, ...], seen: Seen) -> Any:
        """Capture; or first move an optimizer's parameters into one buffer, and capture later."""
        captured, result, unsettled = self._capture(args, seen)
        moved = False
        for optimizer, leaves in unsettled:  # now that no tape holds the parameters' arrays
            self._tried.add(optimizer)
            moved = bool(flat_steps(optimizer, leaves)) or moved
        if captured is not None and not moved:
            self._captured.insert(0, captured)
            del self._captured[MOST_PROGRAMS:]
        return result

    def _check(self, args: tuple[Any, ...]) -> None:
        kinds = (*NUMBERS, np.ndarray, Tensor, Module, Optimizer, Generator, type(None), np.dtype)
        for arg in args:
            if not isinstance(arg, kinds) and not callable(arg):
                raise TypeError(
                    f"{self.__name__}: a jitted function takes arrays, Tensors and numbers, "
                    f"not {type(arg).__name__}"
                )

    def _note(self, key: Any, seen: Seen) -> None:
        self._seen[key] = seen
        if len(self._seen) > MOST_SEEN:
            del self._seen[next(iter(self._seen))]

    def _eager(self, args: tuple[Any, ...]) -> Any:
        return self.function(*(wrap(a) if isinstance(a, np.ndarray) else a for a in args))

    def _settle(self, objects: list[Any]) -> None:
        """Move parameters into one buffer per group, while no tape holds their arrays."""
        for optimizer in objects:
            if isinstance(optimizer, Optimizer):
                leaves = (p._node for group in optimizer.param_groups for p in group["params"])
                flat_steps(optimizer, [n for n in leaves if getattr(n, "grad", None) is not None])

    def _capture(
        self, args: tuple[Any, ...], seen: Seen
    ) -> tuple[Captured | None, Any, list[tuple[Any, list[Leaf]]]]:
        """Call the function once more eagerly, on a tape, and bind the tape.

        Also returns the optimizers that have no flat form yet, with the leaves of their gradients.
        """
        arguments = [wrap(a) if isinstance(a, np.ndarray) else a for a in args]
        tensors = [g for g in arguments if isinstance(g, Tensor)]
        names = Names(self.function)
        around = arrays_around(names.objects)
        copied = [
            t._node is None and id(t._data) not in around and not (again and t._data.nbytes >= BIG)
            for t, again in zip(tensors, seen.same(args), strict=True)
        ]
        tape = Tape([a for a in args if isinstance(a, Tensor)])
        inputs = [t._data for t in tensors]
        guards = Guards(names, args, copied)
        mode = modes.current()._replace(tape=tape)
        result = modes.call_in(mode, self.function, *arguments)
        if tape.abandoned is None and shared_gradients(tape, inputs):
            tape.abandon("a gradient shares memory with another one or with what it reads")
        if tape.abandoned is not None:
            self._refusal = f"runs eagerly, as {tape.abandoned}"
            seen.waits()
            return None, result, []
        outputs = tensors_in(result)
        for tensor in outputs:
            refuse_live_graph(tensor, tape)
        with np.errstate(all="ignore"):
            binding = Binding(tape, inputs, copied, {id(t._data) for t in outputs})
            avoid = arrays_to_avoid(binding)
            tape.forget_calls()  # the arrays of each entry go as soon as it is bound
            program = Program(binding.bind())
        results = Plan(result, binding, arguments, seen.lasting())
        captured = Captured(program, guards.complete(tape, avoid), results)
        unsettled = [
            (e.subject, list(e.grads)) for e in tape.entries
            if isinstance(e, Effect) and isinstance(e.subject, Optimizer) and e.grads
            and e.subject not in self._tried and not binding.is_flat(e)
        ] if passes.on("flat") else []  # fmt: skip
        return captured, result, unsettled

    def _capture_tiled(self, args: tuple[Any, ...], tile_rows: int) -> Any:
        """Cut the first call into tiles already: an eager first call would round differently.

        Large inputs are read where they are, until a call comes with others.
        """
        arguments = [wrap(a) if isinstance(a, np.ndarray) else a for a in args]
        inputs = [g._data for g in arguments if isinstance(g, Tensor)]
        key = tuple(map(signature, args))
        first = self._seen.pop(key, None) is None
        copied = [not (first and a.nbytes >= BIG and a.flags.c_contiguous) for a in inputs]
        names = Names(self.function)
        guards = Guards(names, args, copied)
        try:
            tiled = Tiled(self.function, arguments, copied, tile_rows, names.objects)
        except Failed:  # the function itself raises the error, and leaves what it leaves in eager
            return self._eager(args)
        results = Plan(tiled.result, tiled, arguments)
        captured = Captured(tiled, guards.complete(tiled.tape, None), results)
        tiled.forget()
        self._note(key, Seen(args, self.function))
        self._captured.insert(0, captured)
        del self._captured[MOST_PROGRAMS:]
        return replay(tiled, results, inputs, args)


class Captured:
    """A program and its guards, as one function of a call's arguments: see `call_of`."""

    def __init__(self, program: Program | Tiled, guards: Guards, results: Plan) -> None:
        self.program, self.guards, self._results = program, guards, results
        self.call = call_of(program, guards, results, is_next=False)
        # No code but the library's runs in a replay, and it begins from no gradients
        self.is_alone = not program.grad_feeds and all(e.parts for e in program.effects())

    @functools.cached_property
    def next_call(self) -> Call:
        """As `call`, for a call directly after another one, in the same thread."""
        return call_of(self.program, self.guards, self._results, is_next=True)


class Seen:
    """An eager call; if the same call comes again, with the same objects around, it is captured."""

    def __init__(self, args: tuple[Any, ...], function: Callable[..., Any]) -> None:
        self.names = Names(function)
        self._ids = [id(array_of(a)) for a in args if isinstance(a, (np.ndarray, Tensor))]
        self._returned: list[ReferenceType[Tensor]] = []
        self.waiting = 0  # calls until the next try: a try that fails takes longer than the call
        self._tries = 0

    def waits(self) -> None:
        """Wait twice as long as the last time before a call like this is captured again."""
        self._tries += 1
        self.waiting = 2 ** min(self._tries, MOST_TRIES) - 1

    def holds(self) -> bool:
        """Tell whether the names around the function still stand for the same objects."""
        return self.names.hold()

    def note_result(self, result: Any) -> None:
        """Note the Tensors that the call has returned."""
        with contextlib.suppress(TypeError):  # which the capture will raise
            self._returned = [ref(t) for t in tensors_in(result)]

    def lasting(self) -> list[Tensor]:
        """Return those that still exist: what another call returns again is from outside."""
        return [t for reference in self._returned if (t := reference()) is not None]

    def same(self, args: tuple[Any, ...]) -> list[bool]:
        """Tell, for each array argument, whether it is the very one of that call."""
        arrays = [array_of(a) for a in args if isinstance(a, (np.ndarray, Tensor))]
        return [i == id(a) for i, a in zip(self._ids, arrays, strict=True)]


def arrays_around(objects: Iterable[Any]) -> set[int]:
    """Return the ids of the arrays of the Tensors around a function.

    If one of them is an argument as well, the tape cannot tell by which way the function came to
    it; its program stands for calls with this very array.
    """
    tensors = [o for o in objects if isinstance(o, Tensor)]
    for top in objects:
        if isinstance(top, Module):
            tensors += [*top.parameters(), *top.buffers()]
        elif isinstance(top, Optimizer):
            tensors += [p for group in top.param_groups for p in group["params"]]
    return {id(t._data) for t in tensors}


def shared_gradients(tape: Tape, inputs: list[Array]) -> bool:
    """Tell whether a gradient from before shares memory with another, or with an array read."""
    grads = list(tape.grads_before.values())
    own = set(map(id, grads))
    others = inputs + [a for a, _ in tape.external.values() if id(a) not in own]
    ends = [id(g._data) for g in tape.grads.values() if g is not None]
    return len(set(ends)) < len(ends) or any(
        np.may_share_memory(g, other) for i, g in enumerate(grads) for other in others + grads[:i]
    )


def arrays_to_avoid(binding: Binding) -> list[Array] | None:
    """Return the arrays that no argument may overlap.

    A program reads its copy of an argument, and would miss a write to the argument itself. Returns
    None where nothing is written before an argument is read: then arguments may lie anywhere.
    """
    tape = binding.tape
    written: list[Array] = []
    outward = False  # whether something outside has changed by then
    for entry in tape.entries:
        if isinstance(entry, Effect):
            outward = True
            written += arrays_changed(entry.subject)
            continue
        if outward and any(binding.root(a) in binding.fed for a in entry.reads):
            return written + _all_written(binding)
        if isinstance(entry, Write) and binding.root(entry.target) in binding.fed:
            return [array for array, _ in tape.external.values()]
        if isinstance(entry, Write) and binding.root(entry.target) in tape.external:
            outward = True
    return None


def _all_written(binding: Binding) -> list[Array]:
    """Return the arrays outside that the program writes to."""
    targets = [e.target for e in binding.tape.entries if isinstance(e, Write)]
    return [binding.at(t) for t in targets if binding.root(t) in binding.tape.external]
