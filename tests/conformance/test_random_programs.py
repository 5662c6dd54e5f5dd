"""Random programs end as in PyTorch: 200 here, any number by `pytest -m fuzz`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.conformance.random_programs import run

torch = pytest.importorskip("torch")


def close(a: Any, b: Any, dtype: str = "float32") -> bool:
    rtol = {"float16": 2e-2, "float64": 1e-6, "gradient": 2e-3}.get(dtype, 2e-4)  # some are half
    with np.errstate(all="ignore"):
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        return a.shape == b.shape and bool(np.allclose(a, b, rtol, rtol, equal_nan=True))


def differs(seed: int) -> str:
    """How the two ends of a program differ; nothing if they are alike."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        theirs = run(torch, seed)
        try:
            ours = run(tg, seed)
        except Exception as error:
            return f"crash {type(error).__name__}: {error}"
    for i, (a, b) in enumerate(zip(ours, theirs, strict=False)):
        if b == "no derivative":  # PyTorch lacks some second ones
            return ""
        if isinstance(a, str) or isinstance(b, str):
            if not (isinstance(a, str) and isinstance(b, str)):
                return f"step {i}: {a} is not {b}"
        elif isinstance(a, tuple):
            for word, p, q in zip(
                ("dtype", "shape", "requires_grad", "memory"), a, b, strict=False
            ):
                if p != q:
                    return f"{word}: {p} is not {q} (step {i}, {a[:2]})"
            if not close(a[4], b[4], a[0]):
                return f"value: {a[4]} is not {b[4]} (step {i})"
        else:
            for p, q in zip(a, b, strict=True):  # none is as good as zeros
                if p is None and q is None:
                    continue
                if not close(0 * q if p is None else p, 0 * p if q is None else q, "gradient"):
                    return f"gradient: {p} is not {q}"
    rest = [*ours[len(theirs) :], *theirs[len(ours) :]]  # the second, where it is zero everywhere
    zero = all(g is None or np.all(np.abs(np.nan_to_num(g)) < 1e-6) for gs in rest for g in gs)
    return "" if zero else f"order of derivatives: {rest}"


# Seeds of programs that end otherwise, and on purpose; docs/differences-from-pytorch.md has the
# reasons.
KNOWN: set[int] = {120, 25, 171}


@pytest.mark.parametrize("start", range(0, 200, 50))
def test_random_programs(start: int) -> None:
    wrong = {s: how for s in range(start, start + 50) if s not in KNOWN and (how := differs(s))}
    assert not wrong


@pytest.mark.fuzz
def test_random_programs_for_long() -> None:
    wrong = {seed: how for seed in range(1000, 6000) if (how := differs(seed))}
    print(*wrong.items(), sep="\n")
    assert len(wrong) <= 50
