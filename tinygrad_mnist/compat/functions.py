"""Older and rarer functions of `torch` itself, and queries whose result never changes here.

Names with an underscore, as in `relu_(x)`, are Tensor's methods: `__getattr__` returns them.
"""

# ruff: noqa: F822

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.default_dtype import get_default_dtype
from tinygrad_mnist.autograd.tensor import wrap
from tinygrad_mnist.nn import functional
from tinygrad_mnist.ops import create, legacy, matmul
from tinygrad_mnist.ops import random as _random
from tinygrad_mnist.ops.arguments import check_device, device

# The functions of nn.functional that PyTorch also has in `torch`
OF_FUNCTIONAL = [
    "adaptive_avg_pool1d", "alpha_dropout", "avg_pool1d", "batch_norm", "bilinear",
    "binary_cross_entropy_with_logits", "celu", "conv1d", "conv2d", "conv_transpose1d",
    "conv_transpose2d", "cosine_embedding_loss", "cosine_similarity", "dropout", "embedding",
    "group_norm", "hardshrink", "hinge_embedding_loss", "kl_div", "layer_norm",
    "margin_ranking_loss", "max_pool1d", "max_pool2d", "pairwise_distance", "poisson_nll_loss",
    "prelu", "rms_norm", "rrelu", "selu", "threshold", "triplet_margin_loss",
]  # fmt: skip
__all__ = [
    "abs_", "acos_", "are_deterministic_algorithms_enabled", "as_strided", "asin_", "atan_",
    "can_cast", "ceil_", "clamp_", "clamp_max_", "clamp_min_", "clip_", "compiled_with_cxx11_abi",
    "cos_", "cosh_", "default_generator", "detach_", "erf_", "erfc_", "exp2_", "exp_", "expm1_",
    "fill_", "fix_", "floor_", "frac_", "frombuffer", "ger", "get_default_device", "get_device",
    "get_float32_matmul_precision", "get_num_interop_threads", "is_complex", "is_conj",
    "is_deterministic_algorithms_warn_only_enabled", "is_inference", "is_neg", "is_nonzero",
    "is_same_size", "is_signed", "is_storage", "log1p_", "log2_", "log10_", "log_", "logit_",
    "nan_to_num_", "neg_", "negative_", "range", "reciprocal_", "relu_", "resize_as_", "round_",
    "rsqrt_", "scalar_tensor", "seed", "set_anomaly_enabled", "set_default_device",
    "set_deterministic_debug_mode", "set_float32_matmul_precision", "set_flush_denormal",
    "set_num_interop_threads", "set_warn_always", "sigmoid_", "sin_", "sinc_", "sinh_", "sqrt_",
    "square_", "tan_", "tanh_", "trunc_", "typename", "use_deterministic_algorithms", "xlogy_",
    "zero_",
]  # fmt: skip  # fmt: skip
__all__ += OF_FUNCTIONAL


def range(start: Any, end: Any, step: Any = 1, *, dtype: Any = None, **kw: Any) -> Tensor:
    """Return start, start + step, ... up to and including `end`, which `arange` leaves out.

    Warns that it is deprecated.
    """
    warnings.warn(
        "range is deprecated: use arange, which does not include the end", UserWarning, stacklevel=2
    )
    if step == 0 or (end - start) * step < 0:
        raise RuntimeError(f"range: from {start} to {end} in steps of {step} never arrives")
    count = int((end - start) / step) + 1
    values = wrap((np.arange(count) * step + start).astype(dtype or get_default_dtype()))
    return values.requires_grad_() if kw.get("requires_grad") else values


ger, as_strided = matmul.outer, legacy.as_strided


def is_complex(input: Tensor) -> bool:
    """Return False: Tensors are real."""
    return False


is_conj = is_neg = is_inference = is_complex


def is_nonzero(input: Tensor) -> bool:
    """Tell whether the one element is not 0. Raises RuntimeError unless there is exactly one."""
    return bool(input)


def is_signed(input: Tensor) -> bool:
    """Tell whether the dtype has negative numbers."""
    return input.dtype.kind in "fi"


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Tell whether both have the same shape."""
    return input.shape == other.shape


def is_storage(obj: Any) -> bool:
    """Return False: a Tensor lies in an ndarray."""
    return False


def scalar_tensor(s: Any, *, dtype: Any = None, **kw: Any) -> Tensor:
    """Return a 0-d Tensor, of the default dtype."""
    return create.full((), s, dtype=dtype or get_default_dtype(), **kw)


def can_cast(from_: Any, to: Any) -> bool:
    """Tell whether an in-place op may cast this way: never from floats to ints, nor to bool."""
    kinds = "biuf"
    a, b = np.dtype(from_).kind, np.dtype(to).kind
    return (b == "b" and a == "b") or (b != "b" and not (a == "f" and b in kinds[1:3]))


def frombuffer(
    buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """Return a 1-d Tensor on the memory of a buffer."""
    result = create.from_numpy(np.frombuffer(buffer, np.dtype(dtype), count, offset))
    return result.requires_grad_() if requires_grad else result


def typename(obj: Any) -> str:
    """Return "torch.FloatTensor" for a Tensor, the path of the class for anything else."""
    if isinstance(obj, Tensor):
        return str(obj.type())
    kind = type(obj)
    return f"{kind.__module__}.{kind.__qualname__}"


def seed() -> int:
    """Seed the default generator from the operating system; return the seed."""
    value = int.from_bytes(os.urandom(7), "big")
    _random.manual_seed(value)
    return value


# Settings of PyTorch's own machinery: here they have no effect.

_deterministic = [False, False]


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Record the setting, which has no effect: the same program always gives the same numbers."""
    _deterministic[:] = [bool(mode), warn_only]


def are_deterministic_algorithms_enabled() -> bool:
    """Return the recorded setting; all algorithms are deterministic in any case."""
    return _deterministic[0]


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Return the recorded setting."""
    return _deterministic[1]


def set_deterministic_debug_mode(debug_mode: Any) -> None:
    """Do nothing: there is nothing to change."""


set_flush_denormal = set_float32_matmul_precision = set_warn_always = set_num_interop_threads = (
    set_deterministic_debug_mode
)


def get_float32_matmul_precision() -> str:
    """Return "highest": products of float32 are computed in float32."""
    return "highest"


def get_num_interop_threads() -> int:
    """Return 1: one call runs at a time."""
    return 1


def set_default_device(device: Any) -> None:
    """Accept the CPU. Raises RuntimeError for any other device."""
    if device is not None:
        check_device(device)


def get_default_device() -> Any:
    """Return the CPU, which is the only device."""
    return device("cpu")


def get_device(input: Tensor) -> int:
    """Return -1, PyTorch's number of the CPU."""
    return -1


def compiled_with_cxx11_abi() -> bool:
    """Return False: nothing is compiled."""
    return False


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Turn the detection of anomalies in backward on or off: `autograd.set_detect_anomaly`."""
    from tinygrad_mnist.autograd import set_detect_anomaly

    set_detect_anomaly(mode, check_nan)


def __getattr__(name: str) -> Any:
    if name == "default_generator":
        return _random.default_generator
    if name in OF_FUNCTIONAL:
        return getattr(functional, name)
    if name.endswith("_") and not name.startswith("_") and hasattr(Tensor, name):
        return getattr(Tensor, name)
    raise AttributeError(f"module {__name__!r} has no {name!r}")
