"""Products that are computed in another way where they are large, or laid out otherwise."""

from typing import Any

import numpy as np
import pytest

from tinygrad_mnist.kernels import linear as L

RNG = np.random.default_rng(0)


def normal(*shape: int, dtype: Any = np.float32) -> np.ndarray[Any, Any]:
    return RNG.standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [10, 3000])
def test_one_output_of_few_rows_and_of_many(rows: int, dtype: Any, monkeypatch: Any) -> None:
    ways = []
    monkeypatch.setattr(
        L, "row_by_row", lambda x, w, real=L.row_by_row: ways.append(1) or real(x, w)
    )
    x, w, b = normal(rows, 200, dtype=dtype), normal(1, 200, dtype=dtype), normal(1, dtype=dtype)
    wanted = x.astype(np.float64) @ w.T.astype(np.float64) + b
    for rows_ in (x, x[::-1]):
        y = L.linear(rows_, w, b)
        assert y.shape == (rows, 1) and y.dtype == dtype
        np.testing.assert_allclose(y, wanted[:: 1 if rows_ is x else -1], rtol=1e-4, atol=1e-4)
    assert bool(ways) == (x.nbytes >= L.STREAM)
    with pytest.raises(ValueError, match="the input has 200 features, the weight is for 199"):
        L.linear(x, w[:, 1:])


def test_a_product_laid_out_by_column_owns_its_memory() -> None:
    a, b = normal(5, 3), normal(5, 4)
    y = L.matmul_columns(a, b)
    assert y.base is None and y.T.flags.c_contiguous
    np.testing.assert_allclose(y, a.T @ b, rtol=1e-5)
