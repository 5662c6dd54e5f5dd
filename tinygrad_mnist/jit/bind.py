"""Binding: a tape's entries become a list of NumPy calls on buffers of their own.

Nothing is interpreted when the list runs: each step is a `functools.partial` of a NumPy function
with its arrays, made once. Three classes run such a list: `Program`, the walk of a
`backward()` (`backward_step.py`), and the program of a tile (`tile_program.py`).
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial
from typing import Any, Self

import numpy as np

from tinygrad_mnist.autograd import writes
from tinygrad_mnist.autograd.op import Op
from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.jit import liveness, passes
from tinygrad_mnist.jit.effects import EffectStep, WriteBack
from tinygrad_mnist.jit.in_place import argument_to_overwrite, redirect
from tinygrad_mnist.jit.joint_optimizer import flat_steps
from tinygrad_mnist.jit.memory import Pool, buffered_grad, same_memory
from tinygrad_mnist.jit.respell import CHECKS
from tinygrad_mnist.jit.tape import Call, Effect, Entry, Tape, Write
from tinygrad_mnist.jit.unroll import under_errstate, unroll
from tinygrad_mnist.jit.views import same_strides
from tinygrad_mnist.kernels.scratch import aligned_bytes, shaped

Array = np.ndarray[Any, Any]
Step = Callable[[], object]
# Floating-point errors go to a callback that drops them; a kernel's own `errstate` then stands out
DROP_ERRORS: dict[str, Any] = {"all": "call", "call": lambda *_: None}


class Binding:
    """A tape, bound: the steps, their buffers, and which of them change something outside."""

    def __init__(
        self,
        tape: Tape,
        inputs: Sequence[Array],
        copied: Sequence[bool],
        returned: Set[int],
        stand_ins: Mapping[int, Array] | None = None,
        homes: Mapping[int, Array] | None = None,
    ) -> None:
        """Prepare to bind a tape; each replay copies inputs that are `copied` into buffers.

        The others are by the ids of captured arrays: `returned` are results, `stand_ins` arrays to
        use in the place of others, `homes` arrays in which to leave gradients.
        """
        self.tape = tape
        self.pool = Pool()
        self.steps: list[Step] = []
        self.whole: list[str] = []  # kernels that are called whole, because unrolling changed bits
        self._bound: dict[int, Array] = {}  # id of a captured array -> the array that stands for it
        self._bind_inputs(inputs, copied)
        order = self._order(returned)
        self.generators = liveness.generators_of(order.entries)
        self._settled = order.settled
        self._checks: list[Step] = []  # those that may be made before anything changes
        self._bound.update(stand_ins or {})
        self._homes = dict(homes or {})
        self._flat: dict[int, Any] = {}  # id of an optimizer's effect -> its steps in flat form
        self.write_backs: list[tuple[int, WriteBack]] = []  # by the number of the argument
        self.outward: list[int] = []  # numbers of the steps that change something outside
        self.starts: list[tuple[int, int]] = []  # entries, and the step that each begins with
        self._reserve(order.entries)
        gradients = liveness.gradients_of(tape)
        self._written = [entry.target for entry in tape.entries if isinstance(entry, Write)]
        self._roots = liveness.memory_roots(order.entries)
        outliving = {*returned, *gradients, *self._bound}  # inputs, constants, what is external
        self._last = liveness.last_uses(order.entries, self._roots, outliving)
        self._returned = {self._roots.get(key, key) for key in returned}
        self._ending = {self._roots.get(key, key) for key in gradients}
        self.size = len(tape.entries)
        numbers = {id(entry): number for number, entry in enumerate(tape.entries)}
        self._numbers = [None if id(e) in order.moved else numbers[id(e)] for e in order.entries]
        self._rest = deque(order.entries)

    def bind(self) -> Self:
        """Bind the entries, and let go of each; return self."""
        for moment, number in enumerate(self._numbers):
            if number is not None:
                self.starts.append((number, len(self.steps)))
            self._bind(self._rest.popleft(), moment)
        self._check_early()
        return self

    def at(self, array: Array) -> Array:
        """Return the array that stands for a captured one."""
        return self._bound.get(id(array), array)

    def root(self, array: Array) -> int:
        """Return the id of the captured array whose memory a captured one shows."""
        return self._roots.get(id(array), id(array))

    def buffer_of(self, root: int) -> Array | None:
        """Return the array that stands for the captured one of that id."""
        return self._bound.get(root)

    def is_flat(self, effect: Effect) -> bool:
        """Tell whether an optimizer's step is bound in flat form."""
        return bool(self._flat.get(id(effect)))

    def gradient(self, g: Tensor | None) -> Tensor | None:
        """Return what a replay puts into a leaf's `.grad`, for what was there when captured."""
        if g is None:
            return None
        if self.root(g._data) in self.fed:
            raise RuntimeError("a jitted function makes an argument the gradient of a parameter")
        if id(g._data) in self.tape.external and id(g._data) not in self.grads_fed:
            return g
        return buffered_grad(self.at(g._data))

    # Inputs and order

    def _bind_inputs(self, inputs: Sequence[Array], copied: Sequence[bool]) -> None:
        tape, pairs = self.tape, list(zip(inputs, copied, strict=True))
        self.inputs = [self._input(a) if copy else a for a, copy in pairs]
        self.feeds = [
            (number, buffer)
            for number, (buffer, copy) in enumerate(zip(self.inputs, copied, strict=True))
            if copy
        ]
        self.fed = {id(a): number for number, (a, copy) in enumerate(pairs) if copy}
        self.grad_feeds = [(leaf, self._input(a)) for leaf, a in tape.grads_before.items()]
        self.grads_fed = {id(a) for a in tape.grads_before.values()}
        for key, (array, _) in tape.external.items():
            self._bound.setdefault(key, array)
        self._bound.update(tape.constants)

    def _input(self, array: Array) -> Array:
        buffer = self.pool.like(array)
        np.copyto(buffer, array)
        self._bound[id(array)] = buffer
        return buffer

    def _order(self, returned: Set[int]) -> liveness.Order:
        used = {*returned, *liveness.gradients_of(self.tape)}
        return liveness.integers_first(liveness.live_entries(self.tape.entries, used), self._bound)

    def _reserve(self, live: Sequence[Entry]) -> None:
        """Allocate arrays that must lie in a certain place, before any step is bound."""
        for entry in live if passes.on("flat") else ():
            if isinstance(entry, Effect) and getattr(entry.subject, "elementwise", False):
                self._flatten(entry)

    def _flatten(self, effect: Effect) -> None:
        """Move an optimizer's parameters into one buffer, and give its gradients their homes."""
        groups = getattr(effect.subject, "param_groups", ())
        before = [(id(p._data), p) for group in groups for p in group["params"]]
        parts = flat_steps(effect.subject, effect.grads)
        self._bound.update((key, p._data) for key, p in before if key in self.tape.external)
        for _, flat, leaves in parts:
            for leaf, home in zip(leaves, flat.grads, strict=True):
                self._homes.setdefault(id(effect.grads[leaf]), home)
        self._flat[id(effect)] = parts

    def _check_early(self) -> None:
        """Put the checks that may be made early before the first step that changes something."""
        count = len(self._checks)
        if not count:
            return
        first = self.outward[0]
        self.steps[first:first] = self._checks
        self.outward = [number + count for number in self.outward]
        self.starts = [(n, at + count if at >= first else at) for n, at in self.starts]

    # Effects and writes

    def _bind(self, entry: Entry, moment: int) -> None:
        if isinstance(entry, Effect):
            self._bind_effect(entry)
        elif isinstance(entry, Write):
            self._bind_write(entry)
        else:
            with np.errstate(**entry.errors or DROP_ERRORS):
                self._bind_call(entry, moment)

    def _add_outward(self, step: Step) -> None:
        """Add a step that changes something outside the program."""
        self.outward.append(len(self.steps))
        self.steps.append(step)

    def _bind_effect(self, effect: Effect) -> None:
        parts = self._flat.get(id(effect), [])
        for _, flat, leaves in parts:
            for leaf, home in zip(leaves, flat.grads, strict=True):
                if self.at(effect.grads[leaf]) is not home:
                    self.steps.append(partial(np.copyto, home, self.at(effect.grads[leaf])))
        grads = [(leaf, self.gradient(wrap(g))) for leaf, g in effect.grads.items()]
        grads += [(leaf, None) for leaf in effect.cleared]
        self._add_outward(EffectStep(effect, [part[0] for part in parts], grads))

    def _bind_write(self, entry: Write) -> None:
        target, value = to_be_written(self.at(entry.target)), self.at(entry.value)
        root = self.root(entry.target)
        copy = partial(np.copyto, target, value, casting="unsafe")
        if root in self.fed:  # the argument's copy, and then the argument
            number = self.fed[root]
            back = WriteBack(target, self.inputs[number])
            self.steps.append(copy)
            self._add_outward(back)
            self.write_backs.append((number, back))
            return
        if root in self.tape.external and root not in self.grads_fed:
            self._add_outward(copy)
            self.steps.append(writes.restamp(target))
            return
        self.steps.append(copy)
        copy()

    # Calls

    def _bind_call(self, call: Call, moment: int) -> None:
        args = tuple(self.at(a) if isinstance(a, np.ndarray) else a for a in call.args)
        if self._is_constant(call):
            for out in call.outs:
                self._bind_constant(out)
            return
        if call.op.view and self._bind_view(call, args):
            return
        reusable = self._read_last_by(call, moment)
        ending = any(id(out) in self._ending for out in call.outs)
        reusable_arrays = [self._bound[key] for key in reusable]
        reusable_arrays = reusable_arrays if passes.on("in place") and not ending else []
        steps, outs = self._steps_of(call, args, reusable_arrays, Pool() if ending else self.pool)
        home = self._homes.get(id(call.outs[0]))
        if home is None:
            home = argument_to_overwrite(steps, outs[0], reusable_arrays)
        if home is not None and redirect(steps, outs[0], home):
            self.pool.release(outs[0])
            np.copyto(home, outs[0])
            outs = (home, *outs[1:])
        steps = self._without_early_checks(call, args, steps)
        self.steps += (
            [partial(under_errstate, call.errors, s) for s in steps] if call.errors else steps
        )
        self._bound.update((id(o), out) for o, out in zip(call.outs, outs, strict=True))
        unused = {id(out) for out in call.outs if self._last[id(out)] == moment}
        over = {key for key in reusable if not self._shares(key, outs)}
        for key in over | unused:
            self.pool.release(self._bound[key])

    def _read_last_by(self, call: Call, moment: int) -> set[int]:
        """Return the roots of the memory that a call reads and nothing reads afterwards."""
        roots = {self.root(a) for a in call.reads}
        constants = self.tape.constants.keys()  # which a replay must find as they are
        return {key for key in roots - constants if self._last[key] == moment}

    def _without_early_checks(self, call: Call, args: Any, steps: list[Step]) -> list[Step]:
        """Take out the checks of integers that can be made before anything outside has changed."""
        if not self.outward or not all(
            id(a) in self._settled for a in call.reads if a.dtype.kind in "iu"
        ):
            return steps
        self._checks += [s for s in steps if s.func in CHECKS]  # type: ignore[attr-defined]
        self._checks += indices_within(call, args)
        return [s for s in steps if s.func not in CHECKS]  # type: ignore[attr-defined]

    def _steps_of(
        self, call: Call, args: tuple[Any, ...], reusable: list[Array], pool: Pool
    ) -> tuple[list[Step], tuple[Array, ...]]:
        """Return the steps of a call, and their results in memory from a pool.

        An array that is a gradient at the end gets a pool of its own, so that nothing else
        overwrites it before the next replay.
        """
        steps_and_outs = None
        if not call.op.draws and passes.on("unroll"):
            steps_and_outs = unroll(call.op.kernel, args, call.kw, pool, reusable)
        if steps_and_outs is None:
            steps_and_outs = self._in_place(call, args, reusable)
        if steps_and_outs is None:
            steps_and_outs = self._as_a_whole(call, args, pool)
        if pool is not self.pool:
            self.pool.requested, self.pool.allocated = (
                self.pool.requested + pool.requested, self.pool.allocated + pool.allocated
            )  # fmt: skip
        return steps_and_outs

    def _in_place(
        self, call: Call, args: tuple[Any, ...], reusable: list[Array]
    ) -> tuple[list[Step], tuple[Array, ...]] | None:
        """Let a kernel change its first argument, where nothing reads that afterwards."""
        if not takes_in_place(call.op.kernel) or id(call.outs[0]) in self._homes:
            return None
        (x, *others), out = args, call.outs[0]
        if x.dtype != out.dtype or not same_strides(x, out):
            return None
        if not any(same_memory(x, a) for a in reusable) or any(
            isinstance(a, np.ndarray) and np.may_share_memory(a, x) for a in others
        ):
            return None
        self.whole.append(call.op.name)
        np.copyto(x, out)
        return [partial(call.op.kernel, *args, **call.kw, out=x)], (x,)

    def _as_a_whole(
        self, call: Call, args: tuple[Any, ...], pool: Pool
    ) -> tuple[list[Step], tuple[Array, ...]]:
        kernel = call.op.kernel
        self.whole.append(call.op.name)
        outs = tuple(pool.like(out) for out in call.outs)
        for buffer, captured in zip(outs, call.outs, strict=True):
            np.copyto(buffer, captured)
        if takes_out(kernel):
            return [partial(kernel, *args, **call.kw, out=out_argument(call.op, outs))], outs
        return [partial(copy_results, outs, kernel, args, call.kw)], outs

    def _is_constant(self, call: Call) -> bool:
        """Tell whether a call gives the same in each replay, and nothing writes to that."""
        reads, constants = call.reads, self.tape.constants
        if not reads or call.op.draws or not all(id(a) in constants for a in reads):
            return False
        return not any(np.may_share_memory(a, b) for a in call.outs for b in self._written)

    def _bind_constant(self, out: Array) -> None:
        """Keep a result that is the same in each call; copy it where others will write to it."""
        if id(out) in self._ending or id(out) in self._returned:
            self._bound[id(out)] = buffer = shaped(aligned_bytes(out.nbytes), out)
            self.steps.append(partial(np.copyto, buffer, out.copy("K")))
            self.steps[-1]()
        else:
            self._bound[id(out)] = self.tape.constants[id(out)] = out

    def _bind_view(self, call: Call, args: tuple[Any, ...]) -> bool:
        """Make a view once, now, which costs nothing at replay; return False if it is a copy."""
        view = call.op.kernel(*args, **call.kw)
        if not np.may_share_memory(view, args[0]):
            return False
        self._bound[id(call.outs[0])] = view
        return True

    def _shares(self, key: int, outs: tuple[Array, ...]) -> bool:
        return any(np.may_share_memory(self._bound[key], out) for out in outs)


def copy_results(outs: tuple[Array, ...], kernel: Any, args: Any, kw: Any) -> None:
    """Call a kernel whole, and copy its results to where the other steps expect them."""
    result = kernel(*args, **kw)
    for out, value in zip(outs, result if isinstance(result, tuple) else (result,), strict=True):
        np.copyto(out, value)


def out_argument(op: Op, outs: tuple[Array, ...]) -> Any:
    """Return the `out` of a kernel: one array, or a tuple where the kernel has residuals."""
    return outs if op.residual else outs[0]


def to_be_written(target: Array) -> Array:
    """Return a view that can be written to; NumPy makes some, as diagonals, for reading alone."""
    if not target.flags.writeable:
        target = target.view()
        target.setflags(write=True)
    return target


def takes_in_place(kernel: Any) -> bool:
    """Tell whether a kernel can leave its result in its first argument, passed as `out`."""
    return getattr(kernel, "in_place", False)


def takes_out(kernel: Any) -> bool:
    """Tell whether a kernel can leave its result in an array passed as `out`."""
    return not isinstance(kernel, np.ufunc) and "out" in inspect.signature(kernel).parameters


def indices_within(call: Call, args: tuple[Any, ...]) -> list[Step]:
    """Return a check of the indices that a call picks by, if it picks by any."""
    if call.op.row not in ("take", "gather") or not isinstance(args[1], np.ndarray):
        return []
    x, index = args[:2]
    if index.dtype.kind not in "iu" or not x.ndim:
        return []
    return [partial(CHECKS[1], index, x.shape[call.kw.get("axis", 0)])]
