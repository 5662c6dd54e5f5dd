"""Shared by all formats: the arrays of a state dict, and the error of a missing library."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.serialize.files import File, name_of
from tinygrad_mnist.serialize.guard import DTYPES, FormatError

Arrays = dict[str, NDArray[Any]]


class MissingExtra(ImportError):
    """A library that a format needs is not installed; the message names the package to install."""


class Unsupported(TypeError):
    """The format cannot store a model or a weight; the message names the part."""


def require(module: str, install: str) -> Any:
    """Import a module; raises `MissingExtra`, naming the package to install, when it is missing.

    >>> require("no_such_library", "tinygrad-mnist[none]")
    Traceback (most recent call last):
    tinygrad_mnist.serialize.exchange.arrays.MissingExtra: this file format needs
    no_such_library: pip install 'tinygrad-mnist[none]'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        name = error.name or module
        raise MissingExtra(f"this file format needs {name}: pip install '{install}'") from None


def arrays_of(state: Mapping[str, Any]) -> Arrays:
    """Return a state dict's Tensors and arrays as arrays in C order and native byte order.

    Raises TypeError, naming the key, for a key that is not a string or a value that is not an array
    of a bool, integer or float dtype; Unsupported for a name that other libraries cannot store.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"a state dict is needed, not {type(state).__name__}")
    return {_name(key): _array(key, value) for key, value in state.items()}


def _name(key: object) -> str:
    if type(key) is not str or not key:
        raise TypeError(f"the key {key!r}: a state dict's keys are names")
    if "\0" in key or not is_text(key):
        raise Unsupported(f"the name {key!r} has a NUL or a lone surrogate, which no format stores")
    return key


def is_text(text: str) -> bool:
    """Tell whether a string can be written as UTF-8: it has no half of a surrogate pair.

    >>> is_text("ö"), is_text("\\ud800")
    (True, False)
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _array(key: str, value: Any) -> NDArray[Any]:
    array = value.detach().numpy() if hasattr(value, "detach") else value
    if not isinstance(array, (np.ndarray, np.generic)):
        raise TypeError(f"{key!r} is of type {type(value).__name__}, not an array or a Tensor")
    return np.array(array, native(array.dtype, repr(key)), order="C")


def native(dtype: np.dtype[Any], where: str, error: type[Exception] = TypeError) -> np.dtype[Any]:
    """Return the dtype in native byte order; raises `error` for one that is not allowed."""
    if dtype.name not in DTYPES:
        raise error(f"{where} has dtype {dtype}; there are {', '.join(sorted(DTYPES))}")
    return dtype.newbyteorder("=")


def checked(array: NDArray[Any], where: str) -> NDArray[Any]:
    """Return the array, if its bools are 0 or 1: with others NumPy would compute nonsense."""
    if array.dtype == np.bool_ and array.size and array.view(np.uint8).max() > 1:
        raise FormatError(f"{where} holds bools other than 0 and 1")
    return array


def damaged(path: File, kind: str, error: Exception) -> FormatError:
    """Make the one-line error of a file that its library cannot read."""
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return FormatError(f"{name_of(path)}: not a {kind} file, or damaged: {reason}")
