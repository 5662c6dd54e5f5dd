"""The dtypes that PyTorch's functions refuse, though NumPy would take them.

`tests/reports/dtypes.json` lists what PyTorch gives for every (function, dtype).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from inspect import cleandoc
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.op import DTypeError
from tinygrad_mnist.autograd.tensor import Tensor

BOOLS, INTEGERS, ALL = "b", "iu", "biu"
FLOATS_ALONE = (
    "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d "
    "adaptive_max_pool1d_with_indices adaptive_max_pool2d adaptive_max_pool2d_with_indices "
    "adaptive_max_pool3d adaptive_max_pool3d_with_indices ctc_loss fold fractional_max_pool2d "
    "fractional_max_pool3d glu grid_sample local_response_norm lp_pool1d lp_pool2d lp_pool3d "
    "max_unpool1d max_unpool2d max_unpool3d multi_margin_loss multilabel_margin_loss "
    "multilabel_soft_margin_loss pdist"
)
NAMES = {BOOLS: "bools", INTEGERS: "integers", ALL: "integers and bools"}
REFUSED: dict[str, str] = {
    "abs": BOOLS, "ceil": BOOLS, "floor": BOOLS, "trunc": BOOLS,
    "frac": INTEGERS, "std": ALL, "argmax": BOOLS, "argmin": BOOLS, "norm": ALL, "nanmean": ALL,
    "logcumsumexp": ALL, "softmax": ALL, "log_softmax": ALL, "trace": BOOLS, "topk": BOOLS,
    "lerp": ALL, "addcdiv": ALL, "relu": BOOLS,
    "gelu": ALL, "leaky_relu": ALL, "elu": ALL, "celu": ALL, "selu": ALL, "silu": ALL,
    "mish": ALL, "softplus": ALL, "logsigmoid": ALL, "hardsigmoid": ALL, "hardswish": ALL,
    "hardshrink": ALL, "softshrink": ALL, "threshold": BOOLS, "softsign": BOOLS,
    "hardtanh": BOOLS, "mse_loss": ALL, "l1_loss": ALL, "smooth_l1_loss": ALL, "huber_loss": ALL,
    "normalize": ALL, "kthvalue": BOOLS, "index_reduce": BOOLS, "searchsorted": BOOLS,
    "bucketize": BOOLS, "isin": BOOLS, "gradient": BOOLS,
    "unfold": INTEGERS,
    **dict.fromkeys(FLOATS_ALONE.split(), ALL),
}  # fmt: skip


def refuse(family: dict[str, Any]) -> None:
    """Make a module's public functions, under all their names, refuse what PyTorch's do."""
    for name in REFUSED.keys() & set(family["__all__"]):
        function = family[name]
        if hasattr(function, "refuses"):  # made in `rows.py`
            continue
        refuser = refuser_of(function, name, REFUSED[name])
        family |= {alias: refuser for alias in family["__all__"] if family[alias] is function}


def refuser_of(function: Callable[..., Any], name: str, kinds: str) -> Callable[..., Any]:
    """Make a function raise DTypeError for a first argument of those kinds."""

    @functools.wraps(function)
    def call(*args: Any, **kw: Any) -> Any:
        x: Any = args[0] if args else kw.get("input")
        x = x._data if isinstance(x, Tensor) else x
        dtype = x.dtype if isinstance(x, np.ndarray) else None
        x = None  # an in-place call looks whether anyone else refers to the array
        if dtype is not None and dtype.kind in kinds and kw.get("dtype") is None:
            raise DTypeError(
                f"{name}() is not implemented for {dtype}; cast the input to float first"
            )
        return function(*args, **kw)

    call.refuses = kinds  # type: ignore[attr-defined]
    call.__doc__ = f"{cleandoc(function.__doc__ or '')}\n\nRaises DTypeError for {NAMES[kinds]}."
    return call
