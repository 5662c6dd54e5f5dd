"""Convolution and both adjoints, in every way that the kernels go, beside sums over the kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_mnist.kernels import banded, blocks, columns
from tinygrad_mnist.kernels import conv as C
from tinygrad_mnist.kernels.conv import Geometry

Array = np.ndarray[Any, Any]
CASES = {  # images, channels, outputs, (height, width), kernel, geometry
    "one pixel": (3, 40, 50, (1, 5), (1, 1), Geometry()),
    "one pixel, a step": (2, 20, 30, (7, 6), (1, 1), Geometry((2, 3))),
    "deep": (3, 40, 36, (6, 5), (3, 3), Geometry((1, 1), (1, 1))),
    "deep, a step": (5, 36, 40, (9, 8), (4, 4), Geometry((2, 2), (1, 1))),
    "deep, steps and gaps": (2, 33, 35, (9, 11), (2, 3), Geometry((2, 3), (1, 2), (2, 1))),
    "few channels": (4, 2, 3, (7, 9), (3, 2), Geometry((1, 2), (1, 0))),
    "each channel": (3, 9, 9, (6, 7), (3, 3), Geometry((1, 1), (1, 1), (1, 1), 9)),
    "each channel, steps": (2, 8, 8, (9, 7), (3, 2), Geometry((2, 3), (2, 0), (1, 2), 8)),
    "each channel, more outputs": (3, 7, 21, (5, 6), (2, 2), Geometry((1, 2), (0, 1), (1, 1), 7)),
    "each channel, twice": (2, 8, 16, (5, 6), (3, 2), Geometry((1, 1), (1, 1), (2, 1), 8)),
    "each channel, a wide rim": (2, 8, 8, (3, 4), (1, 2), Geometry((1, 1), (2, 3), (1, 1), 8)),
    "each of many channels": (2, 66, 66, (4, 5), (3, 3), Geometry((1, 1), (0, 1), (1, 1), 66)),
    "few groups": (2, 6, 4, (5, 5), (2, 2), Geometry(groups=2)),
}


def by_sums(x: Array, w: Array, d: Array | None, geom: Geometry) -> tuple[Array, ...]:
    """The convolution, and the adjoints in w and in x of d."""
    (sh, sw), (ph, pw), (dh, dw), groups = geom
    n, c, o = len(x), x.shape[1] // groups, len(w) // groups
    oh, ow = geom.extent(x.shape[2:], w.shape[2:])
    whole = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw))).astype(np.float64)
    dx, weight_slopes = np.zeros_like(whole), np.zeros(w.shape)
    y = np.zeros((n, len(w), oh, ow))
    for group in range(groups):
        ins, outs = np.s_[group * c : (group + 1) * c], np.s_[group * o : (group + 1) * o]
        for p, q in np.ndindex(*w.shape[2:]):
            rows = np.s_[p * dh : p * dh + sh * (oh - 1) + 1 : sh]
            key = np.s_[:, ins, rows, q * dw : q * dw + sw * (ow - 1) + 1 : sw]
            y[:, outs] += np.einsum("nchw,oc->nohw", whole[key], w[outs, :, p, q])
            if d is not None:
                dx[key] += np.einsum("nohw,oc->nchw", d[:, outs], w[outs, :, p, q])
                products = np.einsum("nohw,nchw->oc", d[:, outs], whole[key])
                weight_slopes[outs, :, p, q] = products
    return y, weight_slopes, dx[:, :, ph : ph + x.shape[2], pw : pw + x.shape[3]]


@pytest.mark.parametrize("cut", ["as usual", "small", "banded"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("is_last", [False, True], ids=["planes", "channels last"])
@pytest.mark.parametrize("name", CASES)
def test_every_way_gives_the_sums(name, is_last, dtype, cut, monkeypatch):
    if cut == "small":
        monkeypatch.setattr(C, "WIDE", 1)
        monkeypatch.setattr(columns, "WIDE", 1)
        monkeypatch.setattr(columns, "COLUMNS", 2000)
        monkeypatch.setattr(blocks, "BLOCK", 100)
    if cut == "banded":
        monkeypatch.setattr(banded, "bands_pay", lambda d, w, size: w[0, 0].size > 1)
    n, c, o, size, kernel, geom = CASES[name]
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, c, *size)).astype(dtype)
    w = rng.standard_normal((o, c // geom.groups, *kernel)).astype(dtype)
    b = rng.standard_normal(o).astype(dtype)
    d = rng.standard_normal((n, o, *geom.extent(size, kernel))).astype(dtype)
    y, weight_slopes, dx = by_sums(x, w, d, geom)
    if is_last:
        x, d = (np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) for a in (x, d))
    near = {"rtol": 0, "atol": 2e-4 if dtype is np.float32 else 1e-11}
    np.testing.assert_allclose(C.conv(x, w, geom=geom), y, **near)
    np.testing.assert_allclose(C.conv(x, w, b, geom=geom), y + b.reshape(-1, 1, 1), **near)
    got = C.conv_weight(x, d, size=kernel, geom=geom)
    assert got.flags.c_contiguous and got.dtype == dtype
    np.testing.assert_allclose(got, weight_slopes, **near)
    np.testing.assert_allclose(C.conv_input(d, w, size=size, geom=geom), dx, **near)
    for call, wanted in (
        (lambda out: C.conv(x, w, geom=geom, out=out), y),
        (lambda out: C.conv_weight(x, d, size=kernel, geom=geom, out=out), weight_slopes),
        (lambda out: C.conv_input(d, w, size=size, geom=geom, out=out), dx),
    ):
        out = np.full(wanted.shape, np.nan, dtype)
        assert call(out) is out
        np.testing.assert_allclose(out, wanted, **near)


def test_many_channels_for_themselves_take_no_matrices(monkeypatch):
    def refuse(*args: Any, **kw: Any) -> None:
        raise AssertionError("a matrix for each channel")

    monkeypatch.setattr(C, "columns_of", refuse)
    monkeypatch.setattr(C, "windows_of", refuse)
    geom, rng = Geometry((1, 1), (1, 1), (1, 1), 32), np.random.default_rng(0)
    x, w = rng.standard_normal((2, 32, 8, 8)), rng.standard_normal((32, 1, 3, 3))
    y = C.conv(x, w, geom=geom)
    assert C.conv_weight(x, y, size=(3, 3), geom=geom).shape == w.shape
    assert C.conv_input(y, w, size=(8, 8), geom=geom).shape == x.shape


def test_infinities_stay_in_their_channel():
    geom, rng = Geometry((1, 1), (1, 1), (1, 1), 8), np.random.default_rng(0)
    x, w = rng.standard_normal((2, 8, 6, 6)), rng.standard_normal((8, 1, 3, 3))
    x[1, 3, 2, 2] = np.inf
    y = C.conv(x, w, geom=geom)
    assert np.isfinite(np.delete(y, 3, axis=1)).all() and not np.isfinite(y[1, 3]).all()


def test_an_infinite_gradient_reaches_only_the_pixels_that_were_read(monkeypatch):
    """Not those that the zeros of a banded matrix stand for."""
    geom, rng = Geometry((1, 1), (2, 2)), np.random.default_rng(0)
    w = rng.standard_normal((6, 1, 5, 5)).astype(np.float32)
    d = rng.standard_normal((64, 6, 28, 28)).astype(np.float32)
    assert banded.bands_pay(d, w, (28, 28))
    d[3, 2, 9, 9] = np.inf
    x = C.conv_input(d, w, size=(28, 28), geom=geom)
    assert np.argwhere(~np.isfinite(x)).tolist() == [
        [3, 0, i, j] for i in range(7, 12) for j in range(7, 12)
    ]
    monkeypatch.setattr(banded, "bands_pay", lambda *args: False)
    d[3, 2, 9, 9] = 0
    plain = C.conv_input(d, w, size=(28, 28), geom=geom)
    monkeypatch.undo()
    np.testing.assert_allclose(C.conv_input(d, w, size=(28, 28), geom=geom), plain, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "weight", "pays"),
    [
        ((64, 16, 10, 10), (16, 6, 5, 5), True),
        ((64, 6, 28, 28), (6, 1, 5, 5), True),
        ((1, 256, 100, 100), (256, 1, 7, 7), False),  # a matrix of 76 MB
        ((2, 512, 38, 38), (512, 1, 3, 3), False),
        ((64, 32, 14, 14), (32, 16, 5, 5), False),
    ],
)
def test_a_banded_matrix_is_made_where_it_is_small_beside_the_work(shape, weight, pays):
    d, w = np.broadcast_to(np.float32(0), shape), np.broadcast_to(np.float32(0), weight)
    width = shape[3] + weight[3] - 1
    assert banded.bands_pay(d, w, (width, width)) == pays
