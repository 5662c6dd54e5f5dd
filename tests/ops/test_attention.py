"""Attention, by its formula in NumPy."""

import math

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.ops.cases import Case, Refusal, family_tests
from tinygrad_mnist.ops import attention

NAME = "scaled_dot_product_attention"
rng = np.random.default_rng(0)
Q, K, V = (rng.normal(size=shape) for shape in [(3, 2), (4, 2), (4, 5)])
BIAS = rng.normal(size=(3, 4))
SEEN = np.array([[1, 1, 0, 0], [0, 1, 1, 1], [1, 0, 0, 1]], bool)


def formula(q: np.ndarray, k: np.ndarray, v: np.ndarray, bias: object = 0.0) -> list[object]:
    scores = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1]) + bias
    weights = np.exp(scores)
    return (weights / weights.sum(-1, keepdims=True) @ v).tolist()


def attend(*args: object, **kw: object) -> tg.Tensor:
    return F.scaled_dot_product_attention(*args, **kw)


ARGS = [Q.tolist(), K.tolist(), V.tolist()]
STACK = [rng.normal(size=(2, 2, n, 2)) for n in (3, 4, 4)]
CAUSAL = np.where(np.tri(3, 4, dtype=bool), 0, -np.inf)
HEADS = [STACK[0], *(x[:, :1] for x in STACK[1:])]
CASES = [
    Case(NAME, attend, ARGS, formula(Q, K, V)),
    Case(NAME, attend, [x.tolist() for x in STACK], formula(*STACK)),
    Case(NAME, attend, [*ARGS, BIAS.tolist()], formula(Q, K, V, BIAS)),
    Case(NAME, attend, [*ARGS, SEEN.tolist()], formula(Q, K, V, np.where(SEEN, 0, -np.inf))),
    Case(NAME, lambda *x: attend(*x, is_causal=True), ARGS, formula(Q, K, V, CAUSAL)),
    Case(NAME, lambda *x: attend(*x, scale=1.0), ARGS, formula(Q * math.sqrt(2), K, V)),
    Case(NAME, lambda *x: attend(*x, enable_gqa=True), [x.tolist() for x in HEADS],
         formula(*HEADS)),
]  # fmt: skip
SIZE, WEIGHTS = 4, [rng.normal(size=(12, 4)), rng.normal(size=12), rng.normal(size=(4, 4))]
LINE = rng.normal(size=(3, 2, SIZE))


def in_heads(x: tg.Tensor, w: tg.Tensor, b: tg.Tensor, out: tg.Tensor, **kw: object) -> tg.Tensor:
    settings = (w, b, None, None, False, 0.0, out, None)
    return F.multi_head_attention_forward(x, x, x, SIZE, 2, *settings, **kw)[0]


def by_head(seen: object = 0.0) -> list[object]:
    """Each sample's heads, one after the other."""
    w, b, out = WEIGHTS
    y = np.zeros(LINE.shape)
    for n in range(LINE.shape[1]):
        q, k, v = np.split(LINE[:, n] @ w.T + b, 3, axis=1)
        heads = [formula(q[:, i], k[:, i], v[:, i], seen) for i in (slice(0, 2), slice(2, 4))]
        y[:, n] = np.concatenate(heads, 1) @ out.T
    return y.tolist()


HEADS_ARGS = [LINE.tolist(), *(w.tolist() for w in WEIGHTS)]
CASES += [
    Case("multi_head_attention_forward", in_heads, HEADS_ARGS, by_head()),
    Case("multi_head_attention_forward", lambda *x: in_heads(
             *x, attn_mask=tg.ones(3, 3).triu(1).bool(), is_causal=True), HEADS_ARGS,
         by_head(np.where(np.tri(3, dtype=bool), 0, -np.inf))),
    Case("multi_head_attention_forward", lambda *x: in_heads(
             *x, key_padding_mask=tg.tensor([[False, False, True]] * 2)), HEADS_ARGS,
         by_head([0, 0, -np.inf])),
]  # fmt: skip
T = [tg.tensor(x) for x in (Q, K, V)]
REFUSALS = [
    Refusal("mask and causal", lambda: attend(*T, tg.tensor(SEEN), is_causal=True), RuntimeError,
            "attn_mask must be None with is_causal"),
    Refusal("hint without a mask", lambda: in_heads(
                *map(tg.tensor, HEADS_ARGS), is_causal=True), RuntimeError, "Need attn_mask"),
    Refusal("heads", lambda: in_heads(
                tg.ones(3, 2, 5), *map(tg.tensor, HEADS_ARGS[1:])), ValueError, "do not fit"),
]  # fmt: skip
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    attention, CASES, [], REFUSALS
)


def test_a_query_that_may_see_nobody_gives_zeros() -> None:
    q = tg.tensor(Q, requires_grad=True)
    y = attend(q, *T[1:], tg.tensor(SEEN & [[True], [False], [True]]))
    y.sum().backward()
    assert y[1].tolist() == [0] * 5 and q.grad[1].tolist() == [0, 0]
    assert y[0].abs().sum().item() > 0


def test_dropout_zeroes_weights_and_scales_the_others() -> None:
    tg.manual_seed(0)
    ones = [tg.ones(200, 1), tg.ones(50, 1), tg.ones(50, 1)]
    y = attend(*ones, dropout_p=0.5)
    assert y.mean().item() == pytest.approx(1, abs=0.05) and y.std().item() > 0.05
