"""Functions at the edges of what they are for: far from 0, cropped away, of unusual settings."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist.autograd import gradcheck


@pytest.mark.parametrize("alpha", [-2.0, -1.0, 0.5, 3.0])
@pytest.mark.parametrize("name", ["elu", "celu"])
def test_exponential_units_of_any_alpha_are_their_formula(name, alpha):
    x = np.array([-3.0, -0.5, 0.25, 2.0])
    inner = alpha if name == "celu" else 1.0
    wanted = np.where(x > 0, x, alpha * np.expm1(x / inner))
    function = getattr(F, name)
    np.testing.assert_allclose(function(tg.tensor(x), alpha).numpy(), wanted, rtol=1e-15)
    assert gradcheck(lambda x: function(x, alpha), (tg.tensor(x, requires_grad=True),))


def test_the_right_tail_of_the_tanh_gelu_has_derivatives():
    values = [4.3, 4.8, 5.0, 5.25]
    by_dtype = []
    for dtype in (tg.float32, tg.float64):
        x = tg.tensor(values, dtype=dtype, requires_grad=True)
        (slope,) = tg.autograd.grad(F.gelu(x, approximate="tanh").sum(), x, create_graph=True)
        (curve,) = tg.autograd.grad(slope.sum(), x)
        by_dtype.append([slope.detach().numpy() - 1, curve.numpy()])
    (slope, curve), (right_slope, right_curve) = by_dtype
    np.testing.assert_allclose(slope, right_slope, atol=1.5e-7)
    np.testing.assert_allclose(curve, right_curve, rtol=1e-5)


def test_hardswish_of_the_largest_numbers_is_itself():
    with np.errstate(over="raise"):
        assert F.hardswish(tg.tensor([3e38])).tolist() == tg.tensor([3e38]).tolist()


@pytest.mark.parametrize("offset", [0, 5, 35, 60])
@pytest.mark.parametrize("classes", [3, 17, 200])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_softmax_is_precise_far_from_0(dtype, classes, offset):
    x = (np.random.default_rng(1).uniform(-1, 1, (1000, classes)) + offset).astype(dtype)
    wide = x.astype(np.longdouble)
    wide -= wide.max(1, keepdims=True)
    wanted = wide - np.log(np.exp(wide).sum(1, keepdims=True))
    error = np.abs(tg.tensor(x).log_softmax(1).numpy() - wanted)
    assert (error / np.maximum(np.abs(wanted), 0.5)).max() < 4 * np.finfo(dtype).eps


@pytest.mark.parametrize("pad", [(-2, 2), (-3, 2), (2, -4), (-4, 3), (7, -2), (-1, 1), (2, 2)])
@pytest.mark.parametrize("mode", ["replicate", "reflect"])
def test_padding_that_crops_beyond_the_other_end(mode, pad):
    before, after = pad
    n = 3
    if (mode == "reflect" and max(pad) > n - 1) or n + before + after < 1:
        pytest.skip("refused, or nothing is left")
    at = np.arange(-before, n + after)
    at = at.clip(0, n - 1) if mode == "replicate" else n - 1 - abs(n - 1 - abs(at))
    x = tg.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    y = F.pad(x, pad, mode=mode)
    assert y.tolist() == [(at + 1.0).tolist()]
    y.sum().backward()
    assert x.grad.tolist() == [np.bincount(at, minlength=n).tolist()]


def test_volumes_behind_a_convolution_lie_as_in_pytorch():
    weight = tg.ones(4, 3, 2, 2, 2, requires_grad=True)
    y = F.conv3d(tg.ones(2, 3, 4, 4, 4), weight)
    y.reshape(-1)[0:1].fill_(-7.0)
    assert y.detach().reshape(-1)[0] == -7
    assert y.view(2, -1).shape == (2, 108)
    turned = F.conv_transpose3d(tg.ones(2, 3, 4, 4, 4), tg.ones(3, 4, 2, 2, 2))
    assert turned.view(2, -1).shape == (2, 500)


def test_pixels_transposed_with_more_of_the_output_are_zeros_there():
    y = F.conv_transpose1d(tg.ones(1, 1, 3), tg.ones(1, 1, 1), dilation=2, output_padding=1)
    assert y.tolist() == [[[1, 1, 1, 0]]]


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_interpolation_keeps_infinities_to_the_pixels_that_see_them(mode):
    x = tg.zeros(1, 1, 6, 9)
    x[0, 0, 0, 0] = np.inf
    y = F.interpolate(x, scale_factor=2, mode=mode)
    assert not np.isfinite(y.numpy()[0, 0, :2, :2]).any()
    assert np.isfinite(y.numpy()[0, 0, 6:]).all() and np.isfinite(y.numpy()[0, 0, :, 6:]).all()


@pytest.mark.parametrize("distance", [tg.cdist, lambda a, b: F.pdist(tg.cat([a, b]), float("inf"))])
def test_equal_maxima_of_a_distance_each_get_the_gradient(distance):
    a = tg.tensor([[1.0, 2.0, 5.0]], requires_grad=True)
    b = tg.tensor([[0.0, 3.0, 4.5]], requires_grad=True)
    y = distance(a, b) if distance is not tg.cdist else tg.cdist(a, b, float("inf"))
    y.sum().backward()
    assert y.item() == 1
    assert a.grad.tolist() == [[1, -1, 0]]
    assert b.grad.tolist() == [[-1, 1, 0]]


@pytest.mark.parametrize("form", [lambda f: f, tg.jit])
def test_leaky_relu_without_a_slope(form):
    values = [-np.inf, np.inf, np.nan, -1.0, 2.0]
    for function in (lambda x: F.leaky_relu(x, 0.0), lambda x: F.rrelu(x, 0.0, 0.0)):
        called = form(function)
        for _ in range(3):
            x = tg.tensor(values, requires_grad=True)
            y = called(x)
            np.testing.assert_array_equal(y.detach(), [np.nan, np.inf, np.nan, 0, 2])
            y.sum().backward()
            assert x.grad.tolist() == [0, 1, 0, 0, 1]


@pytest.mark.parametrize("name", ["topk", "sort", "argsort", "argmax", "argmin", "cumsum", "mode"])
def test_dimensions_and_counts_of_a_number(name):
    x = tg.tensor(3.0)
    more = (1,) if name == "topk" else ()
    for dim in (0, -1):
        getattr(tg, name)(x, *more, dim=dim)
    for dim in (1, -2):
        with pytest.raises(IndexError, match="Dimension out of range"):
            getattr(tg, name)(x, *more, dim=dim)
    for k in (2, -1):
        with pytest.raises(RuntimeError, match="out of range"):
            tg.topk(x, k)


def test_one_value_per_channel_has_no_deviation():
    for shape in ((1, 3), (1, 3, 1), (1, 3, 1, 1)):
        for layer in (lambda x: F.group_norm(x, 3), tg.nn.GroupNorm(3, 3).eval()):
            with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
                layer(tg.ones(shape))
        F.group_norm(tg.ones(shape), 1)
    F.group_norm(tg.ones(2, 3), 3)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shape", [(2, 3, 0, 2), (0, 3, 2, 2)])
def test_no_images_move_no_moments(shape):
    layer = tg.nn.InstanceNorm2d(3, affine=True, track_running_stats=True)
    assert layer(tg.zeros(shape)).shape == shape
    assert layer.running_mean.tolist() == [0, 0, 0]
    assert layer.running_var.tolist() == [1, 1, 1]
    assert F.instance_norm(tg.zeros(2, 0, 4, 4)).shape == (2, 0, 4, 4)


@pytest.mark.filterwarnings("error")
def test_a_pad_value_that_no_integer_is():
    for value in (np.inf, -np.inf, np.nan, 300, -1):
        with pytest.raises(RuntimeError, match="cannot be converted to type uint8"):
            F.pad(tg.ones(2, dtype=tg.uint8), (1, 1), value=value)
    assert F.pad(tg.ones(2, dtype=tg.int64), (1, 0), value=-2.7).tolist() == [-2, 1, 1]
    assert F.pad(tg.ones(1), (1, 0), value=np.inf).tolist() == [np.inf, 1]


@pytest.mark.parametrize("wrong", [np.inf, np.nan])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_an_infinity_stays_among_its_neighbours_with_antialias(mode, wrong):
    x = tg.arange(8.0).reshape(1, 1, 1, 8).repeat(1, 1, 2, 1)
    for size in ((2, 16), (2, 3), (2, 4), (1, 8)):
        right = F.interpolate(x, size, mode=mode, antialias=True)
        for at in (1, 3):
            part = x.clone()
            part[..., at] = wrong
            y = F.interpolate(part, size, mode=mode, antialias=True)
            changed = np.flatnonzero(~np.isfinite(y[0, 0, 0].numpy()))
            reach = 3 * size[1] / 8 + 2 if size[1] > 8 else 3 * 8 / size[1] / 2 + 1
            middle = (at + 0.5) * size[1] / 8 - 0.5
            assert changed.size
            assert np.abs(changed - middle).max() <= reach
            far = np.abs(np.arange(size[1]) - middle) > reach
            np.testing.assert_allclose(y.numpy()[..., far], right.numpy()[..., far], rtol=1e-6)
    y = F.interpolate(tg.tensor([[[[1.0, wrong, 2.0, 3.0]] * 2]]), (2, 8), mode="bilinear",
                      antialias=True)  # fmt: skip
    assert y[0, 0, 0, 0] == 1


FILLS = {
    "masked_fill": lambda x, v: x.masked_fill(x > 0, v),
    "index_fill": lambda x, v: x.index_fill(0, tg.tensor([0, 1]), v),
    "fill_": lambda x, v: x.clone().fill_(v),
    "full": lambda x, v: tg.full((2,), v, dtype=x.dtype),
    "full_like": tg.full_like,
    "scatter": lambda x, v: x.scatter(0, tg.tensor([0, 1]), v),
    "setitem": lambda x, v: x.__setitem__(..., v) or x,
    "threshold": lambda x, v: F.threshold(x, 5, v),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", FILLS)
def test_a_number_that_an_integer_dtype_does_not_reach(name):
    fill = FILLS[name]
    for wrong in (np.inf, -np.inf, np.nan, 300, -300, -1.0):
        with pytest.raises(RuntimeError, match="value cannot be converted to type uint8"):
            fill(tg.ones(2, dtype=tg.uint8), wrong)
    for wrong in (np.inf, np.nan, 2**63, 1e19):
        with pytest.raises(RuntimeError, match="value cannot be converted to type int64"):
            fill(tg.ones(2, dtype=tg.int64), wrong)
    assert fill(tg.ones(2, dtype=tg.uint8), -1).tolist() == [255, 255]
    assert fill(tg.ones(2, dtype=tg.int64), -2.5).tolist() == [-2, -2]
    assert fill(tg.ones(2), np.inf).tolist() == [np.inf, np.inf]


def test_powers_of_two_beyond_float32():
    assert tg.ldexp(tg.tensor([1.5], dtype=tg.float64), tg.tensor([200])).item() == 1.5 * 2.0**200


NEW = {  # computed anew in PyTorch, also where nothing has to be done
    "pixel_shuffle": lambda x: F.pixel_shuffle(x, 1),
    "pixel_unshuffle": lambda x: F.pixel_unshuffle(x, 1),
    "adaptive_avg_pool1d": lambda x: F.adaptive_avg_pool1d(x[0], 4),
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, 4),
    "chain_matmul": lambda x: tg.chain_matmul(x[0, 0]),
}


@pytest.mark.parametrize("name", NEW)
def test_a_write_into_a_result_leaves_the_argument_alone(name):
    x = -tg.ones(1, 1, 4, 4)
    assert NEW[name](x).relu_().sum() == 0
    assert x.sum() == -16
