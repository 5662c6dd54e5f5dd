"""Products of matrices and vectors."""

from __future__ import annotations

from typing import Any

from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.arguments import public

__all__ = [
    "addmm", "addmv", "bmm", "dot", "inner", "matmul", "mm", "mv", "outer", "vdot",
]  # fmt: skip
METHODS = __all__


@public
def matmul(input: Any, other: Any) -> Tensor:
    """input @ other: of matrices, stacks of matrices, and vectors.

    A vector on the left is a row, on the right a column; its dimension is not in the result.

    >>> import tinygrad_mnist as tg
    >>> tg.matmul(tg.eye(2), tg.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    try:
        return table.matmul(input, other)  # type: ignore[no-any-return]
    except ShapeError:
        if not input.ndim or not other.ndim or min(input.ndim, other.ndim) > 1:
            raise
    a, b = input, other
    if input.ndim == 1:
        a = table.reshape(input, shape=(1, *input.shape))
    if other.ndim == 1:
        b = table.reshape(other, shape=(*other.shape, 1))
    y = table.matmul(a, b)
    rows = () if input.ndim == 1 else y.shape[-2:-1]
    columns = () if other.ndim == 1 else y.shape[-1:]
    return table.reshape(y, shape=(*y.shape[:-2], *rows, *columns))  # type: ignore[no-any-return]


def exactly(name: str, *ranks: tuple[Any, int]) -> None:
    """RuntimeError unless each argument has its number of dimensions."""
    for x, ndim in ranks:
        if x.ndim != ndim:
            raise ShapeError(f"{name}: expected a {ndim}-D tensor, got one of shape {x.shape}")


@public
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices."""
    exactly("mm", (input, 2), (mat2, 2))
    return table.matmul(input, mat2)  # type: ignore[no-any-return]


@public
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two stacks of matrices."""
    exactly("bmm", (input, 3), (mat2, 3))
    if input.shape[0] != mat2.shape[0]:
        raise ShapeError(f"bmm: stacks of {input.shape[0]} and of {mat2.shape[0]} matrices")
    return table.matmul(input, mat2)  # type: ignore[no-any-return]


@public
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """A matrix times a vector."""
    exactly("mv", (input, 2), (vec, 1))
    return matmul(input, vec)


@public
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The sum of the products of two vectors' elements."""
    exactly("dot", (input, 1), (tensor, 1))
    return matmul(input, tensor)


vdot = dot


@public
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Sums of products over the last dimension of both."""
    if not input.ndim or not other.ndim:
        return input * other
    a = table.reshape(input, shape=(-1, input.shape[-1]))
    b = table.reshape(other, shape=(-1, other.shape[-1]))
    return table.reshape(table.matmul(a, b.mT), shape=input.shape[:-1] + other.shape[:-1])  # type: ignore[no-any-return]


@public
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Every product of an element of one vector with one of the other."""
    exactly("outer", (input, 1), (vec2, 1))
    return table.reshape(input, shape=(-1, 1)) * vec2


@public
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * mat1 @ mat2; with beta 0, input is ignored."""
    return scaled_sum(input, mm(mat1, mat2), beta, alpha)


@public
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * mat @ vec; with beta 0, input is ignored."""
    return scaled_sum(input, mv(mat, vec), beta, alpha)


def scaled_sum(x: Tensor, y: Tensor, beta: Any, alpha: Any) -> Tensor:
    """beta * x + alpha * y."""
    y = y if alpha == 1 else y * alpha
    if beta == 0:
        return y + table.broadcast_to(table.where(True, 0.0, x), shape=y.shape)  # type: ignore[no-any-return]
    return (x if beta == 1 else x * beta) + y
