"""Optimizer: parameter groups, their state, and one in-place update per parameter.

A subclass defines the state of a parameter (`init_state`) and the step that changes it (`update`),
both on bare ndarrays. Everything else is here: groups, skipping, closures, saving, loading.
"""

from __future__ import annotations

import functools
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import writes
from tinygrad_mnist.autograd.floats import USUAL, hush, restore, state
from tinygrad_mnist.autograd.graph import Leaf
from tinygrad_mnist.autograd.modes import (
    DEFAULT,
    MODES,
    TAPED,
    current,
    enable_grad,
    is_taped,
    note_change,
)
from tinygrad_mnist.autograd.tensor import Tensor, grad_owner
from tinygrad_mnist.optim.blocks import update_parameter
from tinygrad_mnist.optim.checks import (
    check_implementation,
    check_parameter,
    check_settings,
    drop_duplicates,
)
from tinygrad_mnist.optim.hooks import Hooked
from tinygrad_mnist.optim.pieces import Array, Group, State, number
from tinygrad_mnist.optim.saved import copied_value, loaded_value, saved_value, state_array

Closure = Callable[[], Any]
_NO_STAMP: tuple[Callable[[], Any], Callable[[], None]] = (lambda: None, lambda: None)


class _Required:
    """The default of a setting that each group has to have."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()  # for optimizers written before PyTorch 2.2


class Optimizer(Hooked):
    """The base of all optimizers; `params` are Tensors, (name, Tensor) pairs, or group dicts.

    A subclass for which each element's new value depends on that element alone sets
    `elementwise = True`: its `update` may then be called once for many parameters that lie in one
    buffer, or for each part of a large one, in several threads, and must give the same bits. The
    rules of `init_state` and `update` that allow it (it holds for the `update` of that class; one
    that overrides it has to say so again):

    - state is ndarrays, all made by `init_state` and changed in place: of the parameter's shape,
      or 0-d if `counters` names the key, which parameters in one buffer share;
    - a key that starts with `_` is scratch for one call of `update`, or a counter, and not saved;
    - a number read from a group or from the state is made a Python float first (`number`), so
      that float32 stays float32.

    Raises TypeError or ValueError for an empty list, something that is not a Tensor, a Tensor
    that was computed, a parameter in two groups, or a negative setting.

    >>> import tinygrad_mnist as tg
    >>> class Descent(Optimizer):
    ...     elementwise = True
    ...     def update(self, group, p, g, state):
    ...         p -= number(group["lr"]) * g
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = Descent([w], {"lr": 0.5})
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.tolist()
    [0.0, 0.0]
    """

    elementwise = False
    foreign = False  # True for a class from outside, whose settings are not checked
    counters: frozenset[str] = frozenset({"step"})

    def __init__(self, params: Any, defaults: Group, **implementation: Any) -> None:
        """Put `params` into groups; each takes the settings it does not name from `defaults`."""
        check_implementation(type(self).__name__, implementation)
        if isinstance(params, Tensor) or not isinstance(params, Iterable):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {type(params).__name__}; write [tensor] for one Tensor"
            )
        self.defaults = dict(defaults)
        self.state: defaultdict[Any, State] = defaultdict(dict)
        self.param_groups: list[Group] = []
        self.stepped = False  # a scheduler asks whether step() came first
        self.joints: list[Any] = []  # parameters whose states are one: see jit/joint.py
        # A weak reference to each parameter's memory, and the function that stamps a write to it
        self._stamps: dict[Tensor, tuple[Callable[[], Any], Callable[[], None]]] = {}
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def __init_subclass__(cls, **kw: Any) -> None:
        super().__init_subclass__(**kw)
        if "update" in cls.__dict__ and "elementwise" not in cls.__dict__:
            cls.elementwise = False
        if "step" in cls.__dict__:  # an optimizer of the user's own, written as for PyTorch
            cls.foreign = not cls.__module__.startswith("tinygrad_mnist.")
            cls.step = _marking(cls.__dict__["step"])  # type: ignore[method-assign]

    # For a subclass to define

    def init_state(self, group: Group, p: Array) -> State:
        """Make the state of a parameter, when its first gradient arrives."""
        return {}

    def update(self, group: Group, p: Array, g: Array, state: State) -> None:
        """Change `p` (and `state`) in place, given its gradient; `g` is left as it is."""
        raise NotImplementedError(f"{type(self).__name__} must define update() or step()")

    # For a training loop to call

    def step(self, closure: Closure | None = None) -> Any:
        """Update every parameter that has a gradient; return the result of `closure`.

        A `closure` computes the loss and its gradients anew; it runs in grad mode.
        """
        if self._hooks:
            return self._around_step(Optimizer._step, (closure,) if closure else (), {})
        return self._step(closure)

    def _step(self, closure: Closure | None = None) -> Any:
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        mode = current() if MODES else DEFAULT
        usual = state() is USUAL  # no warnings of NumPy's, as in ops
        try:
            if usual:
                hush()
            if mode.follower is not None:
                mode.follower.update(self)
            elif mode.tape is None or mode.tape.effect(self._apply, self):
                self._apply()
        finally:
            if usual:
                restore()
        return loss

    def _apply(self) -> None:
        """Make the step itself, of which nothing is recorded and all may be run again."""
        self.stepped = True
        self.split()
        for group in self.param_groups:
            for p in group["params"]:
                owner = grad_owner(p)  # p.grad may copy, and a read needs no copy
                grad = owner.grad if type(owner) is Leaf else None
                if grad is None:
                    continue
                array = p._data
                state = self.state_of(group, p)
                update_parameter(self, group, array, grad._data, state)
                stamped_array, stamp = self._stamps.get(p, _NO_STAMP)
                if stamped_array() is not array:
                    stamp = writes.restamp(array)
                    self._stamps[p] = weakref.ref(array), stamp
                stamp()

    def split(self) -> None:
        """Give parameters that share one buffer separate counters again."""
        while self.joints:
            self.joints.pop().split()

    def state_of(self, group: Group, p: Tensor) -> State:
        """Return the state of a parameter of `group`; make it if there is none."""
        state = self.state[p]
        if not state:
            state.update(self.init_state(group, p._data))
        return state

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop all gradients, or, with `set_to_none=False`, fill them with zeros."""
        if set_to_none and not TAPED:
            for group in self.param_groups:
                for p in group["params"]:
                    if type(owner := grad_owner(p)) is Leaf:
                        owner.grad = None
            return
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    if p.grad.requires_grad:
                        p.grad = p.grad.detach()
                    p.grad.zero_()

    def missing_gradients(self) -> list[str]:
        """Name the parameters that require a gradient and have none: `step()` skips them.

        Names are those of `named_parameters()` if the optimizer was made from them.

        >>> import tinygrad_mnist as tg
        >>> from tinygrad_mnist import optim
        >>> used, unused = (tg.tensor([1.0], requires_grad=True) for _ in range(2))
        >>> optimizer = optim.SGD([("used", used), ("unused", unused)], lr=0.1)
        >>> used.sum().backward()
        >>> optimizer.missing_gradients()
        ['unused']
        """
        return [
            _name(group, number_in_group, index)
            for number_in_group, group in enumerate(self.param_groups)
            for index, p in enumerate(group["params"])
            if p.requires_grad and p.grad is None
        ]

    # Groups

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters with settings of their own, for example layers that are unfrozen later.

        Raises the errors of the constructor, and leaves the optimizer unchanged then.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group).__name__}")
        members = param_group.get("params")
        if isinstance(members, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the order "
                "of a set changes between runs; use a list"
            )
        if members is None:
            raise ValueError("a parameter group must have the key 'params'")
        entries = [members] if isinstance(members, Tensor) else list(members)
        pairs = [entry for entry in entries if isinstance(entry, tuple)]
        if pairs and len(pairs) != len(entries):
            raise ValueError(
                "all optimizer params should be with/without names. Some param names are missing"
            )
        params = [pair[1] for pair in pairs] or entries
        group = {**self.defaults, **param_group, "params": params}
        if pairs:
            group["param_names"] = [pair[0] for pair in pairs]
        for p in params:
            check_parameter(p)
        for key, value in group.items():
            if value is required:
                raise ValueError(
                    "parameter group didn't specify a value of required optimization parameter "
                    f"{key}"
                )
        if not self.foreign:  # settings of a foreign class have meanings of its own
            check_settings(
                {key: group[key] for key in (*self.defaults, "initial_lr") if key in group}
            )
        self._check_against_groups(group)
        drop_duplicates(group)
        note_change()
        self.param_groups.append(group)

    def _check_against_groups(self, group: Group) -> None:
        present = set(map(id, self._parameters()))
        if any(id(p) in present for p in group["params"]):
            raise ValueError("some parameters appear in more than one parameter group")
        with_names = "param_names" in group
        if any(("param_names" in other) != with_names for other in self.param_groups):
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with' if with_names else 'without'} names to the optimizer"
            )

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    # Saving and loading

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of the state and of the settings, in PyTorch's layout.

        `{"state": {number of the parameter: {key: value}}, "param_groups": [{setting: value,
        "params": [numbers]}]}`, with arrays as Tensors. It shares no memory with the optimizer.
        """
        for hook in self._hooks_of("save_pre"):
            hook(self)
        numbers = {p: number for number, p in enumerate(self._parameters())}
        state = {
            numbers.get(p, p): saved
            for p, values in self.state.items()
            if (saved := self.export_state(values))
        }
        groups = [
            {**copied_value(group), "params": [numbers[p] for p in group["params"]]}
            for group in self.param_groups
        ]
        whole = {"state": state, "param_groups": groups}
        for hook in self._hooks_of("save_post"):
            changed = hook(self, whole)
            whole = whole if changed is None else changed
        return whole

    def export_state(self, state: State) -> State:
        """Return a parameter's state to save: all but the keys that start with `_`."""
        return {key: saved_value(value) for key, value in state.items() if not key.startswith("_")}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the `state_dict()` of an optimizer of this kind, made here or by PyTorch.

        Raises ValueError, before anything is changed, if the groups or the shapes do not fit.
        """
        for hook in self._hooks_of("load_pre"):
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        if not {"state", "param_groups"} <= state_dict.keys():
            raise ValueError(f"not the state of an optimizer: its keys are {[*state_dict]}")
        saved_groups, saved_state = state_dict["param_groups"], state_dict["state"]
        counts = [len(group["params"]) for group in self.param_groups]
        saved_counts = [len(group["params"]) for group in saved_groups]
        if len(counts) != len(saved_counts):
            raise ValueError(
                "loaded state dict has a different number of parameter groups: "
                f"{len(saved_counts)}, where the optimizer has {len(counts)}"
            )
        if counts != saved_counts:
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of "
                f"optimizer's group: {saved_counts} parameters, the optimizer has {counts}"
            )
        saved_groups = [self._completed(group) for group in saved_groups]
        numbers = [number for group in saved_groups for number in group["params"]]
        groups = [group for group in saved_groups for _ in group["params"]]
        owners = dict(zip(numbers, zip(groups, self._parameters(), strict=True), strict=True))
        state: dict[Any, Any] = {}
        for key, saved in saved_state.items():
            if key not in owners:
                state[key] = copied_value(saved)
                continue
            group, p = owners[key]
            try:
                state[p] = self.import_state(group, p._data, saved)
            except ValueError as error:
                raise ValueError(f"state of parameter {key}: {error}") from None
        self.split()
        self.state.clear()
        self.state.update(state)
        for group, saved in zip(self.param_groups, saved_groups, strict=True):
            params = group["params"]
            names = {key: group[key] for key in ("param_names",) if key in group}
            group.clear()  # in place, for others may refer to the dict
            group.update(names | copied_value(saved))
            group["params"] = params
        for hook in self._hooks_of("load_post"):
            hook(self)

    def _completed(self, saved: Group) -> Group:
        """Check saved settings, and add the switches that an older version lacked."""
        for key, default in self.defaults.items():
            if key not in saved and not isinstance(default, bool):
                raise ValueError(
                    f"loaded state dict has no {key!r}, which {type(self).__name__} needs; was it "
                    "saved by another kind of optimizer?"
                )
        check_settings(saved)
        return {**self.defaults, **saved}

    def import_state(self, group: Group, p: Array, saved: State) -> State:
        """Return a copy of saved state, with ndarrays if there is an `update`, else Tensors."""
        if type(self).update is Optimizer.update:
            return {key: loaded_value(value, p) for key, value in saved.items()}
        for key in self.init_state(group, p):
            if not key.startswith("_") and key not in saved:
                raise ValueError(f"no {key!r}, which {type(self).__name__} needs")
        return {
            key: state_array(key, value, p)
            if key not in self.counters
            else np.array(number(value), "f4")
            for key, value in saved.items()
            if value is not None
        }

    def __getstate__(self) -> dict[str, Any]:
        self.split()  # the parameters of a copy lie in no common buffer
        return {**self.__dict__, "_stamps": {}}

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for index, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {index}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])

    def _repr_html_(self) -> str:
        from tinygrad_mnist.optim.notebook import as_table

        return as_table(self)


def _marking(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return a `step` that marks the optimizer as stepped."""

    @functools.wraps(step)
    def marked(self: Optimizer, *args: Any, **kw: Any) -> Any:
        if not is_taped():  # on a tape, the effect marks it when it runs
            self.stepped = True
        if self._hooks:
            return self._around_step(step, args, kw)
        return step(self, *args, **kw)

    return marked


def _name(group: Group, number: int, index: int) -> str:
    if "param_names" in group:
        return str(group["param_names"][index])
    return f"param_groups[{number}]['params'][{index}] {tuple(group['params'][index].shape)}"
