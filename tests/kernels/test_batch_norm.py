"""Batch norm of images in several blocks: the last block is as short as it may be."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_mnist.kernels import batch_norm

# (images, channels, side): the last block has one row, which holds several pixels or one.
SHAPES = [(4, 192, 32), (8, 96, 32), (2, 3, 300), (3, 2049, 7), (1, 64, 64)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("channels_last", [False, True])
def test_moments_of_blocks_of_any_length_are_those_of_the_whole(
    shape: tuple[int, int, int], channels_last: bool
) -> None:
    n, channels, side = shape
    rng = np.random.default_rng(0)
    x = rng.normal(3, 2, (n, side, side, channels)).astype(np.float32)
    x = x.transpose(0, 3, 1, 2) if channels_last else np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    whole = x.astype(np.float64)
    mean, variance = whole.mean((0, 2, 3)), whole.var((0, 2, 3))
    np.testing.assert_allclose(batch_norm.channel_moments(x), [mean, variance], rtol=1e-5)
    y = batch_norm.batch_norm(x, eps=0.0)
    spread = (1, channels, 1, 1)
    want = (whole - mean.reshape(spread)) / np.sqrt(variance).reshape(spread)
    np.testing.assert_allclose(y, want, atol=1e-5)
    back = batch_norm.batch_norm_back(y, x, eps=0.0)
    np.testing.assert_allclose(back[: x.size], 0, atol=1e-5)  # y is how x moves with its scale


@pytest.mark.parametrize("last", [1, 2, 40])
def test_moments_of_each_length_of_the_last_block(last: int) -> None:
    channels = 96
    side = 32  # pixels of a row: 3072 elements
    rows = batch_norm.BLOCK // (channels * side) + last
    x = np.random.default_rng(1).normal(size=(1, channels, rows, side)).astype(np.float32)
    moments = batch_norm.channel_moments(x)
    np.testing.assert_allclose(moments[1], x.astype(np.float64).var((0, 2, 3)), rtol=1e-5)
