"""Linear algebra where the table's tests do not look: errors, edges, layouts, singular matrices."""

from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import linalg

RNG = np.random.default_rng(0)


def drawn(*shape: int) -> tg.Tensor:
    return tg.tensor(RNG.normal(size=shape))


@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 3), (2, 1, 2, 5), (0, 3, 3)])
@pytest.mark.parametrize("dtype", [tg.float32, tg.float64])
def test_factors_multiply_to_the_matrix(shape: tuple[int, ...], dtype: Any) -> None:
    a = drawn(*shape).to(dtype)
    close = {"atol": 1e-5 if dtype == tg.float32 else 1e-12}
    u, s, vh = linalg.svd(a, full_matrices=False)
    q, r = linalg.qr(a)
    p, low, up = linalg.lu(a)
    assert tg.allclose(u * s.unsqueeze(-2) @ vh, a, **close)
    assert tg.allclose(q @ r, a, **close) and tg.allclose(p @ low @ up, a, **close)
    square = a @ a.mT
    w, v = linalg.eigh(square)
    assert tg.allclose(v * w.unsqueeze(-2) @ v.mT, square, **close)
    assert {x.dtype for x in (u, s, vh, q, r, p, low, up, w, v)} == {np.dtype(dtype)}


def test_full_and_complete_factors_are_square() -> None:
    a = drawn(2, 3, 5)
    u, s, vh = linalg.svd(a)
    q, r = linalg.qr(a.mT, mode="complete")
    assert (u.shape, s.shape, vh.shape) == ((2, 3, 3), (2, 3), (2, 5, 5))
    assert (q.shape, r.shape) == ((2, 5, 5), (2, 5, 3))
    assert tg.allclose(vh @ vh.mT, tg.eye(5, dtype=tg.float64)) and tg.allclose(q @ r, a.mT)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linalg.inv(tg.zeros(2, 2)), "The diagonal element 1 is zero, the inversion could"),
        (lambda: linalg.inv(tg.stack([tg.eye(2), tg.ones(2, 2)])), r"\(Batch element 1\): .* 2 is"),
        (lambda: linalg.solve(tg.ones(2, 2), tg.ones(2)), "solver failed because .* singular"),
        (lambda: linalg.cholesky(-tg.eye(3)), "leading minor of order 1 is not positive-definite"),
        (lambda: linalg.lu_factor(tg.zeros(2, 2)), r"U\[1,1\] is zero"),
        (lambda: linalg.inv_ex(tg.zeros(2, 2), check_errors=True), "singular"),
    ],
)
def test_what_cannot_be_solved_is_a_linalg_error(call: Any, message: str) -> None:
    with pytest.raises(linalg.LinAlgError, match=message) as error:
        call()
    assert isinstance(error.value, RuntimeError) and isinstance(error.value, np.linalg.LinAlgError)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: linalg.det(tg.ones(2, 3)),
            "linalg.det: A must be batches of square matrices, but",
        ),
        (lambda: linalg.inv(tg.ones(3)), "linalg.inv: The input tensor A must have at least 2 dim"),
        (lambda: linalg.inv(tg.ones(2, 2, dtype=int)), "Expected a floating point .* Got Long"),
        (lambda: linalg.inv(tg.eye(2, dtype=tg.float16)), "float16; cast it to float32"),
        (lambda: linalg.solve(tg.eye(3), tg.ones(4)), r"equation AX = B \(3x3 and 4x1\)"),
        (
            lambda: linalg.solve(tg.eye(3), tg.ones(3, 1, dtype=tg.float64)),
            "to have the same dtype",
        ),
        (lambda: linalg.eigh(tg.eye(2), UPLO="X"), "UPLO argument to be 'L' or 'U', but got X"),
        (lambda: linalg.qr(tg.eye(2), mode="all"), "unrecognized mode 'all'"),
        (lambda: linalg.norm(tg.ones(2, 2, 2), 2), "must be 1D or 2D. Got 3D"),
        (lambda: linalg.matrix_norm(tg.eye(2), 3), "Order 3 not supported"),
        (
            lambda: linalg.cross(tg.ones(4), tg.ones(4)),
            "dimension -1 must have length 3. Got 4 and",
        ),
        (lambda: linalg.multi_dot([tg.eye(2)]), "expected at least 2 tensors but got 1"),
    ],
)
def test_errors_say_what_is_wrong(call: Any, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        call()


@pytest.mark.parametrize("name", ["eig", "eigvals", "ldl_factor"])
def test_what_is_not_there_says_what_is(name: str) -> None:
    with pytest.raises(AttributeError, match=f"linalg.{name} .*linalg.eigh|linalg.eigvalsh"):
        getattr(linalg, name)


def test_errors_of_a_stack_are_told_apart() -> None:
    a = tg.stack([tg.eye(2), tg.ones(2, 2), 2 * tg.eye(2)])
    inverse, info = linalg.inv_ex(a)
    assert info.tolist() == [0, 2, 0] and info.dtype == tg.int32
    assert inverse[1].isnan().all() and inverse[2].tolist() == [[0.5, 0.0], [0.0, 0.5]]
    lower, info = linalg.cholesky_ex(2 * a - 3)
    assert info.tolist() == [1, 1, 2] and lower.isnan().all()
    assert not linalg.cholesky_ex(a + tg.eye(2)).info.any()


def test_the_determinant_is_smooth_where_it_is_0() -> None:
    for rank in (2, 1, 0):
        a = drawn(3, rank) @ drawn(rank, 3)
        a = a.detach().requires_grad_()
        assert tg.autograd.gradcheck(linalg.det, (a,)) and tg.autograd.gradgradcheck(linalg.det, a)


def test_equal_eigenvalues_have_a_gradient_and_their_vectors_none() -> None:
    a = tg.eye(3, dtype=tg.float64).requires_grad_()
    (g,) = tg.autograd.grad(linalg.eigvalsh(a).sum(), a)
    assert g.tolist() == np.eye(3).tolist()
    (g,) = tg.autograd.grad(linalg.svdvals(a).sum(), a)
    assert tg.allclose(g, tg.eye(3, dtype=tg.float64))
    weights = drawn(3, 3)
    (g,) = tg.autograd.grad((linalg.eigh(a).eigenvectors * weights).sum(), a)
    assert not g.isfinite().all()


def test_what_is_differentiated_three_times() -> None:
    x = tg.tensor(2.0, dtype=tg.float64, requires_grad=True)
    a = tg.stack([x, x * 0 + 1, x * 0 + 1, x]).reshape(2, 2)  # det x^2 - 1, eigenvalues x +- 1
    y = linalg.eigvalsh(a).prod() + linalg.det(a) + linalg.cholesky(a)[1, 1] ** 2 * x
    for value in (12.0, 6.0, 0.0):
        (y,) = tg.autograd.grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(value)


def test_least_squares_of_too_few_and_too_many_equations() -> None:
    for shape in ((5, 2), (2, 5)):
        a, b = drawn(*shape), drawn(shape[0])
        solution = linalg.lstsq(a, b).solution
        right = np.linalg.lstsq(a.numpy(), b.numpy(), rcond=None)[0]
        np.testing.assert_allclose(solution.numpy(), right)
    assert linalg.matrix_rank(drawn(4, 2) @ drawn(2, 4)).item() == 2


def test_methods_and_older_names() -> None:
    a = drawn(3, 3)
    assert tg.equal(a.inverse(), linalg.inv(a)) and tg.equal(a.det(), tg.det(a))
    assert tg.allclose(tg.svd(a).V.mT, linalg.svd(a).Vh) and tg.allclose(a.qr().Q, linalg.qr(a).Q)
    assert tg.allclose(tg.cholesky_solve(a, tg.cholesky(a @ a.mT)), linalg.solve(a @ a.mT, a))
    assert tg.equal(a.matrix_power(-2), (a.inverse() @ a.inverse()))
    assert tg.logdet(-tg.eye(3)).isnan() and tg.logdet(tg.zeros(2, 2)).item() == -np.inf


def test_infinities_of_triangles_are_pytorchs() -> None:
    x = linalg.solve_triangular(tg.zeros(2, 2), tg.ones(2, 2), upper=True)
    assert x[1].tolist() == [np.inf, np.inf] and x[0].isnan().all()
