"""Products of matrices and vectors."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops import table
from tinygrad_mnist.ops.arguments import composed, dims_of, in_float32, public
from tinygrad_mnist.ops.diagonal import diagonal
from tinygrad_mnist.ops.reduce import distance
from tinygrad_mnist.ops.shape import clone

__all__ = [
    "addbmm", "addmm", "addmv", "addr", "baddbmm", "bmm", "cdist", "chain_matmul", "dot", "einsum",
    "inner", "kron", "matmul", "mm", "mv", "outer", "tensordot", "vdot",
]  # fmt: skip
NOT_METHODS = {"cdist", "chain_matmul", "einsum", "tensordot"}
METHODS = [name for name in __all__ if name not in NOT_METHODS]


@public
def matmul(input: Any, other: Any) -> Tensor:
    """input @ other: of matrices, stacks of matrices, and vectors.

    A vector on the left is a row, on the right a column; its dimension is not in the result.

    >>> import tinygrad_mnist as tg
    >>> tg.matmul(tg.eye(2), tg.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    try:
        plain = input.ndim > 1 < other.ndim
    except AttributeError:
        kinds = f"{type(input).__name__} and {type(other).__name__}"
        raise TypeError(f"matmul: two Tensors are needed, not {kinds}") from None
    if plain or not input.ndim or not other.ndim:
        return table.matmul(input, other)
    a, b = input, other
    if input.ndim == 1:
        a = table.reshape(input, shape=(1, *input.shape))
    if other.ndim == 1:
        b = table.reshape(other, shape=(*other.shape, 1))
    y = table.matmul(a, b)
    rows = () if input.ndim == 1 else y.shape[-2:-1]
    columns = () if other.ndim == 1 else y.shape[-1:]
    return table.reshape(y, shape=(*y.shape[:-2], *rows, *columns))


def exactly(name: str, *ranks: tuple[Any, int]) -> None:
    """Raise RuntimeError unless each argument has its number of dimensions."""
    for x, ndim in ranks:
        if x.ndim != ndim:
            raise ShapeError(f"{name}: expected a {ndim}-D tensor, got one of shape {x.shape}")


@public
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices."""
    exactly("mm", (input, 2), (mat2, 2))
    return table.matmul(input, mat2)


@public
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two stacks of matrices."""
    exactly("bmm", (input, 3), (mat2, 3))
    if input.shape[0] != mat2.shape[0]:
        raise ShapeError(f"bmm: stacks of {input.shape[0]} and of {mat2.shape[0]} matrices")
    return table.matmul(input, mat2)


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
    return table.reshape(table.matmul(a, b.mT), shape=input.shape[:-1] + other.shape[:-1])


@public
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Every product of an element of one vector with one of the other."""
    exactly("outer", (input, 1), (vec2, 1))
    return table.reshape(input, shape=(-1, 1)) * vec2


def plus(multiply: Callable[[Tensor, Tensor], Tensor], doc: str) -> Callable[..., Tensor]:
    """Make a function that adds a product to an input, both scaled."""

    @public
    def added(input: Tensor, a: Tensor, b: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        return scaled_sum(input, multiply(a, b), beta, alpha)

    added.__doc__ = doc
    return added


addmm = plus(mm, "beta * input + alpha * mat1 @ mat2; with beta 0, input is ignored.")
addmv = plus(mv, "beta * input + alpha * mat @ vec; with beta 0, input is ignored.")
baddbmm = plus(bmm, "beta * input + alpha * bmm(batch1, batch2); with beta 0, input is ignored.")
addbmm = plus(
    lambda a, b: table.sum(bmm(a, b), axis=(0,)), "`baddbmm`, with the products added up."
)
addr = plus(outer, "beta * input + alpha * outer(vec1, vec2); with beta 0, input is ignored.")
chain_matmul = composed(
    "The product of several matrices, from left to right.",
    lambda first, *more: functools.reduce(mm, more, first if more else clone(first)),
)


def scaled_sum(x: Tensor, y: Tensor, beta: Any, alpha: Any) -> Tensor:
    """beta * x + alpha * y."""
    y = y if alpha == 1 else y * alpha
    if beta == 0:
        return y + table.broadcast_to(table.where(True, 0.0, x), shape=y.shape)  # noqa: FBT003
    return (x if beta == 1 else x * beta) + y


@public
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Sums of products over dimensions: the last `dims` of a with the first of b, or two lists.

    >>> import tinygrad_mnist as tg
    >>> tg.tensordot(tg.ones(2, 3), tg.ones(3, 4), dims=1).shape
    torch.Size([2, 4])
    """
    if not isinstance(dims, (tuple, list)):
        n = int(dims)
        dims = (range(a.ndim - n, a.ndim), range(n))
    left, right = (dims_of(x.ndim, d) for x, d in zip((a, b), dims, strict=True))
    for i, j in zip(left, right, strict=True):
        a, b = same_length(a, i, b, j)
    rows = tuple(i for i in range(a.ndim) if i not in left)
    columns = tuple(i for i in range(b.ndim) if i not in right)
    x, y = table.permute(a, axes=rows + left), table.permute(b, axes=right + columns)
    return product(x, y, 0, len(rows), len(left))


def same_length(a: Tensor, i: int, b: Tensor, j: int) -> tuple[Tensor, Tensor]:
    """Return a and b with dimensions i and j of equal length, where a length of 1 fits any."""
    n, m = a.shape[i], b.shape[j]
    if n == m:
        return a, b
    if n != 1 and m != 1:
        raise ShapeError(f"sums of products over dimensions of length {n} and {m}")
    return (a, table.sum(b, axis=(j,), keepdims=True)) if n == 1 else (
        table.sum(a, axis=(i,), keepdims=True), b)  # fmt: skip


def product(x: Tensor, y: Tensor, batch: int, rows: int, inner: int) -> Tensor:
    """x (batch, rows, inner) times y (batch, inner, columns), each word several dimensions."""
    lead, row_shape, size = (
        x.shape[:batch],
        x.shape[batch : batch + rows],
        math.prod(x.shape[batch + rows :]),
    )
    rest = y.shape[batch + inner :]
    left = table.reshape(x, shape=(*lead, math.prod(row_shape), size))
    right = table.reshape(y, shape=(*y.shape[:batch], size, math.prod(rest)))
    z = table.matmul(left, right)
    return table.reshape(z, shape=(*z.shape[:batch], *row_shape, *rest))


@public
def einsum(equation: str, *operands: Any) -> Tensor:
    """Einstein's summation: `einsum("ij,jk->ik", a, b)`; ellipses and repeated letters work.

    >>> import tinygrad_mnist as tg
    >>> tg.einsum("ij,j->i", tg.eye(2), tg.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    xs = operands[0] if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else operands
    terms, result = subscripts(equation, [x.ndim for x in xs])
    x, letters_of_x = distinct(xs[0], terms[0])
    for k, (other, term) in enumerate(zip(xs[1:], terms[1:], strict=True), 2):
        y, letters_of_y = distinct(other, term)
        later = result + "".join(terms[k:])
        x, letters_of_x = contracted(x, letters_of_x, y, letters_of_y, later)
    x, letters_of_x = summed(x, letters_of_x, result)
    axes = [letters_of_x.index(c) for c in result]
    return table.permute(x, axes=tuple(axes))


def subscripts(equation: str, ranks: list[int]) -> tuple[list[str], str]:
    """The letters of the operands and of the result; an ellipsis becomes Greek capitals."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise RuntimeError(f"einsum: {len(terms)} terms in {equation!r}, {len(ranks)} operands")
    extra = [rank - len(t.replace("...", "")) for t, rank in zip(terms, ranks, strict=True)]
    for term, rank, n in zip(terms, ranks, extra, strict=True):
        if n < 0 or (n and "..." not in term):
            raise RuntimeError(f"einsum: {term!r} in {equation!r} does not fit {rank} dimensions")
    widest = max((n for t, n in zip(terms, extra, strict=True) if "..." in t), default=0)
    dots = "".join(chr(913 + i) for i in range(widest))
    terms = [t.replace("...", dots[widest - n :]) for t, n in zip(terms, extra, strict=True)]
    if not arrow:
        letters = sorted(set(left) - set(",."))
        right = "..." + "".join(c for c in letters if left.count(c) == 1)
    return terms, right.replace("...", dots)


def distinct(x: Tensor, letters: str) -> tuple[Tensor, str]:
    """Take the diagonal of x for each letter that comes twice."""
    for c in dict.fromkeys(letters):
        while letters.count(c) > 1:
            i = letters.index(c)
            j = letters.index(c, i + 1)
            if x.shape[i] != x.shape[j]:
                raise RuntimeError(f"einsum: {c!r} stands for {x.shape[i]} and {x.shape[j]}")
            x = diagonal(x, 0, i, j)
            letters = letters[:i] + letters[i + 1 : j] + letters[j + 1 :] + c
    return x, letters


def summed(x: Tensor, letters: str, keep: str) -> tuple[Tensor, str]:
    """Sum x over the letters outside of `keep`."""
    axes = tuple(i for i, c in enumerate(letters) if c not in keep)
    x = table.sum(x, axis=axes) if axes else x
    return x, "".join(c for c in letters if c in keep)


def contracted(x: Tensor, a: str, y: Tensor, b: str, later: str) -> tuple[Tensor, str]:
    """Contract x and y as stacks of matrices: batch letters, rows of x, columns of y."""
    x, a = summed(x, a, b + later)
    y, b = summed(y, b, a + later)
    batch = [c for c in a if c in b and c in later]
    inner = [c for c in a if c in b and c not in later]
    rows, columns = [c for c in a if c not in b], [c for c in b if c not in a]
    for c in inner:
        x, y = same_length(x, a.index(c), y, b.index(c))
    x, y = aligned(x, a, [*batch, *rows, *inner]), aligned(y, b, [*batch, *inner, *columns])
    return product(x, y, len(batch), len(rows), len(inner)), "".join([*batch, *rows, *columns])


def aligned(x: Tensor, letters: str, order: list[str]) -> Tensor:
    """x with its dimensions in another order of letters."""
    return table.permute(x, axes=tuple(letters.index(c) for c in order))


@public
def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product: other scaled by each element of input, as blocks."""
    ndim = max(input.ndim, other.ndim)
    a, b = ((1,) * (ndim - x.ndim) + x.shape for x in (input, other))
    x = table.reshape(input, shape=tuple(n for k in a for n in (k, 1)))
    y = table.reshape(other, shape=tuple(n for k in b for n in (1, k)))
    return table.reshape(x * y, shape=tuple(n * m for n, m in zip(a, b, strict=True)))


MODES = {  # whether distances may be computed by products; without an answer, of many rows
    None: None,
    "use_mm_for_euclid_dist_if_necessary": None,
    "use_mm_for_euclid_dist": True,
    "donot_use_mm_for_euclid_dist": False,
}
MANY_ROWS = 25


@public
@in_float32
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: Any = None) -> Tensor:
    """The p-norm distance of each row of x1 to each row of x2.

    For p = 2 by products, where one of them has more than 25 rows or `compute_mode` is
    "use_mm_for_euclid_dist", unless it is "donot_use_mm_for_euclid_dist".
    """
    if x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(
            f"cdist: rows of one length are needed, 2 dimensions or more; not {list(x1.shape)} and "
            f"{list(x2.shape)}"
        )
    if x1.dtype.kind != "f" or x2.dtype.kind != "f":
        raise DTypeError(f"cdist is for floating-point dtypes, not {x1.dtype} and {x2.dtype}")
    if compute_mode not in MODES:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    if p == 2:
        by_product = MODES[compute_mode]
        if by_product is None:
            by_product = max(x1.shape[-2], x2.shape[-2]) > MANY_ROWS
        return table.distances(x1, x2, by_product=by_product)
    x = table.reshape(x1, shape=(*x1.shape[:-1], 1, x1.shape[-1]))
    y = table.reshape(x2, shape=(*x2.shape[:-2], 1, *x2.shape[-2:]))
    return distance(x - y, p)
