"""jit: eager on the first call, captured on the second, replayed from the third on.

A program belongs to the shapes, dtypes and settings of one call; another shape, such as that of a
last, smaller batch, gets its own. What a program relied on is checked whenever it may have changed.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import modes
from tinygrad_mnist.autograd.engine import ancestors
from tinygrad_mnist.autograd.tensor import Node, Tensor, wrap
from tinygrad_mnist.jit.program import Program
from tinygrad_mnist.jit.tape import Tape

Array = np.ndarray[Any, Any]
BIG = 1 << 20  # bytes: larger inputs that are the same object at each call are not copied
MOST_PROGRAMS = 64


class JitFunction:
    """A function that is captured and replayed; see `jit`."""

    __name__: str

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self._programs: dict[Any, list[Captured]] = {}
        self._seen: dict[Any, list[int]] = {}  # ids of the arguments of the last eager call
        self._busy = threading.Lock()

    def __call__(self, *args: Any, **kw: Any) -> Any:
        if modes.MODES and modes.current().tape is not None:
            return self.function(*args, **kw)  # part of an outer capture
        if kw or any(type(a) in (tuple, list, dict) for a in args):
            raise TypeError(
                f"{self.__name__}: a jitted function takes arrays, Tensors and numbers by position"
            )
        if not self._busy.acquire(blocking=False):  # another thread, or a call inside itself
            return self._eager(args)
        try:
            return self._run(args)
        finally:
            self._busy.release()

    def _run(self, args: tuple[Any, ...]) -> Any:
        arrays = [a._data if isinstance(a, Tensor) else a for a in args]
        key: tuple[Any, ...] = tuple(
            (a.shape, a.dtype) if isinstance(a, np.ndarray) else (type(a), a) for a in arrays
        )
        if modes.MODES and not modes.current().grad:
            key = (*key, "no_grad")
        if len(set(map(id, arrays))) < len(arrays):  # the same array twice: a program of its own
            key = (*key, tuple(map([id(a) for a in arrays].index, map(id, arrays))))
        for captured in self._programs.get(key, ()):
            if captured.holds(arrays):
                return captured.replay(arrays, args)
        seen = self._seen.get(key)
        self._seen[key] = [id(a) for a in arrays]
        if seen is None or sum(map(len, self._programs.values())) >= MOST_PROGRAMS:
            return self._eager(args)
        same = [i == id(a) for i, a in zip(seen, arrays, strict=True)]
        captured, result = self._capture(args, arrays, same)
        self._programs.setdefault(key, []).append(captured)
        return result

    def _eager(self, args: tuple[Any, ...]) -> Any:
        return self.function(*(wrap(a) if isinstance(a, np.ndarray) else a for a in args))

    def _capture(
        self, args: tuple[Any, ...], arrays: list[Any], same: Sequence[bool]
    ) -> tuple[Captured, Any]:
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
        return Captured(program, relied.closed(tape), inputs, flags, result), result

    def programs(self) -> list[Program]:
        """The captured programs, oldest first."""
        return [captured.program for some in self._programs.values() for captured in some]

    def report(self) -> str:
        """What was captured: calls, buffers and bytes, for each program."""
        rows = []
        for number, program in enumerate(self.programs()):
            pool = program.pool
            rows.append(
                f"program {number}: {len(program.tape.entries)} calls, {len(program.steps)} steps, "
                f"{pool.held:,} bytes of buffers ({pool.asked - pool.held:,} saved by reuse), "
                f"called whole: {', '.join(program.whole) or 'nothing'}"
            )
        return "\n".join(rows) or f"{self.__name__}: nothing captured yet"

    def __repr__(self) -> str:
        programs = self.programs()
        if not programs:
            return f"<jit {self.__name__}: nothing captured yet>"
        return "\n".join(f"# program {i}\n" + "\n".join(p.lines()) for i, p in enumerate(programs))


class Reliance:
    """What a capture took for granted about the world outside its inputs."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._numbers = numbers_around(function)
        self._changes = modes.CHANGES[0]
        self._tensors: list[tuple[Tensor, Array, bool]] = []
        self._modules: list[tuple[Any, dict[str, Any]]] = []

    def closed(self, tape: Tape) -> Reliance:
        """The capture is over: note the Tensors and modules that it used."""
        self._changes = modes.CHANGES[0]
        tensors = [tensor for _, tensor in tape.external.values() if tensor is not None]
        self._tensors = [(tensor, tensor._data, tensor.requires_grad) for tensor in tensors]
        self._modules = [(module, settings(module)) for module in tape.modules.values()]
        return self

    def holds(self) -> bool:
        """Whether all of it is still so."""
        for where, name, value in self._numbers:
            if where.get(name) != value:
                return False
        if modes.CHANGES[0] == self._changes:
            return True
        fine = all(t._data is a and t.requires_grad is r for t, a, r in self._tensors) and all(
            settings(module) == before for module, before in self._modules
        )
        if fine:
            self._changes = modes.CHANGES[0]
        return fine


class Captured:
    """A program, what it relies on, and how to give back its results."""

    def __init__(
        self,
        program: Program,
        relied: Reliance,
        inputs: list[Array],
        copied: list[bool],
        result: Any,
    ) -> None:
        self.program = program
        self._relied = relied
        self._by_reference = [
            (i, a) for i, (a, c) in enumerate(zip(inputs, copied, strict=True)) if not c
        ]
        self._result = result
        self._inputs = {id(a): i for i, a in enumerate(inputs)}

    def holds(self, arrays: Sequence[Any]) -> bool:
        """Whether the program stands for this call."""
        arrays = [a for a in arrays if isinstance(a, np.ndarray)]
        return (
            all(arrays[i] is a for i, a in self._by_reference)
            and self._relied.holds() and self.program.fits()
        )  # fmt: skip

    def replay(self, arrays: Sequence[Any], args: tuple[Any, ...]) -> Any:
        """Run it, and copy the results out of its buffers."""
        self.program.replay([a for a in arrays if isinstance(a, np.ndarray)])
        given = [a for a in args if isinstance(a, (np.ndarray, Tensor))]
        return self._out(self._result, given)

    def _out(self, value: Any, given: list[Any]) -> Any:
        if isinstance(value, (tuple, list)):
            return type(value)(self._out(item, given) for item in value)
        if isinstance(value, dict):
            return {k: self._out(item, given) for k, item in value.items()}
        if value is None:
            return None
        place = self._inputs.get(id(value._data))
        if place is not None:
            return given[place] if isinstance(given[place], Tensor) else wrap(given[place])
        if id(value._data) in self.program.tape.external:
            return value
        return wrap(self.program.at(value._data).copy())


def _is_input(value: Any, again: bool) -> bool:
    """Whether a call's argument is copied into the program, or relied on as the object it is."""
    if not isinstance(value, Tensor) or value._node is not None:
        return False
    return not (again and value._data.nbytes >= BIG)


def tensors_in(result: Any) -> list[Tensor]:
    """The Tensors of a result; anything else in it would be frozen, and is refused."""
    if isinstance(result, (tuple, list)):
        return [t for item in result for t in tensors_in(item)]
    if isinstance(result, dict):
        return [t for item in result.values() for t in tensors_in(item)]
    if result is None:
        return []
    if not isinstance(result, Tensor):
        raise TypeError(
            f"a jitted function returns Tensors, not {type(result).__name__}: the value of the "
            "captured call would be given back for ever"
        )
    return [result]


def refuse_live_graph(tensor: Tensor, tape: Tape) -> None:
    """A result must not carry a graph that somebody could still go backward through."""
    node = tensor._node
    if isinstance(node, Node) and not any(n in tape.walked_nodes for n in ancestors([node])):
        raise RuntimeError(
            "a jitted function returned a Tensor whose graph is alive, and a replay would return "
            "it without one: call backward() inside, or return it detach()ed, or call under no_grad"
        )


def settings(module: Any) -> dict[str, Any]:
    """The plain attributes of a module that a forward may depend on."""
    plain = (bool, int, float, str, type(None), tuple)
    return {k: v for k, v in vars(module).items() if isinstance(v, plain)}


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


def jit(function: Callable[..., Any]) -> JitFunction:
    """Compile a function of arrays and Tensors to a list of NumPy calls; bitwise as eager.

    It may build a graph, call `backward()`, step an optimizer. Arrays reach it as Tensors. Call 1
    is eager, call 2 captures, later ones replay; each new shape or dtype anew. `print(step)` shows
    the program, `step.report()` its memory.

    Raises RuntimeError where the value of one call would be frozen into all later ones.

    >>> import tinygrad_mnist as tg
    >>> @tg.jit
    ... def double(x):
    ...     return x * 2
    >>> [double(tg.tensor([float(i)])).item() for i in range(4)]
    [0.0, 2.0, 4.0, 6.0]
    """
    return JitFunction(function)
