"""This library's functions: every row of the table, and calls with PyTorch's keywords."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.census.points import (
    CALLS as NUMPY_CALLS,
)
from benchmarks.census.points import (
    HALF,
    I3,
    MIXED,
    SQUARE,
    SYMMETRIC,
    TIED,
    X0,
    X23,
    Call,
    a,
    call,
    ramp,
)

RENAMED = {"axis": "dim", "keepdims": "keepdim", "ddof": "correction", "ord": "p"}
EXAMPLES = 25


def renamed(calls: list[Call]) -> list[Call]:
    """Return the same calls with PyTorch's keywords."""
    return [Call(c.args, {RENAMED.get(k, k): v for k, v in c.kw.items()}) for c in calls]


IMAGES, KERNEL = ramp(1, 2, 4, 4), ramp(2, 2, 2, 2) / 3
ROWS, WEIGHT, LABELS = ramp(2, 3), ramp(4, 3) / 3, np.array([0, 2])
PROBABLE = a([0.2, 0.7, 0.4], [0.9, 0.5, 0.1]).reshape(2, 3)
ELEMENTS = [(MIXED, HALF), (X23, X0), (TIED, TIED), (np.zeros((0, 3)), np.zeros((0, 3)))]

CALLS: dict[str, list[Call]] = {
    **{name: renamed(calls) for name, calls in NUMPY_CALLS.items()},
    "norm": [call(x, p=p) for x in (MIXED, X0, SQUARE) for p in (1, 2, 3, float("inf"), 0.5)],
    "pow": [call(x, n) for x in (MIXED, X0) for n in (0, 1, 2, 3, -1, 0.5)]
    + [call(a(-2.0, 0.0, 3.0), np.array([2, 0, 3])), call(2.0, MIXED)],
    "permute": [call(ramp(2, 3, 2), (2, 0, 1))], "transpose": [call(X23, 0, 1)],
    "cat": [call([X23, ramp(1, 3)]), call([X23, X0], dim=1)], "chunk": [call(ramp(4), 2)],
    "split": [call(ramp(4), 2)], "unbind": [call(X23)], "narrow": [call(X23, 1, 1, 2)],
    "select": [call(X23, 1, 2)], "index_select": [call(X23, 1, I3)],
    "gather": [call(X23, 1, np.array([[0, 0], [2, 1]]))],
    "scatter": [call(X23, 1, np.array([[0, 2], [1, 0]]), ramp(2, 2))],
    "scatter_add": [call(X23, 1, np.array([[0, 0], [1, 1]]), ramp(2, 2))],
    "index_add": [call(X23, 1, I3, ramp(2, 3))], "index_fill": [call(X23, 1, I3[:2], 0.5)],
    "index_copy": [call(X23, 1, np.array([1, 0]), ramp(2, 2))],
    "masked_fill": [call(MIXED, np.array([True, False, True]), 1.5)],
    "masked_select": [call(MIXED, np.array([True, False, True]))],
    "take_along_dim": [call(X23, np.array([[0, 0], [2, 1]]), 1)],
    "topk": [call(MIXED, 2), call(X23, 1, 0)], "sort": [call(MIXED), call(X23, 0)],
    "max": [call(X23, 1), call(TIED), call(MIXED)], "min": [call(X23, 0), call(TIED)],
    "repeat": [call(MIXED, 2, 2)], "repeat_interleave": [call(MIXED, 2), call(X23, 2, 1)],
    "expand": [call(ramp(2, 1), 2, 3)], "unflatten": [call(ramp(6), 0, (2, 3))],
    "flatten": [call(X23)], "roll": [call(X23, 1), call(X23, (1, 1), (0, 1))],
    "diag_embed": [call(MIXED), call(X23, 1)], "unsqueeze": [call(MIXED, 0)],
    "addmm": [call(ramp(2, 2), X23, ramp(3, 2)), call(ramp(2, 2), X23, ramp(3, 2), beta=0.5)],
    "addmv": [call(ramp(2), X23, MIXED)], "addr": [call(X23, ramp(2), MIXED)],
    "bmm": [call(ramp(2, 2, 3), ramp(2, 3, 1))], "baddbmm": [call(ramp(2, 2, 1), ramp(2, 2, 3), ramp(2, 3, 1))],
    "addbmm": [call(ramp(2, 1), ramp(2, 2, 3), ramp(2, 3, 1))], "chain_matmul": [call(X23, ramp(3, 2), SQUARE)],
    "cdist": [call(X23, X0), call(X23, X0, p=1.0), call(X23, X0, p=3.0), call(X23, X23)],
    "dist": [call(MIXED, HALF), call(MIXED, HALF, 1), call(MIXED, HALF, 3)],
    "lerp": [call(MIXED, HALF, 0.3), call(MIXED, HALF, a(0.2, 0.5, 0.9))],
    "clamp": [call(MIXED, 0.0, 2.0), call(MIXED, a(-1.0), a(2.0)), call(a(0.0, 1.0), 0.0, 1.0)],
    "addcmul": [call(MIXED, HALF, HALF, value=0.5)], "addcdiv": [call(MIXED, HALF, HALF, value=0.5)],
    "logit": [call(HALF), call(a(0.0, 1.0, 0.5), 0.1)], "einsum": NUMPY_CALLS["einsum"],
    "constant_pad_nd": [call(X23, (1, 0))], "pad": [call(X23, (1, 2)), call(ramp(1, 1, 4), (2, 1), mode="reflect")],
    "tensor_split": [call(ramp(5), 2)], "movedim": [call(ramp(2, 3, 2), 0, 2)],
    "aminmax": [call(MIXED), call(TIED)], "cumprod": [call(x, 0) for x in (MIXED, X23, X0, a(0.0, 0.0, 2.0))],
    "cumsum": [call(X23, 1)], "logcumsumexp": [call(X23, 1), call(a(30.0, -30.0), 0)],
    "tril": [call(X23, 1)], "triu": [call(X23, -1)], "view": [call(X23, 3, 2)],
    "linear": [call(ROWS, WEIGHT), call(ROWS, WEIGHT, ramp(4)), call(ramp(0, 3), WEIGHT)],
    "bilinear": [call(ROWS, ramp(2, 2), ramp(2, 3, 2))],
    "conv1d": [call(ramp(1, 2, 5), ramp(2, 2, 3)), call(ramp(1, 2, 5), ramp(2, 1, 2), ramp(2), stride=2, padding=1, groups=2)],
    "conv2d": [call(IMAGES, KERNEL), call(IMAGES, KERNEL, ramp(2), padding=1, stride=2), call(IMAGES, ramp(1, 2, 3, 3), padding=1), call(IMAGES, ramp(2, 1, 2, 2), dilation=2, groups=2)],
    "conv_transpose1d": [call(ramp(1, 2, 3), ramp(2, 1, 2), stride=2)],
    "conv_transpose2d": [call(ramp(1, 2, 2, 2), ramp(2, 1, 2, 2), stride=2, output_padding=1)],
    "max_pool1d": [call(ramp(1, 1, 5), 2)], "max_pool2d": [call(IMAGES, 2), call(IMAGES * 0, 2)],
    "avg_pool1d": [call(ramp(1, 1, 5), 2, padding=1)], "avg_pool2d": [call(IMAGES, 2), call(IMAGES, 3, 1, 1)],
    "adaptive_avg_pool1d": [call(ramp(1, 1, 5), 2)], "adaptive_avg_pool2d": [call(IMAGES, 3)],
    "embedding": [call(I3, X23.T)],
    "layer_norm": [call(X23, (3,)), call(X23, (3,), HALF, MIXED), call(TIED, (3,))],
    "group_norm": [call(ramp(2, 4), 2), call(ramp(2, 4, 2), 2, ramp(4), ramp(4))],
    "rms_norm": [call(X23, (3,)), call(np.zeros((2, 3)), (3,), HALF)], "instance_norm": [call(ramp(1, 2, 3))],
    "batch_norm": [call(X23, None, None, training=True), call(X23, None, None, HALF, MIXED, True)],
    "normalize": [call(X23), call(X23, 1.0, 0)],
    "cosine_similarity": [call(X23, X0), call(X23, X23)], "pairwise_distance": [call(X23, X0), call(X23, X0, p=1.0)],
    "cross_entropy": [call(ROWS, LABELS), call(ROWS, LABELS, reduction="none", label_smoothing=0.1), call(ROWS, PROBABLE), call(ROWS, LABELS, a(1.0, 2.0, 0.5))],
    "nll_loss": [call(-ROWS, LABELS), call(-ROWS, LABELS, a(1.0, 2.0, 0.5))],
    "binary_cross_entropy": [call(PROBABLE, PROBABLE[::-1])], "gaussian_nll_loss": [call(MIXED, HALF, HALF)],
    "binary_cross_entropy_with_logits": [call(X23, PROBABLE), call(X23, PROBABLE, pos_weight=HALF), call(np.zeros((2, 3)), PROBABLE)],
    "kl_div": [call(-ROWS, PROBABLE), call(-ROWS, PROBABLE, reduction="batchmean")],
    **{name: [call(*xs, reduction=how) for xs in ELEMENTS for how in ("mean", "sum", "none")] for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "poisson_nll_loss")},
    **{name: [call(MIXED, np.array([1.0, -1.0, 1.0]))] for name in ("hinge_embedding_loss", "soft_margin_loss")},
    "margin_ranking_loss": [call(MIXED, HALF, a(1.0, -1.0, 1.0))], "cosine_embedding_loss": [call(X23, X0, a(1.0, -1.0))],
    "triplet_margin_loss": [call(X23, X0, TIED)], "glu": [call(ramp(2, 4)), call(ramp(4, 1), 0)],
    "prelu": [call(MIXED, a(0.25)), call(X23 - 1, HALF)], "threshold": [call(MIXED, 0.1, 5.0)],
    "softplus": [call(a(0.0, 30.0, -30.0)), call(MIXED, 2.0, 5.0)], "gelu": [call(MIXED, approximate="tanh")],
    "scaled_dot_product_attention": [call(ramp(2, 3), ramp(3, 3) / 2, ramp(3, 2)), call(ramp(1, 2, 2), ramp(1, 2, 2), ramp(1, 2, 2), is_causal=True)],
    "softmax": [call(x, 1) for x in (X23, X0, TIED)], "log_softmax": [call(x, 0) for x in (X23, X0, TIED)],
    "softmin": [call(X23, 1)], "logsumexp": [call(X23, 1), call(a(1000.0, 1000.0), 0), call(X23, (0, 1))],
    "matmul": [call(SYMMETRIC, SQUARE), call(ramp(2, 2, 3), ramp(3))],
}  # fmt: skip


def rows() -> Iterator[tuple[str, Callable[..., Any], Iterator[Call]]]:
    """Yield each row of the table of derivatives, with calls as its property test draws them."""
    from tests.properties.domains import ROWS, op_named
    from tinygrad_mnist.autograd import REGISTRY
    from tinygrad_mnist.ops import table

    for name in sorted(set(REGISTRY) & set(ROWS)):
        op = REGISTRY[name]
        if not any(rule is not None for rule in op.rules):
            continue
        page = "table" if hasattr(table, name) else "further"
        function = after(ROWS[name].through, op_named(name))
        yield f"{page}.{name}", function, examples(ROWS[name].calls)


def after(through: Callable[[Any], Any] | None, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of arguments that are made symmetric, say, first."""
    return function if through is None else lambda *args, **kw: function(*map(through, args), **kw)


def examples(strategy: Any) -> Iterator[Call]:
    """Draw the same examples each time, when the first of them is needed."""
    from tests.properties.examples import same_examples

    for example in same_examples(strategy, EXAMPLES):
        yield Call(example.args, example.kw)
