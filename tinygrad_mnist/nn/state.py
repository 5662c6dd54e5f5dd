"""State dicts: reading a module's state, and copying another state into a module."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.autograd import Tensor, writes
from tinygrad_mnist.autograd.graph import RemovableHandle
from tinygrad_mnist.autograd.tensor import refuse_unrecorded, wrap
from tinygrad_mnist.nn.hooks import register

EXTRA_KEY = "_extra_state"  # the key of the result of get_extra_state()
PLAN_KEY = " plan"  # of local_metadata: the writes to make once the whole load is accepted

Write = Callable[[], Any]


class IncompatibleKeys(NamedTuple):
    """The keys that `load_state_dict` skipped with `strict=False`."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"missing {self.missing_keys}, unexpected {self.unexpected_keys}"


NO_KEYS = IncompatibleKeys([], [])


def own(module: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield (name, Tensor) of a module's own Parameters and persistent buffers."""
    lasting = ((k, b) for k, b in module._buffers.items() if k not in module._transient)
    for name, tensor in (*module._parameters.items(), *lasting):
        if tensor is not None:
            yield name, tensor


def load_state(
    module: Any, state_dict: Mapping[str, Any], strict: bool, assign: bool
) -> IncompatibleKeys:
    """Check everything, then write everything; see `Module.load_state_dict`."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"state_dict must be a mapping, not {type(state_dict).__name__}")
    state, problems, plan = dict(state_dict), [], []  # type: ignore[var-annotated]
    keys = IncompatibleKeys([], [])
    walk = list(module.named_modules(remove_duplicate=False))
    for path, part in walk:
        metadata = {"version": part._version, "assign_to_params_buffers": assign, PLAN_KEY: plan}
        prefix = f"{path}." if path else ""
        part._load_from_state_dict(state, prefix, metadata, strict, *keys, problems)
    expected = {name for path, part in walk for name in _names(path, part)}
    keys.unexpected_keys.extend(
        k for k in state if k not in expected and k not in keys.unexpected_keys
    )
    hooks = [(part, hook) for _, part in reversed(walk) for hook in part._of_state("load_post")]
    if not hooks:
        _refuse(module, keys if strict else NO_KEYS, problems)
    elif problems:
        _refuse(module, NO_KEYS, problems)
    refuse_unrecorded("load_state_dict()")
    for write in plan:
        write()
    for part, hook in hooks:
        if hook(part, keys) is not None:
            raise RuntimeError(
                "a load_state_dict post-hook must return None, and change keys in place"
            )
    if hooks:
        _refuse(module, keys if strict else NO_KEYS, [])
    return keys


def _names(path: str, part: Any) -> Iterator[str]:
    prefix = f"{path}." if path else ""
    yield from (prefix + name for name, _ in own(part))
    yield prefix + EXTRA_KEY


def _refuse(module: Any, keys: IncompatibleKeys, problems: list[str]) -> None:
    """Raise one RuntimeError that lists all misfits, if there are any."""
    lines = []
    for kind, names in zip(("Missing", "Unexpected"), keys, strict=True):
        if names:
            listed = ", ".join(f'"{name}"' for name in names)
            lines.append(f"{kind} key(s) in state_dict: {listed}.")
    lines += problems
    if lines:
        text = "\n\t".join(lines)
        raise RuntimeError(f"Error(s) in loading state_dict for {type(module).__name__}:\n\t{text}")


def load_own(
    module: Any,
    state: dict[str, Any],
    prefix: str,
    metadata: dict[str, Any],
    strict: bool,
    missing: list[str],
    problems: list[str],
) -> None:
    """Plan the writes into a module's own Tensors; without a plan in `metadata`, write at once."""
    plan: list[Write] = metadata.get(PLAN_KEY, [])
    assign = metadata.get("assign_to_params_buffers", False)
    for name, tensor in own(module):
        key = prefix + name
        if key not in state:
            missing.append(key)
            continue
        array = _fitting(key, state[key], tensor, problems)
        if array is not None:
            plan.append(_write(tensor, array, assign))
    if module._has_extra_state():
        key = prefix + EXTRA_KEY
        if key in state:
            plan.append(lambda: module.set_extra_state(state[key]))
        else:
            missing.append(key)
    if PLAN_KEY not in metadata:
        for write in plan:
            write()


def _write(tensor: Any, array: Any, assign: bool) -> Write:
    def write() -> None:
        if hasattr(tensor, "materialize"):
            tensor.materialize(array.shape)
        if assign:
            tensor.data = wrap(array)
        else:
            np.copyto(tensor._data, array, casting="unsafe")
            writes.stamp(tensor._data)

    return write


def _fitting(name: str, value: Any, tensor: Tensor, problems: list[str]) -> Any:
    """Return the value as an array that fits the Tensor, or None after listing the misfit."""
    lazy, given_lazy = hasattr(tensor, "materialize"), hasattr(value, "materialize")
    if given_lazy:
        if not lazy:
            problems.append(f"{name}: the loaded one is uninitialized, this one is not.")
        return None
    try:
        array = np.asarray(value.detach() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError) as error:
        problems.append(f"{name}: not readable as an array ({error}).")
        return None
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind not in "fiub":
        problems.append(f"{name}: has dtype {array.dtype}, and numbers are needed.")
        return None
    if lazy:
        return array
    if array.shape == (1,) and tensor.shape == ():
        return array[0]
    if array.shape != tensor.shape:
        problems.append(
            f"size mismatch for {name}: copying a param with shape {list(array.shape)} from "
            f"checkpoint, the shape in current model is {list(tensor.shape)}."
        )
        return None
    return array


class Stateful:
    """The methods of a Module that save and load its state."""

    _version = 1  # of the layout of the state, for subclasses that load older ones
    _state_hooks: dict[str, dict[int, Any]] | None = None
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _transient: set[str]

    @property
    def _non_persistent_buffers_set(self) -> set[str]:
        return self._transient

    def state_dict(
        self, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """All Parameters and persistent buffers by dotted name, detached, on the same memory.

        Order: a module's Parameters, its buffers, then its children. `keep_vars` gives the
        Parameters themselves. The key `_extra_state` has the result of `get_extra_state()`.
        """
        result: dict[str, Any] = {} if destination is None else destination
        for hook in self._of_state("save_pre"):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(result, prefix, keep_vars)
        for name, child in self._modules.items():
            if child is not None:
                below = f"{prefix}{name}."
                child.state_dict(destination=result, prefix=below, keep_vars=keep_vars)
        for hook in self._of_state("save_post"):
            changed = hook(self, result, prefix, {"version": self._version})
            result = result if changed is None else changed
        return result

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put the module's own Tensors, and its extra state, into `destination`."""
        for name, tensor in own(self):
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if self._has_extra_state():
            destination[prefix + EXTRA_KEY] = self.get_extra_state()

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy values into the Parameters and buffers of the same names, cast to their dtypes.

        Values are Tensors, arrays, or anything NumPy can read, PyTorch's tensors among them.
        `strict=False` skips keys that only one side has; `assign` takes over the loaded memory and
        dtype. Uninitialized Parameters take the loaded shapes. Returns (missing_keys,
        unexpected_keys).

        Raises one RuntimeError that lists every missing, unexpected, misshapen and unreadable key;
        then nothing has been written.
        """
        return load_state(self, state_dict, strict, assign)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load the module's own Tensors; a subclass may rewrite `state_dict` first."""
        settings = (local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        for hook in self._of_state("load_pre"):
            hook(state_dict, prefix, *settings)
        load_own(self, state_dict, prefix, local_metadata, strict, missing_keys, error_msgs)

    def get_extra_state(self) -> Any:
        """Return further state for the state dict; `set_extra_state` loads it."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called: define "
            "get_extra_state() and set_extra_state()"
        )

    def set_extra_state(self, state: Any) -> None:
        """Load the state that `get_extra_state()` returned."""
        raise RuntimeError(
            f"the state dict has extra state, but {type(self).__name__} has no set_extra_state()"
        )

    def _has_extra_state(self) -> bool:
        return type(self).get_extra_state is not Stateful.get_extra_state

    # Hooks

    def _of_state(self, kind: str) -> list[Callable[..., Any]]:
        hooks = (self._state_hooks or {}).get(kind, {})
        return list(hooks.values())

    def _register_state(self, kind: str, hook: Callable[..., Any]) -> RemovableHandle:
        if self._state_hooks is None:
            self._state_hooks = {}
        return register(self._state_hooks.setdefault(kind, {}), hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before `state_dict()` collects."""
        return self._register_state("save_pre", hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after `state_dict()`."""
        return self._register_state("save_post", hook)

    _register_state_dict_hook = register_state_dict_post_hook

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata, strict, missing, unexpected,
        errors)` before a load; it may change the dict, which is a copy, and add to the lists.
        """
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], with_module: bool = False
    ) -> RemovableHandle:
        if with_module:
            return self._register_state("load_pre", functools.partial(hook, self))
        return self._register_state("load_pre", hook)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after a load; it may change the lists in place."""
        return self._register_state("load_post", hook)
