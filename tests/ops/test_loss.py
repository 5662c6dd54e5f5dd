"""Losses, by their formulas in NumPy."""

import math

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.ops import loss

rng = np.random.default_rng(0)
X, T = [0.5, -1.5, 4.0], [1.0, 1.0, 1.0]
D = abs(np.array(X) - T)
P, HOT = [0.25, 0.5, 0.75], [0.0, 1.0, 0.5]
SIGNS, CLASSES = [1.0, -1.0, 1.0], [2, 0, 1]
Z = rng.normal(size=(3, 4))
LOGITS, WEIGHT = Z.tolist(), [1.0, 0.5, 2.0, 1.0]
LOG_P = Z - np.log(np.exp(Z).sum(1, keepdims=True))
ROW = -LOG_P[range(3), CLASSES]
WEIGHTS = np.array(WEIGHT)[CLASSES]
SOFT = np.array([[0.1, 0.2, 0.3, 0.4]] * 3)
A, B, C = rng.normal(size=(3, 2, 3))
PAIR = [A.tolist(), B.tolist()]


def each(name: str, args: list[object], want: object, **settings: object) -> list[Case]:
    """A loss for each element, its mean, and its sum by PyTorch's older argument."""
    want = np.array(want)

    def f(*a: object, **kw: object) -> object:
        weight = {"weight": a[2]} if name == "mse_loss" and len(a) > 2 else {}
        return getattr(F, name)(*a[: 2 if weight else None], **weight, **kw)

    return [
        Case(name, lambda *a: f(*a, **settings, reduction="none"), args, want.tolist()),
        Case(name, lambda *a: f(*a, **settings), args, float(want.mean())),
        Case(name, lambda *a: f(*a, **settings, size_average=False), args, float(want.sum())),
    ]


def binary(p: object, t: object) -> np.ndarray:
    p, t = np.array(p), np.array(t)
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


def sigmoid(x: object) -> np.ndarray:
    return 1 / (1 + np.exp(-np.array(x)))


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


def smoothed(want: float, by: float) -> float:
    return float((1 - by) * want - by * LOG_P.mean())


NEAR, FAR = np.linalg.norm(A - B, axis=1), np.linalg.norm(A - C, axis=1)
OTHER = np.linalg.norm(B - C, axis=1)
CASES = [
    *each("mse_loss", [X, T], D**2),
    *each("mse_loss", [X, T, P], D**2 * P),
    *each("l1_loss", [X, T], D),
    *each("smooth_l1_loss", [X, T], np.where(D < 2, D**2 / 4, D - 1), beta=2.0),
    *each("smooth_l1_loss", [X, T], D, beta=0),
    *each("huber_loss", [X, T], np.where(D < 2, D**2 / 2, 2 * (D - 1)), delta=2.0),
    *each("binary_cross_entropy", [P, HOT], binary(P, HOT)),
    *each("binary_cross_entropy", [P, HOT, [1.0, 2.0, 3.0]], binary(P, HOT) * [1, 2, 3]),
    *each("binary_cross_entropy_with_logits", [X, HOT], binary(sigmoid(X), HOT)),
    Case("binary_cross_entropy_with_logits",
         lambda x, t, w: F.binary_cross_entropy_with_logits(x, t, pos_weight=w, reduction="sum"),
         [X, [1.0, 0.0, 1.0], [2.0, 3.0, 4.0]],
         float((binary(sigmoid(X), [1, 0, 1]) * [2, 1, 4]).sum())),
    *each("poisson_nll_loss", [X, T], np.exp(X) - np.array(X)),
    Case("poisson_nll_loss", lambda x, t: F.poisson_nll_loss(x, t, False, eps=0), [[2.0], [3.0]],
         2 - 3 * math.log(2)),
    Case("poisson_nll_loss", lambda x, t: F.poisson_nll_loss(x, t, full=True), [[2.0], [3.0]],
         math.exp(2) - 6 + 3 * math.log(3) - 3 + math.log(6 * math.pi) / 2),
    *each("gaussian_nll_loss", [X, T, [1.0, 2.0, 4.0]],
          (np.log([1, 2, 4]) + D**2 / [1, 2, 4]) / 2),
    Case("gaussian_nll_loss", F.gaussian_nll_loss, [[[1.0, 2.0]], [[0.0, 0.0]], [2.0]],
         (math.log(2) + 1.25) / 2),
    Case("gaussian_nll_loss", lambda x, t: F.gaussian_nll_loss(x, t, 1.0, full=True),
         [[2.0], [0.0]],
         2 + math.log(2 * math.pi) / 2),
    *each("soft_margin_loss", [X, SIGNS], np.log1p(np.exp(-np.array(SIGNS) * X))),
    *each("hinge_embedding_loss", [X, SIGNS], np.where(np.array(SIGNS) > 0, X, 2.5)),
    *each("margin_ranking_loss", [X, T, SIGNS],
          (0.25 - SIGNS * (np.array(X) - T)).clip(0), margin=0.25),
    *each("cosine_embedding_loss", [*PAIR, [1.0, -1.0]],
          [1 - cosine(A, B)[0], max(0, cosine(A, B)[1] + 0.9)], margin=-0.9),
    *each("triplet_margin_loss", [*PAIR, C.tolist()], (NEAR - FAR + 3).clip(0), margin=3.0, eps=0),
    *each("triplet_margin_loss", [*PAIR, C.tolist()], (NEAR - np.minimum(FAR, OTHER) + 3).clip(0),
          margin=3.0, eps=0, swap=True),
    Case("pairwise_distance", lambda a, b: F.pairwise_distance(a, b, eps=0), PAIR, NEAR.tolist()),
    Case("pairwise_distance", lambda a, b: F.pairwise_distance(a, b, 1, 0, True), PAIR,
         abs(A - B).sum(1, keepdims=True).tolist()),
    Case("cosine_similarity", F.cosine_similarity, PAIR, cosine(A, B).tolist()),
    Case("normalize", F.normalize, [A.tolist()],
         (A / np.linalg.norm(A, axis=1, keepdims=True)).tolist()),
    Case("kl_div", F.kl_div, [X, P], float((P * (np.log(P) - X)).mean())),
    Case("kl_div", lambda x, t: F.kl_div(x, t, reduction="sum", log_target=True), [X, P],
         float((np.exp(P) * (np.array(P) - X)).sum())),
    Case("kl_div", lambda x, t: F.kl_div(x, t, reduction="batchmean"), [[X, X], [P, P]],
         float((P * (np.log(P) - X)).sum())),
    Case("nll_loss", lambda x: F.nll_loss(x, tg.tensor(CLASSES)), [LOG_P.tolist()],
         float(ROW.mean())),
    Case("nll_loss", lambda x, w: F.nll_loss(x, tg.tensor(CLASSES), w), [LOG_P.tolist(), WEIGHT],
         float((ROW * WEIGHTS).sum() / WEIGHTS.sum())),
    Case("cross_entropy", F.cross_entropy, [LOGITS, CLASSES], float(ROW.mean())),
    Case("softmax_cross_entropy", F.softmax_cross_entropy, [LOGITS, CLASSES], float(ROW.mean())),
    Case("cross_entropy", lambda z, t: F.cross_entropy(z, t, reduction="none"), [LOGITS, CLASSES],
         ROW.tolist()),
    Case("cross_entropy", lambda z, t: F.cross_entropy(z, t, reduce=False), [LOGITS, CLASSES],
         ROW.tolist()),
    Case("cross_entropy", lambda z: F.cross_entropy(z, tg.tensor(2)), [LOGITS[0]], float(ROW[0])),
    Case("cross_entropy", F.cross_entropy, [[Z.T.tolist()], [CLASSES]], float(ROW.mean())),
    Case("cross_entropy", lambda z, t: F.cross_entropy(z, t, reduction="none"),
         [[Z.T.tolist()], [CLASSES]], [ROW.tolist()]),
    Case("cross_entropy", lambda z, t: F.cross_entropy(z, t, ignore_index=0), [LOGITS, CLASSES],
         float(ROW[[0, 2]].mean())),
    Case("cross_entropy", F.cross_entropy, [LOGITS, [2, -100, 1]], float(ROW[[0, 2]].mean())),
    Case("cross_entropy", F.cross_entropy, [LOGITS, CLASSES, WEIGHT],
         float((ROW * WEIGHTS).sum() / WEIGHTS.sum())),
    Case("cross_entropy", lambda z, t: F.cross_entropy(z, t, label_smoothing=0.2),
         [LOGITS, CLASSES], smoothed(ROW.mean(), 0.2)),
    Case("cross_entropy", F.cross_entropy, [LOGITS, SOFT.tolist()],
         float(-(SOFT * LOG_P).sum() / 3)),
    Case("cross_entropy", lambda z, t: F.cross_entropy(z, t, reduction="none", label_smoothing=0.4),
         [LOGITS, SOFT.tolist()], (-((0.6 * SOFT + 0.1) * LOG_P).sum(1)).tolist()),
    Case("pdist", F.pdist, [[[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]], [5, 1, math.sqrt(18)]),
    Case("pdist", lambda x: F.pdist(x, 1), [[[0.0, 0.0], [3.0, 4.0]]], [7]),
]  # fmt: skip
PLAIN = [
    Plain("cross_entropy", F.cross_entropy, [[[1000.0, 0.0]], [1]], 1000),
    Plain("binary_cross_entropy_with_logits", F.binary_cross_entropy_with_logits,
          [[1000.0, -1000.0], [0.0, 0.0]], 500),
    Plain("binary_cross_entropy", F.binary_cross_entropy, [[0.0], [1.0]], 100),
    Plain("cosine_similarity", F.cosine_similarity, [[[0.0, 0.0]], [[1.0, 2.0]]], [0]),
    Plain("kl_div", lambda x, t: F.kl_div(x.sum(), t.sum(), reduction="batchmean"),
          [[0.0], [0.0]], 0),
]  # fmt: skip
ONES, ROWS = tg.ones(2, 3), tg.tensor([0, 1])
REFUSALS = [
    Refusal("reduction", lambda: F.mse_loss(ONES, ONES, reduction="max"), ValueError,
            "'max' is not a valid value for reduction"),
    Refusal("beta", lambda: F.smooth_l1_loss(ONES, ONES, beta=-1.0), RuntimeError,
            "negative values"),
    Refusal("delta", lambda: F.huber_loss(ONES, ONES, delta=0.0), RuntimeError,
            "non-positive values"),
    Refusal("shapes", lambda: F.binary_cross_entropy(ONES, ONES[0]), ShapeError, "target size [3]"),
    Refusal("no probability", lambda: F.binary_cross_entropy(ONES * 2, ONES), ShapeError,
            "should be between 0 and 1"),
    Refusal("integers", lambda: F.mse_loss(ROWS, ROWS), DTypeError, "mse_loss() is not"),
    Refusal("a score", lambda: F.nll_loss(tg.tensor(1.0), ROWS), ShapeError,
            "one dimension at least"),
    Refusal("targets", lambda: F.cross_entropy(ONES, ROWS[:1]), ShapeError,
            "class targets of shape [2], not [1]"),
    Refusal("float targets", lambda: F.cross_entropy(ONES, tg.ones(2)), DTypeError, "not float32"),
    Refusal("bounds", lambda: F.cross_entropy(ONES, ROWS + 2), IndexError, "Target 3 is out of"),
    Refusal("weights", lambda: F.nll_loss(ONES, ROWS, tg.ones(2)), ShapeError, "of the 3 classes"),
    Refusal("smoothing", lambda: F.cross_entropy(ONES, ROWS, label_smoothing=2), RuntimeError,
            "must be between 0.0 and 1.0"),
]  # fmt: skip
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    loss, CASES, PLAIN, REFUSALS
)


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss"])
def test_another_target_size_is_warned_about(name: str) -> None:
    with pytest.warns(UserWarning, match=r"target size \(\[1\]\).*input size \(\[3\]\)"):
        getattr(F, name)(tg.ones(3), tg.ones(1))
