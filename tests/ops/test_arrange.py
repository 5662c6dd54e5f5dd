"""Blocks, products, stacks, turns, windows, copies."""

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.ops import arrange

A, V = [[1.0, 2.0], [3.0, 4.0]], [1.0, 2.0, 3.0]
N = np.array(A, np.float32)
T = N.T
CASES = [
    Case("adjoint", tg.adjoint, [A], T),
    Case("atleast_3d", tg.atleast_3d, [V], [[[1], [2], [3]]]),
    Case("atleast_3d", lambda x: tg.atleast_3d(x.sum(), x), [A], ([[[10]]], N[..., None])),
    Case("block_diag", tg.block_diag, [A, [5.0]], [[1, 2, 0], [3, 4, 0], [0, 0, 5]]),
    Case("cartesian_prod", tg.cartesian_prod, [[1.0, 2.0], [3.0]], [[1, 3], [2, 3]]),
    Case("column_stack", lambda a, b: tg.column_stack([a, b]), [A, [5.0, 6.0]],
         [[1, 2, 5], [3, 4, 6]]),
    Case("combinations", tg.combinations, [V], [[1, 2], [1, 3], [2, 3]]),
    Case("combinations", lambda x: tg.combinations(x, 2, with_replacement=True), [[1.0, 2.0]],
         [[1, 1], [1, 2], [2, 2]]),
    Case("dsplit", lambda x: tg.dsplit(x, 2), [[[[1.0, 2.0]]]], ([[[1]]], [[[2]]])),
    Case("hsplit", lambda x: tg.hsplit(x, 2), [A], ([[1], [3]], [[2], [4]])),
    Case("hsplit", lambda x: tg.hsplit(x, [1]), [V], ([1], [2, 3])),
    Case("vsplit", lambda x: tg.vsplit(x, 2), [A], ([[1, 2]], [[3, 4]])),
    Case("dstack", lambda a: tg.dstack([a, a]), [V], [[[1, 1], [2, 2], [3, 3]]]),
    *(Case("rot90", lambda x, k=k: tg.rot90(x, k), [A], np.rot90(N, k)) for k in range(-1, 4)),
    Case("sum_to_size", lambda x: tg.sum_to_size(x, 1, 2), [A], [[4, 6]]),
    Case("sum_to_size", lambda x: tg.sum_to_size(x, 2, 2), [A], A),
    Case("unfold", lambda x: tg.unfold(x, 0, 2, 1), [V], [[1, 2], [2, 3]]),
    Case("unfold", lambda x: tg.unfold(x, 0, 1, 1), [A], [[[1], [2]], [[3], [4]]]),
    Case("unfold", lambda x: tg.unfold(x.sum(), 0, 1, 1), [V], [6]),
    Case("vander", tg.vander, [V], np.vander(V).astype(np.float32)),
    Case("vander", lambda x: tg.vander(x, 2, increasing=True), [V], [[1, 1], [1, 2], [1, 3]]),
    Case("alias_copy", tg.alias_copy, [A], A),
    Case("diagonal_copy", tg.diagonal_copy, [A], [1, 4]),
    Case("expand_copy", lambda x: tg.expand_copy(x, (2, 3)), [V], [V, V]),
    Case("narrow_copy", lambda x: tg.narrow_copy(x, 0, 1, 2), [V], [2, 3]),
    Case("permute_copy", lambda x: tg.permute_copy(x, (1, 0)), [A], T),
    Case("select_copy", lambda x: tg.select_copy(x, 0, 1), [A], [3, 4]),
    Case("slice_copy", lambda x: tg.slice_copy(x, 0, 0, 3, 2), [V], [1, 3]),
    Case("split_copy", lambda x: tg.split_copy(x, 2), [V], ([1, 2], [3])),
    Case("split_with_sizes_copy", lambda x: tg.split_with_sizes_copy(x, [1, 2]), [V],
         ([1], [2, 3])),
    Case("squeeze_copy", tg.squeeze_copy, [[V]], V),
    Case("t_copy", tg.t_copy, [A], T),
    Case("transpose_copy", lambda x: tg.transpose_copy(x, 0, 1), [A], T),
    Case("unbind_copy", tg.unbind_copy, [A], ([1, 2], [3, 4])),
    Case("unfold_copy", lambda x: tg.unfold_copy(x, 0, 2, 1), [V], [[1, 2], [2, 3]]),
    Case("unsqueeze_copy", lambda x: tg.unsqueeze_copy(x, 0), [V], [V]),
    Case("view_copy", lambda x: tg.view_copy(x, (4,)), [A], [1, 2, 3, 4]),
    Case("unsafe_chunk", lambda x: tg.unsafe_chunk(x, 2), [V], ([1, 2], [3])),
    Case("unsafe_split", lambda x: tg.unsafe_split(x, 2), [V], ([1, 2], [3])),
    Case("unsafe_split_with_sizes", lambda x: tg.unsafe_split_with_sizes(x, [1, 2]), [V],
         ([1], [2, 3])),
]  # fmt: skip
PLAIN = [
    Plain("detach_copy", tg.detach_copy, [A], A),
    Plain("block_diag", tg.block_diag, [[[1]], [[0.5]]], np.diag([1, 0.5]).astype(np.float32)),
    Plain("combinations", lambda x: tg.combinations(x, 3), [[1, 2]], np.zeros((0, 3), np.int64)),
    Plain("sum_to_size", lambda x: x.sum_to_size(()), [[1, 2]], np.int64(3)),
    Plain("unfold", lambda x: x.unfold(0, 2, 2), [[1, 2, 3]], np.array([[1, 2]])),
]
X = tg.tensor(A)
REFUSALS = [
    Refusal("adjoint", lambda: tg.adjoint(X[0]), RuntimeError, "matrices or batches of matrices"),
    Refusal("block_diag", lambda: tg.block_diag(X[None]), ShapeError, "2 or fewer dimensions"),
    Refusal("cartesian", lambda: tg.cartesian_prod(X), ShapeError, "expect a 1D vector"),
    Refusal("combinations", lambda: tg.combinations(X), ShapeError, "got shape [2, 2]"),
    Refusal("hsplit", lambda: tg.hsplit(X, 3), RuntimeError, "not divisible by the split_size 3"),
    Refusal("vsplit", lambda: tg.vsplit(X[0], 1), RuntimeError, "at least 2 dimension"),
    Refusal("rot90", lambda: tg.rot90(X, 1, (0, 0)), RuntimeError, "to be different"),
    Refusal("dims", lambda: tg.rot90(X, 1, (0,)), RuntimeError, "rotation dims == 2"),
    Refusal("vector", lambda: tg.rot90(X[0]), RuntimeError, "expected total dims >= 2"),
    Refusal("sum_to_size", lambda: tg.sum_to_size(X, 3), RuntimeError, "size [3] is not"),
    Refusal("unfold", lambda: tg.unfold(X, 0, 3, 1), RuntimeError, "is 2 but size is 3"),
    Refusal("step", lambda: tg.unfold(X, 0, 1, 0), RuntimeError, "step is 0 but must be > 0"),
    Refusal("vander", lambda: tg.vander(X), RuntimeError, "x must be a one-dimensional tensor."),
]
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    arrange, CASES, PLAIN, REFUSALS
)


@pytest.mark.parametrize("name", [n for n in arrange.__all__ if n.endswith("_copy")])
def test_a_copy_shares_no_memory(name: str) -> None:
    x = tg.ones(1, 2)
    args = {
        "expand_copy": ((3, 2),), "narrow_copy": (1, 0, 1), "permute_copy": ((1, 0),),
        "select_copy": (0, 0), "split_copy": (1,), "split_with_sizes_copy": ([1],),
        "transpose_copy": (0, 1), "unfold_copy": (1, 1, 1), "unsqueeze_copy": (0,),
        "view_copy": ((2,),),
    }.get(name, ())  # fmt: skip
    result = getattr(tg, name)(x, *args)
    for y in result if isinstance(result, tuple) else (result,):
        assert not np.shares_memory(x.numpy(), y.numpy())
