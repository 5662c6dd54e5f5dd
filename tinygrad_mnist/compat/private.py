"""Names with an underscore that programs import from PyTorch's files, and argument types.

`from torch.nn.modules.utils import _pair`, `from torch.nn.modules.batchnorm import _BatchNorm`.
"""

from __future__ import annotations

import contextlib
import enum
import itertools
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tinygrad_mnist import nn
from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.compat.overrides import handle_torch_function as handle_torch_function
from tinygrad_mnist.compat.overrides import has_torch_function as has_torch_function
from tinygrad_mnist.compat.overrides import has_torch_function_unary as has_torch_function_unary
from tinygrad_mnist.compat.overrides import (
    has_torch_function_variadic as has_torch_function_variadic,
)
from tinygrad_mnist.nn.layers import activation, conv, linear, norm, pool, rnn  # noqa: F401
from tinygrad_mnist.nn.loss import Loss

_size_1_t = _size_2_t = _size_3_t = _size_any_t = int | tuple[int, ...]
_size_1_opt_t = _size_2_opt_t = _size_any_opt_t = int | tuple[int | None, ...]
_ratio_2_t = _ratio_3_t = _ratio_any_t = float | tuple[float, ...]
_maybe_indices_t = Tensor | tuple[Tensor, Tensor]
Number = int | float | bool
_TensorOrTensors = Tensor | tuple[Tensor, ...]
_Loss = _WeightedLoss = Loss
Storage = TypedStorage = UntypedStorage = type("Storage", (), {})  # has no instances
string_classes = (str, bytes)
int_classes = int
container_abcs = __import__("collections.abc").abc
inf = float("inf")
Optional, Union = typing.Optional, typing.Union


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that repeats a number n times and makes a tuple of an iterable."""

    def parse(x: Any) -> tuple[Any, ...]:
        return tuple(x) if isinstance(x, Iterable) else tuple(itertools.repeat(x, n))

    parse.__name__ = name
    return parse


_single, _pair, _triple, _quadruple = (
    _ntuple(n, name) for n, name in enumerate(("_single", "_pair", "_triple", "_quadruple"), 1)
)


def _reverse_repeat_tuple(t: Any, n: int) -> tuple[Any, ...]:
    """Return each element n times, the last one first."""
    return tuple(x for x in reversed(t) for _ in range(n))


def _addindent(s_: str, numSpaces: int) -> str:
    """Indent all lines but the first."""
    first, *later = s_.split("\n")
    return "\n".join([first, *(" " * numSpaces + line for line in later)])


class _Kind(type):
    """The metaclass of PyTorch's base classes of layers, for `isinstance()` alone."""

    members: tuple[str, ...]

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, tuple(getattr(nn, n) for n in cls.members if hasattr(nn, n)))

    def __subclasscheck__(cls, kind: type) -> bool:
        members = tuple(getattr(nn, n) for n in cls.members if hasattr(nn, n))
        return kind is cls or issubclass(kind, members)


def _kind(name: str, *stems: str, dims: str = "123") -> Any:
    members = tuple(f"{stem}{d}d" for stem in stems for d in dims)
    return _Kind(name, (), {"members": members, "__doc__": f"Any of {', '.join(members)}."})


_ConvNd = conv.ConvNd
_ConvTransposeNd = conv.ConvTransposeNd
_NormBase, _BatchNorm, _InstanceNorm = norm.NormBase, norm.BatchNorm, norm.InstanceNorm
_MaxPoolNd = _kind("_MaxPoolNd", "MaxPool")
_AvgPoolNd = _kind("_AvgPoolNd", "AvgPool")
_DropoutNd = activation.DropoutNd
NonDynamicallyQuantizableLinear = linear.NonDynamicallyQuantizableLinear


def _if_scalar_type_as(other: Any, *_: Any) -> Any:
    return other


class SDPBackend(enum.IntEnum):
    """PyTorch's kernels of attention; here is one, whichever is asked for."""

    ERROR, MATH, FLASH_ATTENTION, EFFICIENT_ATTENTION, CUDNN_ATTENTION, OVERRIDEABLE = range(-1, 5)


@contextlib.contextmanager
def sdpa_kernel(backends: Any, set_priority: bool = False) -> Iterator[None]:
    """Do nothing: attention is computed by one kernel."""
    yield


def is_tensor_like(inp: Any) -> bool:
    """Tell whether an object is a Tensor."""
    return isinstance(inp, Tensor)
