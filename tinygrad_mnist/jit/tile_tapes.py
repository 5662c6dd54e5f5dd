"""Tapes of a step on some of its rows, which leave everything outside the step unchanged.

A step that cannot be cut into tiles is refused here, before anything has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import modes
from tinygrad_mnist.autograd.graph import Leaf, Node
from tinygrad_mnist.autograd.op import Op
from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.jit.outputs import tensors_in
from tinygrad_mnist.jit.pooled_convs import with_pooled_convs
from tinygrad_mnist.jit.rows import ROWS, Kinds, Mixed
from tinygrad_mnist.jit.tape import Call, Effect, Gradients, Tape
from tinygrad_mnist.ops.random import Generator, rng_of

Array = np.ndarray[Any, Any]
OF_TAPES = ("being captured", "outside the jitted function")  # words of their errors
NO_ARRAY = np.empty(0)
ADDS = "it adds to gradients from before: call zero_grad() in the step"


class Refused(RuntimeError):
    """A step that cannot be cut into tiles; the message gives the reason."""

    def __init__(self, why: str) -> None:
        super().__init__(f"this step cannot be cut into tiles: {why}. Leave tile_rows out")


class TileTape(Tape):
    """A tape on which effects wait, and backward starts from the rows' share of the mean."""

    share = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[Array] = []  # what backward started from
        self._grads_outside: Gradients = {}  # the gradients that were there before the call
        self._made: dict[int, Tensor] = {}
        self._begins = False

    def record(self, op: Any, args: Any, kw: dict[str, Any], out: Tensor, residuals: Any) -> None:
        """Record a call, and keep its Tensor: backward will name the Tensor's node."""
        super().record(op, args, kw, out, residuals)
        self._made[id(out)] = out

    def constant(self, array: Array) -> None:
        """Scale what backward starts from, so that gradients of tiles need only be added."""
        np.multiply(array, self.share, out=array)
        self._begins = True
        super().constant(array)

    def walked(self, node: Node) -> None:
        """Note the loss; refuse a step back that is no op's."""
        super().walked(node)
        if not isinstance(node.op, Op):
            raise Refused(f"{node.op.name} has a backward of its own, which might mix rows")
        if node.hooks:
            raise Refused("a hook looks at a gradient, of which a tile has only a part")
        if self._begins:
            losses = [t._data for t in self._made.values() if t._node is node]
            self.losses += {id(loss): loss for loss in losses}.values()  # one may have been written
            self._begins = False

    def grad_read(self, leaf: Leaf) -> None:
        """Refuse to show a gradient that comes from some of the rows."""
        if self.grads.get(leaf) is not None:
            raise Refused(
                "it looks at a gradient between backward() and the optimizer's step, as clipping "
                "does; a tile has only its part of the gradient"
            )
        super().grad_read(leaf)

    def effect(self, run: Callable[[], object], subject: Any) -> bool:
        """Record an effect, and return False: it runs later, once for all tiles."""
        super().effect(run, subject)
        return False

    def accumulated(self, leaf: Leaf, before: Tensor | None, after: Tensor) -> None:
        """Record a gradient; refuse one that is added to a gradient from before the call."""
        self._grads_outside.setdefault(leaf, before)
        super().accumulated(leaf, before, after)
        if leaf in self.grads_before:
            raise Refused(ADDS)

    def cleared(self, leaf: Leaf) -> None:
        """Record that a gradient is cleared, and keep it for `restore`."""
        self._grads_outside.setdefault(leaf, leaf.grad)
        super().cleared(leaf)

    def restore(self) -> None:
        """Put back the gradients that were there before the call."""
        for leaf, grad in self._grads_outside.items():
            leaf.grad = grad

    def forget_arrays(self) -> None:
        """Let go of arrays that no entry names, now that the call is over."""
        self.seen_arrays, self._made = {}, {}

    def abandon(self, why: str) -> None:
        """Raise Refused."""
        raise Refused(why)

    def written(self, tensor: Tensor, value: Tensor) -> None:
        """Record a write into an array that the call itself has made; refuse any other."""
        if any(np.may_share_memory(tensor._data, g) for g in self.grads_before.values()):
            raise Refused("it writes into gradients from before: call zero_grad() in the step")
        if id(tensor._data) not in self.seen_arrays:
            raise Refused("it writes into a tensor that outlives it, as batch norm does")
        super().written(tensor, value)


class DrawsOnlyTape(TileTape):
    """A tape that keeps random numbers alone, for a call that is not replayed."""

    def record(self, op: Any, args: Any, kw: dict[str, Any], out: Tensor, residuals: Any) -> None:
        """Record a call that draws random numbers; of others only which arrays they made."""
        if op.draws:
            Tape.record(self, op, args, kw, out, residuals)
        else:
            self.seen_arrays.update((id(array), NO_ARRAY) for array in (out._data, *residuals))

    def written(self, tensor: Tensor, value: Tensor) -> None:
        """Check a write, and do not record it."""
        super().written(tensor, value)
        self.entries.pop()


class Failed(Exception):
    """The function itself raised an error, which is the cause; nothing has changed."""


class TileTrace:
    """A call of `function` on some rows of its arguments: its tape, results and gradients.

    The call leaves gradients and random generators as they were. Raises Refused where the step
    cannot be cut, and Failed where the function fails.
    """

    def __init__(
        self,
        function: Any,
        args: Sequence[Any],
        rows: slice,
        share: float = 1.0,
        tape: type[TileTape] = TileTape,
        around: Sequence[Any] = (),
    ) -> None:
        """Call the function; `around` are objects that it may use, such as generators."""
        self.rows, self.tape = rows, tape()
        self.tape.share = share
        parts = [wrap(a._data[rows]) if isinstance(a, Tensor) else a for a in args]
        self.inputs = [part._data for part in parts if isinstance(part, Tensor)]
        self.result = self._call(function, parts, [*parts, *around])
        self.effects = [e for e in self.tape.entries if isinstance(e, Effect)]
        self.draws = [e for e in self.tape.entries if isinstance(e, Call) and e.op.draws]
        self.gradients = self._gradients()
        self._check()

    def _call(self, function: Any, args: Sequence[Any], around: Sequence[Any]) -> Any:
        generators = [rng_of(g).bit_generator for g in (None, *around) if _draws(g)]
        random = [generator.state for generator in generators]
        try:
            return modes.call_in(modes.current()._replace(tape=self.tape), function, *args)
        except Exception as error:
            if isinstance(error, Refused) or any(words in str(error) for words in OF_TAPES):
                raise
            raise Failed from error
        finally:
            for generator, state in zip(generators, random, strict=True):
                generator.state = state
            self.tape.restore()

    def _gradients(self) -> dict[Leaf, Array]:
        """Return each leaf's gradient, as the effects or the caller will find it."""
        gradients = {leaf: g._data for leaf, g in self.tape.grads.items() if g is not None}
        for leaf, g in (pair for effect in self.effects for pair in effect.grads.items()):
            if gradients.setdefault(leaf, g) is not g:
                raise Refused("it computes two gradients of one parameter")
        return gradients

    def shorten(self) -> None:
        """Join calls that have a form of their own in tiles, and let go of the arrays between."""
        results = [t._data for t in tensors_in(self.result)] + list(self.gradients.values())
        ids = set(map(id, results))
        self.tape.entries = with_pooled_convs(self.tape.entries, ids)
        self.tape.forget_arrays()

    def let_go(self) -> None:
        """Let go of the calls, and of all gradients but which leaves have one."""
        none = wrap(NO_ARRAY)
        self.gradients, self.draws = {}, []
        self.tape.forget_calls()
        self.tape.changes = []
        self.tape.grads = {n: None if g is None else none for n, g in self.tape.grads.items()}
        for effect in self.effects:
            effect.grads = dict.fromkeys(effect.grads, NO_ARRAY)

    def keep_values(self) -> None:
        """Let go of all but gradients, results and random numbers, which no graph then holds."""
        self.result = [wrap(tensor._data) for tensor in tensors_in(self.result)]
        self.tape, self.inputs = type(self.tape)(), []

    def _check(self) -> None:
        if not self.gradients:
            raise Refused("it computes no gradients")
        if any(leaf.hooks for leaf in self.gradients):
            raise Refused("a hook looks at a gradient, of which a tile has only a part")
        if self.tape.grads_before:
            raise Refused(ADDS)
        entries = self.tape.entries
        first = next((i for i, e in enumerate(entries) if isinstance(e, Effect)), len(entries))
        changed = [p._data for effect in self.effects for p in parameters(effect.subject)]
        for entry in entries[first:]:
            reads = () if isinstance(entry, Effect) else entry.reads
            if any(np.may_share_memory(array, p) for array in reads for p in changed):
                raise Refused("it computes with parameters after the optimizer's step")


def _draws(value: Any) -> bool:
    return value is None or isinstance(value, (Generator, np.random.Generator))


def check_rows(trace: TileTrace, results: Sequence[Tensor]) -> None:
    """Raise Refused unless the losses are means over rows of which none depends on another."""
    kinds = Kinds(trace.inputs, trace.tape.entries, trace.rows.stop - trace.rows.start)
    try:
        if any(kinds.of(loss) == ROWS for loss in trace.tape.losses):
            raise Mixed("the loss is not a mean over the rows")
        for result in results:
            kinds.of(result._data)
    except Mixed as mixed:
        raise Refused(
            f"{mixed}. The loss has to be a mean over the rows, and no row may depend on others"
        ) from None


def parameters(optimizer: Any) -> list[Tensor]:
    """Return the parameters of an optimizer; none for other subjects of effects."""
    return [p for group in getattr(optimizer, "param_groups", ()) for p in group["params"]]
