"""Functions of many ops in jitted steps: values and gradients of eager ones, call after call."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F

CALLS: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    "interpolate": (lambda x: F.interpolate(x, scale_factor=1.5, mode="bilinear"), [(1, 2, 5, 5)]),
    "blocks": (lambda x: F.interpolate(x, scale_factor=2), [(1, 2, 3, 3)]),
    "conv3d": (lambda x, w: F.conv3d(x, w, padding=1), [(1, 2, 3, 3, 3), (3, 2, 2, 2, 2)]),
    "grid_sample": (lambda x, at: F.grid_sample(x, at), [(1, 2, 4, 4), (1, 3, 3, 2)]),
    "unpooled": (
        lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2), [(1, 2, 4, 4)]
    ),
    "adaptive_max_pool2d": (lambda x: F.adaptive_max_pool2d(x, 3), [(1, 2, 5, 4)]),
    "median": (lambda x: x.median(1).values, [(3, 5)]),
    "quantile": (lambda x: tg.quantile(x, 0.3, dim=1), [(3, 5)]),
    "cummax": (lambda x: tg.cummax(x, 1).values, [(3, 5)]),
    "scatter_reduce": (
        lambda x, v: tg.scatter_reduce(x, 0, (v > 0).long(), v, "amax"), [(4,), (4,)]
    ),
    "ctc_loss": (
        lambda x: F.ctc_loss(F.log_softmax(x, 2), tg.tensor([[1, 2]]), (6,), (2,)), [(6, 1, 4)]
    ),
}  # fmt: skip


@pytest.mark.parametrize("pure", [False, True])
@pytest.mark.parametrize("name", CALLS)
def test_a_jitted_step_gives_what_an_eager_one_does(name: str, pure: bool) -> None:
    call, shapes = CALLS[name]

    def step(*xs: tg.Tensor) -> tuple[tg.Tensor, ...]:
        for x in xs:
            x.grad = None
        y = call(*xs)
        (y * y).sum().backward()
        return (y.detach(), *(x.grad for x in xs))

    jitted = tg.jit(step, pure=pure)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        arrays = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
        ours, theirs = ([tg.tensor(a, requires_grad=True) for a in arrays] for _ in "ab")
        for got, want in zip(jitted(*ours), step(*theirs), strict=True):
            np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-4, atol=1e-5)
