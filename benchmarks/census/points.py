"""The points of the census: arguments that fit many functions, and calls that only some take.

Each point is a tuple of arguments. Float arrays are differentiated by; a function that refuses a
point is not called there. `CALLS` has NumPy's names and keywords.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Call(NamedTuple):
    """Arguments, and keywords that are not differentiated by."""

    args: tuple[Any, ...]
    kw: dict[str, Any] = {}


def a(*values: Any) -> Array:
    """Make a float64 array."""
    return np.array(values, np.float64)


def words(text: str) -> list[str]:
    return text.split()


def call(*args: Any, **kw: Any) -> Call:
    return Call(args, kw)


def ramp(*shape: int, start: float = 0.3, step: float = 0.37) -> Array:
    """Make numbers that are neither equal nor round."""
    size = int(np.prod(shape))
    return (start + step * np.arange(size) + 0.01 * np.arange(size) ** 2).reshape(shape)


E: Array = np.zeros(0)
HALF, MIXED, ABOVE = a(0.3, 0.7, 0.45), a(-0.6, 1.7, 2.9), a(1.5, 2.25, 3.1)
SQUARE = np.array([[2.0, 0.5], [0.3, 1.5]])
SYMMETRIC = np.array([[2.0, 0.5], [0.5, 1.5]])

ONE = [
    HALF, MIXED, ABOVE, ramp(2, 3), ramp(2, 2), np.array(0.7), ramp(2, 1, 2),  # ordinary
    a(0.0), a(0.0, 2.0, 3.0), a(0.0, 0.0), np.array(0.0), a(1.0), a(-1.0, 1.0), a(0.5),  # edges
    a(2.0, -3.0), a(2.0, 2.0, 1.0), a(1.0, 1.0), a(30.0, -30.0), a(1e-8, -1e-8),  # ties, sizes
    E, np.zeros((0, 3)), ramp(1), ramp(1, 1),
    SQUARE, SYMMETRIC, 2 * np.eye(2), np.array([[1.0, 2.0], [2.0, 4.0]]), np.zeros((2, 2)),
    np.array([[0.0, 0.0], [3.0, 4.0]]), ramp(3, 2), np.stack([SQUARE, SYMMETRIC]),
]  # fmt: skip

TWO = [
    (HALF, a(0.6, 0.2, 0.8)), (MIXED, a(1.1, -0.4, 0.9)), (ABOVE, a(2.5, 1.2, 0.7)),
    (ramp(2, 3), ramp(3, start=0.9)), (ramp(3), ramp(2, 3, start=0.9)), (ramp(2, 1), ramp(1, 3)),
    (np.array(0.7), ramp(3, start=0.9)), (ramp(3, start=0.9), np.array(0.7)),
    (ramp(2, 3), ramp(3, 2, start=0.5)), (SQUARE, ramp(2)), (SYMMETRIC, ramp(2, 3)),
    (a(0.0), a(2.0)), (a(0.0), a(1.0)), (a(2.0), a(0.0)), (a(0.0), a(0.0)), (a(1.0), a(1.0)),
    (a(-2.0), a(3.0)), (a(-2.0), a(2.0)), (a(2.0, 2.0), a(2.0, 1.0)), (a(0.0, 1.0), a(0.0, 0.0)),
    (a(30.0), a(-30.0)), (E, E), (np.zeros((0, 3)), ramp(3)), (ramp(2, 3, 2), ramp(2, 1)),
]  # fmt: skip

THREE = [
    (HALF, a(0.6, 0.2, 0.8), a(0.5, 1.4, 0.4)), (MIXED, a(1.1, -0.4, 0.9), a(2.0, 2.5, 0.1)),
    (ramp(2, 3), ramp(3), ramp(2, 1)), (a(1.0), a(2.0), a(0.0)), (a(0.0), a(0.0), a(1.0)),
]  # fmt: skip


FEW = [
    *(Call((x,)) for x in (HALF, MIXED, ABOVE, a(0.0, 2.0, 3.0), a(2.0, 2.0, 1.0), a(1.0, -1.0, 0.5))),
    *(Call((x,)) for x in (a(30.0, -30.0, 1e-8), a(2.0, -3.0, 0.0), np.array(0.7), np.array(0.0), E)),
    *(Call((x,)) for x in (SQUARE, 2 * np.eye(2), np.zeros((2, 2)), ramp(2, 3))),
    Call((HALF, a(0.6, 0.2, 0.8))), Call((ABOVE, a(2.5, 1.2, 0.7))), Call((MIXED, a(1.1, -0.4, 0.9))),
    Call((a(0.0, 0.0, 2.0), a(2.0, 0.0, 0.0))), Call((a(-2.0, 0.0, 3.0), a(2.0, 1.0, 3.0))),
    Call((ramp(2, 3), ramp(3, start=0.9))), Call((ramp(2, 2), ramp(2, 1, start=0.5))),
    Call((np.array(0.7), ramp(3))), Call(THREE[0]), Call(THREE[4]),
]  # fmt: skip


def general() -> Iterator[Call]:
    """Yield the points that every function is tried at."""
    yield from (Call((x,)) for x in ONE)
    yield from map(Call, TWO)
    yield from map(Call, THREE)


X23, X0 = ramp(2, 3), np.array([[0.0, 2.0, 3.0], [4.0, 0.0, 5.0]])
TIED = np.array([[1.0, 1.0, 2.0], [3.0, 3.0, 3.0]])
NEGATIVE = -ramp(2, 3)
I3 = np.array([0, 2, 0])

AXES = [
    call(x, **kw)
    for x in (X23, X0, TIED, NEGATIVE, np.zeros((2, 0)), ramp(2, 2, 2))
    for kw in ({"axis": 0}, {"axis": -1}, {"axis": 1, "keepdims": True}, {"axis": (0, 1)})
]
ALONG = [call(x, axis=axis) for x in (X23, X0, TIED, ramp(2, 2, 2)) for axis in (0, 1, -1)]
POWERS = [
    call(a(*xs), np.array(ys))
    for xs in ((-2.0, 0.0, 3.0), (0.0, 0.0, 0.0), (1.0, -1.0, 2.0))
    for ys in ((2, 2, 2), (0, 1, 2), (3, 0, 1))
]
NORMS = [
    call(x, ord=ord, axis=axis)
    for x in (a(3.0, -4.0, 1.0), a(0.0, 2.0, 0.0), ramp(2, 3), SQUARE, ramp(3, 2))
    for axis in (None, 0)
    for ord in (None, 1, 2, 3, np.inf, -np.inf, 0.5, -1, 0)
] + [call(x, ord=ord) for x in (SQUARE, ramp(3, 2), np.eye(2)) for ord in ("fro", "nuc", 2, -2)]

# A list of calls for each name, which often means the same in several libraries.
CALLS: dict[str, list[Call]] = {
    **dict.fromkeys(words(
        "sum prod mean max min amax amin var std nansum nanprod nanmean nanmax nanmin nanvar "
        "nanstd logsumexp median nanmedian ptp average all any"
    ), AXES),
    **dict.fromkeys(words(
        "cumsum cumprod sort softmax log_softmax standardize normalize logcumsumexp flip "
        "nancumsum nancumprod diff gradient cumulative_sum cumulative_prod unwrap trapezoid "
        "glu squeeze expand_dims rot90 fliplr flipud partition msort"
    ), ALONG),
    "var": [*AXES, call(X23, ddof=1), call(X23, axis=0, ddof=1), call(a(1.0, 1.0))],
    "std": [*AXES, call(X23, ddof=1), call(X23, axis=1, ddof=1)],
    "power": POWERS, "float_power": POWERS, "pow": POWERS,
    "norm": NORMS, "vector_norm": [call(x, ord=o) for x in (MIXED, X0) for o in (1, 2, 3, np.inf)],
    "matrix_norm": [call(SQUARE, ord=o) for o in ("fro", "nuc", 1, 2, np.inf)],
    "reshape": [call(X23, (3, 2)), call(X23, -1), call(np.array(1.5), (1, 1)), call(E, (0, 2))],
    "transpose": [call(X23), call(ramp(2, 3, 2), (1, 2, 0)), call(ramp(2, 3, 2), (-1, 0, 1))],
    "permute_dims": [call(ramp(2, 3, 2), (1, 2, 0))],
    "moveaxis": [call(ramp(2, 3, 2), 0, -1), call(ramp(2, 3, 2), (0, 1), (1, 0))],
    "rollaxis": [call(ramp(2, 3, 2), 2), call(ramp(2, 3, 2), 0, 3)],
    "swapaxes": [call(ramp(2, 3, 2), 0, -1)], "matrix_transpose": [call(X23)],
    "expand_dims": [call(X23, 0), call(X23, -1)], "squeeze": [call(ramp(1, 3, 1)), call(ramp(1, 3), 0)],
    "roll": [call(X23, 1), call(X23, -1, axis=1), call(X23, (1, 1), axis=(0, 1))],
    "rot90": [call(X23), call(X23, k=2)],
    "repeat": [call(X23, 2), call(X23, 2, axis=0), call(MIXED, np.array([0, 2, 1])), call(np.array(1.5), 2)],
    "tile": [call(X23, 2), call(X23, (2, 1)), call(MIXED, (2, 2)), call(X23, (1, 2, 1))],
    "broadcast_to": [call(MIXED, (2, 3)), call(np.array(1.5), (2,)), call(ramp(2, 1), (2, 0))],
    "take": [call(MIXED, I3), call(X23, I3, axis=1), call(X23, np.array([[0, 0]]), axis=0)],
    "take_along_axis": [call(X23, np.array([[0, 0], [2, 1]]), axis=1)],
    "pad": [
        call(X23, 1), call(X23, ((1, 0), (0, 2))), call(MIXED, 2, mode="reflect"),
        call(MIXED, 1, mode="edge"), call(MIXED, 2, mode="wrap"), call(MIXED, 1, mode="symmetric"),
    ],
    "concatenate": [call([X23, ramp(1, 3)]), call([X23, X0], axis=1), call([E, MIXED])],
    "stack": [call([MIXED, HALF]), call([MIXED, HALF], axis=-1), call([np.array(1.5)] * 2)],
    "vstack": [call([MIXED, HALF]), call([X23, MIXED])],
    "hstack": [call([MIXED, HALF]), call([X23, ramp(2, 1)])],
    "dstack": [call([MIXED, HALF])], "column_stack": [call([MIXED, HALF])],
    "block": [call([[X23, ramp(2, 1)]])], "append": [call(MIXED, HALF), call(X23, X0, axis=0)],
    "einsum": [
        call("ij,jk->ik", X23, ramp(3, 2)), call("ii->i", SQUARE), call("ii", SQUARE),
        call("ij->", X23), call("i,i->", MIXED, HALF), call("...i,i->...", X23, MIXED),
        call("ij,ij->j", X23, X0), call("i,j->ij", MIXED, HALF), call("ij->ji", X23),
        call("i,ij,j->", ramp(2), X23, MIXED), call("iij->j", ramp(2, 2, 3)),
    ],
    "tensordot": [call(X23, ramp(3, 2), 1), call(X23, X0, 2), call(X23, X0, axes=([0], [0]))],
    "trace": [call(X23), call(X23, 1), call(SQUARE, -1), call(ramp(2, 2, 2))],
    "diag": [call(MIXED, 1), call(X23, 1), call(SQUARE, -1), call(ramp(3, 2)), call(X23)],
    "diagonal": [call(X23), call(X23, 1), call(ramp(2, 2, 2), 0, 1, 2)],
    "diagflat": [call(X23), call(MIXED, 1)],
    "triu": [call(X23, 1), call(X23, -1)], "tril": [call(X23, 1), call(ramp(2, 2, 2), -1)],
    "matrix_power": [call(SQUARE, n) for n in (0, 1, 2, 3, -1, -2)] + [call(np.zeros((2, 2)), 2)],
    "convolve": [call(MIXED, HALF, mode) for mode in ("full", "same", "valid")] + [call(MIXED, a(1.0, 2.0))],
    "correlate": [call(MIXED, a(1.0, 2.0), mode) for mode in ("full", "same", "valid")],
    "interp": [call(a(0.5, 1.5), a(0.0, 1.0, 2.0), MIXED), call(a(1.0), a(0.0, 1.0, 2.0), MIXED)],
    "clip": [call(MIXED, 0.0, 2.0), call(MIXED, a(-1.0), a(2.0)), call(a(0.0, 1.0), 0.0, 1.0)],
    "where": [call(np.array([True, False, True]), MIXED, HALF), call(np.array([[True], [False]]), MIXED, X23)],
    "select": [call([np.array([True, False, False])], [MIXED])],
    "diff": [call(MIXED), call(X23, 2), call(X23, 1, 0), call(ramp(5), 3)],
    "gradient": [call(ramp(4)), call(X23), call(ramp(4), 2.0), call(ramp(3, 3), axis=0)],
    "cov": [call(X23), call(X23, rowvar=False), call(MIXED, HALF), call(X23, ddof=0)],
    "corrcoef": [call(X23), call(MIXED, HALF)],
    "cross": [call(MIXED, HALF), call(X23, X0), call(ramp(3, 2), ramp(3, 2, start=1.0), axis=0)],
    "kron": [call(SQUARE, X23), call(MIXED, HALF)], "outer": [call(X23, MIXED)],
    "vander": [call(MIXED), call(MIXED, 2)], "polyval": [call(MIXED, np.array(2.0)), call(MIXED, HALF)],
    "percentile": [call(MIXED, 30.0), call(X23, 50.0, axis=1)],
    "quantile": [call(MIXED, 0.3), call(X23, 0.5, axis=1)],
    "array_split": [call(X23, 2), call(ramp(5), 2)], "split": [call(ramp(4), 2), call(X23, [1], 1)],
    "hsplit": [call(ramp(2, 2), 2)], "vsplit": [call(ramp(2, 2), 2)],
    "linspace": [call(np.array(0.0), np.array(1.5), 3), call(MIXED, HALF, 3)],
    "logspace": [call(np.array(0.0), np.array(1.5), 3)],
    "geomspace": [call(np.array(0.5), np.array(1.5), 3)],
    "round": [call(MIXED, 1)], "nan_to_num": [call(a(1.0, np.nan, np.inf))],
    "delete": [call(MIXED, 1)], "insert": [call(MIXED, 1, 2.0)], "resize": [call(MIXED, (2, 2))],
    "apply_along_axis": [], "ediff1d": [call(MIXED)], "atleast_2d": [call(MIXED)],
    "sort": [*ALONG, call(MIXED), call(TIED), call(np.array([2.0, -1.0, 2.0]))],
    "partition": [call(MIXED, 1)], "compress": [call(np.array([True, False, True]), MIXED)],
    "svd": [call(x, compute_uv=False) for x in (SQUARE, X23, ramp(3, 2), np.zeros((2, 3)))],
    "eigh": [call(SYMMETRIC), call(SYMMETRIC, "U")], "eigvalsh": [call(SYMMETRIC), call(2 * np.eye(2))],
    "solve": [call(SQUARE, ramp(2)), call(SQUARE, X23), call(np.stack([SQUARE, SYMMETRIC]), ramp(2, 2, 1))],
    "lstsq": [], "tensorsolve": [call(ramp(2, 2) + np.eye(2), ramp(2))], "multi_dot": [call([X23, ramp(3, 2), SQUARE])],
    "polygamma": [call(1, ABOVE), call(0, ABOVE), call(2, HALF)], "multigammaln": [call(ABOVE, 2)],
    "iv": [call(1, ABOVE), call(0, HALF)], "ive": [call(1, ABOVE)],
    "jn": [call(2, ABOVE), call(0, a(0.0, 1.0))], "yn": [call(2, ABOVE)], "zeta": [call(ABOVE, HALF)],
    "leaky_relu": [call(MIXED, 0.1)], "elu": [call(MIXED, 0.5)], "celu": [call(MIXED, 0.5)],
    "one_hot": [], "selu": [call(a(-1.0, 2.0))], "hard_tanh": [call(a(-2.0, 0.5, 2.0))],
    "logsumexp": [*AXES, call(a(1000.0, 1000.0)), call(MIXED, b=a(1.0, -0.5, 2.0))],
    "conv_nd": [call(ramp(1, 1, 4), ramp(1, 1, 2), stride=1)], "max_pool": [call(ramp(1, 1, 4), (2,), 2)],
    "batchnorm": [call(ramp(3, 2), gamma=None, beta=None, eps=1e-5)], "softmax_crossentropy": [call(X23, np.array([0, 2]))],
    "multiclass_hinge": [call(X23 / 3, np.array([0, 2]))], "negative_log_likelihood": [call(-X23, np.array([0, 2]))],
    "focal_loss": [call(HALF.reshape(1, 3), np.array([1]), alpha=1.0, gamma=2.0)],
    "margin_ranking_loss": [call(MIXED, HALF, np.array([1, -1, 1]), 0.3)],
}  # fmt: skip
