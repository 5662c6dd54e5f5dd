"""The spellings of arguments: PyTorch's names, NumPy's names, and what is refused.

`public` is the one place where `axis` becomes `dim`; `creation` the one place that handles
`device` and `requires_grad`. The small functions below turn dims and sizes into plain tuples.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import numpy as np

from tinygrad_mnist.autograd import supplied
from tinygrad_mnist.autograd.default_dtype import get_default_dtype
from tinygrad_mnist.autograd.modes import MODES
from tinygrad_mnist.autograd.record import record, special
from tinygrad_mnist.autograd.signature import all_names, parameter_names
from tinygrad_mnist.autograd.tensor import Tensor, as_array, wrap

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])
Dim = int | Sequence[int] | None
FLOAT16, FLOAT32 = np.dtype(np.float16), np.dtype(np.float32)

# NumPy's name of an argument, and ours.
NUMPY_NAMES = {
    "axis": "dim", "keepdims": "keepdim", "ddof": "correction",
    "x": "input", "a": "input", "x1": "input", "x2": "other",
}  # fmt: skip
# PyTorch's names where one function here has several forms, or several functions there.
OTHER_NAMES = {
    "split_size": "split_size_or_sections", "split_sizes": "split_size_or_sections",
    "sections": "indices_or_sections", "indices": "indices_or_sections", "tensor": "input",
    "axis0": "dim0", "axis1": "dim1", "size": "shape", "repeats": "sizes", "values": "other",
    "mat1": "a", "mat": "a", "batch1": "a", "vec1": "a",
    "mat2": "b", "vec": "b", "batch2": "b", "vec2": "b",
    "other": "tensor", "input2": "L",
}  # fmt: skip
# Arguments that PyTorch has and this package has not; their neutral values are accepted.
UNSUPPORTED = {
    "layout": "every Tensor is dense",
    "pin_memory": "there is no device to copy to",
    "memory_format": "the kernels choose the layout",
    "names": "dimensions have no names",
}
NEUTRAL = (None, False, "torch.strided", "torch.contiguous_format", "torch.preserve_format",
           "torch.channels_last", "torch.channels_last_3d")  # fmt: skip


def public(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function of the public page be called with NumPy's argument names too.

    `out=` writes the result into a Tensor, for every function alike. Raises TypeError for an
    argument that PyTorch has and this package has not, and for a first argument that is no Tensor.
    """
    positional, _, keywords = parameter_names(function)
    plain = {*positional, *keywords}

    def call(*args: P.args, **kw: P.kwargs) -> R:
        if kw and not kw.keys() <= plain:
            if kw.get("out") is not None and "out" not in plain:
                return _into(call, args, kw)  # type: ignore[no-any-return]
            args, kw = _respell(call.__name__, function, args, kw)  # type: ignore[assignment]
        try:
            return function(*args, **kw)
        except AttributeError:
            if not args or isinstance(args[0], (Tensor, np.ndarray)):
                raise
            first = all_names(function)[0]
            message = f"argument '{first}' must be Tensor, not {type(args[0]).__name__}"
            raise TypeError(f"{call.__name__}(): {message}") from None

    # What functools.wraps does, less annotations and attributes, in half the time.
    call.__wrapped__, call.__module__ = function, function.__module__  # type: ignore[attr-defined]
    call.__name__, call.__qualname__ = function.__name__, function.__qualname__
    call.__doc__ = function.__doc__
    return call


def _into(call: Callable[..., Any], args: tuple[Any, ...], kw: dict[str, Any]) -> Any:
    """Call, and write the result into the Tensor that `out=` names."""
    out = kw["out"]
    result = call(*args, **{word: value for word, value in kw.items() if word != "out"})
    return supplied.write_out(call.__name__, out, result)


def _respell(
    called: str, function: Callable[..., Any], args: tuple[Any, ...], kw: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments by the function's own names, with *args by position.

    Raises TypeError for an argument that is not supported.
    """
    positional, variadic, keywords = parameter_names(function)
    names = (*positional, variadic, *keywords)
    arguments: dict[str, Any] = {}
    for word, value in kw.items():
        if word == "out" and word not in names:  # out=None asks for a new Tensor
            continue
        if word in UNSUPPORTED and word not in names:
            if not any(value is neutral for neutral in NEUTRAL) and str(value) not in NEUTRAL:
                raise TypeError(f"{called}(): {word}= is not supported; {UNSUPPORTED[word]}")
        elif word in names or word != "dtype" or value is not None:
            name = word
            if word not in names:
                other = OTHER_NAMES.get(word, word)
                name = other if other in names else NUMPY_NAMES.get(word, word)
            arguments[name] = value
    if variadic is not None and variadic in arguments:
        first = (arguments.pop(positional[0]),) if positional and not args else ()
        args = (*args, *first, arguments.pop(variadic))
    return args, arguments


def composed(what: str, function: Callable[..., R]) -> Callable[..., R]:
    """Make a public function from a docstring and a one-line function."""
    function.__doc__ = what
    return public(function)


def named(family: dict[str, Any], names: list[str]) -> None:
    """Set `__name__` on the functions of a family that a factory or a lambda made."""
    for name in names:
        function = family[name]
        if getattr(function, "__name__", name) not in names:
            function.__name__ = function.__qualname__ = name


def creation(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`public`, for a function that makes a Tensor: also takes `device` and `requires_grad`."""
    inner = public(function)

    @functools.wraps(function)
    def call(*args: Any, device: Any = None, requires_grad: bool = False, **kw: Any) -> Tensor:
        if device is not None:
            check_device(device)
        tensor = inner(*args, **kw)
        return tensor.requires_grad_() if requires_grad else tensor

    return call


DEVICES = ("cpu", "cuda", "mps", "xpu", "meta", "mtia", "hpu", "xla", "ipu")


class device:
    """The device of a Tensor: always the CPU. Another may be named, and is refused where used.

    >>> device("cpu"), device("cuda:1")
    (device(type='cpu'), device(type='cuda', index=1))
    """

    type: str
    index: int | None

    def __init__(self, type: Any = "cpu", index: int | None = None) -> None:
        if isinstance(type, device):
            type, index = type.type, type.index
        if isinstance(type, int):
            type, index = "cuda", type
        name, colon, number = str(type).partition(":")
        if name not in DEVICES or (colon and not number.isdigit()):
            raise RuntimeError(f"device {type!r} is not available: everything runs on the CPU")
        self.type = name
        self.index = None if name == "cpu" else int(number) if colon else index

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __enter__(self) -> device:
        check_device(self)
        return self

    def __exit__(self, *_: object) -> None:
        return None


def check_device(value: Any) -> None:
    """Raise RuntimeError for any device but the CPU."""
    target = value if isinstance(value, device) else device(value)
    if target.type != "cpu":
        raise RuntimeError(f"device {str(target)!r} is not available: everything runs on the CPU")


def call_recorded(row: Callable[..., Any], **kw: Any) -> Tensor:
    """Call a row that has no array arguments (zeros, random numbers) so that a tape records it."""
    op = row.op  # type: ignore[attr-defined]
    return special(op, (), kw) if MODES else record(op, (), kw)


def as_element(value: Any, dtype: Any) -> Any:
    """Return a number as an integer of an integer dtype: fractions are cut off, -1 wraps in uint8.

    Raises RuntimeError for a number that the dtype does not reach. Other values are returned as
    they are, and any value for another dtype.
    """
    if dtype.kind not in "iu" or not isinstance(value, (bool, int, float, np.generic)):
        return value
    limits = np.iinfo(dtype)
    wraps = dtype.kind == "u" and not isinstance(value, (float, np.floating))
    least = -limits.max if wraps else limits.min
    if not (math.isfinite(value) and least <= int(value) <= limits.max):
        raise RuntimeError(f"value cannot be converted to type {dtype} without overflow: {value}")
    return int(np.asarray(int(value)).astype(dtype))


def dim_of(ndim: int, dim: Any) -> int:
    """Count a dimension from the front; IndexError names the allowed range, as in PyTorch."""
    if type(dim) is int and 0 <= dim < ndim:
        return dim
    if not hasattr(dim, "__index__"):
        raise TypeError(f"dim must be int, not {type(dim).__name__}")
    dim = dim.__index__()
    reach = max(ndim, 1)
    if not -reach <= dim < reach:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-reach}, {reach - 1}], "
            f"but got {dim})"
        )
    return int(dim % reach)


def dims_of(ndim: int, dim: Any) -> tuple[int, ...]:
    """Count several dimensions from the front; RuntimeError if one comes twice."""
    dims = tuple([dim_of(ndim, d) for d in dim])
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"dim {dims} has the same dimension twice")
    return dims


def axes_of(ndim: int, dim: Dim) -> tuple[int, ...] | None:
    """The dims that a reduction runs over, None for all of them."""
    if dim is None:
        return None
    dims = dims_of(ndim, dim if isinstance(dim, (tuple, list)) else (dim,))
    return dims if ndim and dims else None


def size_of(size: tuple[Any, ...]) -> tuple[int, ...]:
    """Return the size of a call `f(2, 3)`, `f((2, 3))` or `f([2, 3])`."""
    if len(size) == 1 and not isinstance(size[0], int):
        sequence = size[0]
        if getattr(sequence, "ndim", 0):
            sequence = sequence.tolist()
        if not hasattr(sequence, "__index__"):
            if not hasattr(sequence, "__iter__"):
                raise TypeError(f"size must be tuple of ints, not {type(sequence).__name__}")
            size = tuple(sequence)
    for n in size:
        if type(n) is not int:
            return tuple([_length(n, at) for at, n in enumerate(size)])
    return size


def _length(n: Any, at: int) -> int:
    if not hasattr(n, "__index__"):
        raise TypeError(
            f"size must be tuple of ints, but found element of type {type(n).__name__} at pos {at}"
        )
    return int(n.__index__())


def floating(x: Any) -> Any:
    """Return x itself, or x cast to the default dtype if it holds integers or bools."""
    if x.dtype.kind == "f":
        return x
    return supplied.cast(x, dtype=get_default_dtype())


def in_float32(function: F) -> F:
    """Make a function compute float16 in float32, and round its result once."""

    @functools.wraps(function)
    def wide(*args: Any, **kw: Any) -> Any:
        for x in (*args, *kw.values()) if kw else args:
            if isinstance(x, Tensor) and x._data.dtype is FLOAT16:  # there is one such object
                break
        else:
            return function(*args, **kw)
        return _in_float32(function, args, kw)

    return wide  # type: ignore[return-value]


def _in_float32(function: Callable[..., Any], args: tuple[Any, ...], kw: dict[str, Any]) -> Any:
    def up(x: Any) -> Any:
        half = isinstance(x, Tensor) and x._data.dtype.char == "e"
        return supplied.cast(x, dtype=FLOAT32) if half else x

    tensors = [x for x in (*args, *kw.values()) if isinstance(x, Tensor)]
    result = function(*map(up, args), **{k: up(v) for k, v in kw.items()})
    if kw.get("dtype") is not None or any(x.dtype.char in "fd" for x in tensors):
        return result
    return supplied.cast(result, dtype=FLOAT16)


def tensor_of(x: Any, like: Any = None) -> Tensor:
    """Return x as a Tensor: itself, one on the same memory, or a new one in the dtype of `like`."""
    if isinstance(x, Tensor):
        return x
    if isinstance(x, np.ndarray):
        return wrap(x)
    if like is None:
        return wrap(as_array(x))
    number_fits = isinstance(x, (bool, int)) or like.dtype.kind == "f"
    return wrap(as_array(x, like.dtype if number_fits else None))
