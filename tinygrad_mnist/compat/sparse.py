"""`torch.sparse`: the products of graph networks, on matrices that are dense inside.

A SparseTensor is a Tensor that stores its zeros too; each function takes one and returns a plain
Tensor. So it saves no memory: a matrix too large raises MemoryError. For large graphs, gather and
`index_add` by the edges instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.size import Size
from tinygrad_mnist.autograd.tensor import as_array, wrap
from tinygrad_mnist.ops import create, index, matmul, reduce, shape
from tinygrad_mnist.ops.arguments import check_device
from tinygrad_mnist.ops.legacy import TENSOR_TYPES

__all__ = ["smm", "sparse_coo_tensor", "spmm"]


class SparseTensor(Tensor):
    """A Tensor that records the indices it was made from: see `sparse_coo_tensor`."""

    is_sparse: Any = True
    layout: Any = "torch.sparse_coo"

    def to_dense(self, dtype: Any = None, **kw: Any) -> Tensor:
        """Return the same elements as a plain Tensor."""
        dense = wrap(self._data, self._node)
        return dense if dtype is None else dense.to(dtype)

    def coalesce(self) -> SparseTensor:
        """Return the Tensor itself: elements of equal indices are already added."""
        return self

    def to_sparse(self, *args: Any, **kw: Any) -> SparseTensor:
        """Return the Tensor itself."""
        return self

    def is_coalesced(self) -> bool:
        """Return True: elements of equal indices are already added."""
        return True

    def indices(self) -> Tensor:
        """Return the indices, (dimensions, n), in order."""
        stored: Tensor | None = self.__dict__.get("stored_indices")
        return index.nonzero(self.to_dense()).t() if stored is None else stored

    def values(self) -> Tensor:
        """Return the elements at `indices()`."""
        return self.to_dense()[tuple(self.indices())]

    _indices, _values = indices, values

    def _nnz(self) -> int:
        return self.indices().shape[1]

    def sparse_dim(self) -> int:
        """Return the number of dimensions: all are sparse."""
        return self.ndim

    def dense_dim(self) -> int:
        """Return 0: no dimension is dense."""
        return 0

    def __repr__(self) -> str:
        return (
            f"tensor(indices={self.indices()!r},\n       values={self.values()!r},\n       "
            f"size={tuple(self.shape)}, nnz={self._nnz()}, layout=torch.sparse_coo)"
        )


def of_dense(x: Tensor, indices: Any = None) -> SparseTensor:
    """Return a dense Tensor as a SparseTensor on its memory; `indices` default to the nonzeros."""
    sparse = object.__new__(SparseTensor)
    sparse._data, sparse._node = x._data, x._node
    if indices is not None:
        sparse.__dict__["stored_indices"] = indices
    return sparse


def sparse_coo_tensor(
    indices: Any, values: Any = None, size: Any = None, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False, check_invariants: Any = None, is_coalesced: Any = None,
) -> SparseTensor:  # fmt: skip
    """Return the Tensor with `values` at `indices` (dimensions, n); equal indices add up.

    The gradient of the values is that of their elements. Raises RuntimeError for indices beyond the
    size, and for values that are not numbers.

    >>> import tinygrad_mnist as tg
    >>> a = sparse_coo_tensor([[0, 1], [1, 1]], [2.0, 3.0], (2, 2))
    >>> tg.sparse.mm(a, tg.ones(2, 1))
    tensor([[2.],
            [3.]])
    """
    if device is not None:
        check_device(device)
    where = np.asarray(as_array(indices), np.int64)
    if where.ndim != 2:
        raise RuntimeError(f"indices must be of shape (dimensions, n), not {list(where.shape)}")
    elements = (
        values if isinstance(values, Tensor) else wrap(as_array(() if values is None else values))
    )
    elements = elements.to(dtype or elements.dtype)
    elements = elements.expand(where.shape[1]) if not elements.ndim else elements
    if size is None:
        size = tuple(int(n) + 1 for n in where.max(1)) if where.size else (0,) * len(where)
    size = Size(size)
    if len(size) != len(where) or elements.shape != (where.shape[1],):
        raise RuntimeError(
            f"{list(where.shape)} indices and {list(elements.shape)} values do not make a Tensor "
            f"of size {list(size)}: a row of indices for each dimension, one value for each column"
        )
    if where.size and ((where < 0).any() or (np.array(size) <= where.T).any()):
        raise RuntimeError(f"an index is outside of size {list(size)}")
    flat = wrap(np.ravel_multi_index(tuple(where), size) if where.size else where.reshape(-1))
    zeros = create.zeros(size.numel(), dtype=elements.dtype)
    dense = shape.reshape(index.index_add(zeros, 0, flat, elements), size)
    order = np.unique(where, axis=1)
    sparse = of_dense(dense, wrap(order))
    return sparse.requires_grad_() if requires_grad else sparse  # type: ignore[return-value]


def mm(mat1: Tensor, mat2: Tensor) -> Tensor:
    """Multiply two matrices, of which the first may be sparse: `spmm` and `smm` are this too."""
    return matmul.mm(mat1, mat2)


spmm = smm = mm


def addmm(mat: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return beta mat + alpha mat1 @ mat2."""
    return beta * mat + alpha * matmul.mm(mat1, mat2)


def sum(input: Tensor, dim: Any = None, dtype: Any = None) -> Tensor:
    """Sum all elements, or over dimensions."""
    return reduce.sum(input, dim, dtype=dtype)


def __getattr__(name: str) -> Any:
    if name not in TENSOR_TYPES:
        from tinygrad_mnist.missing import instead

        raise AttributeError(f"{__name__!r} has no {name!r}{instead('sparse', name, globals())}")
    dtype = TENSOR_TYPES[name]

    def make(indices: Any, values: Any, size: Any = None) -> SparseTensor:
        return sparse_coo_tensor(indices, values, size, dtype=dtype)

    return make
