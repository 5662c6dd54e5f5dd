"""Scratch memory: arrays that do not overlap, the same at each call, others on each thread."""

import itertools
import os
import platform
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from tinygrad_mnist.kernels import scratch as module
from tinygrad_mnist.kernels.scratch import (
    copied_into,
    planned,
    release_scratch,
    scratch,
    scratch_like,
)

Array = np.ndarray[Any, Any]


def test_arrays_lie_apart_at_cache_lines() -> None:
    arrays = scratch(*((shape, np.float32) for shape in [(3, 5), (7,), (0, 2), (2, 2, 2)]))
    assert [a.shape for a in arrays] == [(3, 5), (7,), (0, 2), (2, 2, 2)]
    assert all(a.ctypes.data % 64 == 0 and a.dtype == np.float32 for a in arrays if a.size)
    for i, a in enumerate(arrays):
        a.fill(i)
    assert all((a == i).all() for i, a in enumerate(arrays))


def test_memory_is_kept_for_the_next_call_on_this_thread_alone() -> None:
    (a,) = scratch(((100,), np.float64))
    (b,) = scratch(((90,), np.float64))
    assert a.ctypes.data == b.ctypes.data
    with ThreadPoolExecutor(1) as other:
        (c,) = other.submit(scratch, ((100,), np.float64)).result()
        assert not np.may_share_memory(a, c)


def test_memory_and_its_plans_are_let_go_of_on_request() -> None:
    (a,) = scratch(((100,), np.float64))
    planned("mine", lambda key, memory: memory, ((100,), np.float64))
    buffer = weakref.ref(module._LOCAL.buffer)
    del a
    release_scratch()
    assert buffer() is None and not module._LOCAL.plans


def test_what_is_large_is_not_kept() -> None:
    (a,) = scratch(((module.KEPT + 1,), np.uint8))
    (b,) = scratch(((10,), np.uint8))
    assert not np.may_share_memory(a, b)


def test_scratch_like_another_array_has_the_order_of_its_axes() -> None:
    image = np.zeros((2, 5, 4, 3), np.float32).transpose(0, 3, 1, 2)
    mask, copy = scratch_like((image, bool), (image[:, :, ::2], np.float64))
    assert (mask.shape, mask.dtype) == (image.shape, bool)
    assert mask.transpose(0, 2, 3, 1).flags.c_contiguous
    assert (copy.shape, copy.dtype) == ((2, 3, 3, 4), np.float64)
    assert copy.transpose(0, 2, 3, 1).flags.c_contiguous and not np.may_share_memory(mask, copy)


def test_a_result_is_given_where_it_was_asked_for() -> None:
    result, out = np.arange(4), np.zeros(4, int)
    assert copied_into(None, result) is result
    assert copied_into(out, result) is out and (out == result).all()
    assert copied_into(out, out[::-1]) is out and (out == result).all()


def test_a_plan_is_made_once_and_lies_where_scratch_memory_does() -> None:
    made: list[str] = []

    def build(key: str, array: Array) -> Array:
        made.append(key)
        return array

    small = ((64,), np.float32)
    first = planned("small", build, small)
    assert planned("small", build, small) is first and made == ["small"]
    assert np.may_share_memory(first, scratch(small)[0])
    scratch(((len(module._LOCAL.buffer) + 1,), np.uint8))  # a larger buffer, elsewhere
    again = planned("small", build, small)
    assert made == ["small", "small"] and not np.may_share_memory(again, first)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep nothing")
@pytest.mark.parametrize("user", [{}, {"MALLOC_MMAP_THRESHOLD_": "131072"}])
def test_freed_arrays_are_taken_again_unless_the_user_says_otherwise(user: dict[str, str]) -> None:
    script = """
import resource, numpy as np, tinygrad_mnist
for step in range(30):
    if step == 10: before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(1 << 18, np.float32) for _ in range(10)]
    del arrays
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")} | user
    ran = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, check=True
    )
    faults, pages = int(ran.stdout), 20 * 10 * 256
    assert (faults > pages / 2) if user else (faults < pages / 20), "pages mapped anew"


@pytest.mark.parametrize("sizes", list(itertools.permutations([10, 1000, 3000])))
@pytest.mark.parametrize("limit", [0, 2000, 5000, 1 << 20])
def test_arrays_behind_others_leave_them_alone(
    sizes: tuple[int, ...], limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever of them is too large for the buffer that is kept."""
    monkeypatch.setattr(module, "KEPT", limit)
    monkeypatch.setattr(module._LOCAL, "buffer", module.aligned_bytes(64))
    for _ in range(3):
        arrays: list[Array] = []
        for number, size in enumerate(sizes):
            behind = arrays[-1] if arrays else None
            arrays += scratch(((size,), np.uint8), ((7,), np.uint8), behind=behind)
            for array in arrays[-2:]:
                array[...] = number
        assert [set(a.tolist()) for a in arrays] == [{0}, {0}, {1}, {1}, {2}, {2}]
