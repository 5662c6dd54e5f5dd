"""Many parameters in one buffer, updated by one call, as in a compiled step."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Sequence
from itertools import chain
from operator import is_
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.kernels.blocks import BLOCK
from tinygrad_mnist.kernels.scratch import aligned_bytes, shaped
from tinygrad_mnist.optim.blocks import update_parameter
from tinygrad_mnist.optim.optimizer import Optimizer
from tinygrad_mnist.optim.pieces import RUNS, Array, Group, State, runs_in

REFERENCES = 2  # to an array with one owner: from the owner, and from the call that counts
Cut = Callable[[Array], list[Array]]


class Joint:
    """One update for `params`, which lie in the 1-d buffer `flat`, by an elementwise optimizer.

    `cut(buffer)` gives the parameters' views of any buffer with the layout of `flat`. The
    states of the parameters become views of one state, so they are saved as before, and the
    optimizer can still step parameter by parameter. After such a step, and after a state was
    loaded, the states are joined anew. The bits are those of updating each parameter alone.
    """

    def __init__(
        self, optimizer: Optimizer, group: Group, params: Sequence[Tensor], flat: Array, cut: Cut
    ) -> None:
        """Prepare the update; raise ValueError unless the optimizer is elementwise."""
        if not optimizer.elementwise:
            raise ValueError(f"{type(optimizer).__name__} is not elementwise: it cannot be joined")
        self._optimizer = weakref.ref(optimizer)  # weak, for the optimizer holds its joints
        self.group, self.params = group, list(params)
        self.flat, self.cut = flat, cut
        self.runs = runs_in(flat, cut(flat))
        self.state: State | None = None
        self._whole: State = {}  # the saved keys of `state`, also while it is split
        self._views: dict[str, list[Array]] = {}  # and each parameter's part of them
        self._size = 0  # the number of keys of `state` that are shared
        self._counts: list[tuple[Array, Array]] = []  # the counters: of the first, of the others
        self._states: list[State] = []
        self.values: list[Array] = []
        self.empty: list[State] = [{} for _ in params]  # the states, where there is nothing in any

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer, which has to be alive."""
        optimizer = self._optimizer()
        assert optimizer is not None
        return optimizer

    def update(self, gradients: Array) -> None:
        """Make one step on the buffer; `gradients` has its layout. The caller stamps the write.

        Raises ValueError if the states of the parameters cannot be joined, which `holds` predicts.
        """
        optimizer = self.optimizer
        optimizer.stepped = True
        state = self.joined() if self.state is None else self.state
        update_parameter(optimizer, self.group, self.flat, gradients, state)
        self.share_new()

    def share_new(self) -> None:
        """Share what an update has added, or counted."""
        state = self.state
        if self._counts or (state is not None and len(state) != self._size):
            self.share()

    def share(self) -> None:
        """Copy the counts of the update to the state of each parameter."""
        for first, others in self._counts:
            others[...] = first
        if self.state is not None and len(self.state) != self._size:
            self._adopt(self.state)

    def holds(self, state: Any) -> bool:
        """Tell whether `update` equals the optimizer's step: the states are joined, or can be.

        `state` is the state of the optimizer. Joined states no longer hold once other states or
        arrays have replaced them.
        """
        if self.state is None:
            return self._why_not() is None
        state_of, states, values = state.get, self._states, self.values
        if not values:
            return list(map(state_of, self.params)) == self.empty
        return (
            all(map(is_, map(state_of, self.params), states))
            and sum(map(len, states)) == len(values)
            and all(map(is_, chain.from_iterable(map(dict.values, states)), values))
            and all(
                others.tobytes() == first.tobytes() * len(others) for first, others in self._counts
            )
        )

    def joined(self) -> State:
        """Return the state of the whole buffer; join the states of the parameters if need be."""
        if self.state is None:
            why_not = self._why_not()
            if why_not is not None:
                raise ValueError(f"cannot join parameters {why_not}")
            self._join()
            self.optimizer.joints.append(self)
        assert self.state is not None
        return self.state

    # Joining

    def _saved_keys(self, state: State) -> list[str]:
        """The keys that are not scratch."""
        counters = self.optimizer.counters
        return [key for key in state if key in counters or not key.startswith("_")]

    def _why_not(self) -> str | None:
        """Return the reason why the states cannot be joined, or None if they can."""
        state_of = self.optimizer.state
        states = [state_of.get(p) or {} for p in self.params]
        keys = set(self._saved_keys(states[0]))
        for state in states:
            if type(state) is not dict:
                return "whose states are no dicts"
            if other := keys.symmetric_difference(self._saved_keys(state)):
                return f"of which some have no {max(other)!r}"
        return next(filter(None, (self._why_not_key(key, states) for key in sorted(keys))), None)

    def _why_not_key(self, key: str, states: Sequence[State]) -> str | None:
        """Return the reason why the values of one key cannot be joined, or None."""
        if self._are_views(key, states):
            return self._why_not_equal(key, states)
        for index, state in enumerate(states):
            if not isinstance(state[key], np.ndarray):
                return f"whose {key!r} is no array"
            if sys.getrefcount(state[key]) != REFERENCES or not sole(state[key]):
                return f"whose {key!r} is referred to elsewhere"
            if key not in self.optimizer.counters and not self._fits(state[key], index):
                return f"whose {key!r} is laid out in another way"
        return self._why_not_equal(key, states)

    def _why_not_equal(self, key: str, states: Sequence[State]) -> str | None:
        first = states[0][key]
        if key in self.optimizer.counters and any(
            s[key].shape or s[key].dtype != first.dtype or s[key].tobytes() != first.tobytes()
            for s in states
        ):
            return f"whose {key!r} differs"
        return None

    def _fits(self, value: Array, index: int) -> bool:
        p = self.params[index]._data
        return (value.shape, value.strides, value.dtype) == (p.shape, p.strides, self.flat.dtype)

    def _are_views(self, key: str, states: Sequence[State]) -> bool:
        views = self._views.get(key)
        return views is not None and all(
            state[key] is view for state, view in zip(states, views, strict=True)
        )

    def _join(self) -> None:
        optimizer, counters = self.optimizer, self.optimizer.counters
        is_own = type(optimizer).__module__.startswith("tinygrad_mnist.")
        if is_own and not any(map(optimizer.state.get, self.params)):
            self._begin()
            return
        states = [optimizer.state_of(self.group, p) for p in self.params]
        whole: State = {}
        for key in self._saved_keys(states[0]):
            if not self._are_views(key, states):  # in new memory, for others may view the old
                self._whole[key], self._views[key] = self._allocate(
                    states[0][key], counter=key in counters
                )
                for view, state in zip(self._views[key], states, strict=True):
                    view[...] = state[key]
                    state[key] = view
            whole[key] = self._whole[key]
        for state in states:
            for key in state.keys() - whole.keys():
                del state[key]  # scratch, which the whole has as well
        self._join_as(states, whole)

    def _begin(self) -> None:
        """Make the states of parameters that have none, block by block: no array exists twice."""
        optimizer, whole = self.optimizer, State()
        for start in range(0, len(self.flat), BLOCK):
            block = slice(start, start + BLOCK)
            state = optimizer.init_state(self.group, self.flat[block])
            for key in self._saved_keys(state):
                is_counter = key in optimizer.counters
                if not start:
                    whole[key], self._views[key] = self._allocate(state[key], counter=is_counter)
                for target in self._views[key] if is_counter else [whole[key][block]]:
                    target[...] = state[key]
        states = [optimizer.state[p] for p in self.params]
        for index, state in enumerate(states):
            state.update((key, self._views[key][index]) for key in whole)
        self._whole = dict(whole)
        self._join_as(states, whole)

    def _allocate(self, like: Array, *, counter: bool) -> tuple[Array, list[Array]]:
        """Return memory for a key of all parameters, and the part of each."""
        if not counter:
            whole = shaped(aligned_bytes(self.flat.nbytes), self.flat)
            whole[...] = 0
            return whole, self.cut(whole)
        counts = np.zeros(len(self.params), like.dtype)
        views = [counts[index : index + 1].reshape(()) for index in range(len(counts))]
        return views[0], views

    def _join_as(self, states: list[State], whole: State) -> None:
        self._states = states
        self.values = [value for state in states for value in state.values()]
        self._counts = []
        for key in whole.keys() & self.optimizer.counters:
            counts = self._views[key][0].base
            assert counts is not None
            self._counts.append((self._views[key][0], counts))
        whole[RUNS] = self.runs
        self.state, self._size = whole, len(whole)

    def _adopt(self, whole: State) -> None:
        """Give all parameters the state that an update added, such as momentum turned on later."""
        self._size = len(whole)
        new_keys = [key for key in self._saved_keys(whole) if key not in self._states[0]]
        for key in new_keys:
            value = whole[key]
            if key in self.optimizer.counters:
                whole[key], self._views[key] = self._allocate(value, counter=True)
                for view in self._views[key]:
                    view[...] = value
            else:
                self._views[key] = self.cut(value)
            self._whole[key] = whole[key]
            for view, state in zip(self._views[key], self._states, strict=True):
                state[key] = view
        if new_keys:
            self._join_as(self._states, whole)

    def split(self) -> None:
        """Give each parameter separate counters again; the arrays still share a buffer."""
        self.state = None


def sole(array: Array) -> bool:
    """Tell whether an array owns its memory, and no other array or buffer views it.

    References to the array itself are for the caller to count.
    """
    if type(array) is not np.ndarray or not array.flags.writeable:
        return False
    if array.base is None:
        return bool(array.flags.owndata)
    return bool(
        type(array.base) is np.ndarray
        and array.base.flags.owndata
        and sys.getrefcount(array.base) == REFERENCES
    )
