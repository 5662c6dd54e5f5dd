"""Reverse-mode automatic differentiation on NumPy, with PyTorch's names, and MNIST models.

The public names stand here, on one page; each folder's first file says what lives in it.
"""

from __future__ import annotations

import builtins
import importlib
from typing import Any

import numpy as np

from tinygrad_mnist import autograd, ops
from tinygrad_mnist.autograd import (
    Tensor,
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from tinygrad_mnist.autograd.dtypes import (
    get_default_dtype,
    promote_types,
    result_type,
    set_default_dtype,
)
from tinygrad_mnist.ops.arguments import device, nearest
from tinygrad_mnist.ops.compare import *  # noqa: F403
from tinygrad_mnist.ops.create import *  # noqa: F403
from tinygrad_mnist.ops.elementwise import *  # noqa: F403
from tinygrad_mnist.ops.index import *  # noqa: F403
from tinygrad_mnist.ops.matmul import *  # noqa: F403
from tinygrad_mnist.ops.random import *  # noqa: F403
from tinygrad_mnist.ops.reduce import *  # noqa: F403
from tinygrad_mnist.ops.shape import *  # noqa: F403

__version__ = "0.1.0"

dtype = np.dtype
float16 = half = np.dtype("float16")
float32 = float = np.dtype("float32")
float64 = double = np.dtype("float64")
uint8 = np.dtype("uint8")
int8 = np.dtype("int8")
int16 = short = np.dtype("int16")
int32 = int = np.dtype("int32")
int64 = long = np.dtype("int64")
bool = np.dtype("bool")


class cuda:
    """There is none: programs that ask are told so."""

    @staticmethod
    def is_available() -> builtins.bool:
        """False."""
        return False

    @staticmethod
    def device_count() -> builtins.int:
        """0."""
        return 0

    @staticmethod
    def manual_seed(seed: builtins.int) -> None:
        """Nothing to seed."""

    manual_seed_all = manual_seed


accelerator = cuda


def is_tensor(obj: Any) -> builtins.bool:
    """Whether it is a Tensor."""
    return isinstance(obj, Tensor)


def numel(input: Tensor) -> builtins.int:
    """How many elements it has."""
    return input._data.size


def is_floating_point(input: Tensor) -> builtins.bool:
    """Whether its dtype is a float."""
    return input._data.dtype.kind == "f"


LAZY = ("nn", "optim", "jit", "data", "utils", "models", "serialize", "testing", "train")


def __getattr__(name: str) -> Any:
    if name in LAZY:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{nearest(name, globals())}")
