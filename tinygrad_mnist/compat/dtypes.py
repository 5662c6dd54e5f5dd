"""Dtypes, layouts and memory formats that PyTorch has and NumPy lacks; programs may name them."""

from __future__ import annotations

from typing import Any

__all__ = [
    "bfloat16", "cdouble", "cfloat", "chalf", "channels_last", "channels_last_3d", "complex32",
    "complex64", "complex128", "contiguous_format", "layout", "memory_format", "newaxis",
    "preserve_format", "sparse_coo", "sparse_csr", "strided",
]  # fmt: skip


class MissingDtype:
    """A dtype that NumPy lacks: naming it is fine, using it raises TypeError.

    >>> import numpy as np
    >>> np.dtype(bfloat16)
    Traceback (most recent call last):
    TypeError: ...bfloat16, which NumPy does not have; use float32...
    """

    def __init__(self, name: str, instead: str) -> None:
        self.name, self._instead = name, instead
        self.is_floating_point = name == "bfloat16"
        self.is_complex = not self.is_floating_point

    def __repr__(self) -> str:
        return f"torch.{self.name}, which NumPy does not have; use {self._instead}"

    def __str__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


REAL_PARTS = "separate real and imaginary parts"
bfloat16 = MissingDtype("bfloat16", "float32 or float16")
complex32 = chalf = MissingDtype("complex32", REAL_PARTS)
complex64 = cfloat = MissingDtype("complex64", REAL_PARTS)
complex128 = cdouble = MissingDtype("complex128", REAL_PARTS)


class Constant(str):
    """A constant of PyTorch, such as a layout; its text is its name."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


layout = memory_format = Constant
strided, jagged = Constant("torch.strided"), Constant("torch.jagged")
sparse_coo, sparse_csr = Constant("torch.sparse_coo"), Constant("torch.sparse_csr")
contiguous_format, preserve_format = (
    Constant("torch.contiguous_format"),
    Constant("torch.preserve_format"),
)
channels_last, channels_last_3d = (
    Constant("torch.channels_last"),
    Constant("torch.channels_last_3d"),
)
newaxis: Any = None
