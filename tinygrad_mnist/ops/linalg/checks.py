"""Checks of the arguments of linear algebra, in PyTorch's words."""

from __future__ import annotations

from typing import Any

from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.autograd.tensor import Tensor

NAMES = {
    "int64": "Long", "int32": "Int", "int16": "Short", "int8": "Char", "uint8": "Byte",
    "bool": "Bool", "float16": "Half", "float32": "Float", "float64": "Double",
}  # fmt: skip


def floats(name: str, *tensors: Any) -> None:
    """Raise DTypeError unless all are float32, or all float64; TypeError for anything else."""
    for x in tensors:
        if not isinstance(x, Tensor):
            raise TypeError(f"linalg.{name}: a Tensor is needed, not {type(x).__name__}")
        if x.dtype.kind != "f":
            raise DTypeError(
                f"linalg.{name}: Expected a floating point or complex tensor as input. Got "
                f"{NAMES.get(x.dtype.name, x.dtype.name)}"
            )
        if x.dtype.itemsize < 4:
            raise DTypeError(f"linalg.{name} is not implemented for float16; cast it to float32")
        if x.dtype != tensors[0].dtype:
            raise DTypeError(
                f"linalg.{name}: Expected A and B to have the same dtype, but found "
                f"{tensors[0].dtype} and {x.dtype} instead; cast one of them"
            )


def matrices(name: str, *tensors: Any) -> None:
    """Check `floats`, and raise ShapeError unless each has two dimensions or more."""
    floats(name, *tensors)
    for letter, x in zip("AB", tensors, strict=False):
        if x.ndim < 2:
            raise ShapeError(
                f"linalg.{name}: The input tensor {letter} must have at least 2 dimensions."
            )


def square_matrices(name: str, a: Any) -> None:
    """Check `matrices`, and raise ShapeError unless they have as many rows as columns."""
    matrices(name, a)
    rows, columns = a.shape[-2:]
    if rows != columns:
        raise ShapeError(
            f"linalg.{name}: A must be batches of square matrices, but they are {rows} by "
            f"{columns} matrices"
        )
