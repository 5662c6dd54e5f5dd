"""BackwardStep: one backward() or grad() of a function as it was learnt, bound to NumPy calls.

The bound calls stand for one walk of the engine through nodes that steps of the same call made, to
certain leaves. Before they run, everything that the walk depends on is checked: each node exists
and is not freed, saves the same arrays (or one of the same shape, which is copied in) and numbers,
and has no hooks, and nothing saved has been written to since. If anything differs, the engine walks
as in eager. The gradients are then added to the leaves as the engine adds them.
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
from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.jit.bind import Binding
from tinygrad_mnist.jit.likeness import same
from tinygrad_mnist.jit.memory import buffered_grad
from tinygrad_mnist.jit.op_step import Step
from tinygrad_mnist.jit.respell import respell, unwrapped
from tinygrad_mnist.jit.tape import Tape
from tinygrad_mnist.jit.views import is_packed, same_strides

Array = np.ndarray[Any, Any]
ndarray = np.ndarray
NO_ARRAY = np.empty(0)
MOST_TIMES = 3  # how often one walk is recorded anew


class BackwardStep(Step):
    """See the file's docstring; `program` is None until the walk is bound."""

    __slots__ = (
        "alike", "feeds", "fixed", "late", "leaves", "made", "nodes", "outdated", "own", "program",
        "root", "targets", "times", "views", "walk",
    )  # fmt: skip
    op = "backward"

    def __init__(self, parent: Step, root: int | None, targets: list[Any] | None) -> None:
        super().__init__(parent)
        self.root, self.targets = root, targets  # targets: depths of steps, or leaves
        self.program: WalkProgram | None = None
        self.nodes: list[int] = []  # the depths of the steps whose nodes are walked, newest first
        self.leaves: list[Leaf] = []  # where gradients arrive
        # And leaves that the call itself makes: where nodes point to each, its shape and dtype
        self.own: list[tuple[list[tuple[int, int]], tuple[int, ...], Any]] = []
        # Slots in the `saved` of nodes: the depth of the node's step, the index in `saved`, and
        self.fixed: list[tuple[int, int, Any]] = []  # the value that must be there
        self.made: list[tuple[int, int, Any, int]] = []  # a step's results, and which one it is
        self.views: list[tuple[int, int, int]] = []  # the step that must have made the view
        self.feeds: list[tuple[int, int, int]] = []  # the input that it is copied into
        self.alike: list[tuple[int, int, int, int]] = []  # another slot with the same array
        self.walk: Any = None  # see answers.walk_of
        self.late: set[tuple[int, int]] = set()  # slots whose arrays differ from call to call
        self.outdated = False  # whether the walk must be recorded again
        self.times = 0  # how often that happened

    def matches(self, call: Any, root: Any, targets: Any) -> bool:
        """Tell whether this is the walk of a call: from the same root to the same targets."""
        if self.root is None:
            return True
        if root is not call.nodes[self.root]:
            return False
        if self.targets is None or targets is None:
            return self.targets is targets
        if len(targets) != len(self.targets):
            return False
        return all(
            node is (call.nodes[depth_or_leaf] if type(depth_or_leaf) is int else depth_or_leaf)
            for node, depth_or_leaf in zip(targets, self.targets, strict=True)
        )

    def _find_fault(self, call: Any) -> None:
        """Note the slots that were not as expected, to accept any array in them from now on."""
        nodes = [call.nodes[depth] for depth in self.nodes]
        if any(type(node) is not Node or node.saved is None for node in nodes):
            return
        saved = {depth: node.saved for depth, node in zip(self.nodes, nodes, strict=True)}
        for depth, slot, expected in self.fixed:
            value = saved[depth][slot]
            if value is not expected and (type(value) is ndarray or not same(value, expected)):
                self._miss(depth, slot, value)
        for depth, slot, outs, number in self.made:
            if saved[depth][slot] is not outs[number]:
                self._miss(depth, slot, saved[depth][slot])
        for depth, slot, step in self.views:
            if saved[depth][slot] is not call.views[step]:
                self._miss(depth, slot, saved[depth][slot])

    def keep_grads(self) -> None:
        """Move gradients of an earlier walk, which are still wanted, out of this walk's buffers."""
        assert self.program is not None
        for leaf, home in zip(self.leaves, self.program.homes, strict=True):
            if leaf.grad is not None and leaf.grad._data is home:
                leaf.grad = wrap(home.copy(order="K"))

    def _miss(self, depth: int, slot: int, value: Any) -> None:
        """Accept any array in this slot from the next time on."""
        self.times += 1
        if type(value) is ndarray and self.times <= MOST_TIMES:
            self.late.add((depth, slot))
            self.outdated = True

    def described(self) -> tuple[str, Sequence[Any]]:
        """Return a title, and the bound calls in their plain form."""
        return "backward", () if self.program is None else self.program.steps

    def release(self) -> None:
        """Leave this walk to the engine, and let go of all that its program holds."""
        self.program = self.walk = None
        self.nodes, self.leaves, self.own, self.outdated = [], [], [], False
        self.fixed, self.made, self.views, self.feeds, self.alike = [], [], [], [], []

    def go(self, call: Any, targets: Any, retain: bool) -> bool:
        """Walk by the bound calls; return False, and do nothing, where something differs."""
        program = self.program
        if program is None:
            return False
        if not self.walk(call, retain):
            self._find_fault(call)
            return False
        if targets is not None:
            for node, home in zip(targets, program.homes, strict=True):
                targets[node] = None if home is None else np.array(home)
        return True

    def add_grads(self) -> None:
        """Give the gradients to leaves, some of which have one already."""
        assert self.program is not None
        for leaf, home, grad in zip(
            self.leaves, self.program.homes, self.program.grads, strict=True
        ):
            if leaf.grad is None:
                leaf.grad = grad
            else:
                accumulate(leaf, home, owned=False, record=False)


class WalkTape(Tape):
    """The tape of a walk alone, whose nodes exist when it starts."""

    def walked(self, node: Node) -> None:
        """Take any node."""


class Walk:
    """One recorded walk: its tape and its gradients."""

    def __init__(
        self, root: Tensor, nodes: list[Node], targets: Any, retain: bool, made: Any
    ) -> None:
        """Walk on Tensors with a tape, and give out gradients as the engine does."""
        self.root, self.nodes = root._node, nodes
        self.depths = [made.step_of(node) for node in nodes]
        steps = (
            None
            if targets is None
            else [made.step_of(n) if isinstance(n, Node) else n for n in targets]
        )
        self.signature = made.step_of(self.root), steps
        self.targets = None if targets is None else list(targets)
        leaves = [n for n in ancestors([self.root]) if isinstance(n, Leaf)]  # type: ignore[list-item]
        self.gradients: dict[Any, Any] = dict.fromkeys(leaves if targets is None else targets)
        self.saved = {node: node.saved for node in self.nodes}
        self.tape = WalkTape()
        self.tape.errors = dict.fromkeys(self.tape.errors, "ignore")
        modes.call_in(modes.Mode(grad=False, tape=self.tape), self._walk, root)
        if not retain:
            for node in nodes:
                if node.saved and not node.op.view:  # as the engine does
                    node.saved = None
        self.grads: list[Any] = [None if g is None else g._data for g in self.gradients.values()]
        for node, g in self.gradients.items():
            if g is None:
                continue
            if targets is None:
                accumulate(node, np.array(g._data), owned=True, record=False)
            else:
                targets[node] = np.array(g._data)

    def _walk(self, root: Tensor) -> None:
        seeds = [seed(root, None, on_tensors=True)]
        walk(seeds, self.gradients, on_tensors=True, record=False, retain=True)

    def forget_arrays(self) -> None:
        """Let go of all arrays but the gradients, as soon as the entries that read them."""
        self.tape.forget_calls()
        self.tape.external = dict.fromkeys(self.tape.external, (NO_ARRAY, None))
        self.saved, self.gradients = {}, dict.fromkeys(self.gradients)


class WalkProgram:
    """The NumPy calls of one walk, which leave the gradients in their homes."""

    def __init__(
        self,
        walk: Walk,
        stand_ins: dict[int, Array],
        inputs: list[Array],
        homes: dict[Leaf, Array],
        own: Sequence[Leaf] = (),
    ) -> None:
        """Bind a walk; `stand_ins` and `homes` as for a Binding, but that `homes` are by leaf.

        `own` are the leaves that the call has made, whose gradients are given out as copies.
        """
        captured = dict(zip(walk.gradients, walk.grads, strict=True))
        homes = {  # a gradient has the layout that it has in eager
            leaf: home
            for leaf, home in homes.items()
            if captured.get(leaf) is not None and same_strides(captured[leaf], home)
        }
        home_of = {id(g): homes[n] for n, g in captured.items() if g is not None and n in homes}
        returned = {id(g) for g in walk.grads if g is not None}
        copied = [True] * len(inputs)
        binding = Binding(walk.tape, inputs, copied, returned, stand_ins, home_of)
        walk.forget_arrays()
        binding.bind()
        self.steps, self.inputs = binding.steps, binding.inputs
        self.homes: list[Any] = []  # the array of each gradient, or None
        for node, g in captured.items():
            self.homes.append(None if g is None else self._home(binding, g, homes.get(node)))
        pairs = list(zip(captured, self.homes, strict=True))
        self.own_homes = [home for node, home in pairs if node in own]
        self.homes = [home for node, home in pairs if node not in own]
        self.grads = [None if home is None else buffered_grad(home) for home in self.homes]
        self.bound = unwrapped(respell(self.steps, list(walk.tape.constants.values())))

    def _home(self, binding: Binding, captured: Array, home: Array | None) -> Array:
        """Return the array of a gradient; add a copy to its home if it is computed elsewhere."""
        at = binding.at(captured)
        if home is None:
            home = at if self._is_own(binding, at) else binding.pool.like(captured)
        if at is not home:
            self.steps.append(partial(np.copyto, home, at))
            np.copyto(home, at)
        return home

    def _is_own(self, binding: Binding, at: Array) -> bool:
        """Tell whether a gradient may stay where it was computed: alone in memory of its own."""
        return (
            binding.pool.owns(at)
            and at.flags.writeable
            and is_packed(at)
            and not any(np.may_share_memory(at, h) for h in self.homes if h is not None)
        )
