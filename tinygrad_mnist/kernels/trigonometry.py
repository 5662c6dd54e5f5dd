"""sinc and its derivative."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_mnist.kernels.elementwise import like_ufunc

Array = Any  # an ndarray or a Python number; NumPy's own types say too little to help here


@like_ufunc
def sinc(x: Array) -> Array:
    """sin(pi x) / (pi x), and 1 at 0. Integers become floats."""
    z = np.multiply(x, math.pi)
    return np.where(np.equal(z, 0), np.ones((), z.dtype), np.sin(z) / np.where(z == 0, 1, z))


@like_ufunc
def sinc_slope(x: Array) -> Array:
    """The derivative of sinc: (cos(pi x) - sinc(x)) / x; near 0 by its series."""
    z = np.asarray(x, np.float64) * math.pi
    near = np.abs(z) < 0.05
    far = np.where(near, 1.0, z)
    y = np.where(
        near,
        z * (-1 / 3 + z * z * (1 / 30 - z * z / 840)),
        (np.cos(far) - np.sin(far) / far) / far,
    )
    return (y * math.pi).astype(x.dtype if x.dtype.kind == "f" else np.float64)
