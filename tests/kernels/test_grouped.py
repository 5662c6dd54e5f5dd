"""Convolutions in groups of few channels: as group by group, whatever stands in other groups."""

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist.kernels import grouped
from tinygrad_mnist.kernels.conv import Geometry, conv, conv_input, conv_weight
from tinygrad_mnist.testing import gradcheck

SHAPES = [  # groups, inputs and outputs of each
    (32, 4, 4), (8, 8, 16), (6, 5, 2), (4, 1, 3), (3, 2, 2), (2, 16, 1), (2, 40, 40), (10, 3, 7),
]  # fmt: skip
GEOMETRIES = [
    Geometry(padding=(1, 1)), Geometry((2, 2), (1, 0)), Geometry((1, 2), (2, 2), (2, 1)),
]  # fmt: skip


def arrays(groups, inputs, outputs, geom, dtype):
    rng = np.random.default_rng(groups * inputs)
    x = rng.normal(size=(3, groups * inputs, 9, 8)).astype(dtype)
    w = rng.normal(size=(groups * outputs, inputs, 3, 3)).astype(dtype)
    d = rng.normal(size=(3, len(w), *geom.extent((9, 8), (3, 3)))).astype(dtype)
    return x, w, d


def one_by_one(x, w, d, groups, geom):
    parts = zip(np.split(x, groups, 1), np.split(w, groups), np.split(d, groups, 1), strict=True)
    results = [
        (conv(a, b, geom=geom), conv_weight(a, c, size=(3, 3), geom=geom),
         conv_input(c, b, size=(9, 8), geom=geom))
        for a, b, c in parts
    ]  # fmt: skip
    y, slope, back = zip(*results, strict=True)
    return np.concatenate(y, 1), np.concatenate(slope), np.concatenate(back, 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("geom", GEOMETRIES)
@pytest.mark.parametrize(("groups", "inputs", "outputs"), SHAPES)
@pytest.mark.parametrize("spoilt", [None, np.inf, np.nan, -np.inf])
def test_it_is_what_the_groups_give_one_by_one(groups, inputs, outputs, geom, dtype, spoilt):
    x, w, d = arrays(groups, inputs, outputs, geom, dtype)
    if spoilt is not None:
        x[1, 0, 4, 4], w[-1, 0, 1, 1], d[2, outputs, 2, 2] = spoilt, spoilt, spoilt
    expected = one_by_one(x, w, d, groups, geom)
    geom = geom._replace(groups=groups)
    b = np.arange(len(w), dtype=dtype)
    results = (
        conv(x, w, b, geom=geom) - b[:, None, None], conv_weight(x, d, size=(3, 3), geom=geom),
        conv_input(d, w, size=(9, 8), geom=geom),
    )  # fmt: skip
    close = {"rtol": 1e-4, "atol": 1e-4} if dtype == np.float32 else {"rtol": 1e-9, "atol": 1e-9}
    for ours, theirs in zip(results, expected, strict=True):
        assert ours.dtype == dtype
        assert np.allclose(ours, theirs, equal_nan=True, **close)


def test_numbers_near_the_largest_are_not_lost():
    x = np.full((1, 8, 3, 3), 3e38, np.float32)
    w = np.ones((8, 2, 1, 1), np.float32) * 0.5
    assert conv(x, w, geom=Geometry(groups=4)).tolist() == x.tolist()


@pytest.mark.parametrize(("groups", "inputs", "outputs"), SHAPES)
def test_weights_are_joined_and_taken_apart(groups, inputs, outputs):
    w = np.random.default_rng(0).normal(size=(groups * outputs, inputs, 2, 3))
    count = grouped.groups_in_one(groups, inputs, outputs)
    assert groups % count == 0
    assert count == 1 or count * min(inputs, outputs) <= grouped.WIDTH
    wide = grouped.joined(w, groups, count)
    assert np.count_nonzero(wide) == w.size
    assert np.array_equal(grouped.taken_apart(wide, groups, count), w)


@pytest.mark.parametrize("transposed", [False, True])
def test_gradients_are_right(transposed):
    rng = np.random.default_rng(0)
    x = tg.tensor(rng.normal(size=(2, 8, 4, 3)), requires_grad=True)
    w = tg.tensor(rng.normal(size=(8, 2, 2, 2)), requires_grad=True)
    function = F.conv_transpose2d if transposed else F.conv2d
    assert gradcheck(lambda x, w: function(x, w, groups=4, padding=1), [x, w])
