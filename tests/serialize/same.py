"""Equality as a file must keep it: types, order of keys, dtypes, shapes, each bit of a float."""

import struct

import numpy as np

from tinygrad_mnist import Tensor


def assert_same(got: object, want: object, where: str = "obj") -> None:
    """`got` is what loading gives for a saved `want`: scalars of NumPy become 0-d arrays."""
    if isinstance(want, (np.ndarray, np.generic)):
        assert type(got) is np.ndarray, where
        assert (got.dtype, got.shape) == (want.dtype.newbyteorder("="), want.shape), where
        assert got.tobytes() == want.astype(got.dtype).tobytes(), where
        assert got.flags.writeable and got.flags.c_contiguous, where
        assert got.dtype.byteorder in "=|", where
        return
    assert type(got) is type(want), where
    if isinstance(want, Tensor):
        assert got.requires_grad == want.requires_grad, where
        assert_same(got.detach().numpy(), want.detach().numpy(), where)
    elif isinstance(want, dict):
        assert list(got) == list(want), where
        assert [type(key) for key in got] == [type(key) for key in want], where
        for key in want:
            assert_same(got[key], want[key], f"{where}[{key!r}]")
    elif isinstance(want, (list, tuple)):
        assert len(got) == len(want), where
        for i, (a, b) in enumerate(zip(got, want, strict=True)):
            assert_same(a, b, f"{where}[{i}]")
    elif isinstance(want, float):
        assert struct.pack("d", got) == struct.pack("d", want), where
    else:
        assert got == want, where
