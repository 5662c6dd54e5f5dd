"""Adam's prepared calls go through a large buffer in blocks, with the bits of the plain update."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.kernels.blocks import BLOCK


@pytest.mark.parametrize("kind", ["Adam", "AdamW"])
@pytest.mark.parametrize("is_pure", [False, True], ids=["replayed", "pure"])
def test_each_block_has_the_rate_of_the_step(kind, is_pure):
    size, rng = 2 * BLOCK + 77, np.random.default_rng(0)
    start, data = (rng.standard_normal(n).astype(np.float32) for n in (size, size))
    results = []
    for is_jitted in (False, True):
        p = tg.nn.Parameter(tg.from_numpy(start.copy()))
        optimizer, x = getattr(tg.optim, kind)([p], lr=0.1), tg.from_numpy(data)

        def step(optimizer=optimizer, p=p, x=x):
            optimizer.zero_grad()
            ((p - x) ** 2).sum().backward()
            optimizer.step()

        call = tg.jit(step, pure=is_pure) if is_jitted else step
        for _ in range(8):
            call()
        results.append(p.detach().numpy().copy())
    assert (results[0] == results[1]).all()
