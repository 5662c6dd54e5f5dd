"""ReduceOp: how the Tensors of all ranks become one, and for which dtypes there is a way."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class ReduceOp(enum.Enum):
    """How elements of all ranks are combined; AVG divides the sum by the number of ranks."""

    SUM = "SUM"
    AVG = "AVG"
    PRODUCT = "PROD"
    MIN = "MIN"
    MAX = "MAX"
    BAND = "BAND"
    BOR = "BOR"
    BXOR = "BXOR"


BITS = (ReduceOp.BAND, ReduceOp.BOR, ReduceOp.BXOR)
# Of truth values: a sum is "any", a product "all"
OF_BOOLS = {
    ReduceOp.SUM: "MAX", ReduceOp.MAX: "MAX", ReduceOp.BOR: "MAX", ReduceOp.PRODUCT: "MIN",
    ReduceOp.MIN: "MIN", ReduceOp.BAND: "MIN", ReduceOp.BXOR: "BXOR",
}  # fmt: skip


def check_op(name: str, op: Any, dtype: np.dtype[Any]) -> None:
    """Raise TypeError for what is no ReduceOp, and where `op` has no meaning for a dtype."""
    if not isinstance(op, ReduceOp):
        raise TypeError(f"{name}: op must be a ReduceOp such as ReduceOp.SUM, not {op!r}")
    if op is ReduceOp.AVG and dtype.kind != "f":
        raise TypeError(f"{name}: ReduceOp.AVG needs floating-point numbers, not {dtype}")
    if op in BITS and dtype.kind == "f":
        raise TypeError(f"{name}: ReduceOp.{op.name} needs integers, not {dtype}")


def mpi_op(mpi: Any, op: ReduceOp, dtype: np.dtype[Any]) -> Any:
    """Return MPI's operation."""
    if dtype.kind == "b":
        return getattr(mpi, OF_BOOLS[op])
    return mpi.SUM if op is ReduceOp.AVG else getattr(mpi, op.value)


def carried(array: Array) -> Array:
    """Return a contiguous copy of a dtype that MPI computes with; bools as bytes, halves as floats.

    A copy even where none is needed: MPI reduces in place, and the original may be shared.
    """
    other: dict[Any, Any] = {np.dtype(np.bool_): np.uint8, np.dtype(np.float16): np.float32}
    return np.array(array, other.get(array.dtype, array.dtype), order="C", ndmin=1)
