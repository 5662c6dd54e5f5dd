"""The header of NumPy's `.npy` files, for arrays that are read row by row.

The format is described in `numpy.lib.format`. Nothing here can run code: a file of Python objects
is a pickle, and is refused.
"""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from tinygrad_mnist.data.idx import DataError

Header = tuple[tuple[int, ...], np.dtype[Any], int]


def read_npy_header(file: BinaryIO, name: str) -> Header:
    """Return shape, dtype and the number of bytes of the header; errors call the file `name`."""
    if not (start := file.read(2)).startswith(b"\x93N"):
        raise DataError(f"{name}: not a .npy file: it begins with bytes {start.hex(' ')}")
    file.seek(0)
    try:
        version = npy.read_magic(file)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
        if read is None:  # 3.0 is for names of fields that are not Latin
            raise DataError(f"{name}: .npy of version {version[0]}.{version[1]}, not 1.0 or 2.0")
        shape, fortran_order, dtype = read(file)
    except DataError:
        raise
    except Exception as error:  # of the parser, too: the header is a Python expression
        reason = " ".join(str(error).split())
        raise DataError(f"{name}: a damaged .npy header: {reason:.80}") from None
    if dtype.hasobject:
        raise DataError(
            f"{name}: holds Python objects, a pickle that could run code; save numbers instead"
        )
    if dtype.kind not in "buif":
        raise DataError(f"{name}: holds {dtype}; rows are of integers, floats or bool")
    if any(size < 0 for size in shape):
        raise DataError(f"{name}: a damaged .npy header: its shape is {shape}")
    if fortran_order and sum(size > 1 for size in shape) > 1:
        raise DataError(
            f"{name}: in Fortran order, so no row lies in one piece; rewrite it: "
            "np.save(path, np.ascontiguousarray(array))"
        )
    return shape, dtype, file.tell()
