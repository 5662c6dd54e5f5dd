"""bind(): a tape becomes a list of NumPy calls on buffers of their own; replay() runs the list.

Nothing is interpreted at replay: each step is a `functools.partial` of a NumPy function with its
arrays, made once. `lines()` prints them, and they read as the loop one would have written by hand.
"""

from __future__ import annotations

import inspect
import operator
import sys
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import writes
from tinygrad_mnist.autograd.floats import USUAL, hush, restore, state
from tinygrad_mnist.autograd.graph import Leaf
from tinygrad_mnist.autograd.tensor import Born, Tensor, new, wrap
from tinygrad_mnist.jit import passes
from tinygrad_mnist.jit.flat import FlatStep, flat_steps
from tinygrad_mnist.jit.looks import look
from tinygrad_mnist.jit.memory import Pool, same_memory, same_place
from tinygrad_mnist.jit.quick import CHECKS, plain, quick
from tinygrad_mnist.jit.tape import Call, Effect, Tape, Write
from tinygrad_mnist.jit.unroll import quietly, unroll
from tinygrad_mnist.kernels.scratch import aligned, shaped

Array = np.ndarray[Any, Any]
Step = Callable[[], object]
# While binding, errors of floating point are called to nobody. So what a kernel ignores differs.
HEARD: dict[str, Any] = {"all": "call", "call": lambda *_: None}


class Unfinished(Exception):
    """A replay met an error before it had changed anything; the error is the cause."""


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
        self.fed = {
            id(a): i for i, (a, copy) in enumerate(zip(inputs, copied, strict=True)) if copy
        }
        self.grad_feeds = [(leaf, self._input(a)) for leaf, a in tape.grads_before.items()]
        self.grads_fed = {id(a) for a in tape.grads_before.values()}
        for key, (array, _) in tape.external.items():
            self._place.setdefault(key, array)
        for key, array in tape.constants.items():
            self._place[key] = array
        self._settled = set(self._place)  # ids of what no step changes, and all made of that alone
        self._checks: list[Step] = []  # those that may be made before anything changes
        live, moved = self._integers_first(self._live(kept))
        self.generators = list({
            id(e.kw["rng"]): e.kw["rng"].bit_generator
            for e in live if isinstance(e, Call) and e.op.draws and e.kw.get("rng") is not None
        }.values())  # fmt: skip
        self._root: dict[int, int] = {}  # id of a view -> id of the array whose memory it shows
        self._homes: dict[int, Array] = {}  # id of a captured gradient -> where it is to be born
        self._flat: dict[int, Any] = {}  # id of an optimizer's effect -> its steps in flat form
        self._kept: set[int] = set()  # ids of what holds a result
        self._ending: set[int] = set()  # ids of what holds a leaf's gradient when all is over
        self.given_back: list[tuple[int, WriteBack]] = []  # arguments that are written to
        self._worldly: list[int] = []  # steps that change the world
        self._starts: list[tuple[int, int]] = []  # entries, and the step that each begins with
        self._prepare(live)
        self._last = self._last_uses(live, kept)
        final = self._gradients()
        self._kept = {self._root.get(key, key) for key in kept}
        self._ending = {self._root.get(key, key) for key in final}
        order = {id(entry): place for place, entry in enumerate(tape.entries)}
        for moment, entry in enumerate(live):
            if id(entry) not in moved:
                self._starts.append((order[id(entry)], len(self.steps)))
            self._bind(entry, moment)
        self._check_early()
        self._end(tape)

    def _end(self, tape: Tape) -> None:
        """How gradients end, and the steps in the form in which they run."""
        grads = [id(g._data) for g in tape.grads.values() if g is not None]
        if len(set(grads)) < len(grads):
            raise RuntimeError("a jitted function gives one gradient to two parameters")
        self.born = [
            (leaf, self._born(g)) for leaf, g in tape.grads.items()
            if g is None or id(g._data) not in self.grads_fed
        ]  # fmt: skip
        sums = [(leaf, self.at(g._data)) for leaf, g in tape.grads.items()
                if g is not None and id(g._data) in self.grads_fed]  # fmt: skip
        self._added = [(leaf, place, _born(_own(place))) for leaf, place in sums]
        self._changes = [
            (
                at,
                leaf,
                None if g is not None and id(g._data) in self.grads_fed else (self._born(g),),
            )
            for at, leaf, g in tape.changes
        ]
        self._cut(list(tape.constants.values()))

    def _cut(self, constants: list[Array]) -> None:
        """Make the steps quick, in parts in which `.grad` of every leaf stays what it is."""
        starts = [start for _, start in self._starts]
        numbers = [number for number, _ in self._starts]
        first = self._worldly[0] if self._worldly else len(self.steps)
        self._run = quick(self.steps[:first], constants)
        self._hushed = plain(self._run)
        self._rest: list[Step] = []
        self._numbers: list[int] = []  # for each of the rest, the entry that it is a part of
        ends = {*self._worldly, len(self.steps)}
        for at, _, _ in self._changes:
            entry = bisect_left(numbers, at)
            ends |= {starts[entry]} if entry < len(starts) else set()
        for start, end in pairwise(sorted(end for end in ends if end >= first)):
            part = quick(self.steps[start:end], constants)
            self._rest += part
            self._numbers += [numbers[bisect_right(starts, start) - 1]] * len(part)
        self._numbers.append(sys.maxsize)  # an interrupt may come when all of them are over

    def _world(self) -> None:
        """Note that the next step changes something that is not the program's own."""
        self._worldly.append(len(self.steps))

    # Binding

    def _input(self, array: Array) -> Array:
        place = self.pool.like(array)
        np.copyto(place, array)
        self._place[id(array)] = place
        return place

    def _live(self, kept: set[int]) -> list[Call | Write | Effect]:
        """The entries whose results are used: by another, by an effect, or by the caller."""
        wanted = set(kept) | self._gradients()
        live: list[Call | Write | Effect] = []
        for entry in reversed(self.tape.entries):
            pure = isinstance(entry, Call) and not entry.op.draws
            unused = pure and not any(id(out) in wanted for out in entry.outs)  # type: ignore[union-attr]
            if unused and passes.on("dead code"):
                continue
            live.append(entry)
            wanted.update(id(a) for a in entry.reads)
        return live[::-1]

    def _integers_first(
        self, live: list[Call | Write | Effect]
    ) -> tuple[list[Call | Write | Effect], set[int]]:
        """Move what computes integers before the first change, as far as no change can reach it.

        Then labels can be checked while the call can still be left to the function itself.
        """
        first = next((i for i, e in enumerate(live) if not isinstance(e, Call)), len(live))
        written = [e.target for e in live if isinstance(e, Write)]
        subjects = [e.subject for e in live if isinstance(e, Effect)]
        groups = [group for s in subjects for group in getattr(s, "param_groups", ())]
        written += [p._data for group in groups for p in group["params"]]
        moved: set[int] = set()
        for moment, entry in enumerate(live):
            if (
                isinstance(entry, Call)
                and not entry.op.draws
                and all(out.dtype.kind in "iub" for out in entry.outs)
                and all(id(a) in self._settled for a in entry.reads)
                and not any(np.may_share_memory(a, w) for a in entry.reads for w in written)
            ):
                self._settled.update(map(id, entry.outs))
                moved |= {id(entry)} if moment > first else set()
        for entry in live:  # what is read may be written to itself
            if isinstance(entry, Call):
                changed = (a for a in entry.reads for w in written if np.may_share_memory(a, w))
                self._settled.difference_update(map(id, changed))
        early = [entry for entry in live if id(entry) in moved]
        rest = [entry for entry in live[first:] if id(entry) not in moved]
        return [*live[:first], *early, *rest], moved

    def _check_early(self) -> None:
        """Put the checks that can be made then before the first step that changes something."""
        count = len(self._checks)
        if not count:
            return
        first = self._worldly[0]
        self.steps[first:first] = self._checks
        self._worldly = [place + count for place in self._worldly]
        self._starts = [(n, at + count if at >= first else at) for n, at in self._starts]

    def _gradients(self) -> set[int]:
        """All that a leaf's gradient is at any time: an error may come while it is so."""
        return {id(g._data) for _, _, g in self.tape.changes if g is not None}

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
        final = set(kept) | self._gradients()
        final |= self._place.keys()  # inputs, constants and what is external
        return last | {root.get(key, key): len(live) for key in final}

    def _bind(self, entry: Call | Write | Effect, moment: int) -> None:
        if isinstance(entry, Effect):
            self._bind_effect(entry)
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

    def _bind_effect(self, effect: Effect) -> None:
        parts = self._flat.get(id(effect), [])
        for _, flat, leaves in parts:
            for leaf, home in zip(leaves, flat.grads, strict=True):
                if self.at(effect.grads[leaf]) is not home:
                    self.steps.append(partial(np.copyto, home, self.at(effect.grads[leaf])))
        grads = [(leaf, self._born(wrap(g))) for leaf, g in effect.grads.items()]
        self._world()
        self.steps.append(EffectStep(effect, [part[0] for part in parts], grads))

    def _bind_write(self, entry: Write) -> None:
        target, value = self.at(entry.target), self.at(entry.value)
        root = self.root(entry.target)
        copy = partial(np.copyto, target, value, casting="unsafe")
        if root in self.fed:  # the argument's copy, and then the argument
            whole = self.inputs[self.fed[root]]
            back = WriteBack(target, whole)
            self.steps.append(copy)
            self._world()
            self.steps.append(back)
            self.given_back.append((self.fed[root], back))
            return
        if root in self.tape.external and root not in self.grads_fed:
            self._world()
            self.steps += [copy, writes.restamp(target)]
            return
        self.steps.append(copy)
        copy()

    def _bind_call(self, call: Call, moment: int) -> None:
        args = tuple(self.at(a) if isinstance(a, np.ndarray) else a for a in call.args)
        if self._constant(call):
            for out in call.outs:
                self._bind_constant(out)
            return
        if call.op.view and self._bind_view(call, args):
            return
        dying = {self._root.get(id(a), id(a)) for a in call.reads}
        constants = self.tape.constants.keys()  # which a replay must find as they are
        dying = {key for key in dying - constants if self._last[key] == moment}
        ending = any(id(out) in self._ending for out in call.outs)
        mine = [self._place[key] for key in dying] if passes.on("in place") and not ending else []
        steps, outs = self._steps(call, args, mine, Pool() if ending else self.pool)
        home = self._homes.get(id(call.outs[0]))
        if home is None:
            home = argument_to_overwrite(steps, outs[0], mine)
        if home is not None and redirect(steps, outs[0], home):
            self.pool.release(outs[0])
            np.copyto(home, outs[0])
            outs = (home, *outs[1:])
        if self._worldly and all(
            id(a) in self._settled for a in call.reads if a.dtype.kind in "iu"
        ):
            self._checks += [s for s in steps if s.func in CHECKS]  # type: ignore[attr-defined]
            self._checks += indices_within(call, args)
            steps = [s for s in steps if s.func not in CHECKS]  # type: ignore[attr-defined]
        self.steps += [partial(quietly, call.errors, s) for s in steps] if call.errors else steps
        for captured, place in zip(call.outs, outs, strict=True):
            self._place[id(captured)] = place
        unused = {id(out) for out in call.outs if self._last[id(out)] == moment}
        over = {key for key in dying if not self._shares(key, outs)}
        self._release(over | unused)

    def _steps(
        self, call: Call, args: tuple[Any, ...], dying: list[Array], pool: Pool
    ) -> tuple[list[Step], tuple[Array, ...]]:
        """The steps of a call, with their results in memory from a pool.

        What holds a gradient when all is over gets a pool of its own: in memory that is used for
        nothing else, a gradient stays as it is until there is another one.
        """
        found = None
        kernel = call.op.kernel
        if not call.op.draws and passes.on("unroll"):
            found = unroll(kernel, args, call.kw, pool, dying)
        if found is None:
            found = self._as_a_whole(call, args, pool)
        if pool is not self.pool:
            self.pool.asked, self.pool.held = (
                self.pool.asked + pool.asked, self.pool.held + pool.held
            )  # fmt: skip
        return found

    def _as_a_whole(
        self, call: Call, args: tuple[Any, ...], pool: Pool
    ) -> tuple[list[Step], tuple[Array, ...]]:
        kernel = call.op.kernel
        self.whole.append(call.op.name)
        outs = tuple(pool.like(out) for out in call.outs)
        for place, captured in zip(outs, call.outs, strict=True):
            np.copyto(place, captured)
        if takes_out(kernel):
            return [partial(kernel, *args, **call.kw, out=outs[0])], outs
        return [partial(copy_results, outs, kernel, args, call.kw)], outs

    def _bind_constant(self, out: Array) -> None:
        """What is the same in each call; a copy of it where somebody else will write to it."""
        if id(out) in self._ending or id(out) in self._kept:
            self._place[id(out)] = place = _own(out)
            self.steps.append(partial(np.copyto, place, out.copy("K")))
            self.steps[-1]()
        else:
            self._place[id(out)] = self.tape.constants[id(out)] = out

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

    def root(self, array: Array) -> int:
        """The id of the captured array whose memory a captured one shows."""
        return self._root.get(id(array), id(array))

    def place_of(self, root: int) -> Array | None:
        """The array that stands for the captured one of that id."""
        return self._place.get(root)

    def is_flat(self, effect: Effect) -> bool:
        """Whether an optimizer's step is done in flat form."""
        return bool(self._flat.get(id(effect)))

    def _born(self, g: Tensor | None) -> Tensor | None:
        """What a leaf's `.grad` is, for what it was when captured."""
        if g is None:
            return None
        if self.root(g._data) in self.fed:
            raise RuntimeError("a jitted function makes an argument the gradient of a parameter")
        if id(g._data) in self.tape.external and id(g._data) not in self.grads_fed:
            return g
        return _born(self.at(g._data))

    def forget(self) -> None:
        """Let go of the captured call, and with it of the memory that it took."""
        self.calls = len(self.tape.entries)
        self.tape = Tape()
        self._place, self._last, self._root, self._homes, self._flat = {}, {}, {}, {}, {}
        self._worldly, self._starts, self._ending, self.fed = [], [], set(), {}

    # Running

    def replay(self, arrays: Sequence[Array]) -> None:
        """Run the list on new inputs; gradients and outputs stand in the program's buffers.

        Raises Unfinished for an error before anything outside was changed; else the error itself,
        with the gradients that there were then.
        """
        for i, place in self.feeds:
            place[...] = arrays[i]
        for leaf, place in self.grad_feeds:
            np.copyto(place, leaf.grad._data)
        for i, back in self.given_back:
            back.argument = arrays[i]
        before = [leaf.grad for leaf, _, _ in self._added] if self._added else ()
        usual = state() is USUAL
        try:
            if usual:
                hush()
            try:
                deque(map(operator.call, self._hushed if usual else self._run), 0)
            except Exception as error:
                raise Unfinished from error
            except BaseException:
                self._drop_gradients()
                raise
            if self._rest:
                self._change(before)
        finally:
            if usual:
                restore()
        for leaf, grad in self.born:
            leaf.grad = grad
        if self._added:
            for (leaf, place, born), grad in zip(self._added, before, strict=True):
                self._add(leaf, place, born, grad)

    def _drop_gradients(self) -> None:
        """Let no leaf have a gradient that an interrupt left half written."""
        for leaf, born in self.born:
            if leaf.grad is born:
                leaf.grad = None

    def _change(self, before: Sequence[Tensor | None]) -> None:
        """The steps from the first one on that changes something outside."""
        number = 0
        try:
            for step in self._rest:
                step()
                number += 1
        except BaseException:
            self._leave_gradients(self._numbers[number], before)
            raise

    def _leave_gradients(self, number: int, before: Sequence[Tensor | None]) -> None:
        """Let each leaf have the gradient that it has when entry `number` begins."""
        sums = {leaf: (place, born, grad) for (leaf, place, born), grad
                in zip(self._added, before, strict=True)}  # fmt: skip
        for leaf, (_, _, grad) in sums.items():
            leaf.grad = grad
        for at, leaf, new_one in self._changes:
            if at > number:
                return
            if new_one is not None:
                (leaf.grad,) = new_one
            elif leaf in sums:
                self._add(leaf, *sums[leaf])

    def _add(self, leaf: Leaf, total: Array, born: Born, before: Tensor | None) -> None:
        """A sum takes the place of the gradient that it began with, which others may hold."""
        if before is None or type(before) is Born:
            np.copyto(born._data, total)
            leaf.grad = born
        else:
            np.copyto(before._data, total)
            writes.stamp(before._data)
            leaf.grad = before

    def fits(self, arrays: Sequence[Array]) -> bool:
        """Whether the gradients that it starts from are there, laid out as they were.

        Each in memory of its own: not that of another, nor of an argument.
        """
        others = list(arrays)
        for leaf, place in self.grad_feeds:
            g = leaf.grad
            if g is None or g._node is not None or g._data.strides != place.strides:
                return False
            if g._data.dtype != place.dtype or g._data.shape != place.shape:
                return False
            if any(np.may_share_memory(g._data, other) for other in others):
                return False
            others.append(g._data)
        return True

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


def indices_within(call: Call, args: tuple[Any, ...]) -> list[Step]:
    """A check of the indices that a call picks by, if it picks by any."""
    if call.op.name not in ("take", "gather") or not isinstance(args[1], np.ndarray):
        return []
    x, index = args[:2]
    if index.dtype.kind not in "iu" or not x.ndim:
        return []
    return [partial(CHECKS[1], index, x.shape[call.kw.get("axis", 0)])]


def given(step: Any) -> list[Any]:
    """The arguments of a step."""
    return [*step.args, *step.keywords.values()]


class EffectStep:
    """Something that is done again: an optimizer's step, as one update for each group if it may.

    `grads` are the gradients that it finds in the leaves.
    """

    def __init__(
        self,
        effect: Effect,
        parts: Sequence[FlatStep],
        grads: Sequence[tuple[Leaf, Tensor | None]],
    ) -> None:
        self.parts, self.grads, self._run = parts, grads, effect.run
        self._single = parts[0] if len(parts) == 1 else None
        name = f"{type(effect.subject).__name__}.{getattr(effect.run, '__name__', 'step')}"
        self.__qualname__ = parts[0].__qualname__ if parts else name

    def flat(self) -> bool:
        """Whether the flat form does it; if not, the gradients are in the leaves now."""
        if self.parts:
            for part in self.parts:
                if not part.holds():
                    break
            else:
                return True
        for leaf, born in self.grads:
            leaf.grad = born
        return False

    def __call__(self) -> None:
        single = self._single
        if single is not None and single.holds():
            single()
            return
        if not self.flat():
            self._run()
            return
        for part in self.parts:
            part()

    def on_threads(self, count: int) -> None:
        """The same, on some threads where that pays."""
        if not self.flat():
            self._run()
            return
        for part in self.parts:
            part.on_threads(count)


class WriteBack:
    """What was written to a program's copy of an argument is written to the argument."""

    def __init__(self, target: Array, copy: Array) -> None:
        if not np.may_share_memory(target, copy):
            raise RuntimeError("a write into an argument does not lie in the argument's copy")
        self._target, self._copy = target, copy
        self.argument = copy  # of the present call

    def __call__(self) -> None:
        part = look(self._target, self._copy, self.argument)
        np.copyto(part, self._target)
        writes.stamp(part)


def _born(array: Array) -> Born:
    born: Born = new(Born)
    born._data, born._node = array, None
    return born


def _own(like: Array) -> Array:
    return shaped(aligned(like.nbytes), like)


def copy_results(outs: tuple[Array, ...], kernel: Any, args: Any, kw: Any) -> None:
    """Call a kernel whole, and copy what it gives to where the other steps expect it."""
    result = kernel(*args, **kw)
    for out, value in zip(outs, result if isinstance(result, tuple) else (result,), strict=True):
        np.copyto(out, value)


def takes_out(kernel: Any) -> bool:
    """Tell whether a kernel can leave its result in an array that it is given."""
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
