"""BackwardStep: one backward() or grad() of a function as it was learnt, bound to NumPy calls.

The bound calls stand for one walk of the engine through nodes that steps of the same call made, to
certain leaves. Before they run, everything that the walk depends on is looked at: that each node is
there and not freed, that it keeps the very arrays (or one of the same shape, which is copied in)
and numbers, that there are no hooks, and that nothing kept was written since. If anything differs,
the engine walks as ever. The gradients are then added to the leaves as the engine adds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import modes
from tinygrad_mnist.autograd.engine import seed, walk
from tinygrad_mnist.autograd.gradients import accumulate
from tinygrad_mnist.autograd.graph import Leaf, Node, ancestors
from tinygrad_mnist.autograd.tensor import Born, Tensor, new, wrap
from tinygrad_mnist.jit.likeness import same
from tinygrad_mnist.jit.looks import is_packed
from tinygrad_mnist.jit.op_step import Step
from tinygrad_mnist.jit.program import Program
from tinygrad_mnist.jit.quick import plain, quick
from tinygrad_mnist.jit.tape import Tape

Array = np.ndarray[Any, Any]
ndarray = np.ndarray
MOST_TIMES = 3  # that one walk is recorded anew


class BackwardStep(Step):
    """See the file's docstring; `program` is None until the walk is bound."""

    __slots__ = (
        "alike", "feeds", "kept", "late", "leaves", "made", "nodes", "outdated", "program", "root",
        "times", "views", "walk", "wanted",
    )  # fmt: skip
    op = "backward"

    def __init__(self, parent: Step, root: int | None, wanted: list[Any] | None) -> None:
        super().__init__(parent)
        self.root, self.wanted = root, wanted  # wanted: depths of steps, or leaves
        self.program: WalkProgram | None = None
        self.nodes: list[int] = []  # the depths of the steps whose nodes are walked, newest first
        self.leaves: list[Leaf] = []  # where gradients arrive
        # Where in which node's `saved`, by the depth of its step:
        self.kept: list[tuple[int, int, Any]] = []  # what must be there
        self.made: list[tuple[int, int, Any, int]] = []  # the results of a step, and which one
        self.views: list[tuple[int, int, int]] = []  # the step that must have made what is there
        self.feeds: list[tuple[int, int, int]] = []  # the number of the input that it is copied to
        self.alike: list[tuple[int, int, int, int]] = []  # twice: the same must be in both places
        self.walk: Any = None  # see answers.walk_of
        self.late: set[tuple[int, int]] = set()  # where other arrays were seen from call to call
        self.outdated = False  # whether to record the walk again
        self.times = 0  # how often it was

    def matches(self, call: Any, root: Any, wanted: Any) -> bool:
        """Tell whether this is the walk that a call asks for."""
        if self.root is None:
            return True
        if root is not call.nodes[self.root]:
            return False
        if self.wanted is None or wanted is None:
            return self.wanted is wanted
        if len(wanted) != len(self.wanted):
            return False
        return all(
            node is (call.nodes[mine] if type(mine) is int else mine)
            for node, mine in zip(wanted, self.wanted, strict=True)
        )

    def _find_fault(self, call: Any) -> None:
        """Note what was not as expected, to expect any array in its place the next time."""
        nodes = [call.nodes[depth] for depth in self.nodes]
        if any(type(node) is not Node or node.saved is None for node in nodes):
            return
        saved = {depth: node.saved for depth, node in zip(self.nodes, nodes, strict=True)}
        for depth, place, expected in self.kept:
            value = saved[depth][place]
            if value is not expected and (type(value) is ndarray or not same(value, expected)):
                self._miss(depth, place, value)
        for depth, place, outs, number in self.made:
            if saved[depth][place] is not outs[number]:
                self._miss(depth, place, saved[depth][place])
        for depth, place, step in self.views:
            if saved[depth][place] is not call.views[step]:
                self._miss(depth, place, saved[depth][place])

    def keep_grads(self) -> None:
        """Move gradients of an earlier walk, which are still wanted, out of this walk's buffers."""
        assert self.program is not None
        for leaf, home in zip(self.leaves, self.program.homes, strict=True):
            if leaf.grad is not None and leaf.grad._data is home:
                leaf.grad = wrap(home.copy(order="K"))

    def _miss(self, depth: int, place: int, value: Any) -> None:
        """Expect any array in this place from the next time on."""
        self.times += 1
        if type(value) is ndarray and self.times <= MOST_TIMES:
            self.late.add((depth, place))
            self.outdated = True

    def described(self) -> tuple[str, Sequence[Any]]:
        """Return a title, and the bound calls in their plain form."""
        return "backward", () if self.program is None else self.program.steps

    def release(self) -> None:
        """Leave this walk to the engine, and let go of all that its program holds."""
        self.program = None
        self.nodes, self.leaves, self.outdated = [], [], False
        self.kept, self.made, self.views, self.feeds, self.alike = [], [], [], [], []

    def go(self, call: Any, wanted: Any, retain: bool) -> bool:
        """Walk by the bound calls; return False, and do nothing, where something is amiss."""
        program = self.program
        if program is None:
            return False
        if not self.walk(call, retain):
            self._find_fault(call)
            return False
        if wanted is not None:
            for node, home in zip(wanted, program.homes, strict=True):
                wanted[node] = None if home is None else np.array(home)
        return True

    def add_grads(self) -> None:
        """Give the gradients to leaves of which some have one already."""
        assert self.program is not None
        for leaf, home, born in zip(
            self.leaves, self.program.homes, self.program.births, strict=True
        ):
            if leaf.grad is None:
                leaf.grad = born
            else:
                accumulate(leaf, home, mine=False, record=False)


class WalkTape(Tape):
    """The tape of a walk alone: the nodes are there when it starts."""

    def walked(self, node: Node) -> None:
        """Take any node."""


class Walk:
    """One walk as it was recorded: its tape, and the gradients that it gave."""

    def __init__(
        self, root: Tensor, nodes: list[Node], wanted: Any, retain: bool, made: Any
    ) -> None:
        """Walk on Tensors with a tape, and do to leaves and `wanted` what the engine does."""
        self.root, self.nodes = root._node, nodes
        self.depths = [made.step_of(node) for node in nodes]
        places = (
            None
            if wanted is None
            else [made.step_of(n) if isinstance(n, Node) else n for n in wanted]
        )
        self.signature = made.step_of(self.root), places
        self.wanted = None if wanted is None else list(wanted)
        leaves = [n for n in ancestors([self.root]) if isinstance(n, Leaf)]  # type: ignore[list-item]
        self.targets: dict[Any, Any] = dict.fromkeys(leaves if wanted is None else wanted)
        self.saved = {node: node.saved for node in self.nodes}
        self.tape = WalkTape()
        self.tape.errors = dict.fromkeys(self.tape.errors, "ignore")
        before = modes.switch(modes.Mode(grad=False, tape=self.tape))
        try:
            seeds = [seed(root, None, on_tensors=True)]
            walk(seeds, self.targets, on_tensors=True, record=False, retain=True)
        finally:
            modes.switch(before)
        if not retain:
            for node in nodes:
                if node.saved:
                    node.saved = None
        self.grads: list[Any] = [None if g is None else g._data for g in self.targets.values()]
        for node, g in self.targets.items():
            if g is None:
                continue
            if wanted is None:
                accumulate(node, np.array(g._data), mine=True, record=False)
            else:
                wanted[node] = np.array(g._data)


class WalkProgram(Program):
    """The calls of one walk, with gradients born where they are wanted."""

    def __init__(
        self,
        walked: Walk,
        known: dict[int, Array],
        inputs: list[Array],
        homes: dict[Leaf, Array],
    ) -> None:
        """`known`: what stands for a captured array, by its id; `homes`: where gradients go."""
        grads = [g for g in walked.grads if g is not None]
        self._targets = [
            (g, homes.get(node))
            for node, g in zip(walked.targets, walked.grads, strict=True)
            if g is not None
        ]
        self._known = known
        self._grads = walked.grads
        super().__init__(walked.tape, inputs, [True] * len(inputs), {id(g) for g in grads})
        self.forget()

    def _end(self, tape: Tape) -> None:
        self.homes: list[Any] = []
        given = iter(self._targets)
        taken: list[Array] = []
        for g in self._grads:
            if g is None:
                self.homes.append(None)
                continue
            captured, home = next(given)
            at = self.at(captured)
            if home is None:
                home = at if self._is_own(at, captured, taken) else self.pool.like(captured)
            if at is not home:
                self.steps.append(partial(np.copyto, home, at))
                np.copyto(home, at)
            taken.append(home)
            self.homes.append(home)
        self.births = [None if home is None else as_born(home) for home in self.homes]
        self.bound = plain(quick(self.steps, list(tape.constants.values())))
        del self._grads, self._targets

    def _prepare(self, live: Any) -> None:
        self._place.update(self._known)
        self._homes = {id(g): home for g, home in self._targets if home is not None}

    def _is_own(self, at: Array, captured: Array, taken: list[Array]) -> bool:
        """Tell whether a gradient may stay where it was computed: alone in memory of its own."""
        return (
            self.pool.owns(at)
            and at.flags.writeable
            and is_packed(at)
            and not any(np.may_share_memory(at, home) for home in taken)
        )


def as_born(array: Array) -> Born:
    """Make a gradient that is copied out of its buffer when somebody looks at it."""
    born: Born = new(Born)
    born._data, born._node = array, None
    return born
