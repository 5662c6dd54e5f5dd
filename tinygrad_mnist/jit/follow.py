"""Follower: goes along the learnt steps while the function itself runs.

Each call of an op, each backward() and each optimizer step of the function comes here. Where the
event is the step that came next before, its prepared NumPy calls answer it. Where it is not, the
rest of the call goes on eagerly, and events that are seen for the second time are learnt as another
branch: the steps of a function are a tree, and one call is a path from its root.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import floats, modes
from tinygrad_mnist.autograd.dtypes import promote
from tinygrad_mnist.autograd.graph import Leaf, Node, ancestors
from tinygrad_mnist.autograd.op import Op
from tinygrad_mnist.autograd.record import record
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.autograd.writes import tick
from tinygrad_mnist.jit import learn
from tinygrad_mnist.jit.answers import unwritten
from tinygrad_mnist.jit.backward_step import BackwardStep, Walk
from tinygrad_mnist.jit.bind import DROP_ERRORS
from tinygrad_mnist.jit.joint_optimizer import flat_steps
from tinygrad_mnist.jit.memory import Pool
from tinygrad_mnist.jit.op_step import ABSENT, OFF, Argument, OpStep, Step
from tinygrad_mnist.jit.program import line
from tinygrad_mnist.jit.update_step import MOST_TRIES, UpdateStep, with_gradients
from tinygrad_mnist.kernels.scratch import Memory

Array = np.ndarray[Any, Any]

FOLLOWS, LEARNS, LOST = range(3)
IN_A_CALL = 2  # of the references that `OpStep.idle` counts: the variable and the argument there
MOST_BRANCHES = 16  # of one step
MOST_STEPS = 20_000  # of one function
MOST_FAILURES = 100  # of learning


class Follower:
    """The steps that a function was seen to take, and how far along them the present call is."""

    def __init__(self) -> None:
        self.thread: int | None = None  # of the call that is under way
        self.root = Step()
        self.size = 0  # how many steps there are
        self.start = 0  # when the call began, as `writes.tick()` counts
        self.scratch = Pool()
        self.blank: list[None] = []  # one None for each step of the longest path
        self.absent: list[Any] = []  # the same, with ABSENT
        self.errors: list[str] = []  # the last ones raised while learning
        self.failures = 0  # how many errors there were
        self.owners: dict[int, weakref.ref[Tensor]] = {}  # by the id of the leaf that each owns
        self.dead: list[int] = []  # ids of leaves whose owners are gone
        # Of the call that is under way:
        self.last_step: Step = OFF
        self.state = LOST
        self.views: Any = ()  # by depth: the view that a step made of an earlier step's buffer
        self.nodes: Any = ()  # by depth: the node of a step's output
        self.arguments: Any = ()  # the arguments, and while learning the ids of their arrays
        self._clear()

    def _clear(self) -> None:
        self.left_at: Step = self.root  # the last step before the call went another way
        self.is_eventful = False  # whether there is anything below
        self.seen: list[Any] = []  # the events to learn
        self.made = learn.Made()
        self.walked: list[tuple[BackwardStep, Walk]] = []  # the walks to bind anew
        self.astray: dict[OpStep, tuple[set[Argument], Any]] = {}
        self.unjoined: list[tuple[UpdateStep, list[Leaf]]] = []
        self.stepped: list[tuple[weakref.ref[Any], list[Leaf]]] = []  # optimizers, in an eager call

    def begin(self, thread: int, arguments: Any = ()) -> None:
        """Start to follow a call in a thread, with these arguments."""
        if self.dead:
            learn.forget(self)
        self.arguments, self.views, self.nodes = arguments, self.blank.copy(), self.absent.copy()
        self.last_step, self.state, self.thread = self.root, FOLLOWS, thread
        self.start = tick()

    def grow(self, depth: int) -> None:
        """Make the lists long enough for a path of this depth."""
        self.blank = [None] * max(depth, len(self.blank))
        self.absent = [ABSENT] * len(self.blank)

    def end(self, whole: bool) -> None:
        """Let go of the call; learn from it if it was `whole`, that is, raised no error."""
        self.thread, self.last_step, self.state = None, OFF, LOST
        self.views = self.nodes = self.arguments = ()
        if not self.is_eventful:
            return
        try:
            if whole:
                self._learn()
        finally:
            unjoined, stepped = self.unjoined, self.stepped
            self._clear()
            for step, leaves in unjoined:  # now that nothing here holds the parameters' arrays
                step.join(leaves)
            for ref, leaves in stepped:
                optimizer = ref()
                if optimizer is not None:
                    flat_steps(optimizer, dict.fromkeys(leaves))

    def _learn(self) -> None:
        before = floats.state()
        try:
            with np.errstate(**DROP_ERRORS):
                if self.seen:
                    self.trying(learn.learn, self)
                for step, walk in self.walked:
                    self.trying(learn.bind_walk, self, step, walk, step.path())
                for one, (arguments, arrays) in self.astray.items():
                    self.trying(learn.prepare_again, self, one, arguments, arrays)
        finally:  # after an interrupt, np.errstate may have nothing to undo
            floats.put(before)

    def trying(self, learn: Callable[..., None], *args: Any) -> None:
        """Learn; where that fails, note the error and go on: the call itself succeeded."""
        try:
            learn(*args)
        except Exception as error:
            self.failures += 1
            self.errors = [*self.errors[-2:], f"{type(error).__name__}: {error}"]

    # The events of a call

    def call(self, op: Op, args: tuple[Any, ...], kw: dict[str, Any], grad: bool) -> Any:
        """Answer a call of an op that differs from the one expected."""
        if self.state == FOLLOWS:
            before = self.last_step
            for step in before.next:
                if step.op is op:
                    answer = step.shortcut(self, op, args, kw, grad) if step.shortcut else None
                    if answer is None:
                        answer = step.answer(self, args, kw, grad)
                    if answer is not None:
                        before.prefer(step)
                        return answer
            cast = promoted(op, args, kw) if op.promotes else args
            if any(a is not b for a, b in zip(cast, args, strict=True)):
                return self.call(op, cast, kw, grad)
            self._miss()
        if self.state == LOST:
            return record(op, args, kw, grad=grad)
        if op.promotes:
            args = promoted(op, args, kw)
        out = record(op, args, kw, grad=grad, tape=self)  # type: ignore[arg-type]
        if out._node is not None:
            self.seen[-1].node = weakref.ref(out._node)
            self.made.add(out._node, self.left_at.depth + len(self.seen))
        return out

    def record(self, op: Op, args: Any, kw: dict[str, Any], out: Tensor, residuals: Any) -> None:
        """Note a call while learning; the recorder calls this before it makes the node."""
        results = (out._data, *residuals)
        made, depth = self.made, self.left_at.depth + 1 + len(self.seen)
        grad = modes.current().grad
        self.seen.append(learn.SeenCall(op, args, kw, grad, results, made, self.arguments))
        made.add(out._data, depth)

    def backward_ahead(self, root: Any, retain: Any) -> bool:
        """Do what `backward` does, if that step is tried first and nothing is unusual."""
        step = self.last_step.first
        if step is None or step.op != "backward" or step.walk is None or step.targets is not None:
            return False
        if root._node is not self.nodes[step.root] or root._data.size != 1:
            return False
        return step.walk(self, retain)  # type: ignore[no-any-return]

    def backward(self, roots: Sequence[Tensor], seeds: Any, targets: Any, retain: bool) -> bool:
        """Walk back from one root by bound calls; return False where the engine has to."""
        root = roots[0]
        if len(roots) != 1 or seeds[0] is not None or not isinstance(root, Tensor):
            return False
        node = root._node
        if not isinstance(node, Node) or root._data.size != 1:
            return False
        if self.state == FOLLOWS:
            for step in self.last_step.next:
                if step.op == "backward" and step.matches(self, node, targets):
                    self.last_step.prefer(step)
                    self.last_step = step
                    return step.go(self, targets, retain) or self._walk(step, root, targets, retain)
            self._miss()
        if self.state == LOST:
            return False
        walk = self._recorded(root, targets, retain)
        self.seen.append(walk)
        return walk is not None

    def _walk(self, step: BackwardStep, root: Tensor, targets: Any, retain: bool) -> bool:
        if not step.outdated:
            return False
        walk = self._recorded(root, targets, retain)
        if walk is None:
            return False
        self.is_eventful = True
        self.walked.append((step, walk))
        return True

    def _recorded(self, root: Tensor, targets: Any, retain: bool) -> Walk | None:
        """Walk with a tape; return None where a node is not of this call, or cannot be used."""
        if self.state == FOLLOWS:
            self.left_at = self.last_step
        made = self.made if self.state == LEARNS else learn.start_of(self)
        unsure: set[int | None] = {None}  # not made in this call, or made of unknown arguments
        unsure |= {
            step.depth
            for step in self.left_at.path()
            if isinstance(step, OpStep) and not step.has_known_arguments()
        }
        unsure |= {
            self.left_at.depth + 1 + number
            for number, seen in enumerate(self.seen)
            if isinstance(seen, learn.SeenCall) and not seen.is_constant
        }
        walked = ancestors([root._node])  # type: ignore[list-item]
        for node in (*walked, *(targets or ())):
            if isinstance(node, Leaf):
                own = node.order < self.start  # a leaf of this call, not of the next
                if node.hooks or (own and targets is not None):
                    return None
            elif node.hooks is not None or node.saved is None or made.step_of(node) in unsure:
                return None
        nodes = [node for node in walked if isinstance(node, Node)]
        if not unwritten(nodes):
            return None
        try:
            return Walk(root, nodes, targets, retain, made)
        except Exception:  # let the engine raise the error, if there is one
            return None

    def update(self, optimizer: Any) -> None:
        """Apply one step of an optimizer."""
        step = self.last_step.first
        if step is not None and step.op == "update" and step.optimizer() is optimizer:
            self.last_step = step
            step.go(self, optimizer)
            return
        if self.state == FOLLOWS:
            for step in self.last_step.next:
                if step.op == "update" and step.optimizer() is optimizer:
                    self.last_step.prefer(step)
                    self.last_step = step
                    step.go(self, optimizer)
                    return
            self._miss()
        if self.state == LEARNS:
            self.seen.append(learn.SeenUpdate(optimizer))
        elif self.left_at.misses < MOST_TRIES:
            self.stepped.append((weakref.ref(optimizer), with_gradients(optimizer)))
        optimizer._apply()

    def _miss(self) -> None:
        """Leave the learnt steps; learn new ones if this is the second miss at this step."""
        step = self.last_step
        step.misses += 1
        room = len(step.next) < MOST_BRANCHES and self.size < MOST_STEPS
        room = room and self.failures < MOST_FAILURES
        self.state = LEARNS if room and step.misses > 1 else LOST
        self.left_at, self.last_step, self.is_eventful = step, OFF, True
        if self.state == LEARNS:
            self.made = learn.start_of(self)
            self.arguments = learn.arrays_in(self.arguments)

    def ways(self) -> list[Way]:
        """Return the learnt ways from the function's start to its end, the last one used first."""
        ends = []
        waiting = self.root.next[::-1]
        while waiting:
            step = waiting.pop()
            waiting += step.next[::-1]
            if not step.next:
                ends.append(step)
        return [Way(end.path()) for end in ends]

    def references(self, array: Array) -> int:
        """Count the references to an array that steps hold of their results."""
        if type(array.base) is not Memory:
            return sum(view is array for view in self.views)
        step: Step | None = self.last_step if self.state == FOLLOWS else self.left_at
        while step is not None:
            if isinstance(step, OpStep) and step.outs and step.outs[0] is array:
                return step.idle - IN_A_CALL
            step = step.parent
        return 0

    def made_in_call(self, array: Array) -> bool:
        """Tell whether a step of the present call has made an array."""
        if self.state == LEARNS:
            return self.made.step_of(array) is not None
        return self.state == FOLLOWS and self.references(array) > 0

    # Arguments that lie elsewhere

    def strayed(self, step: OpStep, argument: Argument, array: Any) -> None:
        """Note that an argument was not where its step expects it."""
        argument.seen += 1
        if argument.step is None or argument.seen > 2:
            self.is_eventful = True
            arguments, _ = self.astray.setdefault(step, (set(), None))
            arguments.add(argument)

    def note(self, step: OpStep, arrays: Sequence[Any]) -> None:
        """Note the arguments of a step in this call."""
        faint = [learn.WeakArray(a) if isinstance(a, np.ndarray) else a for a in arrays]
        self.astray[step] = self.astray[step][0], faint


def promoted(op: Op, args: tuple[Any, ...], kw: dict[str, Any]) -> tuple[Any, ...]:
    """Cast the arguments as the recorder does."""
    try:
        return promote(op.kernel, args)
    except TypeError as error:
        raise op.explain(error, args, kw) from None


class Way:
    """One way through a function: its steps, and the NumPy calls that were prepared for them."""

    def __init__(self, steps: list[Any]) -> None:
        self.steps = steps

    def lines(self) -> list[str]:
        """Return the NumPy calls, one per line; the first one of each step names the op."""
        names: dict[tuple[int, Any, Any], str] = {}
        rows = []
        for step in self.steps:
            title, calls = step.described()
            texts = [line(call, names) for call in calls] or ["..."]
            rows += [(texts[0], title), *((text, "") for text in texts[1:])]
        width = min(76, max(len(text) for text, _ in rows))
        return [f"{text:<{width}}  # {title}" if title else text for text, title in rows]

    def summary(self) -> str:
        """Count the steps, those that are prepared, and their NumPy calls."""
        described = [step.described() for step in self.steps]
        prepared = sum(bool(calls) for _, calls in described)
        calls = sum(len(calls) for _, calls in described)
        return f"{len(described)} steps, {prepared} prepared, {calls} NumPy calls"
