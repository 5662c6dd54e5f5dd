"""Views, recorded writes and uses in any order end as in PyTorch: no miss and no false alarm.

PyTorch numbers the writes to a whole storage, this package those to each place in memory, so it
refuses less: there the gradient must be the one of PyTorch with what it saved kept from writes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.conformance.interleavings import run

torch = pytest.importorskip("torch")


def alike(ours: Any, theirs: Any) -> bool:
    return len(ours) == len(theirs) and all(
        (a is None) == (b is None) and (a is None or np.allclose(a, b, equal_nan=True))
        for a, b in zip(ours, theirs, strict=True)
    )


def verdict(seed: int) -> str:
    values, grads, required = run(tg, seed)
    their_values, their_grads, their_required = run(torch, seed)
    if grads is not RuntimeError and their_grads is RuntimeError:
        with torch.autograd.graph.allow_mutation_on_saved_tensors():
            their_grads = run(torch, seed)[1]
        return "right where PyTorch refuses" if alike(grads, their_grads) else "miss"
    if grads is RuntimeError:
        return "both refuse" if their_grads is RuntimeError else "false alarm"
    if not alike(values, their_values):
        return "values differ"
    if not alike(grads, their_grads):
        return "gradients differ"
    return "alike" if required == their_required else "requires_grad differs"


RIGHT = {"alike", "both refuse", "right where PyTorch refuses"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("start", range(0, 400, 100))
def test_interleavings(start: int) -> None:
    wrong = {seed: v for seed in range(start, start + 100) if (v := verdict(seed)) not in RIGHT}
    assert not wrong


@pytest.mark.fuzz
@pytest.mark.filterwarnings("ignore")
def test_interleavings_for_long() -> None:
    wrong = {seed: v for seed in range(1000, 7000) if (v := verdict(seed)) not in RIGHT}
    assert not wrong
