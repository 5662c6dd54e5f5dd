"""Linear algebra on stacks of matrices, with derivatives of every order; PyTorch's `linalg`.

float32 and float64. `eig` and `eigvals`, whose results are complex, are not there.

>>> import tinygrad_mnist as tg
>>> a = tg.tensor([[4.0, 2.0], [2.0, 3.0]], requires_grad=True)
>>> tg.linalg.slogdet(a).logabsdet.backward()
>>> a.grad
tensor([[ 0.3750, -0.2500],
        [-0.2500,  0.5000]])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_mnist.lazy import page, refusing

if TYPE_CHECKING:
    from tinygrad_mnist.ops.linalg.factor import cholesky as cholesky
    from tinygrad_mnist.ops.linalg.factor import cholesky_ex as cholesky_ex
    from tinygrad_mnist.ops.linalg.factor import eigh as eigh
    from tinygrad_mnist.ops.linalg.factor import eigvalsh as eigvalsh
    from tinygrad_mnist.ops.linalg.factor import householder_product as householder_product
    from tinygrad_mnist.ops.linalg.factor import lu as lu
    from tinygrad_mnist.ops.linalg.factor import lu_factor as lu_factor
    from tinygrad_mnist.ops.linalg.factor import lu_factor_ex as lu_factor_ex
    from tinygrad_mnist.ops.linalg.factor import lu_solve as lu_solve
    from tinygrad_mnist.ops.linalg.factor import qr as qr
    from tinygrad_mnist.ops.linalg.factor import svd as svd
    from tinygrad_mnist.ops.linalg.factor import svdvals as svdvals
    from tinygrad_mnist.ops.linalg.measure import cond as cond
    from tinygrad_mnist.ops.linalg.measure import det as det
    from tinygrad_mnist.ops.linalg.measure import matrix_norm as matrix_norm
    from tinygrad_mnist.ops.linalg.measure import matrix_rank as matrix_rank
    from tinygrad_mnist.ops.linalg.measure import norm as norm
    from tinygrad_mnist.ops.linalg.measure import slogdet as slogdet
    from tinygrad_mnist.ops.linalg.measure import vector_norm as vector_norm
    from tinygrad_mnist.ops.linalg.products import cross as cross
    from tinygrad_mnist.ops.linalg.products import diagonal as diagonal
    from tinygrad_mnist.ops.linalg.products import matmul as matmul
    from tinygrad_mnist.ops.linalg.products import matrix_exp as matrix_exp
    from tinygrad_mnist.ops.linalg.products import matrix_power as matrix_power
    from tinygrad_mnist.ops.linalg.products import multi_dot as multi_dot
    from tinygrad_mnist.ops.linalg.products import vander as vander
    from tinygrad_mnist.ops.linalg.products import vecdot as vecdot
    from tinygrad_mnist.ops.linalg.solve import LinAlgError as LinAlgError
    from tinygrad_mnist.ops.linalg.solve import inv as inv
    from tinygrad_mnist.ops.linalg.solve import inv_ex as inv_ex
    from tinygrad_mnist.ops.linalg.solve import lstsq as lstsq
    from tinygrad_mnist.ops.linalg.solve import pinv as pinv
    from tinygrad_mnist.ops.linalg.solve import solve as solve
    from tinygrad_mnist.ops.linalg.solve import solve_ex as solve_ex
    from tinygrad_mnist.ops.linalg.solve import solve_triangular as solve_triangular
    from tinygrad_mnist.ops.linalg.solve import tensorinv as tensorinv
    from tinygrad_mnist.ops.linalg.solve import tensorsolve as tensorsolve
else:
    __getattr__, __dir__, __all__ = page(
        __name__,
        {
            ".ops.linalg.factor": "cholesky cholesky_ex eigh eigvalsh householder_product lu "
            "lu_factor lu_factor_ex lu_solve qr svd svdvals",
            ".ops.linalg.measure": "cond det matrix_norm matrix_rank norm slogdet vector_norm",
            ".ops.linalg.products": "cross diagonal matmul matrix_exp matrix_power multi_dot "
            "vander vecdot",
            ".ops.linalg.solve": "LinAlgError inv inv_ex lstsq pinv solve solve_ex "
            "solve_triangular tensorinv tensorsolve",
        },
    )
    _COMPLEX = "has complex results, and a Tensor holds real numbers; of symmetric matrices write "
    _LDL = "is not there; for symmetric matrices write linalg.eigh, linalg.cholesky or linalg.solve"
    __getattr__ = refusing(
        __getattr__,
        "linalg",
        {
            "eig": _COMPLEX + "linalg.eigh",
            "eigvals": _COMPLEX + "linalg.eigvalsh",
            "ldl_factor": _LDL, "ldl_factor_ex": _LDL, "ldl_solve": _LDL,
        },
    )  # fmt: skip
