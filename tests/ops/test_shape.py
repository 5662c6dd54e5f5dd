"""The same elements in another shape or order."""

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist import nn
from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.ops import shape

M = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
V = [1.0, 2.0]
CUBE = np.arange(6.0).reshape(1, 2, 3)
C = CUBE.tolist()
CASES = [
    Case("reshape", lambda x: tg.reshape(x, (3, -1)), [M], [[1, 2], [3, 4], [5, 6]]),
    Case("reshape", lambda x: x.reshape(6), [M], [1, 2, 3, 4, 5, 6]),
    Case("reshape_as", lambda x, y: x.reshape_as(y), [M, [[1]] * 6], [[n] for n in range(1, 7)]),
    Case("view", lambda x: x.view(3, 2), [M], [[1, 2], [3, 4], [5, 6]]),
    Case("view_as", lambda x, y: x.view_as(y), [V, [[1, 1]]], [V]),
    Case("flatten", tg.flatten, [M], [1, 2, 3, 4, 5, 6]),
    Case("flatten", lambda x: tg.flatten(x, 1), [CUBE.tolist()], [[0, 1, 2, 3, 4, 5]]),
    Case("flatten", lambda x: tg.flatten(x.sum()), [V], [3]),
    Case("ravel", tg.ravel, [M], [1, 2, 3, 4, 5, 6]),
    Case("ravel", lambda x: tg.ravel(x.t()), [M], [1, 4, 2, 5, 3, 6]),
    Case("unflatten", lambda x: tg.unflatten(x, 0, (1, 2)), [V], [V]),
    Case("squeeze", tg.squeeze, [[[V]]], V),
    Case("squeeze", lambda x: tg.squeeze(x, (0, 2)), [[[V]]], [V]),
    Case("squeeze", lambda x: tg.squeeze(x, -1), [[V]], [V]),
    Case("unsqueeze", lambda x: tg.unsqueeze(x, -1), [V], [[1], [2]]),
    Case("permute", lambda x: tg.permute(x, (1, 0)), [M], np.array(M).T.tolist()),
    Case("permute", lambda x: x.permute(1, 2, 0), [C], CUBE.transpose(1, 2, 0).tolist()),
    *(Case(f, lambda x, f=f: getattr(tg, f)(x, 0, -1), [M], np.array(M).T.tolist())
      for f in ("transpose", "swapaxes", "swapdims")),
    Case("transpose", lambda x: tg.transpose(x.sum(), 0, -1), [V], 3),
    Case("t", tg.t, [M], np.array(M).T.tolist()),
    Case("t", tg.t, [V], V),
    Case("movedim", lambda x: tg.movedim(x, 0, -1), [C], np.moveaxis(CUBE, 0, -1).tolist()),
    Case("moveaxis", lambda x: tg.moveaxis(x, (0, 1), (1, 2)), [C],
         np.moveaxis(CUBE, (0, 1), (1, 2)).tolist()),
    Case("movedim", lambda x: tg.movedim(x.sum(), 0, 0), [V], 3),
    Case("broadcast_to", lambda x: tg.broadcast_to(x, (2, 2)), [V], [V, V]),
    Case("expand", lambda x: x.expand(3, -1), [V], [V] * 3),
    Case("expand_as", lambda x, y: x.expand_as(y), [V, [[0, 0], [0, 0]]], [V, V]),
    Case("contiguous", lambda x: x.t().contiguous(), [M], np.array(M).T.tolist()),
    Case("clone", tg.clone, [V], V),
    Case("narrow", lambda x: tg.narrow(x, 1, 1, 2), [M], [[2, 3], [5, 6]]),
    Case("narrow", lambda x: tg.narrow(x, 1, -1, 1), [M], [[3], [6]]),
    Case("select", lambda x: tg.select(x, 1, -1), [M], [3, 6]),
    Case("flip", lambda x: tg.flip(x, (0, 1)), [M], [[6, 5, 4], [3, 2, 1]]),
    Case("fliplr", tg.fliplr, [M], [[3, 2, 1], [6, 5, 4]]),
    Case("flipud", tg.flipud, [M], M[::-1]),
    Case("repeat", lambda x: x.repeat(2, 2), [V], [[1, 2, 1, 2]] * 2),
    Case("tile", lambda x: tg.tile(x, (2,)), [M], [row * 2 for row in M]),
    Case("constant_pad_nd", lambda x: tg.constant_pad_nd(x, (1, 2)), [V], [0, 1, 2, 0, 0]),
    Case("constant_pad_nd", lambda x: tg.constant_pad_nd(x, (0, 1, 1, 0), 9), [[V]],
         [[9, 9, 9], [1, 2, 9]]),
    Case("constant_pad_nd", lambda x: tg.constant_pad_nd(x, (-1, 1), 9), [V], [2, 9]),
]  # fmt: skip
PLAIN = [
    Plain("t", tg.t, [[[1, 2]]], np.array([[1], [2]])),
    Plain("flip", lambda x: tg.flip(x, 0), [[1, 2]], np.array([2, 1])),
]
X = tg.ones(2, 3)
REFUSALS = [
    Refusal("reshape", lambda: X.reshape(4), ShapeError, "reshape(float32[2, 3], shape=(4,))"),
    Refusal("view", lambda: X.t().view(6), RuntimeError, "use .reshape(...) instead"),
    Refusal("view of another size", lambda: X.view(4), ShapeError, "reshape(float32[2, 3]"),
    Refusal("flatten", lambda: tg.flatten(X, 1, 0), RuntimeError, "start_dim cannot come after"),
    Refusal("squeeze", lambda: tg.squeeze(X, (0, 0)), RuntimeError, "the same dimension twice"),
    Refusal("permute", lambda: tg.permute(X, (0,)), RuntimeError, "1 dims given for a Tensor of 2"),
    Refusal("t", lambda: tg.t(tg.ones(1, 1, 1)), RuntimeError, "<= 2 dimensions, but self is 3D"),
    Refusal("movedim", lambda: tg.movedim(X, (0, 1), 0), RuntimeError, "2 sources, 1 destinations"),
    Refusal("narrow", lambda: tg.narrow(X, 0, 1, 2), RuntimeError, "exceeds 2 of dim 0"),
    Refusal("narrow a number", lambda: tg.narrow(tg.tensor(1), 0, 0, 1), RuntimeError, "0-dim"),
    Refusal(
        "select",
        lambda: tg.select(X, 0, 2),
        IndexError,
        "2 out of range for torch.Size([2, 3])",
    ),
    Refusal("repeat", lambda: X.repeat(2), RuntimeError, "1 repeats for 2 dimensions"),
    Refusal("odd padding", lambda: tg.constant_pad_nd(X, (1,)), RuntimeError, "1 lengths for 2"),
    Refusal(
        "cut", lambda: tg.constant_pad_nd(X, (-4, 0)), RuntimeError, "leaves nothing of [2, 3]"
    ),
    Refusal("dim", lambda: tg.unsqueeze(X, 4), IndexError, "expected to be in range of [-3, 2]"),
]
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    shape, CASES, PLAIN, REFUSALS
)


@pytest.mark.parametrize(
    ("call", "shares"),
    [
        (lambda x: x.reshape(3, 2), True), (lambda x: x.t().reshape(6), False),
        (lambda x: x.view(6), True), (lambda x: x.permute(1, 0), True), (lambda x: x[0], True),
        (lambda x: x.expand(2, 2, 3), True), (lambda x: x.narrow(1, 0, 2), True),
        (lambda x: x.contiguous(), True), (lambda x: x.t().contiguous(), False),
        (lambda x: x.flip(0), False), (lambda x: x.repeat(1, 1), False),
        (lambda x: x.clone(), False),
    ],
)  # fmt: skip
def test_what_shares_memory(call: object, shares: bool) -> None:
    x = tg.zeros(2, 3)
    assert np.shares_memory(call(x).numpy(), x.numpy()) is shares


def test_a_view_where_the_layout_is_our_own_follows_what_is_written() -> None:
    w = nn.Linear(20, 30).weight.detach()
    assert not w._data.flags.c_contiguous and w.contiguous() is w
    flat = w.view(-1)
    flat[0] = 5
    assert w[0, 0].item() == 5 and flat.equal(w.reshape(-1))
    assert w.clone().t().contiguous().tolist() == w.t().tolist()


def test_such_a_view_in_a_captured_program() -> None:
    def flattened(x: tg.Tensor, w: tg.Tensor) -> tg.Tensor:
        return (x @ w.t()).sum() + w.view(-1).sum()

    captured, w = tg.jit(flattened, pure=True), nn.Linear(20, 30).weight.detach()
    for k in range(3):
        x = tg.full((2, 20), float(k))
        assert captured(x, w).item() == flattened(x, w).item()
