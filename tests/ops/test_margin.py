"""Losses that compare several classes."""

import numpy as np

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.ops import margin

X, T = [[0.1, 0.2, 0.4], [0.9, 0.3, 0.5]], [2, 0]
ROWS = [0.8 * 0 + (0.7 + 0.8) / 3, (0.4 + 0.6) / 3]
SIGMOID = 1 / (1 + np.exp(-np.array(X)))
HOT = np.array([[1, 0, 1], [0, 1, 0]])
SOFT = -(HOT * np.log(SIGMOID) + (1 - HOT) * np.log(1 - SIGMOID))
CASES = [
    Case("multi_margin_loss", lambda x, t: F.multi_margin_loss(x, t, reduction="none"), [X, T],
         ROWS),
    Case("multi_margin_loss", F.multi_margin_loss, [X, T], np.mean(ROWS).tolist()),
    Case("multi_margin_loss", lambda x, t: F.multi_margin_loss(x, t, 2, 0.5), [X[0], [2]],
         (0.2**2 + 0.3**2) / 3),
    Case("multi_margin_loss", lambda x: F.multi_margin_loss(
             x, tg.tensor([2, 0]), weight=tg.tensor([1, 2, 3.0]).to(x.dtype), reduction="none"),
         [X], [3 * ROWS[0], ROWS[1]]),
    Case("multilabel_margin_loss", F.multilabel_margin_loss, [X[0], [2, 0, -1]], (0.8 + 1.1) / 3),
    Case("multilabel_margin_loss", lambda x, t: F.multilabel_margin_loss(x, t, reduction="none"),
         [X, [[2, 0, -1], [-1, 1, 1]]], [(0.8 + 1.1) / 3, 0]),
    Case("multilabel_soft_margin_loss", lambda x: F.multilabel_soft_margin_loss(x, tg.tensor(HOT)),
         [X], SOFT.mean().tolist()),
    Case("multilabel_soft_margin_loss", lambda x, w: F.multilabel_soft_margin_loss(
             x, tg.tensor(HOT), w, reduction="none"), [X, [1.0, 2.0, 3.0]],
         (SOFT * [1, 2, 3]).mean(1).tolist()),
    Case("triplet_margin_with_distance_loss", lambda a, p, n: F.triplet_margin_with_distance_loss(
             a, p, n, distance_function=lambda x, y: (x - y).abs().sum(-1)),
         [[[0.0, 0.0]], [[2.0, 1.0]], [[1.0, 1.5]]], 1.5),
    Case("triplet_margin_with_distance_loss", lambda a, p, n: F.triplet_margin_with_distance_loss(
             a, p, n, distance_function=lambda x, y: (x - y).abs().sum(-1), swap=True, margin=2.0),
         [[[0.0, 0.0]], [[2.0, 1.0]], [[1.0, 1.25]]], 3 - 1.25 + 2),
]  # fmt: skip
W = np.eye(3)[:, :2] + 0.25
CASES += [
    Case("linear_cross_entropy", lambda x, w, b: F.linear_cross_entropy(
             x, w, tg.tensor([2, 0]), linear_bias=b), [[[1.0, 2.0], [0.5, -1.0]], W.tolist(),
                                                       [0.5, 0.0, 1.0]],
         F.cross_entropy(F.linear(tg.tensor([[1.0, 2.0], [0.5, -1.0]]), tg.tensor(W).float(),
                                  tg.tensor([0.5, 0.0, 1.0])), tg.tensor([2, 0])).item()),
    Case("linear_cross_entropy", lambda x, w: F.linear_cross_entropy(
             x, w, tg.tensor([[1, 0]]), reduction="none"),
         [[[1.0]], [[[0.0], [0.0]], [[0.0], [1.0]]]],
         [[np.log(2), np.log(1 + np.e)]]),
]  # fmt: skip
Y, AT = tg.tensor(X), tg.tensor(T)
REFUSALS = [
    Refusal("p", lambda: F.multi_margin_loss(Y, AT, 3), ValueError, "only p == 1 and p == 2"),
    Refusal("targets", lambda: F.multi_margin_loss(Y, AT[:1]), ShapeError, "expected 2 but"),
    Refusal("floats", lambda: F.multi_margin_loss(Y, Y[:, 0]), DTypeError, "must be integers"),
    Refusal("weight", lambda: F.multi_margin_loss(Y, AT, weight=Y[0, :2]), ShapeError, "expected"),
    Refusal("labels", lambda: F.multilabel_margin_loss(Y, AT), ShapeError, "target size [2] for"),
    Refusal("margin", lambda: F.triplet_margin_with_distance_loss(Y, Y, Y, margin=0), ValueError,
            "margin must be greater than 0"),
]  # fmt: skip
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    margin, CASES, list[Plain](), REFUSALS
)
