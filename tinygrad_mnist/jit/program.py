"""bind(): a tape becomes a list of NumPy calls on buffers of their own; replay() runs the list.

Nothing is interpreted at replay: each step is a `functools.partial` of a NumPy function with its
arrays, made once. `lines()` prints them, and they read as the loop one would have written by hand.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import writes
from tinygrad_mnist.autograd.floats import USUAL, hush, restore, state
from tinygrad_mnist.autograd.tensor import Born, Leaf, Tensor, new, wrap
from tinygrad_mnist.jit import passes
from tinygrad_mnist.jit.flat import flat_steps
from tinygrad_mnist.jit.memory import Pool, same_memory, same_place
from tinygrad_mnist.jit.quick import quick
from tinygrad_mnist.jit.tape import Call, Effect, Tape, Write
from tinygrad_mnist.jit.unroll import quietly, unroll

Array = np.ndarray[Any, Any]
Step = Callable[[], object]
# While binding, errors of floating point are called to nobody. So what a kernel ignores differs.
HEARD: dict[str, Any] = {"all": "call", "call": lambda *_: None}


class Program:
    """A captured function, ready to run on new inputs."""

    def __init__(
        self, tape: Tape, inputs: Sequence[Array], copied: Sequence[bool], kept: set[int]
    ) -> None:
        self.tape = tape
        self.pool = Pool()
        self.steps: list[Step] = []
        self.calls = 0
        self.whole: list[str] = []  # kernels that are called whole, because unrolling changed bits
        self._place: dict[int, Array] = {}  # id of a captured array -> the array that stands for it
        self.inputs = [
            self._input(a) if copy else a for a, copy in zip(inputs, copied, strict=True)
        ]
        self.feeds = [
            (i, place)
            for i, (place, copy) in enumerate(zip(self.inputs, copied, strict=True))
            if copy
        ]
        self.grad_feeds = [(leaf, self._input(a)) for leaf, a in tape.grads_before.items()]
        for key, (array, _) in tape.external.items():
            self._place.setdefault(key, array)
        for key, array in tape.constants.items():
            self._place[key] = array
        live = self._live(kept)
        self._root: dict[int, int] = {}  # id of a view -> id of the array whose memory it shows
        self._homes: dict[int, Array] = {}  # id of a captured gradient -> where it is to be born
        self._flat: dict[int, Any] = {}  # id of an optimizer's effect -> its steps in flat form
        self._prepare(live)
        self._last = self._last_uses(live, kept)
        for moment, entry in enumerate(live):
            self._bind(entry, moment)
        self.born = [(leaf, self._born(g)) for leaf, g in tape.grads.items()]
        self._run = quick(self.steps, tape.constants.values())

    # Binding

    def _input(self, array: Array) -> Array:
        place = self.pool.like(array)
        np.copyto(place, array)
        self._place[id(array)] = place
        return place

    def _live(self, kept: set[int]) -> list[Call | Write | Effect]:
        """The entries whose results are used: by another, by an effect, or by the caller."""
        wanted = set(kept) | {id(g._data) for g in self.tape.grads.values() if g is not None}
        live: list[Call | Write | Effect] = []
        for entry in reversed(self.tape.entries):
            pure = isinstance(entry, Call) and not entry.op.draws
            unused = pure and not any(id(out) in wanted for out in entry.outs)  # type: ignore[union-attr]
            if unused and passes.on("dead code"):
                continue
            live.append(entry)
            wanted.update(id(a) for a in entry.reads)
        return live[::-1]

    def _last_uses(self, live: Sequence[Call | Write | Effect], kept: set[int]) -> dict[int, int]:
        """For each root of memory, the last entry that uses it, through any view."""
        root = self._root
        for entry in live:
            if not isinstance(entry, Call) or not entry.op.view:
                continue
            if np.may_share_memory(entry.outs[0], entry.args[0]):  # a reshape may have had to copy
                source = id(entry.args[0])
                root[id(entry.outs[0])] = root.get(source, source)
        last: dict[int, int] = {}
        for moment, entry in enumerate(live):
            arrays = entry.reads + (entry.outs if isinstance(entry, Call) else ())
            last.update((root.get(id(array), id(array)), moment) for array in arrays)
        final = set(kept) | {id(g._data) for g in self.tape.grads.values() if g is not None}
        final |= self._place.keys()  # inputs, constants and what is external
        return last | {root.get(key, key): len(live) for key in final}

    def _bind(self, entry: Call | Write | Effect, moment: int) -> None:
        if isinstance(entry, Effect):
            self.steps += self._bind_effect(entry)
        elif isinstance(entry, Write):
            self._bind_write(entry)
        else:
            with np.errstate(**entry.errors or HEARD):
                self._bind_call(entry, moment)

    def _prepare(self, live: Sequence[Call | Write | Effect]) -> None:
        for entry in live if passes.on("flat") else ():
            if isinstance(entry, Effect) and getattr(entry.subject, "elementwise", False):
                self._flatten(entry)

    def _flatten(self, effect: Effect) -> None:
        """Move an optimizer's parameters into one buffer, and give its gradients their homes."""
        groups = getattr(effect.subject, "param_groups", ())
        before = [(id(p._data), p) for group in groups for p in group["params"]]
        parts = flat_steps(effect.subject, effect.grads)
        self._place.update((key, p._data) for key, p in before if key in self.tape.external)
        for _, flat, leaves in parts:
            for leaf, home in zip(leaves, flat.grads, strict=True):
                self._homes.setdefault(id(effect.grads[leaf]), home)
        self._flat[id(effect)] = parts

    def _bind_effect(self, effect: Effect) -> list[Step]:
        parts = self._flat.get(id(effect), [])
        steps: list[Step] = []
        for step, flat, leaves in parts:
            for leaf, home in zip(leaves, flat.grads, strict=True):
                if self.at(effect.grads[leaf]) is not home:
                    steps.append(partial(np.copyto, home, self.at(effect.grads[leaf])))
            steps.append(step)
        if parts:
            return steps
        grads = [(leaf, self._born(wrap(g))) for leaf, g in effect.grads.items()]
        return [partial(present, grads), effect.run]

    def _bind_write(self, entry: Write) -> None:
        target, value = self.at(entry.target), self.at(entry.value)
        self.steps.append(partial(np.copyto, target, value, casting="unsafe"))
        if id(entry.target) in self.tape.external:
            self.steps.append(writes.restamp(target))
        else:
            np.copyto(target, value, casting="unsafe")

    def _bind_call(self, call: Call, moment: int) -> None:
        args = tuple(self.at(a) if isinstance(a, np.ndarray) else a for a in call.args)
        if self._constant(call):
            for out in call.outs:
                self._place[id(out)] = self.tape.constants[id(out)] = out
            return
        if call.op.view and self._bind_view(call, args):
            return
        dying = {self._root.get(id(a), id(a)) for a in call.reads}
        dying = {key for key in dying if self._last[key] == moment}
        mine = [self._place[key] for key in dying] if passes.on("in place") else []
        steps, outs = self._steps(call, args, mine)
        home = self._homes.get(id(call.outs[0]))
        if home is None:
            home = argument_to_overwrite(steps, outs[0], mine)
        if home is not None and redirect(steps, outs[0], home):
            self.pool.release(outs[0])
            np.copyto(home, outs[0])
            outs = (home, *outs[1:])
        self.steps += [partial(quietly, call.errors, s) for s in steps] if call.errors else steps
        for captured, place in zip(call.outs, outs, strict=True):
            self._place[id(captured)] = place
        unused = {id(out) for out in call.outs if self._last[id(out)] == moment}
        over = {key for key in dying if not self._shares(key, outs)}
        self._release(over | unused)

    def _steps(
        self, call: Call, args: tuple[Any, ...], dying: list[Array]
    ) -> tuple[list[Step], tuple[Array, ...]]:
        kernel = call.op.kernel
        if not call.op.draws and passes.on("unroll"):
            found = unroll(kernel, args, call.kw, self.pool, dying)
            if found is not None:
                return found
        self.whole.append(call.op.name)
        outs = tuple(self.pool.like(out) for out in call.outs)
        for place, captured in zip(outs, call.outs, strict=True):
            np.copyto(place, captured)
        if _takes_out(kernel):
            return [partial(kernel, *args, **call.kw, out=outs[0])], outs
        return [partial(copy_results, outs, kernel, args, call.kw)], outs

    def _bind_view(self, call: Call, args: tuple[Any, ...]) -> bool:
        """A view is made now, once, and costs nothing at replay; False if it had to copy."""
        view = call.op.kernel(*args, **call.kw)
        if not np.may_share_memory(view, args[0]):
            return False
        self._place[id(call.outs[0])] = view
        return True

    def _constant(self, call: Call) -> bool:
        reads = call.reads
        return (
            bool(reads) and not call.op.draws
            and all(id(a) in self.tape.constants for a in reads)
        )  # fmt: skip

    def _shares(self, key: int, outs: tuple[Array, ...]) -> bool:
        return any(np.may_share_memory(self._place[key], out) for out in outs)

    def _release(self, roots: set[int]) -> None:
        for key in roots:
            self.pool.release(self._place[key])

    def at(self, array: Array) -> Array:
        """The array that stands for a captured one."""
        return self._place.get(id(array), array)

    def _born(self, g: Tensor | None) -> Born | None:
        if g is None:
            return None
        born: Born = new(Born)
        born._data, born._node = self.at(g._data), None
        return born

    def forget(self) -> None:
        """Let go of the captured call, and with it of the memory that it took."""
        self.calls = len(self.tape.entries)
        self.tape = Tape()
        self._place, self._last, self._root, self._homes, self._flat = {}, {}, {}, {}, {}

    # Running

    def replay(self, arrays: Sequence[Array]) -> None:
        """Run the list on new inputs; gradients and outputs stand in the program's buffers."""
        for i, place in self.feeds:
            place[...] = arrays[i]
        for leaf, place in self.grad_feeds:
            np.copyto(place, leaf.grad._data)  # type: ignore[union-attr]
        token = hush() if state() is USUAL else None
        try:
            for step in self._run:
                step()
        finally:
            if token is not None:
                restore(token)
        for leaf, born in self.born:
            leaf.grad = born

    def fits(self) -> bool:
        """Whether the gradients that it starts from are there."""
        return all(leaf.grad is not None for leaf, _ in self.grad_feeds)

    def summary(self) -> str:
        """Its calls, steps, and memory."""
        saved = self.pool.asked - self.pool.held
        return (
            f"{self.calls} calls, {len(self.steps)} steps, {self.pool.held:,} bytes of buffers "
            f"({saved:,} saved by reuse), called whole: {', '.join(self.whole) or 'nothing'}"
        )

    def lines(self) -> list[str]:
        """The program, a NumPy call a line."""
        names: dict[tuple[int, Any, Any], str] = {}
        return [line(step, names) for step in self.steps]


def redirect(steps: list[Step], old: Array, new: Array) -> bool:
    """Let steps leave their result in `new`; False, and nothing done, where that might show.

    They may know a matrix by its transposed, too.
    """
    if (old.strides, old.dtype) != (new.strides, new.dtype):
        return False
    if any(s.func is quietly for s in steps):  # type: ignore[attr-defined]
        return False
    args = [a for s in steps for a in given(s)]
    inside = [b for a in args if isinstance(a, (tuple, list)) for b in a]
    forms = [(old, new), (old.T, new.T)]
    moved = {id(a): to for a in args for was, to in forms if same_place(a, was)}
    others = [a for a in (*args, *inside) if isinstance(a, np.ndarray) and id(a) not in moved]
    if not moved or any(np.may_share_memory(a, old) for a in others):
        return False
    for i, s in enumerate(steps):
        assert isinstance(s, partial)
        args = [moved.get(id(a), a) for a in s.args]
        kw = {k: moved.get(id(v), v) for k, v in s.keywords.items()}
        steps[i] = partial(s.func, *args, **kw)
    return True


def argument_to_overwrite(steps: list[Step], out: Array, dying: list[Array]) -> Array | None:
    """Which argument of the last step, if it is elementwise, may hold its result as well.

    NumPy takes three times as long over a single number in place as over one put elsewhere.
    """
    if not dying or out.size < 2 or not steps:
        return None
    *before, last = steps
    assert isinstance(last, partial)
    elementwise = isinstance(last.func, np.ufunc) and last.func.signature is None
    held = [a for s in before for a in given(s) if isinstance(a, np.ndarray)] + dying
    if not (elementwise or last.func is np.clip) or any(np.may_share_memory(out, a) for a in held):
        return None
    layout = out.shape, out.strides, out.dtype
    alike = [
        a for a in last.args
        if isinstance(a, np.ndarray) and (a.shape, a.strides, a.dtype) == layout
    ]  # fmt: skip
    ending = (a for a in alike if any(same_place(a, d) or same_memory(a, d) for d in dying))
    return next(ending, None)


def given(step: Any) -> list[Any]:
    """The arguments of a step."""
    return [*step.args, *step.keywords.values()]


def present(grads: Sequence[tuple[Leaf, Born | None]]) -> None:
    """Let an effect find the gradients in the leaves."""
    for leaf, born in grads:
        leaf.grad = born


def copy_results(outs: tuple[Array, ...], kernel: Any, args: Any, kw: Any) -> None:
    """Call a kernel whole, and copy what it gives to where the other steps expect it."""
    result = kernel(*args, **kw)
    for out, value in zip(outs, result if isinstance(result, tuple) else (result,), strict=True):
        np.copyto(out, value)


def _takes_out(kernel: Any) -> bool:
    return not isinstance(kernel, np.ufunc) and "out" in inspect.signature(kernel).parameters


def line(step: Any, names: dict[tuple[int, Any, Any], str]) -> str:
    """One step as a line of Python; an array's shape stands where it first appears."""
    if not isinstance(step, partial):
        return f"{getattr(step, '__qualname__', step)}()"
    function = step.func
    if function is quietly:
        return line(step.args[1], names)
    owner = getattr(function, "__self__", None)
    title = (
        f"{owner.__name__}.{function.__name__}"
        if isinstance(owner, np.ufunc)
        else function.__name__
    )
    prefix = "np." if isinstance(function, np.ufunc) or isinstance(owner, np.ufunc) or (
        getattr(np, function.__name__, None) is function
    ) else ""  # fmt: skip
    words = [word(a, names) for a in step.args]
    words += [f"{k}={word(v, names)}" for k, v in step.keywords.items()]
    return f"{prefix}{title}({', '.join(words)})"


def word(value: Any, names: dict[tuple[int, Any, Any], str]) -> str:
    """An argument, short."""
    if isinstance(value, np.ndarray):
        if value.ndim == 0 and not value.flags.writeable:
            return repr(value.item())
        key = (value.__array_interface__["data"][0], value.shape, value.strides)
        if key not in names:
            names[key] = f"a{len(names)}"
            return f"{names[key]}:{value.dtype}{list(value.shape)}"
        return names[key]
    if isinstance(value, tuple):
        return f"({', '.join(word(v, names) for v in value)})"
    return getattr(value, "__name__", None) or repr(value)


__all__ = ["Leaf", "Program"]
