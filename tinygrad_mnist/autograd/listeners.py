"""Who may listen to recorded calls: what a tape and a watch must be able to hear.

For readers and type checkers alone: it is never imported when a program runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Tape(Protocol):
    """What wants to hear everything that happens in a thread: see `jit/tape.py`."""

    def record(
        self, op: Any, args: tuple[Any, ...], kw: dict[str, Any], out: Any, residuals: Any
    ) -> None:
        """`op(*args, **kw)` gave the Tensor `out`, and these residual arrays."""

    def constant(self, array: Any) -> None:
        """This array never changes: the gradient that a walk starts with."""

    def accumulated(self, leaf: Any, before: Any, after: Any) -> None:
        """A leaf's gradient went from the Tensor `before` (or None) to the Tensor `after`."""

    def cleared(self, leaf: Any) -> None:
        """A leaf's gradient is about to become None."""

    def grad_read(self, leaf: Any) -> None:
        """Somebody is about to look at a leaf's gradient."""

    def looked(self, tensor: Any, view: Any) -> None:
        """`view` is a new Tensor on the memory of `tensor`, made without a call."""

    def copied(self, tensor: Any, copy: Any) -> None:
        """`copy` shares memory with `tensor` to the user: see `layout.py`."""

    def requires(self, tensor: Any) -> None:
        """Whether a Tensor requires grad is about to be changed."""

    def abandon(self, why: str) -> None:
        """What happens from here on depends on data, in a way that no tape hears of."""

    def walked(self, node: Any) -> None:
        """Backward went through this node."""

    def module(self, module: Any) -> None:
        """A module was called, and its settings relied on."""

    def written(self, tensor: Any, value: Any) -> None:
        """The Tensor `value` was copied into the memory of `tensor`."""

    def effect(self, run: Callable[[], object], subject: Any) -> bool:
        """`run()` is wanted for what it does, as one optimizer's step is; whether to do it now."""


class Follower(Protocol):
    """Computes each call in the place of the recorder, where it knows what comes: `jit/follow.py`.

    `thread` is where the call that it follows is under way, None between calls.
    """

    thread: int | None
    here: Any  # `here.ahead(follower, op, args, kw, grad)` answers the usual call, or gives None

    def call(self, op: Any, args: tuple[Any, ...], kw: dict[str, Any], grad: bool) -> Any:
        """Return the Tensor that `op(*args, **kw)` gives; record the call if `grad`."""

    def backward_ahead(self, root: Any, retain: Any) -> bool:
        """Walk back from one Tensor, if that usually comes next; tell whether it was done."""

    def backward(self, roots: Any, seeds: Any, wanted: Any, retain: bool) -> bool:
        """Do what `engine.walk` does, if it is known how; tell whether it was done."""

    def update(self, optimizer: Any) -> None:
        """Apply one step of an optimizer."""


class Watch(Protocol):
    """What wants to look at each recorded call and at each gradient: see `anomaly.py`."""

    def called(self, node: Any) -> None:
        """This node has just been recorded."""

    def gave(self, node: Any, gradient: Any, incoming: Any) -> None:
        """A rule of this node made `gradient` (None: nothing) of `incoming`."""
