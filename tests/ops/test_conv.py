"""Convolutions, by six loops; and padding, by NumPy."""

from itertools import product

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.kernels import conv as kernel
from tinygrad_mnist.ops import conv

rng = np.random.default_rng(0)
X, W, B = (rng.normal(size=shape) for shape in [(2, 2, 5, 4), (4, 2, 3, 2), (4,)])
ONE_PER_GROUP = rng.normal(size=(4, 1, 3, 2))
ARGS = [X.tolist(), W.tolist(), B.tolist()]
Pair = tuple[int, int]


def loops(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, stride: Pair = (1, 1), padding: Pair = (0, 0),
    dilation: Pair = (1, 1), groups: int = 1,
) -> np.ndarray:  # fmt: skip
    """The definition of a convolution, term by term."""
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    (n, c, *size), (out, _, *kernel) = x.shape, w.shape
    sides = zip(size, kernel, stride, dilation, strict=True)
    number = [(m - d * (k - 1) - 1) // s + 1 for m, k, s, d in sides]
    y = np.zeros((n, out, *number)) + b[:, None, None]
    for o, i, p, q in product(range(out), range(c // groups), *map(range, kernel)):
        channel = o // (out // groups) * (c // groups) + i
        starts = p * dilation[0], q * dilation[1]
        rows, columns = (
            slice(start, start + step * count, step)
            for start, step, count in zip(starts, stride, number, strict=True)
        )
        y[:, o] += w[o, i, p, q] * x[:, channel, rows, columns]
    return y


def transposed(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, size: Pair, stride: Pair = (1, 1),
    padding: Pair = (0, 0), dilation: Pair = (1, 1), groups: int = 1,
) -> np.ndarray:  # fmt: skip
    """The adjoint: each pixel of x adds a multiple of its kernel, in each of the groups."""
    (n, channels, *number), (_, out, *kernel) = x.shape, w.shape
    y = np.zeros((n, out * groups, *(m + 2 * p for m, p in zip(size, padding, strict=True))))
    for c, o, p, q in product(range(channels), range(out), *map(range, kernel)):
        channel = c // (channels // groups) * out + o
        starts = p * dilation[0], q * dilation[1]
        rows, columns = (
            slice(start, start + step * count, step)
            for start, step, count in zip(starts, stride, number, strict=True)
        )
        y[:, channel, rows, columns] += w[c, o, p, q] * x[:, c]
    inside = (slice(p, p + m) for m, p in zip(size, padding, strict=True))
    return y[(..., *inside)] + b[:, None, None]


SAME = np.pad(X, [(0, 0), (0, 0), (1, 1), (0, 1)])
SMALL, TW, TB = (rng.normal(size=shape) for shape in [(1, 2, 2, 3), (2, 3, 2, 2), (3,)])
T_ARGS = [SMALL.tolist(), TW.tolist(), TB.tolist()]
L, LW, LB = (rng.normal(size=shape) for shape in [(2, 2, 6), (3, 2, 3), (3,)])
LINE = loops(L[:, :, None], LW[:, :, None], LB, (1, 2), (0, 1))[:, :, 0]
T_LINE = transposed(SMALL[:, :, :1], TW[:, :, :1], TB, (1, 6), stride=(1, 2))[:, :, 0]
VOLUMES = [rng.normal(size=shape).tolist() for shape in [(1, 2, 3, 3, 2), (2, 2, 2, 2, 1), (2,)]]
Triple = tuple[int, int, int]


def six_loops(
    x: object, w: object, b: object, stride: Triple = (1, 1, 1), padding: Triple = (0, 0, 0),
    dilation: Triple = (1, 1, 1),
) -> np.ndarray:  # fmt: skip
    """A convolution of volumes: each place of the kernel, times what it sees."""
    x, w = np.array(x), np.array(w)
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    sizes = zip(x.shape[2:], w.shape[2:], stride, dilation, strict=True)
    out = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in sizes]
    y = np.zeros((len(x), len(w), *out)) + np.array(b).reshape(-1, 1, 1, 1)
    for at in np.ndindex(*w.shape[2:]):
        key = tuple(slice(p * d, p * d + (m - 1) * s + 1, s)
                    for p, d, m, s in zip(at, dilation, out, stride, strict=True))  # fmt: skip
        y += np.einsum("ncijk,oc->noijk", x[(..., *key)], w[(..., *at)])
    return y


def back(settings: dict[str, Triple]) -> tuple[list[object], list[object]]:
    """A gradient of a convolution's result, and of its input: <y, d> = <x, back>, x by x."""
    x, w, _ = VOLUMES
    y = six_loops(x, w, [0.0, 0.0], **settings)
    d = rng.normal(size=y.shape)
    want = np.zeros(np.shape(x))
    for at in np.ndindex(*want.shape):
        one = np.zeros(want.shape)
        one[at] = 1
        want[at] = np.sum(six_loops(one, w, [0.0, 0.0], **settings) * d)
    return d.tolist(), want.tolist()


CASES = [
    Case("conv2d", F.conv2d, ARGS, loops(X, W, B).tolist()),
    Case("conv2d", F.conv2d, ARGS[:2], loops(X, W, 0 * B).tolist()),
    Case("conv2d", lambda x, w: F.conv2d(x[0], w), ARGS[:2], loops(X, W, 0 * B)[0].tolist()),
    Case("conv2d", lambda *a: F.conv2d(*a, stride=2, padding=(1, 2)), ARGS,
         loops(X, W, B, (2, 2), (1, 2)).tolist()),
    Case("conv2d", lambda *a: F.conv2d(*a, dilation=(2, 1), padding=[1]), ARGS,
         loops(X, W, B, (1, 1), (1, 1), (2, 1)).tolist()),
    Case("conv2d", lambda *a: F.conv2d(*a, groups=2), [X.tolist(), ONE_PER_GROUP.tolist()],
         loops(X, ONE_PER_GROUP, 0 * B, groups=2).tolist()),
    Case("conv2d", lambda *a: F.conv2d(*a, padding="same"), ARGS, loops(SAME, W, B).tolist()),
    Case("conv2d", lambda x, w: F.conv2d(x, w, padding="same"), [X.tolist(), [[[[2.0]], [[1.0]]]]],
         (2 * X[:, :1] + X[:, 1:]).tolist()),
    Case("conv2d", lambda *a: F.conv2d(*a, padding="valid"), ARGS, loops(X, W, B).tolist()),
    Case("conv1d", lambda *a: F.conv1d(*a, stride=2, padding=[1]),
         [L.tolist(), LW.tolist(), LB.tolist()], LINE.tolist()),
    Case("conv1d", lambda x, w: F.conv1d(x, w, padding="same"),
         [[[1.0, 2.0, 4.0]], [[[1.0, 1.0, 1.0]]]],
         [[3, 7, 6]]),
    Case("conv_transpose2d", F.conv_transpose2d,
         T_ARGS, transposed(SMALL, TW, TB, (3, 4)).tolist()),
    Case("conv_transpose2d", lambda x, w: F.conv_transpose2d(x[0], w), T_ARGS[:2],
         transposed(SMALL, TW, 0 * TB, (3, 4))[0].tolist()),
    Case("conv_transpose2d", lambda *a: F.conv_transpose2d(*a, 2, 1, output_padding=1),
         T_ARGS, transposed(SMALL, TW, TB, (3, 5), stride=(2, 2), padding=(1, 1)).tolist()),
    Case("conv_transpose2d", lambda *a: F.conv_transpose2d(*a, dilation=2, groups=2),
         [SMALL.tolist(), TW[:, :1].tolist()],
         transposed(SMALL, TW[:, :1], np.zeros(2), (4, 5), dilation=(2, 2), groups=2).tolist()),
    Case("conv_transpose1d", lambda *a: F.conv_transpose1d(*a, stride=2),
         [SMALL[:, :, 0].tolist(), TW[:, :, 0].tolist(), TB.tolist()], T_LINE.tolist()),
    *(Case("pad", lambda x, mode=mode: F.pad(x, (2, 1, 1, 0), mode=mode), [X.tolist()],
           np.pad(X, [(0, 0), (0, 0), (1, 0), (2, 1)], mode=numpy_mode).tolist())
      for mode, numpy_mode in [
          ("constant", "constant"), ("reflect", "reflect"), ("replicate", "edge"),
          ("circular", "wrap"),
      ]),
    Case("pad", lambda x: F.pad(x, (1, 0), value=7), [[1.0]], [7, 1]),
    Case("pad", lambda x: F.pad(x, (-1, 2), mode="circular"), [[1.0, 2.0, 3.0]], [2, 3, 2, 3]),
    Case("conv_tbc", F.conv_tbc, [[[[1.0, 2.0]], [[3.0, 4.0]]], [[[5.0], [6.0]], [[7.0], [8.0]]],
                                  [0.5]], [[[17 + 53 + 0.5]]]),
    *(Case("conv3d", lambda x, w, b, kw=kw: F.conv3d(x, w, b, **kw), VOLUMES,
           six_loops(*VOLUMES, **kw).tolist())
      for kw in ({}, {"stride": (1, 2, 1), "padding": (1, 0, 1)}, {"dilation": (2, 1, 1)})),
    Case("conv3d", lambda x, w: F.conv3d(x, w, padding="same").shape and F.conv3d(x, w)[0],
         [VOLUMES[0], VOLUMES[1]], six_loops(VOLUMES[0], VOLUMES[1], [0.0, 0.0])[0].tolist()),
    *(Case("conv_transpose3d", lambda d, kw=kw, more=more: F.conv_transpose3d(d, tg.tensor(
              VOLUMES[1], dtype=d.dtype), output_padding=more, **kw), [pair[0]], pair[1])
      for kw, more in [({}, 0), ({"stride": (1, 2, 1), "padding": (1, 0, 1)}, (0, 1, 0))]
      for pair in [back(kw)]),
]  # fmt: skip
PLAIN = [Plain("pad", lambda x: F.pad(x, (1, 1), mode="reflect"), [[1, 2]], np.array([2, 1, 2, 1]))]
IMAGE, K = tg.ones(1, 2, 4, 4), tg.ones(4, 2, 3, 3)
REFUSALS = [
    Refusal("ndim", lambda: F.conv2d(tg.ones(4, 4), K), ShapeError, "3 or 4 dimensions and weight"),
    Refusal("channels", lambda: F.conv2d(IMAGE, K[:, :1]), ShapeError, "to have 1 channels, but"),
    Refusal("dtypes", lambda: F.conv2d(IMAGE.double(), K), DTypeError,
            "input is float64 and weight"),
    Refusal("groups", lambda: F.conv2d(tg.ones(1, 6, 4, 4), K, groups=3), ShapeError,
            "4 output channels in 3 groups"),
    Refusal("stride", lambda: F.conv2d(IMAGE, K, stride=0), RuntimeError,
            "must be positive, not (0, 0)"),
    Refusal("pair", lambda: F.conv2d(IMAGE, K, stride=(1, 1, 1)), ValueError,
            "stride must be one number"),
    Refusal("padding", lambda: F.conv2d(IMAGE, K, padding="full"), ValueError,
            "'valid', not 'full'"),
    Refusal("same", lambda: F.conv2d(IMAGE, K, None, 2, "same"), RuntimeError, "strided"),
    Refusal("negative", lambda: F.conv2d(IMAGE, K, padding=-1), RuntimeError, "negative padding"),
    Refusal("size", lambda: F.conv2d(IMAGE, K, dilation=2), ShapeError,
            "is larger than the padded input"),
    Refusal("conv1d", lambda: F.conv1d(IMAGE, K), ShapeError, "2 or 3 dimensions and weight 3"),
    Refusal("output padding", lambda: F.conv_transpose2d(IMAGE, K[:2], output_padding=1),
            RuntimeError,
            "smaller than either stride or dilation, but got 1"),
    Refusal("transposed size", lambda: F.conv_transpose2d(IMAGE, K[:2], padding=4), ShapeError,
            "the output would have size [-2, -2]"),
    Refusal("mode", lambda: F.pad(IMAGE, (1, 1), "mirror"), NotImplementedError,
            "padding mode mirror"),
    Refusal("value", lambda: F.pad(IMAGE, (1, 1), "reflect", 0), ValueError,
            "take in value argument"),
    Refusal("reach", lambda: F.pad(IMAGE, (4, 0), "reflect"), RuntimeError,
            "must be at most 3 for mode"),
]  # fmt: skip
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    conv, CASES, PLAIN, REFUSALS
)


@pytest.mark.parametrize("size", [8, 12])
def test_many_channels_give_what_few_do(size: int) -> None:
    """Where Winograd's form is used: the plain sums, but for rounding."""
    x, w = rng.normal(size=(2, 16, size, size)), rng.normal(size=(16, 16, 3, 3))
    y = F.conv2d(tg.tensor(x), tg.tensor(w), padding=1)
    assert np.allclose(y.numpy(), loops(x, w, np.zeros(16), padding=(1, 1)), atol=1e-10)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("groups", [1, 2, 8])
def test_a_batch_of_no_images_has_gradients(groups: int, stride: int) -> None:
    x = tg.zeros(0, 8, 4, 4, requires_grad=True)
    w = tg.ones(8, 8 // groups, 3, 3, requires_grad=True)
    F.conv2d(x, w, padding=1, stride=stride, groups=groups).sum().backward()
    assert x.grad is not None and x.grad.shape == x.shape
    assert w.grad is not None and not w.grad.any()


@pytest.mark.parametrize("where", [(0, 1, 1, 2), (1, 0, 3, 0)])
@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_strided_gradient_keeps_infinities_where_they_belong(
    where: tuple[int, ...], value: float
) -> None:
    """The gradients of several pixels are computed at once; one infinity concerns some of them."""
    x, w = rng.normal(size=(2, 2, 9, 8)), rng.normal(size=(2, 2, 3, 3))
    gradients = []
    for spoilt in (False, True):
        image = tg.tensor(x, requires_grad=True)
        y = F.conv2d(image, tg.tensor(w), stride=2, padding=1)
        g = np.ones(y.shape)
        g[where] = value if spoilt else 1
        y.backward(tg.tensor(g))
        assert image.grad is not None
        gradients.append(image.grad.numpy())
    n, _, i, j = where
    reached = np.zeros(x.shape, bool)
    reached[n, :, max(2 * i - 1, 0) : 2 * i + 2, max(2 * j - 1, 0) : 2 * j + 2] = True
    assert (np.isfinite(gradients[1]) == ~reached).all()
    np.testing.assert_allclose(gradients[1][~reached], gradients[0][~reached])


@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (3, 2)])
@pytest.mark.parametrize("size", [(7, 5), (8, 6)])
@pytest.mark.parametrize("last", [False, True])
def test_a_kernel_of_one_pixel_leaves_zeros_between_its_steps(
    stride: Pair, size: Pair, last: bool
) -> None:
    """Whatever the memory of the images is, also where it is the result's."""
    w, geom = rng.normal(size=(4, 3, 1, 1)), kernel.Geometry(stride)
    d = rng.normal(size=(2, 4, *geom.extent(size, (1, 1))))
    expected = transposed(d, w, np.zeros(3), size, stride=stride)
    out = np.full((2, *size, 3), np.nan).transpose(0, 3, 1, 2) if last else None
    if last:
        d = np.ascontiguousarray(d.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    result = kernel.conv_input(d, w, size=size, geom=geom, out=out)
    np.testing.assert_allclose(result, expected, atol=1e-12)
    assert out is None or result is out


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 7])
def test_channels_may_be_first_or_last_in_memory(channels: int) -> None:
    x = rng.normal(size=(2, channels, 4, 5))
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    for images in (x, last.transpose(0, 3, 1, 2), np.repeat(x, 2, 3)[..., ::2]):
        made = kernel._channels_last(images)
        assert made.flags.c_contiguous and np.array_equal(made, last)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("padding", [0, 1])
def test_a_batch_of_none_has_gradients(padding: int, size: int, stride: int) -> None:
    image = tg.zeros(0, 2, 6, 6, requires_grad=True)
    weight = tg.ones(2, 2, size, size, requires_grad=True)
    y = F.conv2d(image, weight, tg.ones(2), stride=stride, padding=padding)
    y.sum().backward()
    assert y.shape == (0, 2, *[(6 + 2 * padding - size) // stride + 1] * 2)
    assert image.grad.shape == image.shape and not weight.grad.numpy().any()


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("extra", [0, 1, 2])
def test_volumes_longer_than_their_kernels_cover_have_gradients(extra: int, padding: int) -> None:
    """The depth as the height: one axis is of the images, the other one of these functions."""
    x, w = rng.normal(size=(1, 2, 4, 3, 2)), rng.normal(size=(2, 2, 3, 2, 1))
    grads = []
    for order in ((0, 1, 2, 3, 4), (0, 1, 3, 2, 4)):
        args = [tg.tensor(a.transpose(order), requires_grad=True) for a in (x, w)]
        settings = {"dilation": 3, "output_padding": extra, "padding": padding}
        along = 0 if order[2] == 2 else 1
        for name, other in (("dilation", 1), ("output_padding", 0), ("padding", 0)):
            settings[name] = tuple(settings[name] if at == along else other for at in range(3))
        y = F.conv_transpose3d(*args, **settings)
        (y * y).sum().backward()
        grads.append(
            [a.grad.numpy().transpose(order) for a in args] + [y.detach().numpy().transpose(order)]
        )
    for one, other in zip(*grads, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)
