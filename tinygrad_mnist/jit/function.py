"""jit: eager on the first call, captured on the second, replayed from the third on.

A program belongs to the shapes, dtypes and settings of one call; another shape, such as that of a
last, smaller batch, gets its own. What a program relied on is checked whenever it may have changed.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, overload

import numpy as np

from tinygrad_mnist.autograd import modes
from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.jit.program import Program
from tinygrad_mnist.jit.results import plan, refuse_live_graph, same_kind, tensors_in
from tinygrad_mnist.jit.tape import Tape
from tinygrad_mnist.jit.tiles import Tiled

Array = np.ndarray[Any, Any]
BIG = 1 << 20  # bytes: larger inputs that are the same object at each call are not copied
MOST_PROGRAMS = 64


class JitFunction:
    """A function that is captured and replayed; see `jit`."""

    __name__: str

    def __init__(self, function: Callable[..., Any], tile_rows: int | None = None) -> None:
        functools.update_wrapper(self, function)
        if tile_rows is not None and (type(tile_rows) is not int or tile_rows < 1):
            raise ValueError(f"tile_rows must be a whole number above 0, not {tile_rows!r}")
        self.function, self.tile_rows = function, tile_rows
        self._captured: list[Captured] = []  # the last one used first
        self._seen: dict[Any, list[int]] = {}  # ids of the arguments of the last eager call
        self._busy = threading.Lock()

    def __call__(self, *args: Any, **kw: Any) -> Any:
        if modes.MODES and modes.current().tape is not None:
            return self.function(*args, **kw)  # part of an outer capture
        if kw:
            raise TypeError(f"{self.__name__}: a jitted function takes its arguments by position")
        if not self._busy.acquire(False):  # another thread, or a call inside itself
            return self._eager(args)
        try:
            for captured in self._captured:
                arrays = captured.arrays_of(args)
                if arrays is not None:
                    if captured is not self._captured[0]:
                        self._captured.remove(captured)
                        self._captured.insert(0, captured)
                    return captured.replay(arrays, args)
            return self._not_captured(args)
        finally:
            self._busy.release()

    def _not_captured(self, args: tuple[Any, ...]) -> Any:
        """Eager the first time, captured the second."""
        arrays = [a._data if isinstance(a, Tensor) else a for a in args]
        if any(type(a) in (tuple, list, dict) for a in arrays):
            raise TypeError(f"{self.__name__}: a jitted function takes arrays, Tensors and numbers")
        key = (modes.current().grad, *map(signature, arrays))
        seen = self._seen.get(key)
        self._seen[key] = [id(a) for a in arrays]
        if self.tile_rows and _rows(self, args) > self.tile_rows:
            return self._capture_tiled(args, seen is None)
        if seen is None or len(self._captured) >= MOST_PROGRAMS:
            return self._eager(args)
        same = [i == id(a) for i, a in zip(seen, arrays, strict=True)]
        captured, result = self._capture(args, same)
        self._captured.insert(0, captured)
        return result

    def _eager(self, args: tuple[Any, ...]) -> Any:
        return self.function(*(wrap(a) if isinstance(a, np.ndarray) else a for a in args))

    def _capture(self, args: tuple[Any, ...], same: list[bool]) -> tuple[Captured, Any]:
        """Run once more eagerly, on a tape, and bind what it heard."""
        tape = Tape()
        given = [wrap(a) if isinstance(a, np.ndarray) else a for a in args]
        copied = [_is_input(a, again) for a, again in zip(given, same, strict=True)]
        inputs = [g._data for g, copy in zip(given, copied, strict=True) if isinstance(g, Tensor)]
        flags = [c for g, c in zip(given, copied, strict=True) if isinstance(g, Tensor)]
        relied = Reliance(self.function)
        mode = modes.switch(modes.current()._replace(tape=tape))
        try:
            result = self.function(*given)
        finally:
            modes.switch(mode)
        outputs = tensors_in(result)
        for tensor in outputs:
            refuse_live_graph(tensor, tape)
        with np.errstate(all="ignore"):
            program = Program(tape, inputs, flags, {id(t._data) for t in outputs})
        results = plan(result, program, inputs)
        captured = Captured(program, relied.closed(tape), args, inputs, flags, results)
        program.forget()
        return captured, result

    def _capture_tiled(self, args: tuple[Any, ...], first: bool) -> Any:
        """Cut it into tiles at once: an eager first call would round otherwise.

        Large inputs are read where they are, until a call comes with others.
        """
        given = [wrap(a) if isinstance(a, np.ndarray) else a for a in args]
        inputs = [g._data for g in given if isinstance(g, Tensor)]
        copied = [not (first and a.nbytes >= BIG and a.flags.c_contiguous) for a in inputs]
        relied = Reliance(self.function)
        tiled = Tiled(self.function, given, copied, self.tile_rows or 0)
        results = plan(tiled.result, tiled, inputs)
        captured = Captured(tiled, relied.closed(tiled.tape), args, inputs, copied, results)
        tiled.forget()
        self._captured.insert(0, captured)
        return captured.replay(inputs, args)

    def programs(self) -> list[Program | Tiled]:
        """The captured programs, the last one used first."""
        return [captured.program for captured in self._captured]

    def report(self) -> str:
        """What was captured: calls, buffers and bytes, for each program."""
        rows = [f"program {i}: {program.summary()}" for i, program in enumerate(self.programs())]
        return "\n".join(rows) or f"{self.__name__}: nothing captured yet"

    def __repr__(self) -> str:
        programs = self.programs()
        if not programs:
            return f"<jit {self.__name__}: nothing captured yet>"
        return "\n".join(f"# program {i}\n" + "\n".join(p.lines()) for i, p in enumerate(programs))


class Reliance:
    """What a capture took for granted about the world outside its inputs."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.numbers = numbers_around(function)
        self.changes = modes.CHANGES[0]
        self._tensors: list[tuple[Tensor, Array, Any]] = []
        self._modules: list[tuple[Any, dict[str, Any]]] = []

    def closed(self, tape: Tape) -> Reliance:
        """The capture is over: note the Tensors and modules that it used."""
        self.changes = modes.CHANGES[0]
        tensors = [tensor for _, tensor in tape.external.values() if tensor is not None]
        self._tensors = [(tensor, tensor._data, watched(tensor)) for tensor in tensors]
        self._modules = [(module, settings(module)) for module in tape.modules.values()]
        return self

    def holds(self) -> bool:
        """Whether all of it is still so."""
        for where, name, value in self.numbers:
            if where.get(name) != value:
                return False
        if modes.CHANGES[0] == self.changes:
            return True
        fine = all(t._data is a and watched(t) == w for t, a, w in self._tensors) and all(
            settings(module) == before for module, before in self._modules
        )
        if fine:
            self.changes = modes.CHANGES[0]
        return fine


class Captured:
    """A program, what it relies on, and how to give back its results."""

    def __init__(
        self,
        program: Program | Tiled,
        relied: Reliance,
        args: tuple[Any, ...],
        inputs: list[Array],
        copied: list[bool],
        results: Any,
    ) -> None:
        self.program, self._relied, self._results = program, relied, results
        self._grad = modes.current().grad
        self._args = [signature(a._data if isinstance(a, Tensor) else a) for a in args]
        self._same = places(inputs)
        pairs = enumerate(zip(inputs, copied, strict=True))
        self._by_reference = [(i, a) for i, (a, copy) in pairs if not copy]

    def arrays_of(self, args: tuple[Any, ...]) -> list[Array] | None:
        """The arrays among the arguments, if the program stands for a call with them."""
        if len(args) != len(self._args):
            return None
        arrays = []
        for arg, (kind, value) in zip(args, self._args):  # noqa: B905  (strict takes longer)
            array = arg._data if isinstance(arg, Tensor) else arg
            if type(array) is np.ndarray:
                if array.shape != kind or (array.dtype is not value and array.dtype != value):
                    return None
                arrays.append(array)
            elif type(array) is not kind or array != value:
                return None
        if len(arrays) > 1 and places(arrays) != self._same:
            return None
        for i, array in self._by_reference:
            if arrays[i] is not array:
                return None
        if (not modes.MODES or modes.current().grad) is not self._grad:
            return None
        relied = self._relied  # each call that is left out here is a percent of a small step
        if (relied.numbers or modes.CHANGES[0] != relied.changes) and not relied.holds():
            return None
        return arrays if not self.program.grad_feeds or self.program.fits() else None

    def replay(self, arrays: list[Array], args: tuple[Any, ...]) -> Any:
        """Run it, and copy the results out of its buffers."""
        self.program.replay(arrays)
        results = self._results
        if type(results) is np.ndarray:
            return wrap(results.copy())
        return results if results is None else self._out(results, args)

    def _out(self, value: Any, args: tuple[Any, ...]) -> Any:
        if isinstance(value, np.ndarray):
            return wrap(value.copy())
        if isinstance(value, int):
            given = [a for a in args if isinstance(a, (np.ndarray, Tensor))][value]
            return given if isinstance(given, Tensor) else wrap(given)
        if isinstance(value, (tuple, list)):
            return same_kind(value, [self._out(item, args) for item in value])
        if isinstance(value, dict):
            return {k: self._out(item, args) for k, item in value.items()}
        return value


def signature(value: Any) -> tuple[Any, Any]:
    """What must be the same of an argument: shape and dtype of an array, type and value else."""
    return (value.shape, value.dtype) if isinstance(value, np.ndarray) else (type(value), value)


def places(arrays: list[Array]) -> list[int]:
    """For each array, where it stands first: two that are one make a program of its own."""
    ids = list(map(id, arrays))
    return list(map(ids.index, ids))


def _rows(function: JitFunction, args: tuple[Any, ...]) -> int:
    """How many rows all array arguments have; raises TypeError where they have not."""
    arrays = [a for a in args if isinstance(a, (np.ndarray, Tensor))]
    counts = {a.shape[:1] for a in arrays}
    learns = [a for a in arrays if isinstance(a, Tensor) and a._node is not None]
    if len(counts) != 1 or () in counts or learns:
        raise TypeError(
            f"{function.__name__}: with tile_rows, arguments are arrays with a row for each "
            f"example and without gradients, not of shapes {[list(a.shape) for a in arrays]}"
        )
    return int(counts.pop()[0])


def _is_input(value: Any, again: bool) -> bool:
    """Whether a call's argument is copied into the program, or relied on as the object it is."""
    if not isinstance(value, Tensor) or value._node is not None:
        return False
    return not (again and value._data.nbytes >= BIG)


def settings(module: Any) -> dict[str, Any]:
    """What a forward may depend on: a module's plain attributes, its children and its hooks."""
    plain = (bool, int, float, str, type(None), tuple)
    found = {k: v for k, v in vars(module).items() if isinstance(v, plain)}
    hooks = {kind: list(of_kind) for kind, of_kind in (module._hooks or {}).items()}
    return found | {"_modules": list(map(id, module._modules.values())), "_hooks": hooks}


def watched(tensor: Tensor) -> tuple[bool, list[int]]:
    """Whether a Tensor requires grad, and which hooks see its gradient."""
    return tensor.requires_grad, list(getattr(tensor._node, "hooks", None) or ())


def numbers_around(function: Callable[..., Any]) -> list[tuple[Any, str, Any]]:
    """The Python numbers that a function finds around it: where, under which name, which."""
    code = getattr(function, "__code__", None)
    if code is None:
        return []
    plain = (bool, int, float, str)
    around = function.__globals__
    found = [(around, n, around[n]) for n in code.co_names if type(around.get(n)) in plain]
    cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
    inside = [(vars_of(c), n, c.cell_contents) for n, c in cells if _filled(c)]
    return found + [entry for entry in inside if type(entry[2]) in plain]


class vars_of:
    """A closure's cell, read as a dict of one name."""

    def __init__(self, cell: Any) -> None:
        self._cell = cell

    def get(self, name: str) -> Any:
        """What it holds now."""
        return self._cell.cell_contents


def _filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


@overload
def jit(function: Callable[..., Any], *, tile_rows: int | None = None) -> JitFunction: ...
@overload
def jit(*, tile_rows: int | None = None) -> Callable[[Callable[..., Any]], JitFunction]: ...
def jit(function: Callable[..., Any] | None = None, *, tile_rows: int | None = None) -> Any:
    """Compile a function of arrays and Tensors to a list of NumPy calls; bitwise as eager.

    It may build a graph, call `backward()`, step an optimizer. Arrays reach it as Tensors. Call 1
    is eager, call 2 captures, later ones replay; each new shape or dtype anew. `print(step)` shows
    the program, `step.report()` its memory.

    With `tile_rows`, a step on more rows than that goes through so many at a time, on as many
    threads as the BLAS has (with threadpoolctl; else on one): faster where a batch does not fit
    into the cache, equal to eager within rounding, and the same from run to run.

    Raises RuntimeError where the value of one call would be frozen into all later ones; with
    `tile_rows`, also where the loss is not a mean over the rows, or a row depends on others.

    >>> import tinygrad_mnist as tg
    >>> @tg.jit
    ... def double(x):
    ...     return x * 2
    >>> [double(tg.tensor([float(i)])).item() for i in range(4)]
    [0.0, 2.0, 4.0, 6.0]
    """
    if function is None:
        return functools.partial(jit, tile_rows=tile_rows)
    if tile_rows is None:
        from tinygrad_mnist.jit.followed import FollowedFunction
        return FollowedFunction(function)
    return JitFunction(function, tile_rows)
