"""Scratch memory: arrays that do not overlap, the same at each call, others on each thread."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tinygrad_mnist.kernels import scratch as module
from tinygrad_mnist.kernels.scratch import scratch


def test_arrays_lie_apart_at_cache_lines() -> None:
    arrays = scratch(np.float32, [(3, 5), (7,), (0, 2), (2, 2, 2)])
    assert [a.shape for a in arrays] == [(3, 5), (7,), (0, 2), (2, 2, 2)]
    assert all(a.ctypes.data % 64 == 0 and a.dtype == np.float32 for a in arrays if a.size)
    for i, a in enumerate(arrays):
        a.fill(i)
    assert all((a == i).all() for i, a in enumerate(arrays))


def test_memory_is_kept_for_the_next_call_on_this_thread_alone() -> None:
    (a,) = scratch(np.float64, [(100,)])
    (b,) = scratch(np.float64, [(90,)])
    assert a.ctypes.data == b.ctypes.data
    with ThreadPoolExecutor(1) as other:
        (c,) = other.submit(scratch, np.float64, [(100,)]).result()
        assert not np.may_share_memory(a, c)


def test_what_is_large_is_not_kept() -> None:
    (a,) = scratch(np.uint8, [(module.KEPT + 1,)])
    (b,) = scratch(np.uint8, [(10,)])
    assert not np.may_share_memory(a, b)
