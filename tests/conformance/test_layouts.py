"""Programs of views and writes end as in PyTorch, however this library lays out the memory.

Alike are the shape, strides and `is_contiguous` of every view, the errors, the values, the
gradients, and which Tensors a write to each one reaches. What the documentation refuses is skipped
in both.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.conformance.layouts import REFUSED, run

torch = pytest.importorskip("torch")
WRITTEN = "modified by an inplace operation"
TWICE = "multiple views"  # PyTorch refuses to write to the results of split and unbind


def alike(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, (list, tuple)):
        pairs = zip(ours, theirs, strict=True)
        return len(ours) == len(theirs) and all(alike(*pair) for pair in pairs)
    if ours is None or theirs is None:
        return ours is theirs
    return np.shape(ours) == np.shape(theirs) and np.allclose(ours, theirs, equal_nan=True)


def refusals(steps: list[tuple[str, int, Any]], messages: tuple[str, ...]) -> set[int]:
    return {
        at
        for _, at, result in steps
        if isinstance(result, Exception) and any(text in str(result) for text in messages)
    }


def both(seed: int) -> tuple[list[Any], list[Any], set[int]]:
    """The steps of a program in both libraries, without those that one of them refuses."""
    skipped: set[int] = set()
    while True:
        ours = list(run(tg, seed, skipped))
        more = refusals(ours, REFUSED)
        theirs = list(run(torch, seed, skipped | more))
        more |= refusals(theirs, (TWICE,))
        if more <= skipped:
            return ours, theirs, skipped
        skipped |= more


def difference(seed: int) -> Any:
    """The first step that differs, with both results; None if there is none."""
    ours, theirs, skipped = both(seed)
    names = [name for name, *_ in ours]
    for (name, at, mine), (_, _, other) in zip(ours, theirs, strict=False):
        errors = [isinstance(result, Exception) for result in (mine, other)]
        if name == "gradients" and errors == [False, True]:  # PyTorch refuses more
            with torch.autograd.graph.allow_mutation_on_saved_tensors():
                steps = {name: result for name, _, result in run(torch, seed, skipped)}
            other, errors = steps["gradients"], [False, False]
        if name == "gradients" and errors == [True, False] and "data" in names:
            errors = [True, True] if WRITTEN in str(mine) else errors  # which PyTorch overlooks
        if errors == [True, True]:
            continue
        same = errors == [False, False] and (mine == other if at >= 0 else alike(mine, other))
        if not same:
            return names, name, mine, other
    return None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("start", range(0, 60, 20))
def test_layouts(start: int) -> None:
    wrong = {seed: found for seed in range(start, start + 20) if (found := difference(seed))}
    assert not wrong


@pytest.mark.fuzz
@pytest.mark.filterwarnings("ignore")
def test_layouts_for_long() -> None:
    wrong = {seed: found for seed in range(1000, 4000) if (found := difference(seed))}
    assert not wrong
