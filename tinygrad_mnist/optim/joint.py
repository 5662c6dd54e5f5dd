"""Many parameters in one buffer, updated by one call: what a compiled step does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.optim.optimizer import Optimizer
from tinygrad_mnist.optim.pieces import Array, Group, State

LINE = 16  # float32 numbers in a cache line: two threads do not write to one
Cut = Callable[[Array], list[Array]]


class Joint:
    """One update for `params`, which lie in the 1-d buffer `flat`, by an elementwise optimizer.

    `cut(buffer)` gives the parameters' views of any buffer that is laid out as `flat` is. The
    states of the parameters become views of one state, so saving them needs no care; the optimizer
    undoes this (`split`) whenever it steps or loads by itself, and the next update joins them
    again. The bits are those of updating each parameter alone.
    """

    def __init__(
        self, optimizer: Optimizer, group: Group, params: Sequence[Tensor], flat: Array, cut: Cut
    ) -> None:
        """See the class; raises ValueError unless the optimizer is elementwise."""
        if not optimizer.elementwise:
            raise ValueError(f"{type(optimizer).__name__} is not elementwise: it cannot be joined")
        self.optimizer, self.group, self.params = optimizer, group, list(params)
        self.flat, self.cut = flat, cut
        self.state: State | None = None
        self._parts: dict[int, list[tuple[slice, State]]] = {}

    def update(self, gradients: Array) -> None:
        """One step on the buffer; `gradients` is laid out as it is. The caller stamps the write.

        Raises ValueError if the parameters' counters differ, as when one was skipped before.
        """
        state = self.joined() if self.state is None else self.state
        self.optimizer.update(self.group, self.flat, gradients, state)

    def in_parts(self, gradients: Array, count: int) -> list[Callable[[], None]]:
        """The same step as `count` tasks, each for a part of the buffer, to be run in any order."""
        whole, counters = self.joined(), self.optimizer.counters
        parts = self._parts[count] = self._parts.get(count) or list(self._cut_state(whole, count))
        for _, state in parts[1:]:  # the first one counts for all
            for key in state.keys() & counters:
                np.copyto(state[key], whole[key])
        return [
            partial(self.optimizer.update, self.group, self.flat[at], gradients[at], state)
            for at, state in parts
        ]

    def joined(self) -> State:
        """The state of the whole buffer, made of those of the parameters if need be."""
        if self.state is None:
            self.state, self._parts = self._join(), {}
            self.optimizer.joints.append(self)
        return self.state

    def _cut_state(self, whole: State, count: int) -> Iterator[tuple[slice, State]]:
        lines, counters = len(self.flat) // LINE, self.optimizer.counters
        ends = [lines * part // count * LINE for part in range(count)] + [len(self.flat)]
        scratch = {key for key in whole if key.startswith("_")} - counters
        for at in (slice(*pair) for pair in pairwise(ends)):
            state = {
                key: value[at] for key, value in whole.items() if key not in scratch | counters
            }
            own = {
                key: whole[key].copy() if at.start else whole[key]
                for key in whole.keys() & counters
            }
            yield at, state | own

    def _join(self) -> State:
        states = [self.optimizer.state_of(self.group, p) for p in self.params]
        counters = self.optimizer.counters
        kept = {key for key in states[0] if key in counters or not key.startswith("_")}
        for key in kept:
            if any(key not in state for state in states):
                raise ValueError(f"cannot join parameters of which some have no {key!r}")
            if key in counters and any(state[key] != states[0][key] for state in states):
                raise ValueError(f"cannot join parameters whose {key!r} differs")
        whole = {
            key: states[0][key] if key in counters else np.zeros_like(self.flat) for key in kept
        }
        views = {key: self.cut(whole[key]) for key in kept.difference(counters)}
        for place, state in enumerate(states):
            for key in views:
                views[key][place][...] = state[key]
            old = {key: views[key][place] if key in views else whole[key] for key in kept}
            state.clear()
            state.update(old)
        return whole

    def split(self) -> None:
        """Each parameter counts for itself again; the arrays may go on sharing a buffer."""
        self.state = None
        for p in self.params:
            state = self.optimizer.state[p]
            for key in state.keys() & self.optimizer.counters:
                state[key] = state[key].copy()
