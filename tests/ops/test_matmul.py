"""Products of matrices and vectors."""

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.ops import matmul

A, B = [[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]
U, V = [1.0, 2.0], [3.0, 4.0]
AB = [[19, 22], [43, 50]]
STACK, STACKED = [A, B], [[[7, 10], [15, 22]], [[67, 78], [91, 106]]]
CASES = [
    Case("matmul", tg.matmul, [A, B], AB),
    Case("matmul", lambda a, b: a @ b, [A, V], [11, 25]),
    Case("matmul", lambda a, b: a @ b, [V, A], [15, 22]),
    Case("matmul", lambda a, b: a @ b, [U, V], 11),
    Case("matmul", tg.matmul, [STACK, A], [[[7, 10], [15, 22]], [[23, 34], [31, 46]]]),
    Case("matmul", tg.matmul, [STACK, U], [[5, 11], [17, 23]]),
    Case("mm", tg.mm, [A, B], AB),
    Case("bmm", tg.bmm, [STACK, STACK], STACKED),
    Case("mv", tg.mv, [A, V], [11, 25]),
    Case("dot", tg.dot, [U, V], 11),
    Case("vdot", tg.vdot, [U, V], 11),
    Case("inner", tg.inner, [A, B], [[17, 23], [39, 53]]),
    Case("inner", lambda a, b: tg.inner(a.sum(), b), [U, V], [9, 12]),
    Case("outer", tg.outer, [U, V], [[3, 4], [6, 8]]),
    Case("addmm", lambda x, a, b: tg.addmm(x, a, b, beta=2, alpha=3), [U, A, B],
         [[59, 70], [131, 154]]),
    Case("addmm", lambda x, a, b: tg.addmm(x, a, b, beta=0), [U, A, B], AB),
    Case("addmv", tg.addmv, [U, A, V], [12, 27]),
    Case("addr", tg.addr, [A, U, V], [[4, 6], [9, 12]]),
    Case("baddbmm", tg.baddbmm, [STACK, STACK, STACK],
         [[[8, 12], [18, 26]], [[72, 84], [98, 114]]]),
    Case("addbmm", tg.addbmm, [A, STACK, STACK], [[75, 90], [109, 132]]),
    Case("chain_matmul", tg.chain_matmul, [A, B, A], [[85, 126], [193, 286]]),
    Case("tensordot", tg.tensordot, [A, B], 70),
    Case("tensordot", lambda a, b: tg.tensordot(a, b, 1), [A, B], AB),
    Case("tensordot", lambda a, b: tg.tensordot(a, b, ([0], [1])), [A, B], [[23, 31], [34, 46]]),
    Case("tensordot", lambda a, b: tg.tensordot(a, b, ([0], [0])), [[U], B], [[12, 14], [24, 28]]),
    Case("tensordot", lambda a, b: tg.tensordot(b, a, ([0], [0])), [[U], B], [[12, 24], [14, 28]]),
    Case("einsum", lambda a, b: tg.einsum("ij,jk->ik", a, b), [A, B], AB),
    Case("einsum", lambda a, b: tg.einsum("ij,kj", [a, b]), [A, B], [[17, 23], [39, 53]]),
    Case("einsum", lambda a: tg.einsum("ii->i", a), [A], [1, 4]),
    Case("einsum", lambda a: tg.einsum("ij->ji", a), [A], [[1, 3], [2, 4]]),
    Case("einsum", lambda a: tg.einsum("ij->", a), [A], 10),
    Case("einsum", lambda a, b: tg.einsum("...ij,...jk->...ik", a, b), [STACK, A],
         [[[7, 10], [15, 22]], [[23, 34], [31, 46]]]),
    Case("einsum", lambda a, b, c: tg.einsum("i,ij,j->", a, b, c), [U, A, V], 61),
    Case("einsum", lambda a, b: tg.einsum("ij,kj->ik", a, b), [[U], [[2.0]]], [[6]]),
    Case("kron", tg.kron, [[U], B], [[5, 6, 10, 12], [7, 8, 14, 16]]),
    Case("kron", tg.kron, [U, B], [[5, 6, 10, 12], [7, 8, 14, 16]]),
    Case("cdist", tg.cdist, [[[0.0, 0.0]], [[3.0, 4.0], [6.0, 8.0]]], [[5, 10]]),
    Case("cdist", lambda a, b: tg.cdist(a, b, p=1), [[[0.0, 0.0]], [[3.0, 4.0]]], [[7]]),
]  # fmt: skip
PLAIN = [
    Plain("matmul", tg.matmul, [[[1, 2]], [[3], [4]]], np.array([[11]])),
    Plain("matmul", lambda a: a @ np.eye(2, dtype=np.float32), [A], np.array(A, np.float32)),
]
X = tg.ones(2, 3)
REFUSALS = [
    Refusal("sizes", lambda: X @ X, ShapeError, "matmul(float32[2, 3], float32[2, 3])"),
    Refusal("a number", lambda: X @ tg.tensor(2.0), ShapeError, "both arguments need two"),
    Refusal("no Tensors", lambda: tg.matmul([1], [2]), TypeError, "not list and list"),
    Refusal("dtypes", lambda: X @ X.t().double(), DTypeError, "got float32 and float64"),
    Refusal("bools", lambda: (X > 0) @ (X > 0).t(), DTypeError, "not implemented for bools"),
    Refusal("mm", lambda: tg.mm(X, X[0]), ShapeError, "mm: expected a 2-D tensor, got one of"),
    Refusal("bmm", lambda: tg.bmm(tg.ones(2, 1, 1), tg.ones(3, 1, 1)), ShapeError, "of 2 and of 3"),
    Refusal("tensordot", lambda: tg.tensordot(X, X, 1), ShapeError, "of length 3 and 2"),
    Refusal("einsum terms", lambda: tg.einsum("ij", X, X), RuntimeError, "1 terms in 'ij', 2 op"),
    Refusal("einsum rank", lambda: tg.einsum("i", X), RuntimeError, "'i' in 'i' does not fit 2"),
    Refusal("einsum twice", lambda: tg.einsum("ii", X), RuntimeError, "'i' stands for 2 and 3"),
    Refusal("cdist", lambda: tg.cdist(X, X[0]), ShapeError, "not [2, 3] and [3]"),
    Refusal("cdist of ints", lambda: tg.cdist(X.long(), X.long()), DTypeError, "not int64 and int"),
]
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    matmul, CASES, PLAIN, REFUSALS
)


@pytest.mark.parametrize("name", ["addmm", "addmv", "addr", "baddbmm", "addbmm"])
def test_beta_0_ignores_even_nan(name: str) -> None:
    shapes = {"addmm": (2, 2), "addmv": (2, 1), "addr": (1, 1), "baddbmm": (3, 3), "addbmm": (3, 3)}
    a, b = (tg.ones(*[2] * ndim) for ndim in shapes[name])
    x = tg.full((1,), float("nan"))
    assert bool(getattr(tg, name)(x, a, b, beta=0).isfinite().all())
