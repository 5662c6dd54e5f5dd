"""The interfaces of a tape, a follower and a watch: each is told of recorded calls.

For readers and type checkers alone: this file is never imported when a program runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Tape(Protocol):
    """A record of everything that happens in a thread: see `jit/tape.py`."""

    def record(
        self, op: Any, args: tuple[Any, ...], kw: dict[str, Any], out: Any, residuals: Any
    ) -> None:
        """Record that `op(*args, **kw)` gave the Tensor `out`, and these residual arrays."""

    def constant(self, array: Any) -> None:
        """Record that an array never changes: the gradient that a walk starts with."""

    def accumulated(self, leaf: Any, before: Any, after: Any) -> None:
        """Record that a leaf's gradient went from the Tensor `before` (or None) to `after`."""

    def cleared(self, leaf: Any) -> None:
        """Record that a leaf's gradient is about to become None."""

    def grad_read(self, leaf: Any) -> None:
        """Record that a leaf's gradient is about to be read."""

    def looked(self, tensor: Any, view: Any) -> None:
        """Record that `view` is a new Tensor on the memory of `tensor`, made without a call."""

    def copied(self, tensor: Any, copy: Any) -> None:
        """Record that `copy` is kept equal to `tensor`, as on shared memory: see `layout.py`."""

    def requires(self, tensor: Any) -> None:
        """Record that `requires_grad` of a Tensor is about to be set."""

    def abandon(self, why: str) -> None:
        """Give up: from here on the calls depend on data in a way that no tape records."""

    def walked(self, node: Any) -> None:
        """Record that backward went through this node."""

    def module(self, module: Any) -> None:
        """Record that a module was called: the program depends on its settings."""

    def written(self, tensor: Any, value: Any) -> None:
        """Record that the Tensor `value` was copied into the memory of `tensor`."""

    def references(self, array: Any) -> int:
        """Count this tape's own references to an array of the call; -1 for one from outside."""

    def made_in_call(self, array: Any) -> bool:
        """Tell whether a recorded call has made an array."""

    def effect(self, run: Callable[[], object], subject: Any) -> bool:
        """Record a call for its effect, as one optimizer's step; tell whether to run it now."""


class Follower(Protocol):
    """A stand-in for the recorder that has learnt which calls come: see `jit/follow.py`.

    `thread` is the thread of the call that is being followed, None between calls.
    """

    thread: int | None
    # `last_step.ahead(follower, op, args, kw, grad)` computes the usual call, or gives None
    last_step: Any

    def call(self, op: Any, args: tuple[Any, ...], kw: dict[str, Any], grad: bool) -> Any:
        """Return the Tensor that `op(*args, **kw)` gives; record the call if `grad`."""

    def backward_ahead(self, root: Any, retain: Any) -> bool:
        """Walk back from one Tensor, if that usually comes next; tell whether it was done."""

    def backward(self, roots: Any, seeds: Any, targets: Any, retain: bool) -> bool:
        """Do the work of `engine.walk`, if it has been learnt; tell whether it was done."""

    def references(self, array: Any) -> int:
        """Count the follower's own references to an array."""

    def made_in_call(self, array: Any) -> bool:
        """Tell whether a step of the present call has made an array."""

    def update(self, optimizer: Any) -> None:
        """Apply one step of an optimizer."""


class Watch(Protocol):
    """An inspector of each call and of each gradient: see `anomaly.py` and `nn/summary.py`."""

    def computed(self, op: Any, args: Any, out: Any) -> None:
        """Inspect a call, recorded or not: `op` of these arguments gave the Tensor `out`."""

    def called(self, node: Any) -> None:
        """Inspect a node that has just been recorded."""

    def gave(self, node: Any, gradient: Any, incoming: Any) -> None:
        """Inspect the `gradient` (None: nothing) that a rule of this node made of `incoming`."""
