"""State dicts: what a module's state is, and how another one is copied into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.autograd import Tensor, writes
from tinygrad_mnist.autograd.tensor import refuse_unrecorded, wrap


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` skipped with `strict=False`."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"missing {self.missing_keys}, unexpected {self.unexpected_keys}"


def named(module: Any, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """(dotted name, Tensor) of all Parameters and lasting buffers; a shared one under each name."""
    for path, part in module.named_modules(remove_duplicate=False):
        lasting = ((k, b) for k, b in part._buffers.items() if k not in part._transient)
        for name, tensor in (*part._parameters.items(), *lasting):
            if tensor is not None:
                yield f"{prefix}{path}.{name}" if path else f"{prefix}{name}", tensor


def load(module: Any, given: Mapping[str, Any], strict: bool, assign: bool) -> IncompatibleKeys:
    """Check everything, then write everything; see `Module.load_state_dict`."""
    if not isinstance(given, Mapping):
        raise TypeError(f"state_dict must be a mapping, not {type(given).__name__}")
    mine = dict(named(module))
    keys = IncompatibleKeys(
        [k for k in mine if k not in given], [k for k in given if k not in mine]
    )
    problems: list[str] = []
    for what, names in zip(("Missing", "Unexpected"), keys, strict=True):
        if strict and names:
            listed = ", ".join(f'"{name}"' for name in names)
            problems.append(f"{what} key(s) in state_dict: {listed}.")
    arrays = {k: _fitting(k, given[k], mine[k], problems) for k in mine if k in given}
    if problems:
        lines = "\n\t".join(problems)
        raise RuntimeError(
            f"Error(s) in loading state_dict for {type(module).__name__}:\n\t{lines}"
        )
    refuse_unrecorded("load_state_dict()")
    for name, array in arrays.items():
        if assign:
            mine[name].data = wrap(array)
        else:
            np.copyto(mine[name]._data, array, casting="unsafe")
            writes.stamp(mine[name]._data)
    return keys


def _fitting(name: str, value: Any, tensor: Tensor, problems: list[str]) -> Any:
    """The value as an array that fits the Tensor; or None, and the problem is listed."""
    try:
        array = np.asarray(value.detach() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError) as error:
        problems.append(f"{name}: not readable as an array ({error}).")
        return None
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind not in "fiub":
        problems.append(f"{name}: holds {array.dtype}, and numbers are needed.")
    elif array.shape != tensor.shape:
        problems.append(
            f"size mismatch for {name}: copying a param with shape {list(array.shape)} from "
            f"checkpoint, the shape in current model is {list(tensor.shape)}."
        )
    return array
