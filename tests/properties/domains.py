"""Where each op is defined and smooth, and what NumPy says it is: a row for every registry entry.

A row draws one call: arrays, and settings. `like` defines the value independently of the kernel.
Floats are float64; the test casts them where it looks at float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any, NamedTuple

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np

from tinygrad_mnist.kernels.conv import Geometry
from tinygrad_mnist.kernels.pool import Windows
from tinygrad_mnist.ops import further, layers, table
from tinygrad_mnist.testing.strategies import arrays, numbers, shapes

Draw = Callable[[Any], Any]


class Call(NamedTuple):
    """The arguments of one call of an op."""

    args: tuple[Any, ...]
    kw: dict[str, Any]


class Row(NamedTuple):
    """How to draw a call, and its value as NumPy (or mathematics) defines it."""

    calls: Any
    like: Callable[..., Any] | None = None
    parts: tuple[dict[str, Any], ...] = ()
    """The bounds of each argument, if the op is elementwise and takes any shape."""
    order: int = 2
    """How often it can be differentiated: 2 stands for as often as one likes."""
    through: Callable[[Any], Any] | None = None
    """A function that prepares the arguments: makes them symmetric, say."""


def op_named(name: str) -> Callable[..., Any]:
    """The op of one of the table's pages."""
    pages = (page for page in (further, layers, table) if hasattr(page, name))
    return getattr(next(pages), name)  # type: ignore[no-any-return]


def elementwise(like: Any, *parts: dict[str, Any]) -> Row:
    """Arguments that broadcast, one for each dict of bounds for `arrays`."""

    @st.composite
    def call(draw: Draw) -> Call:
        together = draw(
            hnp.mutually_broadcastable_shapes(
                num_shapes=len(parts), max_dims=3, max_side=3, min_side=0
            )
        )
        args = (arrays(s, **how) for s, how in zip(together.input_shapes, parts, strict=True))
        return Call(tuple(draw(arg) for arg in args), {})

    return Row(call(), like, parts)


def with_settings(like: Any, settings: dict[str, Any], **bounds: Any) -> Row:
    """One array, and settings drawn from strategies (or fixed)."""
    fixed = {k: v if isinstance(v, st.SearchStrategy) else st.just(v) for k, v in settings.items()}
    calls = st.tuples(arrays(**bounds), st.fixed_dictionaries(fixed))
    return Row(calls.map(lambda c: Call((c[0],), c[1])), like)


def unary(like: Any, low: float = -3.0, high: float = 3.0, **bounds: Any) -> Row:
    return elementwise(like, {"low": low, "high": high, **bounds})


def binary(like: Any, a: dict[str, Any] | None = None, b: dict[str, Any] | None = None) -> Row:
    return elementwise(like, a or {}, b or {})


def composed(like: Any) -> Callable[[Callable[..., Any]], Row]:
    """Decorates a function of `draw` that returns (args, settings)."""

    def build(function: Callable[..., Any]) -> Row:
        return Row(st.composite(lambda draw: Call(*function(draw)))(), like)

    return build


POSITIVE: dict[str, Any] = {"low": 0.25, "high": 3.0}
NONZERO: dict[str, Any] = {"away_from": (0.0,), "gap": 0.25}
STEPS: dict[str, Any] = {"away_from": range(-3, 4), "gap": 0.125}
HALF_STEPS: dict[str, Any] = {"away_from": (-2.5, -1.5, -0.5, 0.5, 1.5, 2.5), "gap": 0.125}
BOOL: dict[str, Any] = {"dtype": np.bool_}
INT: dict[str, Any] = {"dtype": np.int64}
_TIED: dict[str, Any] = {"elements": st.sampled_from([-1.0, 0.0, 0.5, 1.0])}


# Shapes, axes and indices


@st.composite
def reducible(draw: Draw, low_side: int = 0, dims: int = 0, **bounds: Any) -> Any:
    """An array and some of its axes (or None for all)."""
    x = draw(arrays(shapes(min_side=low_side, min_dims=dims), **bounds))
    chosen = st.lists(st.sampled_from(range(x.ndim)), unique=True) if x.ndim else st.just([])
    axis = draw(st.none() | chosen.map(lambda axes: tuple(sorted(axes))))
    return x, {"axis": axis, "keepdims": draw(st.booleans())}


def _deviation(x: Any, axis: Any, correction: int, keepdims: bool) -> Any:
    return np.std(x, axis, ddof=correction, keepdims=keepdims)


@composed(lambda x, axis, correction, keepdims: np.var(x, axis, ddof=correction, keepdims=keepdims))
def deviations(draw: Draw) -> Any:
    """An array, some of its axes, and fewer degrees of freedom than they have elements."""
    x = draw(arrays(shapes(min_dims=1, min_side=2)))
    chosen = st.lists(st.sampled_from(range(x.ndim)), unique=True, min_size=1)
    settings = {"axis": tuple(sorted(draw(chosen))), "correction": draw(st.sampled_from([0, 1]))}
    return (x,), settings | {"keepdims": draw(st.booleans())}


def reduction(like: Any, low_side: int = 0, **bounds: Any) -> Row:
    return Row(reducible(low_side, **bounds).map(lambda c: Call((c[0],), c[1])), like)


def along(like: Any, low_side: int = 1, **bounds: Any) -> Row:
    """An array of at least one dimension, and one axis."""

    @composed(like)
    def row(draw: Draw) -> Any:
        x = draw(arrays(shapes(min_dims=1, min_side=low_side), **bounds))
        return (x,), {"axis": draw(st.integers(0, x.ndim - 1))}

    return row


def pair_along(like: Any) -> Row:
    """Two arrays of one shape, of at least one dimension, and one axis."""

    @composed(like)
    def row(draw: Draw) -> Any:
        x = draw(arrays(shapes(min_dims=1, min_side=1)))
        return (x, draw(arrays(x.shape))), {"axis": draw(st.integers(0, x.ndim - 1))}

    return row


@st.composite
def keys(draw: Draw, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Ints, slices (backwards too), None and Ellipsis that index an array of this shape."""
    return draw(  # type: ignore[no-any-return]
        hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True).map(
            lambda key: key if isinstance(key, tuple) else (key,)
        )
    )


@composed(lambda x, key: x[key])
def slices(draw: Draw) -> Any:
    x = draw(arrays(shapes(min_side=1)))
    return (x,), {"key": draw(keys(x.shape))}


def _unsliced(x: Any, key: Any, shape: Any) -> Any:
    out = np.zeros(shape)
    out[key] = x
    return out


@composed(_unsliced)
def unslices(draw: Draw) -> Any:
    shape = draw(shapes(min_side=1))
    key = draw(keys(shape))
    return (draw(arrays(np.empty(shape)[key].shape)),), {"key": key, "shape": shape}


def _added(x: Any, part: Any, key: Any) -> Any:
    out = x.copy()
    out[key] += part
    return out


@composed(_added)
def additions(draw: Draw) -> Any:
    x = draw(arrays(shapes(min_side=1)))
    key = draw(keys(x.shape))
    return (x, draw(arrays(x[key].shape))), {"key": key}


def _assigned(x: Any, value: Any, key: Any) -> Any:
    out = x.copy()
    out[key] = value
    return out


@composed(_assigned)
def assigns(draw: Draw) -> Any:
    x = draw(arrays(shapes(min_side=1)))
    key = draw(keys(x.shape))
    return (x, draw(arrays(x[key].shape))), {"key": key}


@composed(lambda x, index, value: np.stack([
    value[list(index).index(i)] if i in index else row for i, row in enumerate(x)
]))  # fmt: skip
def row_assigns(draw: Draw) -> Any:
    x = draw(arrays(shapes(min_dims=1, min_side=1)))
    index = np.array(draw(st.lists(st.integers(0, len(x) - 1), unique=True)), np.int64)
    return (x, index, draw(arrays((len(index), *x.shape[1:])))), {}


@composed(lambda x, offset, axes: np.diagonal(x, offset, *axes))
def diagonals(draw: Draw) -> Any:
    x = draw(arrays(shapes(min_dims=2, min_side=1)))
    axes = draw(st.permutations(range(x.ndim)))[:2]
    return (x,), {"offset": draw(st.integers(-1, 1)), "axes": tuple(axes)}


def _on_diagonal(x: Any, offset: int, axes: Any, shape: Any) -> Any:
    out = np.zeros(shape)
    for i, value in enumerate(x):
        out[i + max(-offset, 0), i + max(offset, 0)] = value
    return out


@composed(_on_diagonal)
def undiagonals(draw: Draw) -> Any:
    n, offset = draw(st.integers(1, 3)), draw(st.integers(-1, 1))
    side = n + abs(offset)
    return (draw(arrays((n,))),), {"offset": offset, "axes": (0, 1), "shape": (side, side)}


def _diagonal_added(x: Any, part: Any, offset: int, axes: Any) -> Any:
    out = x.copy()
    for i, value in enumerate(part):
        out[max(-offset, 0) + i, max(offset, 0) + i] += value
    return out


@composed(_diagonal_added)
def diagonals_added(draw: Draw) -> Any:
    n, offset = draw(st.integers(1, 3)), draw(st.integers(-1, 1))
    side = n + abs(offset)
    x = draw(arrays((side, side)))
    return (x, draw(arrays((n,)))), {"offset": offset, "axes": (0, 1)}


class ViewOf(NamedTuple):
    """An op as the ways of `assign_view` know it: by its kernel."""

    kernel: Any


WAYS: Any = [
    ((), lambda x: x),
    (((ViewOf(lambda x: x[1]), {}),), lambda x: x[1]),
    (((ViewOf(lambda x: x.T), {}), (ViewOf(lambda x: x[1:]), {})), lambda x: x.T[1:]),
    (((ViewOf(lambda x: x.reshape(-1)), {}), (ViewOf(lambda x: x[::2]), {})),
     lambda x: x.reshape(-1)[::2]),
]  # fmt: skip


def through(like: Any, parts: Callable[[Any, Any], Any]) -> Row:
    """A matrix, a way from it to a view, and the arrays that `parts` makes of their shapes."""

    @composed(like)
    def row(draw: Draw) -> Any:
        way, view = draw(st.sampled_from(WAYS))
        shapes = (2, 3), view(np.zeros((2, 3))).shape
        args, more = parts(*shapes)
        return tuple(draw(arrays(shape)) for shape in args), {"way": way, "order": (0, 1), **more}

    return row


def _through(x: Any, way: Any) -> Any:
    for op, kw in way:
        x = op.kernel(x, **kw)
    return x


def _assigned(x: Any, value: Any, way: Any, order: Any) -> Any:
    out = np.array(x, order="C")
    _through(out, way)[...] = value
    return out


def indices(draw: Draw, count: int, shape: Any) -> Any:
    return draw(arrays(shape, dtype=np.int64, low=-count, high=count - 1))


@composed(lambda x, index: x[index])
def takes(draw: Draw) -> Any:
    x = draw(arrays(shapes(min_dims=1, min_side=1)))
    return (x, indices(draw, len(x), shapes(max_dims=2))), {}


@composed(lambda w, index: w[index])
def embeddings(draw: Draw) -> Any:
    w = draw(arrays(shapes(min_dims=1, min_side=1)))
    index = arrays(draw(shapes(max_dims=2)), dtype=np.int64, low=0, high=len(w) - 1)
    return (w, draw(index)), {}


def _put(x: Any, index: Any, shape: Any) -> Any:
    out = np.zeros(shape)
    for at in np.ndindex(index.shape):
        out[index[at]] += x[at]
    return out


@composed(_put)
def puts(draw: Draw) -> Any:
    shape = draw(shapes(min_dims=1, min_side=1))
    index = indices(draw, shape[0], shapes(max_dims=2))
    return (draw(arrays((*index.shape, *shape[1:]))), index), {"shape": shape}


@st.composite
def gathered(draw: Draw) -> Any:
    """A shape, an axis, and an index array with another length along that axis alone."""
    shape = draw(shapes(min_dims=1, min_side=1))
    axis = draw(st.integers(0, len(shape) - 1))
    count = draw(st.integers(0, 3))
    index = arrays(
        (*shape[:axis], count, *shape[axis + 1 :]), dtype=np.int64, low=0, high=shape[axis] - 1
    )
    return shape, axis, draw(index)


@composed(lambda x, index, axis: np.take_along_axis(x, index, axis))
def gathers(draw: Draw) -> Any:
    shape, axis, index = draw(gathered())
    return (draw(arrays(shape)), index), {"axis": axis}


@composed(lambda x, rows, index: x + _put(rows, index, x.shape))
def rows_added(draw: Draw) -> Any:
    x = draw(arrays(shapes(min_dims=1, min_side=1)))
    index = indices(draw, len(x), shapes(max_dims=2))
    return (x, draw(arrays((*index.shape, *x.shape[1:]))), index), {}


@composed(lambda x, part, index, axis: x + _scattered(part, index, axis, x.shape))
def gathered_added(draw: Draw) -> Any:
    shape, axis, index = draw(gathered())
    return (draw(arrays(shape)), draw(arrays(index.shape)), index), {"axis": axis}


def _scattered(x: Any, index: Any, axis: int, shape: Any) -> Any:
    out = np.zeros(shape)
    for at in np.ndindex(x.shape):
        to = list(at)
        to[axis] = index[at]
        out[tuple(to)] += x[at]
    return out


@composed(_scattered)
def scatters(draw: Draw) -> Any:
    shape, axis, index = draw(gathered())
    return (draw(arrays(index.shape)), index), {"axis": axis, "shape": shape}


@composed(lambda *xs, axis, starts: np.concatenate(xs, axis))
def cats(draw: Draw) -> Any:
    shape = draw(shapes(min_dims=1))
    axis = draw(st.integers(0, len(shape) - 1))
    lengths = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    xs = tuple(draw(arrays((*shape[:axis], n, *shape[axis + 1 :]))) for n in lengths)
    return xs, {"axis": axis, "starts": tuple(int(n) for n in np.cumsum([0, *lengths[:-1]]))}


@composed(lambda *xs, axis: np.moveaxis(np.array(xs), 0, axis))
def stacks(draw: Draw) -> Any:
    shape = draw(shapes())
    xs = tuple(draw(arrays(shape)) for _ in range(draw(st.integers(1, 3))))
    return xs, {"axis": draw(st.integers(0, len(shape)))}


@composed(lambda x, shape: np.array(x.ravel()).reshape(shape))
def reshapes(draw: Draw) -> Any:
    x = draw(arrays())
    n = x.size
    ways: list[tuple[int, ...]] = [(n,), (1, n), (n, 1, 1)]
    ways += [(d, n // d) for d in range(2, n) if n % d == 0] + ([()] if n == 1 else [])
    return (x,), {"shape": draw(st.sampled_from(ways))}


@composed(lambda x, axes: np.transpose(x, axes))
def permutes(draw: Draw) -> Any:
    x = draw(arrays())
    return (x,), {"axes": tuple(draw(st.permutations(range(x.ndim))))}


@composed(lambda x, shape: x + np.zeros(shape))
def broadcasts(draw: Draw) -> Any:
    together = draw(hnp.mutually_broadcastable_shapes(num_shapes=1, max_dims=3, max_side=3))
    shape = draw(hnp.broadcastable_shapes(together.input_shapes[0], max_dims=3, max_side=3))
    wide = np.broadcast_shapes(shape, together.input_shapes[0])
    return (draw(arrays(together.input_shapes[0])),), {"shape": wide}


def _summed_to(x: Any, shape: Any) -> Any:
    out = np.zeros(shape)
    for at in np.ndindex(x.shape):
        index = at[x.ndim - len(shape) :]
        out[tuple(0 if n == 1 else i for i, n in zip(index, shape, strict=True))] += x[at]
    return out


@composed(_summed_to)
def sums_to(draw: Draw) -> Any:
    x = draw(arrays(shapes(max_side=3) | st.just((9, 2)) | st.just((12, 1))))
    tail = x.shape[draw(st.integers(0, x.ndim)) :]
    shape = tuple(1 if n and draw(st.booleans()) else n for n in tail)
    return (x,), {"shape": shape}


@composed(np.matmul)
def products(draw: Draw) -> Any:
    n, m, k = (draw(st.integers(0, 3)) for _ in "nmk")
    together = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=1, max_side=2))
    a, b = together.input_shapes
    return (draw(arrays((*a, n, k))), draw(arrays((*b, k, m)))), {}


@composed(lambda a, b: np.einsum("na,nb->ab", a, b))
def products_columns(draw: Draw) -> Any:
    n, m, k = (draw(st.integers(0, 3)) for _ in "nmk")
    return (draw(arrays((n, m))), draw(arrays((n, k)))), {}


@composed(lambda x, w, b=0: np.einsum("ni,oi->no", x, w) + b)
def linears(draw: Draw) -> Any:
    n, i, o = (draw(st.integers(0, 3)) for _ in "nio")
    args = (draw(arrays((n, i))), draw(arrays((o, i))), draw(arrays((o,))))
    return args[: draw(st.sampled_from([2, 3]))], {}


# Losses


def _softmax(x: Any, axis: Any) -> Any:
    e = np.exp(x)
    return e / e.sum(axis=axis, keepdims=True)


def _cross_entropy(z: Any, t: Any) -> Any:
    return np.array([-math.log(_softmax(row, 0)[k]) for row, k in zip(z, t, strict=True)])


@composed(_cross_entropy)
def cross_entropies(draw: Draw) -> Any:
    n, c = draw(st.integers(0, 3)), draw(st.sampled_from([1, 2, 3, 4, 20]))
    return (draw(arrays((n, c))), indices(draw, c, (n,)) % c), {}


def _logit_slope(p: Any, at: Any, d: Any) -> Any:
    by_class = p.T.copy()
    for i in at:
        by_class[divmod(i, len(p))] -= 1
    return by_class.T * d[:, None]


@composed(_logit_slope)
def logit_slopes(draw: Draw) -> Any:
    n, c = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    classes = indices(draw, c, (n,)) % c
    return (draw(arrays((n, c))), classes * n + np.arange(n), draw(arrays((n,)))), {}


def gates(like: Any, settings: dict[str, Any] | None = None, **bounds: Any) -> Row:
    """A gradient, what it is let through by, and settings: the bounds if no others are given."""

    @composed(like)
    def row(draw: Draw) -> Any:
        d = draw(arrays(shapes()))
        return (d, draw(arrays(d.shape, **bounds or _TIED))), dict(settings or _BOUNDS)

    return row


def alike(like: Any, count: int) -> Row:
    """Some arrays of one shape."""

    @composed(like)
    def row(draw: Draw) -> Any:
        shape = draw(shapes())
        return tuple(draw(arrays(shape)) for _ in range(count)), {}

    return row


def _ties(d: Any, x: Any, y: Any, axis: Any) -> Any:
    same = x == np.amax(x, axis=axis, keepdims=True)
    return d * same / same.sum(axis=axis, keepdims=True)


@composed(_ties)
def shares(draw: Draw) -> Any:
    x, how = draw(reducible(1, elements=st.sampled_from([0.0, 1.0])))
    y = np.amax(x, axis=how["axis"], keepdims=how["keepdims"])
    return (draw(arrays(x.shape)), x, y), {"axis": how["axis"]}


# Windows over images

PAIR = st.tuples(st.integers(1, 2), st.integers(1, 2))


@st.composite
def geometries(draw: Draw) -> Any:
    """A convolution: its geometry, and the shapes of x, w and y."""
    groups = draw(st.integers(1, 2))
    padding = draw(st.tuples(st.integers(0, 1), st.integers(0, 1)))
    geom = Geometry(draw(PAIR), padding, draw(PAIR), groups)
    kernel, images = draw(PAIR), draw(st.integers(0, 2))
    c_in, c_out = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    reach = tuple(d * (k - 1) + 1 for d, k in zip(geom.dilation, kernel, strict=True))
    least = [max(1, r - 2 * p) for r, p in zip(reach, padding, strict=True)]
    size = tuple(n + draw(st.integers(0, 2)) for n in least)
    y = (images, c_out, *geom.extent(size, kernel))
    return geom, (images, c_in, *size), (c_out, c_in // groups, *kernel), y


def _taps(geom: Any, x: Any, w: Any, y: Any) -> Any:
    """Every product that a convolution adds up: index into x, into w, into y; loops alone."""
    (sh, sw), (ph, pw), (dh, dw), groups = geom
    for n, o, i, j in np.ndindex(*y):
        for c, p, q in np.ndindex(*w[1:]):
            row, column = i * sh + p * dh - ph, j * sw + q * dw - pw
            if 0 <= row < x[2] and 0 <= column < x[3]:
                yield (n, o // (w[0] // groups) * w[1] + c, row, column), (o, c, p, q), (n, o, i, j)


def _conv(x: Any, w: Any, b: Any = None, *, geom: Any) -> Any:
    shape = (len(x), len(w), *geom.extent(x.shape[2:], w.shape[2:]))
    y = np.zeros(shape) + (0 if b is None else b.reshape(-1, 1, 1))
    for i, j, k in _taps(geom, x.shape, w.shape, shape):
        y[k] += x[i] * w[j]
    return y


def _conv_input(d: Any, w: Any, *, size: Any, geom: Any) -> Any:
    x = np.zeros((len(d), w.shape[1] * geom.groups, *size))
    for i, j, k in _taps(geom, x.shape, w.shape, d.shape):
        x[i] += d[k] * w[j]
    return x


def _conv_weight(x: Any, d: Any, *, size: Any, geom: Any) -> Any:
    w = np.zeros((d.shape[1], x.shape[1] // geom.groups, *size))
    for i, j, k in _taps(geom, x.shape, w.shape, d.shape):
        w[j] += d[k] * x[i]
    return w


@composed(_conv)
def convs(draw: Draw) -> Any:
    geom, x, w, _ = draw(geometries())
    args = (draw(arrays(x)), draw(arrays(w)), draw(arrays((w[0],))))
    return args[: draw(st.sampled_from([2, 3]))], {"geom": geom}


@composed(_conv_input)
def conv_inputs(draw: Draw) -> Any:
    geom, x, w, y = draw(geometries())
    return (draw(arrays(y)), draw(arrays(w))), {"size": x[2:], "geom": geom}


@composed(_conv_weight)
def conv_weights(draw: Draw) -> Any:
    geom, x, w, y = draw(geometries())
    return (draw(arrays(x)), draw(arrays(y))), {"size": w[2:], "geom": geom}


@st.composite
def windowed(draw: Draw) -> Any:
    """Windows over an image, each of which holds at least one element; and the image's shape."""
    size, stride, dilation = draw(PAIR), draw(PAIR), draw(PAIR)
    padding = tuple(draw(st.integers(0, k // 2)) for k in size)
    shape = (
        draw(st.integers(0, 2)),
        draw(st.integers(1, 2)),
        *(draw(st.integers(3, 4)) for _ in "hw"),
    )
    count = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, p, d, k, s in zip(shape[2:], padding, dilation, size, stride, strict=True)
    )
    return Windows(size, stride, dilation, padding, count), shape


def _windows_of(win: Any, shape: Any) -> Any:
    """For each window its place in y, and the places in x that it holds, in order; loops alone."""
    for n, c, i, j in np.ndindex(*shape[:2], *win.number):
        window = []
        for p, q in np.ndindex(*win.size):
            row = i * win.stride[0] + p * win.dilation[0] - win.padding[0]
            column = j * win.stride[1] + q * win.dilation[1] - win.padding[1]
            if 0 <= row < shape[2] and 0 <= column < shape[3]:
                window.append((n, c, row, column))
        yield (n, c, i, j), window


def _pooled(x: Any, win: Any, choose: Any) -> Any:
    y = np.zeros((*x.shape[:2], *win.number))
    for at, window in _windows_of(win, x.shape):
        y[at] = choose([x[i] for i in window], window)
    return y


def _first(x: Any, window: Any) -> Any:
    return max(window, key=lambda i: x[i])  # max keeps the first of equals


def _pool_put(d: Any, x: Any, y0: Any, win: Any) -> Any:
    out = np.zeros(x.shape)
    for at, window in _windows_of(win, x.shape):
        out[_first(x, window)] += d[at]
    return out


def _pool_spread(d: Any, win: Any, size: Any) -> Any:
    out = np.zeros((*d.shape[:2], *size))
    for at, window in _windows_of(win, out.shape):
        for i in window:
            out[i] += d[at]
    return out


@composed(lambda x, win: _pooled(x, win, lambda values, _: max(values)))
def max_pools(draw: Draw) -> Any:
    win, shape = draw(windowed())
    return (draw(arrays(shape, distinct=True)),), {"win": win}


@composed(lambda x, win: _pooled(x, win, lambda values, _: sum(values)))
def sum_pools(draw: Draw) -> Any:
    win, shape = draw(windowed())
    return (draw(arrays(shape)),), {"win": win}


@composed(_pool_spread)
def pool_spreads(draw: Draw) -> Any:
    win, shape = draw(windowed())
    return (draw(arrays((*shape[:2], *win.number))),), {"win": win, "size": shape[2:]}


@st.composite
def with_maxima(draw: Draw) -> Any:
    """Windows, an image with ties, and its pooled maxima."""
    win, shape = draw(windowed())
    x = draw(arrays(shape, **_TIED))
    return win, x, _pooled(x, win, lambda values, _: max(values))


@composed(_pool_put)
def pool_puts(draw: Draw) -> Any:
    win, x, y = draw(with_maxima())
    return (draw(arrays(y.shape)), x, y), {"win": win}


@composed(lambda v, x, y0, win: _pooled(x, win, lambda _, window: v[_first(x, window)]))
def pool_takes(draw: Draw) -> Any:
    win, x, y = draw(with_maxima())
    return (draw(arrays(x.shape)), x, y), {"win": win}


@composed(lambda x, y, win: _pooled(
    x, win, lambda _, window: np.ravel_multi_index(_first(x, window)[2:], x.shape[2:])
))  # fmt: skip
def pool_indices(draw: Draw) -> Any:
    win, x, y = draw(with_maxima())
    return (x, y), {"win": win}


# Windows over any axes, and mixtures of places along one


@st.composite
def sliding(draw: Draw) -> Any:
    """A shape, how many of its last axes windows slide over, and their settings."""
    lead, dims = draw(shapes(max_dims=1)), draw(st.integers(1, 2))
    each = st.lists(st.integers(1, 2), min_size=dims, max_size=dims).map(tuple)
    size, step, gap = draw(each), draw(each), draw(each)
    least = (g * (k - 1) + 1 for k, g in zip(size, gap, strict=True))
    return (*lead, *(n + draw(st.integers(0, 2)) for n in least)), size, step, gap


def _slid(shape: Any, size: Any, step: Any, gap: Any) -> Any:
    """The place in the windows, and in x, of all that the windows hold; loops alone."""
    lead = len(shape) - len(size)
    sides = zip(shape[lead:], size, step, gap, strict=True)
    number = [len(range(0, n - g * (k - 1), s)) for n, k, s, g in sides]
    for at in np.ndindex(*shape[:lead], *size, *number):
        inside, across = at[lead : lead + len(size)], at[lead + len(size) :]
        sides = zip(inside, across, step, gap, strict=True)
        yield at, (*at[:lead], *(i * s + p * g for p, i, s, g in sides))


def _windows(x: Any, size: Any, step: Any, gap: Any) -> Any:
    pairs = dict(_slid(x.shape, size, step, gap))
    lead = x.ndim - len(size)
    sides = zip(x.shape[lead:], size, step, gap, strict=True)
    number = [len(range(0, n - g * (k - 1), s)) for n, k, s, g in sides]
    out = np.zeros((*x.shape[:lead], *size, *number))
    for at, source in pairs.items():
        out[at] = x[source]
    return out


def _unwindows(d: Any, shape: Any, step: Any, gap: Any) -> Any:
    count = len(shape)
    lead, size = d.shape[: -2 * count], d.shape[-2 * count : -count]
    out = np.zeros((*lead, *shape))
    for at, source in _slid(out.shape, size, step, gap):
        out[source] += d[at]
    return out


@composed(_windows)
def window_views(draw: Draw) -> Any:
    shape, size, step, gap = draw(sliding())
    return (draw(arrays(shape)),), {"size": size, "step": step, "gap": gap}


@composed(_unwindows)
def window_sums(draw: Draw) -> Any:
    shape, size, step, gap = draw(sliding())
    d = _windows(np.zeros(shape), size, step, gap).shape
    return (draw(arrays(d)),), {"shape": shape[-len(size) :], "step": step, "gap": gap}


@st.composite
def mixtures(draw: Draw) -> Any:
    """A shape, an axis, and of which of its places each of some is a mixture."""
    shape = draw(shapes(min_dims=1, min_side=1))
    axis = draw(st.integers(0, len(shape) - 1))
    taps = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    index = draw(arrays(taps, dtype=np.int64, low=0, high=shape[axis] - 1))
    return shape, axis, index, draw(arrays(taps))


def _mixing(length: int, index: Any, weight: Any) -> Any:
    matrix = np.zeros((len(index), length))
    for at in np.ndindex(index.shape):
        matrix[at[0], index[at]] += weight[at]
    return matrix


@composed(lambda x, index, weight, axis: np.moveaxis(
    np.tensordot(_mixing(x.shape[axis], index, weight), x, (1, axis)), 0, axis
))  # fmt: skip
def mixes(draw: Draw) -> Any:
    shape, axis, index, weight = draw(mixtures())
    return (draw(arrays(shape)), index, weight), {"axis": axis}


@composed(lambda d, index, weight, axis, length: np.moveaxis(
    np.tensordot(_mixing(length, index, weight).T, d, (1, axis)), 0, axis
))  # fmt: skip
def unmixes(draw: Draw) -> Any:
    shape, axis, index, weight = draw(mixtures())
    d = draw(arrays((*shape[:axis], len(index), *shape[axis + 1 :])))
    return (d, index, weight), {"axis": axis, "length": shape[axis]}


_normal_cdf = np.vectorize(NormalDist().cdf, otypes=[float])


def _standardized(x: Any, axis: Any, eps: float) -> Any:
    deviation = np.sqrt(np.var(x, axis, keepdims=True) + eps)
    return (x - np.mean(x, axis, keepdims=True)) / deviation


@composed(_standardized)
def standardized(draw: Draw) -> Any:
    x, how = draw(reducible(1, 1))
    axis = how["axis"] if how["axis"] is not None else tuple(range(x.ndim))
    return (x,), {"axis": axis, "eps": 0.25}


# Whole layers: definitions step by step, and backward as the chain rule has it


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _walk(step: Any, x: Any, state: Any, reverse: bool) -> Any:
    """The first state after each step, in order of time, and all states after the last."""
    outputs = []
    for row in x[::-1] if reverse else x:
        state = step(row, *state)
        outputs.append(state[0])
    return np.array(outputs[::-1] if reverse else outputs), state


def _lstm(x: Any, h: Any, c: Any, w: Any, u: Any, b: Any, v: Any, reverse: bool) -> Any:
    def step(row: Any, h: Any, c: Any) -> Any:
        i, f, g, o = np.split(row @ w.T + b + h @ u.T + v, 4, 1)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        return _sigmoid(o) * np.tanh(c), c

    outputs, (_, c) = _walk(step, x, (h, c), reverse)
    return np.concatenate([outputs, c[None]])


def _gru(x: Any, h: Any, w: Any, u: Any, b: Any, v: Any, reverse: bool) -> Any:
    def step(row: Any, h: Any) -> Any:
        (xr, xz, xn), (hr, hz, hn) = (np.split(a, 3, 1) for a in (row @ w.T + b, h @ u.T + v))
        z, n = _sigmoid(xz + hz), np.tanh(xn + _sigmoid(xr + hr) * hn)
        return ((1 - z) * n + z * h,)

    return _walk(step, x, (h,), reverse)[0]


def _rnn(x: Any, h: Any, w: Any, u: Any, b: Any, v: Any, relu: bool, reverse: bool) -> Any:
    def step(row: Any, h: Any) -> Any:
        total = row @ w.T + b + h @ u.T + v
        return (np.maximum(total, 0) if relu else np.tanh(total),)

    return _walk(step, x, (h,), reverse)[0]


@st.composite
def recurrences(draw: Draw, gates: int, states: int) -> Any:
    """Inputs, states and weights of a recurrent layer, and its direction."""
    count, n, inputs, size = (draw(st.integers(1, 3)) for _ in range(4))
    first = [draw(arrays((n, size), low=-1.0, high=1.0)) for _ in range(states)]
    weights = [(gates * size, inputs), (gates * size, size), (gates * size,), (gates * size,)]
    drawn = [draw(arrays(shape, low=-1.0, high=1.0)) for shape in weights]
    x = draw(arrays((count, n, inputs), low=-1.0, high=1.0))
    return (x, *first, *drawn), {"reverse": draw(st.booleans())}


@composed(_lstm)
def lstms(draw: Draw) -> Any:
    return draw(recurrences(4, 2))


@composed(_gru)
def grus(draw: Draw) -> Any:
    return draw(recurrences(3, 1))


@composed(_rnn)
def rnns(draw: Draw) -> Any:
    (x, h, w, u, b, v), kw = draw(recurrences(1, 1))
    y = _rnn(x, h, w, u, b, v, relu=True, **kw)
    before = np.concatenate([y[1:], h[None]] if kw["reverse"] else [h[None], y[:-1]])
    smooth = bool(np.all(np.abs(x @ w.T + b + before @ u.T + v) > 0.05))  # away from the kinks
    return (x, h, w, u, b, v), kw | {"relu": smooth and draw(st.booleans())}


@st.composite
def sweeps(draw: Draw, gates: int, more: int) -> Any:
    """Inputs, the first state, weights, states and direction of a sweep backward.

    The states come with `more` rows, as does their gradient, which is the first one.
    """
    count, n, inputs, size = (draw(st.integers(1, 3)) for _ in range(4))
    weights = (gates * size, inputs), (gates * size, size)
    shapes = (count + more, n, size), (count, n, inputs), (n, size), *weights
    d, *rest = [draw(arrays(shape, low=-1.0, high=1.0)) for shape in shapes]
    return d, rest, draw(arrays(d.shape, low=-1.0, high=1.0)), draw(st.booleans())


def _in_a_row(*parts: Any) -> Any:
    return np.concatenate([np.ravel(part) for part in parts])


def _before(y: Any, h: Any, reverse: bool) -> Any:
    return np.concatenate([y[1:], h[None]] if reverse else [h[None], y[:-1]])


def _sums(of_x: Any, of_h: Any, x: Any, states: Any) -> Any:
    """The gradients of the weights and of both biases."""
    products = (np.einsum("tna,tnb->ab", d, a) for d, a in ((of_x, x), (of_h, states)))
    return *products, of_x.sum((0, 1)), of_h.sum((0, 1))


def _lstm_back(d: Any, x: Any, h: Any, w: Any, u: Any, gates: Any, y: Any, reverse: bool) -> Any:
    slopes, dh, dc = np.empty((*x.shape[:2], len(u))), np.zeros(h.shape), d[-1]
    for t in range(len(x)) if reverse else reversed(range(len(x))):
        by_i, by_f, by_g, by_o, by_c, f = gates[t]
        dh = dh + d[t]
        dc = dc + dh * by_c
        slopes[t] = np.hstack([dc * by_i, dc * by_f, dc * by_g, dh * by_o])
        dc, dh = dc * f, slopes[t] @ u
    *weights, bias, _ = _sums(slopes, slopes, x, _before(y[:-1], h, reverse))
    return _in_a_row(slopes, dh, dc, *weights, bias)


@composed(_lstm_back)
def lstm_sweeps(draw: Draw) -> Any:
    d, inputs, y, reverse = draw(sweeps(4, 1))
    gates = draw(arrays((len(d), 6, *d.shape[1:])))
    return (d, *inputs, gates, y), {"reverse": reverse}


def _gru_back(d: Any, x: Any, h: Any, w: Any, u: Any, gates: Any, y: Any, reverse: bool) -> Any:
    slopes, dh = np.empty((*x.shape[:2], 4, h.shape[1])), np.zeros(h.shape)
    for t in range(len(y)) if reverse else reversed(range(len(y))):
        r, by_r, by_z, by_n, z = gates[t]
        dh = dh + d[t]
        dn = dh * by_n
        both = dn * by_r, dh * by_z
        slopes[t] = np.stack([dn * r, *both, dn], 1)
        dh = dh * z + np.hstack([*both, dn * r]) @ u
    of_x, of_h = (slopes[:, :, gates].reshape(*x.shape[:2], -1) for gates in ([1, 2, 3], [1, 2, 0]))
    return _in_a_row(slopes, dh, *_sums(of_x, of_h, x, _before(y, h, reverse)))


@composed(_gru_back)
def gru_sweeps(draw: Draw) -> Any:
    d, inputs, y, reverse = draw(sweeps(3, 0))
    gates = draw(arrays((len(d), 5, *d.shape[1:])))
    return (d, *inputs, gates, y), {"reverse": reverse}


def _rnn_back(d: Any, x: Any, h: Any, w: Any, u: Any, y: Any, relu: bool, reverse: bool) -> Any:
    slopes, dh = np.empty(y.shape), np.zeros(y.shape[1:])
    for t in range(len(y)) if reverse else reversed(range(len(y))):
        slopes[t] = (dh + d[t]) * ((y[t] > 0) if relu else 1 - y[t] ** 2)
        dh = slopes[t] @ u
    *weights, bias, _ = _sums(slopes, slopes, x, _before(y, h, reverse))
    return _in_a_row(slopes, dh, *weights, bias)


@composed(_rnn_back)
def rnn_sweeps(draw: Draw) -> Any:
    d, inputs, y, reverse = draw(sweeps(1, 0))
    return (d, *inputs, y), {"relu": draw(st.booleans()), "reverse": reverse}


def _layer_norm(x: Any, w: Any, b: Any, eps: float, size: int) -> Any:
    rows = x.reshape(-1, size)
    deviation = np.sqrt(rows.var(1, keepdims=True) + eps)
    return ((rows - rows.mean(1, keepdims=True)) / deviation).reshape(x.shape) * w + b


@composed(_layer_norm)
def layer_norms(draw: Draw) -> Any:
    x = draw(arrays(shapes(min_dims=1, min_side=1)))
    last = x.shape[draw(st.integers(0, x.ndim - 1)) :]
    w, b = draw(arrays(last)), draw(arrays(last))
    return (x, w, b), {"eps": 0.25, "size": math.prod(last)}


def _layer_norm_back(d: Any, x: Any, moments: Any, w: Any, size: int) -> Any:
    d, x = d.reshape(-1, size), x.reshape(-1, size)
    r, y = moments[:, 1:], (x - moments[:, :1]) * moments[:, 1:]
    g = d * w.reshape(-1)
    dx = r * (g - g.mean(1, keepdims=True) - y * (g * y).mean(1, keepdims=True))
    return _in_a_row(dx, (d * y).sum(0), d.sum(0))


@composed(_layer_norm_back)
def layer_norm_slopes(draw: Draw) -> Any:
    rows, size = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    shapes = (rows, size), (rows, size), (rows, 2), (size,)
    return tuple(draw(arrays(shape)) for shape in shapes), {"size": size}


def _batch_norm(x: Any, w: Any, b: Any, eps: float) -> Any:
    axes, to = (0, *range(2, x.ndim)), (-1, *(1,) * (x.ndim - 2))
    deviation = np.sqrt(x.var(axes, keepdims=True) + eps)
    return (x - x.mean(axes, keepdims=True)) / deviation * w.reshape(to) + b.reshape(to)


@composed(_batch_norm)
def batch_norms(draw: Draw) -> Any:
    x = draw(arrays(shapes(min_dims=2, min_side=1)))
    return (x, draw(arrays(x.shape[1:2])), draw(arrays(x.shape[1:2]))), {"eps": 0.25}


def _batch_norm_back(d: Any, x: Any, w: Any, eps: float) -> Any:
    d, x = (np.moveaxis(a, 1, -1).reshape(-1, a.shape[1]) for a in (d, x))
    r = 1 / np.sqrt(x.var(0) + eps)
    y = (x - x.mean(0)) * r
    dx = r * w * (d - d.mean(0) - y * (d * y).mean(0))
    return _in_a_row(dx, (d * y).sum(0), d.sum(0))


@composed(_batch_norm_back)
def batch_norm_slopes(draw: Draw) -> Any:
    x = draw(arrays(shapes(min_dims=2, min_side=1)))
    return (draw(arrays(x.shape)), x, draw(arrays(x.shape[1:2]))), {"eps": 0.25}


def _moments(x: Any) -> Any:
    axes = (0, *range(2, x.ndim))
    return np.stack([x.mean(axes), x.var(axes)])


@composed(_moments)
def image_batches(draw: Draw) -> Any:
    return (draw(arrays(shapes(min_dims=2, min_side=1))),), {}


def _attention(q: Any, k: Any, v: Any, scale: float, causal: bool) -> Any:
    scores = q @ np.swapaxes(k, -1, -2) * scale
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ v


@composed(_attention)
def attentions(draw: Draw) -> Any:
    lead = draw(st.sampled_from([(), (2,), (2, 2)]))
    queries, keys, size, values = (draw(st.integers(1, 3)) for _ in range(4))
    args = (draw(arrays((*lead, *s))) for s in ((queries, size), (keys, size), (keys, values)))
    return tuple(args), {"scale": 0.5, "causal": draw(st.booleans())}


def _attention_back(
    d: Any, q: Any, k: Any, v: Any, y: Any, lse: Any, scale: float, causal: bool
) -> Any:
    weights = np.exp(q @ k.T * scale - lse)
    weights = weights * np.tri(*weights.shape) if causal else weights
    slopes = weights * (d @ v.T - (d * y).sum(1, keepdims=True)) * scale
    return _in_a_row(slopes @ k, slopes.T @ q, weights.T @ d)


@composed(_attention_back)
def attention_slopes(draw: Draw) -> Any:
    queries, keys, size, values = (draw(st.integers(1, 3)) for _ in range(4))
    sizes = (queries, values), (queries, size), (keys, size), (keys, values)
    args = (draw(arrays(s)) for s in (*sizes, (queries, values), (queries, 1)))
    return tuple(args), {"scale": 0.5, "causal": draw(st.booleans())}


# Places


def extreme_index(like: Any) -> Row:
    """One place along one axis; ties go to the first."""

    @composed(
        lambda x, axis, keepdims: np.expand_dims(like(x, axis), axis) if keepdims else like(x, axis)
    )
    def row(draw: Draw) -> Any:
        x = draw(arrays(shapes(min_dims=1, min_side=1), **_TIED))
        return (x,), {"axis": draw(st.integers(0, x.ndim - 1)), "keepdims": draw(st.booleans())}

    return row


def _argsort(x: Any, axis: int, descending: bool) -> Any:
    """Insertion by hand: how many come before, equal ones in their own order."""
    lines = np.moveaxis(x, axis, -1)
    out = np.zeros(lines.shape, np.int64)
    for at in np.ndindex(lines.shape[:-1]):
        key = [(-v if descending else v, i) for i, v in enumerate(lines[at])]
        out[at] = [i for _, i in sorted(key)]
    return np.moveaxis(out, -1, axis)


@composed(_argsort)
def sorts(draw: Draw) -> Any:
    x = draw(arrays(shapes(min_dims=1), **_TIED))
    return (x,), {"axis": draw(st.integers(0, x.ndim - 1)), "descending": draw(st.booleans())}


@composed(
    lambda x, axis, count, largest: np.take(_argsort(x, axis, largest), np.arange(count), axis)
)
def tops(draw: Draw) -> Any:
    x = draw(arrays(shapes(min_dims=1), distinct=True))
    axis = draw(st.integers(0, x.ndim - 1))
    settings = {"count": draw(st.integers(0, x.shape[axis])), "largest": draw(st.booleans())}
    return (x,), {"axis": axis, **settings}


def _apart(draw: Draw) -> tuple[Any, Any]:
    """Two matrices, or stacks of them, whose rows lie apart."""
    n, m, c = (draw(st.integers(1, 3)) for _ in range(3))
    lead = draw(st.sampled_from([(), (2,)]))
    a = draw(arrays((*lead, n, c), low=-1.0, high=1.0))
    return a, draw(arrays((*draw(st.sampled_from([(), lead])), m, c), low=2.0, high=3.0))


def _distances(a: Any, b: Any, by_product: bool) -> Any:
    return np.sqrt(np.sum((a[..., :, None, :] - b[..., None, :, :]) ** 2, -1))


@composed(_distances)
def distances(draw: Draw) -> Any:
    return _apart(draw), {"by_product": draw(st.booleans())}


@composed(
    lambda r, a, b, by_product: np.einsum(
        "...ij,...ijc->...ic", r, a[..., :, None, :] - b[..., None, :, :]
    )
)
def pulls(draw: Draw) -> Any:
    a, b = _apart(draw)
    r = draw(arrays((*a.shape[:-1], b.shape[-2])))
    return (r, a, b), {"by_product": draw(st.booleans())}


def running(better: Any) -> Row:
    """Where the best so far is, the last of its equals."""

    def like(x: Any, axis: int) -> Any:
        lines = np.moveaxis(x, axis, -1)
        out = np.zeros(lines.shape, np.int64)
        for at in np.ndindex(lines.shape):
            line = lines[at[:-1]][: at[-1] + 1]
            out[at] = max(i for i, v in enumerate(line) if v == better(line))
        return np.moveaxis(out, -1, axis)

    return along(like, **_TIED)


def one_place(choose: Any, **settings: Any) -> Row:
    """One place of each row along an axis, with that axis kept."""

    @composed(lambda x, axis, **_: np.expand_dims(
        np.apply_along_axis(choose, axis, x).astype(np.int64), axis
    ))  # fmt: skip
    def row(draw: Draw) -> Any:
        x = draw(arrays(shapes(min_dims=1, min_side=1), **_TIED))
        return (x,), {"axis": draw(st.integers(0, x.ndim - 1)), **settings}

    return row


def _commonest(line: Any) -> int:
    counts = {v: sum(line == v) for v in sorted(line)}
    best = max(counts, key=lambda v: counts[v])  # max keeps the first, the smallest
    return max(i for i, v in enumerate(line) if v == best)


def _middle(x: Any) -> Any:
    return np.array(sorted(x.reshape(-1))[(x.size - 1) // 2])


_middles = Row(arrays(shapes(min_side=1), distinct=True).map(lambda x: Call((x,), {})), _middle)


@composed(lambda edges, x, right: np.array([
    sum(edges <= v) if right else sum(edges < v) for v in x.reshape(-1)
], np.int64).reshape(x.shape))  # fmt: skip
def sorted_places(draw: Draw) -> Any:
    edges = np.sort(draw(arrays(st.tuples(st.integers(0, 4)), **_TIED)))
    return (edges, draw(arrays(shapes(), **_TIED))), {"right": draw(st.booleans())}


def _extreme_at(better: Any) -> Any:
    def like(x: Any, index: Any, value: Any) -> Any:
        rows = enumerate(x)
        return np.array([better([v, *value[index == i]]) for i, v in rows], float).reshape(x.shape)

    return like


def extremes_at(better: Any) -> Row:
    """A vector, places in it, and values for them, all different."""

    @composed(_extreme_at(better))
    def row(draw: Draw) -> Any:
        n, m = draw(st.integers(1, 3)), draw(st.integers(0, 4))
        every = draw(arrays((n + m,), distinct=True))
        index = draw(arrays((m,), dtype=np.int64, low=0, high=n - 1))
        return (every[:n], index, every[n:]), {}

    return row


@composed(lambda *index, shape: np.arange(math.prod(shape)).reshape(shape)[index])
def flat_indices(draw: Draw) -> Any:
    shape = draw(shapes(min_dims=1, min_side=1))
    size = draw(shapes(max_dims=2))
    return tuple(indices(draw, n, size) for n in shape), {"shape": shape}


# What makes arrays out of settings alone

_RNG: dict[str, Any] = {"rng": st.builds(np.random.default_rng, st.integers(0, 9))}


def created(**settings: Any) -> Row:
    made = {"shape": shapes(), "dtype": np.dtype(np.float64), **settings}
    fixed = {k: v if isinstance(v, st.SearchStrategy) else st.just(v) for k, v in made.items()}
    return Row(st.fixed_dictionaries(fixed).map(lambda kw: Call((), kw)), None)


# Matrices


@st.composite
def matrices(draw: Draw, rows: int | None = None, columns: int | None = None) -> Any:
    """A stack of well-conditioned matrices, none of whose singular values are near each other."""
    m = draw(st.integers(1, 3)) if rows is None else rows
    n = m if columns is None else draw(st.integers(1, 3)) if columns < 0 else columns
    lead = draw(shapes(max_dims=1))
    small = draw(arrays((*lead, m, n), low=-0.5, high=0.5, layout="C"))
    return small + np.eye(m, n) * np.array([2.0, 5.0, 8.0])[:n]


def symmetric(a: Any) -> Any:
    """The symmetric part of a matrix, on which alone a function of one triangle is smooth."""
    return (a + a.mT) / 2


def of_matrices(like: Any, rectangular: bool = False, **settings: Any) -> Row:
    made = matrices(columns=-1) if rectangular else matrices()
    return Row(made.map(lambda a: Call((a,), settings)), lambda a, **kw: like(a))


def tilted(like: Any, rectangular: bool = False, **settings: Any) -> Row:
    """The same, with no 0 below the diagonal: LAPACK's signs change where such a column ends."""
    made = matrices(columns=-1) if rectangular else matrices()
    calls = made.map(lambda a: Call((a + 1.5 * np.tri(*a.shape[-2:], -1),), settings))
    return Row(calls, lambda a, **kw: like(a))


@composed(np.linalg.solve)
def solves(draw: Draw) -> Any:
    a = draw(matrices())
    return (a, draw(arrays((*a.shape[:-1], draw(st.integers(1, 2)))))), {}


def _triangle(a: Any, upper: bool, unitriangular: bool) -> Any:
    k = int(unitriangular)
    return np.triu(a, k) if upper else np.tril(a, -k)


@composed(
    lambda a, b, upper, unitriangular: np.linalg.solve(
        _triangle(a, upper, unitriangular) + unitriangular * np.eye(a.shape[-1]), b
    )
)
def triangular_solves(draw: Draw) -> Any:
    (a, b), _ = draw(solves.calls)
    return (a, b), {"upper": draw(st.booleans()), "unitriangular": draw(st.booleans())}


@composed(_triangle)
def triangles(draw: Draw) -> Any:
    x = draw(arrays(shapes(min_dims=2)))
    return (x,), {"upper": draw(st.booleans()), "unitriangular": draw(st.booleans())}


def _cofactor(a: Any) -> Any:
    """By minors, with their signs."""
    y, n = np.empty(a.shape), a.shape[-1]
    for i in range(n):
        for j in range(n):
            minor = np.delete(np.delete(a, i, -2), j, -1)
            y[..., i, j] = (-1) ** (i + j) * np.linalg.det(minor)
    return y


def _slope_along(function: Any, a: Any, d: Any) -> Any:
    """The gradient of <d, function>, one entry after the other."""
    y = np.empty(a.shape)
    for i in range(a.shape[-2]):
        for j in range(a.shape[-1]):
            at = np.zeros(a.shape)
            at[..., i, j] = 1
            y[..., i, j] = _slope(lambda t: (function(a + t * at) * d).sum((-2, -1)), 0.0)  # noqa: B023
    return y


def _lu(a: Any) -> Any:
    """L below the diagonal of U, a column after the other."""
    n = min(a.shape[-2:])
    low, up = (
        np.zeros((*a.shape[:-1], n)) + np.eye(a.shape[-2], n),
        np.zeros((*a.shape[:-2], n, a.shape[-1])),
    )
    for k in range(n):
        up[..., k, k:] = a[..., k, k:] - np.einsum(
            "...i,...ij->...j", low[..., k, :k], up[..., :k, k:]
        )
        rest = a[..., k + 1 :, k] - np.einsum(
            "...ij,...j->...i", low[..., k + 1 :, :k], up[..., :k, k]
        )
        low[..., k + 1 :, k] = rest / up[..., k, k, None]
    y = np.zeros(a.shape)
    y[..., :, :n] += np.tril(low, -1)
    y[..., :n, :] += np.triu(up)
    return y


def _packed(*parts: Any) -> Any:
    lead = parts[0].shape[:-2]
    return np.concatenate([p.reshape(*lead, math.prod(p.shape[len(lead) :])) for p in parts], -1)


def _svd(a: Any, **kw: Any) -> Any:
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return _packed(u, s, vh)


def _eigh(a: Any, **kw: Any) -> Any:
    w, v = np.linalg.eigh(a)
    return np.concatenate([w, _packed(v)], -1)


def _exponential(a: Any) -> Any:
    """By its series, of a / 1024, squared ten times."""
    y = term = np.zeros(a.shape) + np.eye(a.shape[-1])
    for k in range(1, 12):
        term = term @ a / (1024 * k)
        y = y + term
    for _ in range(10):
        y = y @ y
    return y


# Special functions, in float64 and by other ways than the kernels go

_K = np.arange(4000)


def _over_k(function: Any) -> Any:
    """A function of one number and of k = 0, 1, ..., summed over k."""
    return np.vectorize(lambda *args: float(np.sum(function(*args))), otypes=[float])


def _zeta(x: Any, q: Any) -> Any:
    end = q + len(_K)
    rest = end ** (1 - x) / (x - 1) - end**-x / 2 + x / 12 * end ** (-x - 1)
    return _over_k(lambda x, q: (q + _K) ** -x)(x, q) + rest + end**-x


def _digamma(x: Any) -> Any:
    end = x + len(_K)
    return np.log(end) - 1 / (2 * end) - 1 / (12 * end**2) - _over_k(lambda x: 1 / (x + _K))(x)


def _bessel(n: int, scaled: bool) -> Any:
    """I_n(x) as the mean of exp(x cos t) cos(n t)."""
    t = np.arange(64) * math.pi / 32
    whole = np.vectorize(lambda x: np.mean(np.exp(x * np.cos(t)) * np.cos(n * t)), otypes=[float])
    return lambda x, n: whole(x) * (np.exp(-np.abs(x)) if scaled else 1.0)


_ndtri = np.vectorize(NormalDist().inv_cdf, otypes=[float])
_ndtr = np.vectorize(NormalDist().cdf, otypes=[float])
_pdf = np.vectorize(NormalDist().pdf, otypes=[float])
_lgamma = np.vectorize(math.lgamma, otypes=[float])
_TERMS = np.arange(40)
_FACTORIALS = np.array([math.factorial(int(k)) for k in _TERMS], float)


def _gammainc(a: Any, x: Any) -> Any:
    series = _over_k(lambda a, x: (-x) ** _TERMS / (_FACTORIALS * (a + _TERMS)))(a, x)
    return series * x**a / np.exp(_lgamma(a))


def _betainc(x: Any, a: Any, b: Any) -> Any:
    def terms(x: Any, a: Any, b: Any) -> Any:
        k = np.arange(400)
        return np.cumprod(np.r_[1.0, (k[1:] - b) * x / k[1:]]) / (a + k)

    return _over_k(terms)(x, a, b) * x**a * np.exp(_lgamma(a + b) - _lgamma(a) - _lgamma(b))


def _slope(function: Any, a: Any) -> Any:
    """The derivative at a, by differences of order 6."""
    h = 2.0**-7
    steps = ((1, 45.0), (2, -9.0), (3, 1.0))
    return sum(w * (function(a + i * h) - function(a - i * h)) for i, w in steps) / (60 * h)


def _gamma_slope(a: Any, x: Any) -> Any:
    density = np.exp((a - 1) * np.log(x) - x - _lgamma(a))
    return -_slope(lambda a: _gammainc(a, x), a) / density


def _beta_slope(x: Any, a: Any, total: Any) -> Any:
    b = total - a
    density = np.exp((a - 1) * np.log(x) + b * np.log1p(-x)
                     + _lgamma(a + b) - _lgamma(a) - _lgamma(b))  # fmt: skip
    return -_slope(lambda a: _betainc(x, a, b), a) / density


def drawn_from(*parts: dict[str, Any], **settings: Any) -> Row:
    """Arguments of one shape, and a generator."""
    fixed = {k: v if isinstance(v, st.SearchStrategy) else st.just(v) for k, v in settings.items()}
    calls = shapes().flatmap(lambda s: st.tuples(*(arrays(s, **how) for how in parts)))
    return Row(
        st.builds(lambda args, kw: Call(args, kw), calls, st.fixed_dictionaries(fixed | _RNG))
    )


_erf, _erfc = np.vectorize(math.erf, otypes=[float]), np.vectorize(math.erfc, otypes=[float])
_COMPARED = (INT, INT)
_SHIFTS: dict[str, Any] = {"dtype": np.int64, "low": 0, "high": 5}
# For max and min: multiples of 1/4 against numbers an eighth off them, so nothing ties.
_QUARTERS: dict[str, Any] = {"elements": st.integers(-12, 12).map(lambda i: i / 4)}
_EIGHTHS: dict[str, Any] = {"elements": st.integers(-12, 12).map(lambda i: i / 4 + 0.125)}
_BOUNDS = {"low": -1.0, "high": 1.5}
_AT_BOUNDS: dict[str, Any] = {"away_from": (-1.0, 1.5)}

_ELU = {"alpha": 1.5, "scale": 2.0, "inner": 0.5}


def _mish(x: Any) -> Any:
    return x * np.tanh(np.log(1 + np.exp(x)))


def _gelu_tanh(x: Any) -> Any:
    return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def _elu(x: Any, alpha: float, scale: float, inner: float) -> Any:
    return scale * np.where(x > 0, x, alpha * (np.exp(inner * x) - 1))


def slope_of(function: Any, x: Any, **kw: Any) -> Any:
    """The derivative of an elementwise function, by differences of the fourth order."""
    near, far = (function(x + h, **kw) - function(x - h, **kw) for h in (2.0**-10, 2.0**-9))
    return (8 * near - far) / (12 * 2.0**-10)


ROWS: dict[str, Row] = {
    # Arithmetic
    "add": binary(lambda a, b: a + b),
    "sub": binary(lambda a, b: a - b),
    "mul": binary(lambda a, b: a * b),
    "div": binary(lambda a, b: a / b, None, NONZERO),
    "neg": unary(lambda x: -x),
    "pow": binary(lambda a, b: np.exp(b * np.log(a)), POSITIVE),
    "power_back": gates(lambda d, x, n: d * n * x ** (n - 1), {"n": 2.5}, **POSITIVE),
    "reciprocal": unary(lambda x: 1 / x, **NONZERO),
    # a / b stays away from whole numbers: a is in (0, 1) * b, plus or minus once b
    "remainder": elementwise(np.mod, {"low": 0.25, "high": 0.75}, {"low": 1.0, "high": 2.0}),
    "fmod": elementwise(np.fmod, {"low": -0.75, "high": -0.25}, {"low": 1.0, "high": 2.0}),
    "maximum": binary(lambda a, b: np.where(a > b, a, b), _QUARTERS, _EIGHTHS),
    "minimum": binary(lambda a, b: np.where(a < b, a, b), _QUARTERS, _EIGHTHS),
    "atan2": binary(lambda a, b: np.angle(b + 1j * a), NONZERO, POSITIVE),
    "logit": unary(lambda x: np.log(x) - np.log1p(-x), 0.125, 0.875),
    "hypot": binary(lambda a, b: np.sqrt(a * a + b * b), NONZERO, NONZERO),
    "xlogy": binary(lambda a, b: a * np.log(b), {}, POSITIVE),
    "sinc": unary(np.sinc),
    "sinc_slope": unary(lambda x: (np.cos(np.pi * x) - np.sinc(x)) / x, **NONZERO),
    "logaddexp2": binary(lambda a, b: np.log2(2.0**a + 2.0**b), NONZERO, POSITIVE),
    "copysign": binary(lambda a, b: np.abs(a) * np.where(b < 0, -1, 1), NONZERO, NONZERO),
    "fmax": binary(lambda a, b: np.where(a > b, a, b), _QUARTERS, _EIGHTHS),
    "fmin": binary(lambda a, b: np.where(a < b, a, b), _QUARTERS, _EIGHTHS),
    "heaviside": binary(lambda a, b: np.where(a < 0, 0, np.where(a > 0, 1, b)) * 1.0, _TIED, _TIED),
    "exponent": elementwise(
        lambda x: np.array(np.vectorize(lambda v: math.frexp(v)[1], otypes=[int])(x), np.int32), {}
    ),
    "nextafter": binary(
        lambda a, b: np.vectorize(math.nextafter, otypes=[float])(a, b), _QUARTERS, _EIGHTHS
    ),
    "gcd": binary(lambda a, b: np.vectorize(math.gcd, otypes=[np.int64])(a, b), INT, INT),
    "lcm": binary(lambda a, b: np.vectorize(math.lcm, otypes=[np.int64])(a, b), INT, INT),
    "bitwise_left_shift": binary(lambda a, b: a * 2**b, INT, _SHIFTS),
    "bitwise_right_shift": binary(lambda a, b: np.floor_divide(a, 2**b), INT, _SHIFTS),
    "signbit": elementwise(lambda x: x < 0, NONZERO),
    "logaddexp": binary(lambda a, b: np.log(np.exp(a) + np.exp(b)), NONZERO, POSITIVE),
    # Exponentials and powers
    "exp": unary(lambda x: np.vectorize(math.exp, otypes=[float])(x)),
    "exp2": unary(lambda x: 2.0**x),
    "expm1": unary(lambda x: np.exp(x) - 1),
    "log": unary(lambda x: np.vectorize(math.log, otypes=[float])(x), **POSITIVE),
    "log2": unary(lambda x: np.log(x) / math.log(2), **POSITIVE),
    "log10": unary(lambda x: np.log(x) / math.log(10), **POSITIVE),
    "log1p": unary(lambda x: np.log(1 + x), low=-0.75),
    "sqrt": unary(lambda x: x**0.5, **POSITIVE),
    "square": unary(lambda x: x * x),
    # Trigonometry
    "sin": unary(lambda x: np.imag(np.exp(1j * x))),
    "cos": unary(lambda x: np.real(np.exp(1j * x))),
    "tan": unary(lambda x: np.sin(x) / np.cos(x), -1.25, 1.25),
    "asin": unary(lambda x: np.vectorize(math.asin, otypes=[float])(x), -0.75, 0.75),
    "acos": unary(lambda x: math.pi / 2 - np.arcsin(x), -0.75, 0.75),
    "atan": unary(lambda x: np.angle(1 + 1j * x)),
    "sinh": unary(lambda x: (np.exp(x) - np.exp(-x)) / 2),
    "cosh": unary(lambda x: (np.exp(x) + np.exp(-x)) / 2),
    "tanh": unary(lambda x: 1 - 2 / (np.exp(2 * x) + 1)),
    "asinh": unary(lambda x: np.log(x + np.sqrt(x * x + 1))),
    "acosh": unary(lambda x: np.log(x + np.sqrt(x * x - 1)), 1.25, 3.0),
    "atanh": unary(lambda x: np.log((1 + x) / (1 - x)) / 2, -0.75, 0.75),
    # Activations and special functions
    "relu": unary(lambda x: x * (x > 0), away_from=[0.0]),
    "gate": binary(lambda d, at: np.where(at > 0, d, 0.0), None, {"away_from": [0.0]}),
    "sigmoid": unary(lambda x: 1 / (1 + np.exp(-x))),
    "softplus": with_settings(
        lambda x, beta: np.log(1 + np.exp(beta * x)) / beta, {"beta": st.sampled_from([1.0, 2.5])}
    ),
    "hardtanh": with_settings(
        lambda x, low, high: np.maximum(np.minimum(x, high), low), _BOUNDS, **_AT_BOUNDS
    ),
    "sigmoid_back": binary(lambda d, s: d * (s - s**2)),
    "times_sigmoid": binary(lambda a, b: a / (1 + np.exp(-b))),
    "logsigmoid": unary(lambda x: -np.log(1 + np.exp(-x))),
    "silu": unary(lambda x: x / (1 + np.exp(-x))),
    "silu_back": alike(lambda d, x, s: d * (s + x * s - x * s * s), 3),
    "mish": unary(_mish),
    "mish_back": binary(lambda d, x: d * slope_of(_mish, x)),
    "gelu_tanh": unary(_gelu_tanh),
    "gelu_tanh_back": binary(lambda d, x: d * slope_of(_gelu_tanh, x)),
    "elu": with_settings(_elu, _ELU, away_from=[0.0]),
    "elu_back": gates(lambda d, x, **kw: d * slope_of(_elu, x, **kw), _ELU, away_from=[0.0]),
    "tanhshrink": unary(lambda x: x - np.tanh(x)),
    "hardsigmoid": unary(lambda x: np.clip(x / 6 + 0.5, 0, 1), -6.0, 6.0, away_from=[-3.0, 3.0]),
    "hardswish": unary(lambda x: x * np.clip(x / 6 + 0.5, 0, 1), -6.0, 6.0, away_from=[-3.0, 3.0]),
    "hardswish_back": binary(
        lambda d, x: d * (np.clip(x / 6 + 0.5, 0, 1) + x / 6 * (np.abs(x) < 3)),
        {},
        {"low": -6.0, "high": 6.0, "away_from": [-3.0, 3.0]},
    ),
    "leaky_relu": with_settings(
        lambda x, slope: np.where(x > 0, x, x * slope), {"slope": 0.25}, away_from=[0.0]
    ),
    "leaky_back": gates(
        lambda d, x, slope: d * np.where(x > 0, 1.0, slope), {"slope": 0.25}, away_from=[0.0]
    ),
    "strictly_between": gates(lambda d, x, low, high: d * (x > low) * (x < high)),
    "gelu": unary(lambda x: x * _normal_cdf(x)),
    "gelu_slope": unary(lambda x: _normal_cdf(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)),
    "erf": unary(_erf),
    "erfc": unary(_erfc),
    "erfcx": unary(lambda x: np.exp(x * x) * _erfc(x)),
    "erfinv": unary(lambda x: _ndtri((x + 1) / 2) / math.sqrt(2), -0.875, 0.875),
    "ndtr": unary(_ndtr),
    "ndtri": unary(_ndtri, 0.0625, 0.9375),
    "log_ndtr": unary(lambda x: np.log(_ndtr(x))),
    "mills": unary(lambda x: _pdf(x) / _ndtr(x)),
    "lgamma": unary(_lgamma, **POSITIVE),
    "digamma": unary(_digamma, **POSITIVE),
    "polygamma": with_settings(lambda x, n: 2 * -_zeta(3.0, x), {"n": 2}, **POSITIVE),
    "zeta": elementwise(_zeta, {"low": 1.5, "high": 4.0}, POSITIVE),
    "gammainc": elementwise(_gammainc, POSITIVE, POSITIVE)._replace(order=1),
    "gammaincc": elementwise(lambda a, x: 1 - _gammainc(a, x), POSITIVE, POSITIVE)._replace(
        order=1
    ),
    "bessel_i": with_settings(_bessel(2, scaled=False), {"n": 2}),
    "bessel_ie": with_settings(_bessel(1, scaled=True), {"n": 1}, **NONZERO),
    "entr": unary(lambda x: -x * np.log(x), **POSITIVE),
    "xlog1py": binary(lambda a, b: a * np.log1p(b), {}, POSITIVE),
    # Steps
    "abs": unary(lambda x: np.sqrt(x * x), away_from=[0.0]),
    "sign": unary(lambda x: (x > 0) * 1.0 - (x < 0), away_from=[0.0]),
    "floor": unary(lambda x: x // 1, **STEPS),
    "ceil": unary(lambda x: -(-x // 1), **STEPS),
    "round": unary(lambda x: np.vectorize(round, otypes=[float])(x), **HALF_STEPS),
    "trunc": unary(lambda x: np.sign(x) * np.floor(np.abs(x)), **STEPS),
    "clip": with_settings(
        lambda x, low, high: np.maximum(np.minimum(x, high), low), _BOUNDS, **_AT_BOUNDS
    ),
    "between": gates(lambda d, x, low, high: d * (x >= low) * (x <= high)),
    "share_of_max": elementwise(lambda d, a, b: d * (np.sign(a - b) + 1) / 2, {}, _TIED, _TIED),
    "softshrink": with_settings(
        lambda x, bound: np.sign(x) * np.maximum(np.abs(x) - bound, 0),
        {"bound": 0.5},
        away_from=[-0.5, 0.5],
    ),
    "beyond": gates(
        lambda d, x, bound: d * (np.abs(x) > bound), {"bound": 0.5}, away_from=[-0.5, 0.5]
    ),
    "nothing": unary(np.zeros_like),
    # Choosing and casting
    "where": elementwise(lambda c, a, b: c * a + ~c * b, BOOL, {}, {}),
    "cast": with_settings(lambda x, dtype: x, {"dtype": np.dtype(np.float64)}),
    # Reductions
    "sum": reduction(np.sum),
    "mean": reduction(np.mean, 1),
    "amax": reduction(np.amax, 1, distinct=True),
    "farthest": reduction(np.amax, 1, distinct=True),
    "amin": reduction(np.amin, 1, distinct=True),
    "highest": Row(reducible(1, distinct=True).map(lambda c: Call((c[0],), {})), np.max),
    "lowest": Row(reducible(1, distinct=True).map(lambda c: Call((c[0],), {})), np.min),
    "ties": shares,
    "length": reduction(
        lambda x, axis, keepdims: np.sqrt(np.sum(x * x, axis, keepdims=keepdims)), 1, **POSITIVE
    ),
    "var": deviations,
    "std": deviations._replace(like=_deviation),
    "cumsum": along(np.cumsum, 0),
    "logsumexp": reduction(
        lambda x, axis, keepdims: np.log(np.sum(np.exp(x), axis, keepdims=keepdims)), 1
    ),
    "softmax": along(_softmax),
    "log_softmax": along(lambda x, axis: np.log(_softmax(x, axis))),
    "softmax_back": pair_along(lambda p, d, axis: p * (d - np.sum(d * p, axis, keepdims=True))),
    "log_softmax_back": pair_along(
        lambda z, d, axis: d - np.exp(z) * np.sum(d, axis, keepdims=True)
    ),
    # Moving elements
    "reshape": reshapes,
    "permute": permutes,
    "broadcast_to": broadcasts,
    "sum_to": sums_to,
    "slice": slices,
    "unslice": unslices,
    "add_at": additions,
    "take": takes,
    "assign_view": through(_assigned, lambda base, view: ((base, view), {})),
    "view_of": through(lambda x, way, order: _through(x, way), lambda base, view: ((base,), {})),
    "unview": through(
        lambda x, way, order, shape: _assigned(np.zeros(shape), x, way, order),
        lambda base, view: ((view,), {"shape": base}),
    ),
    "diagonal": diagonals,
    "undiagonal": undiagonals,
    "add_diagonal": diagonals_added,
    "embed": embeddings,
    "pick": embeddings,
    "put": puts,
    "add_rows": rows_added,
    "add_gathered": gathered_added,
    "gather": gathers,
    "scatter_add": scatters,
    "assign": assigns,
    "assign_at": row_assigns,
    "windows": window_views,
    "unwindows": window_sums,
    "mix": mixes,
    "unmix": unmixes,
    "cat": cats,
    "stack": stacks,
    # Products and losses
    "distances": distances,
    "pull": pulls,
    "matmul": products,
    "matmul_columns": products_columns,
    "linear": linears,
    "linear_columns": linears,
    "cross_entropy_rows": cross_entropies,
    "logit_slope": logit_slopes,
    "bce_with_logits": binary(
        lambda z, t: np.log(1 + np.exp(z)) - z * t, NONZERO, {"low": 0.0, "high": 1.0}
    ),
    "bce_of_probability": binary(
        lambda p, t: -t * np.log(p) - (1 - t) * np.log(1 - p),
        {"low": 0.1, "high": 0.9},
        {"low": 0.0, "high": 1.0},
    ),
    "huber": with_settings(
        lambda x, delta: np.where(np.abs(x) < delta, x * x / 2, delta * (np.abs(x) - delta / 2)),
        {"delta": 1.5},
        away_from=[-1.5, 1.5],
    ),
    # Linear algebra
    "inv": of_matrices(lambda a: _cofactor(a).mT / np.linalg.det(a)[..., None, None]),
    "solve": solves,
    "triangle": triangles,
    "solve_triangular": triangular_solves,
    "cholesky": of_matrices(
        lambda a: (
            np.tril(_lu(a).mT) / np.sqrt(np.diagonal(_lu(a), axis1=-2, axis2=-1))[..., None, :]
        )
    )._replace(through=symmetric),
    "det": of_matrices(lambda a: np.prod(np.diagonal(_lu(a), axis1=-2, axis2=-1), -1)),
    "cofactor": of_matrices(_cofactor),
    "cofactor_slope": Row(
        matrices().map(lambda a: Call((a[..., ::-1, :] / 2, a), {})),
        lambda d, a: _slope_along(_cofactor, a, d),
    ),
    "logabsdet": of_matrices(lambda a: np.log(np.abs(np.linalg.det(a)))),
    "det_sign": of_matrices(lambda a: np.sign(np.linalg.det(a))),
    "eigh": tilted(_eigh, lower=True)._replace(through=symmetric),
    "svd": tilted(_svd, rectangular=True, full=False),
    "qr": tilted(lambda a: _packed(*np.linalg.qr(a)), rectangular=True, complete=False),
    "lu": of_matrices(_lu, rectangular=True),
    "pinv": Row(
        matrices(columns=-1).map(lambda a: Call((a, np.zeros(a.shape[:-2])), {})),
        lambda a, limit: np.linalg.pinv(a),
    ),
    "matrix_exp": Row(matrices().map(lambda a: Call((a / 4,), {})), _exponential),
    "rank": Row(
        matrices(columns=-1).map(lambda a: Call((a, np.zeros(a.shape[:-2])), {})),
        lambda a, limit: np.full(a.shape[:-2], min(a.shape[-2:])),
    ),
    "failures": of_matrices(lambda a: np.zeros(a.shape[:-2], np.int32), kind="inv"),
    "row_exchanges": of_matrices(
        lambda a: np.zeros(a.shape[:-1], np.int32) + np.arange(1, a.shape[-1] + 1)
    ),
    "row_order": Row(
        st.just(Call((np.array([[2, 3, 3], [1, 2, 3]]),), {"rows": 3})),
        lambda swaps, rows: np.array([[1, 2, 0], [0, 1, 2]]),
    ),
    # Samples, and how they move
    "gamma_drawn": Row(
        arrays(**POSITIVE).map(lambda a: Call((a, a / 2), {})), lambda a, x: x, order=0
    ),
    "dirichlet_drawn": Row(
        arrays((2, 3), **POSITIVE).map(lambda a: Call((a, a / a.sum(-1, keepdims=True)), {})),
        lambda a, x: x,
        order=0,
    ),
    "gamma_slope": elementwise(
        _gamma_slope, {"low": 0.25, "high": 3.0}, {"low": 0.25, "high": 3.0}
    )._replace(order=0),
    "beta_slope": elementwise(
        _beta_slope,
        {"low": 0.25, "high": 0.75},
        {"low": 0.5, "high": 2.0},
        {"low": 2.5, "high": 4.0},
    )._replace(order=0),
    "gammas": drawn_from(POSITIVE),
    "poissons": drawn_from(POSITIVE),
    "binomials": drawn_from(POSITIVE, {"low": 0.0, "high": 1.0}),
    "categories": Row(
        arrays((2, 3), **POSITIVE).map(
            lambda p: Call((p,), {"count": 4, "rng": np.random.default_rng(0)})
        )
    ),
    # Windows over images, and normalising
    "conv": convs,
    "conv_input": conv_inputs,
    "conv_weight": conv_weights,
    "max_pool": max_pools,
    "pool_put": pool_puts,
    "pool_take": pool_takes,
    "pool_index": pool_indices,
    "pool_sum": sum_pools,
    "pool_spread": pool_spreads,
    "standardize": standardized,
    # Whole layers
    "lstm": lstms,
    "gru": grus,
    "rnn": rnns,
    "lstm_back": lstm_sweeps,
    "gru_back": gru_sweeps,
    "rnn_back": rnn_sweeps,
    "layer_norm": layer_norms,
    "layer_norm_back": layer_norm_slopes,
    "channel_moments": image_batches,
    "batch_norm": batch_norms,
    "batch_norm_back": batch_norm_slopes,
    "attention": attentions,
    "attention_back": attention_slopes,
    # Comparisons
    "eq": binary(lambda a, b: a - b == 0, *_COMPARED),
    "ne": binary(lambda a, b: a - b != 0, *_COMPARED),
    "lt": binary(lambda a, b: a - b < 0, *_COMPARED),
    "le": binary(lambda a, b: a - b <= 0, *_COMPARED),
    "gt": binary(lambda a, b: a - b > 0, *_COMPARED),
    "ge": binary(lambda a, b: a - b >= 0, *_COMPARED),
    "logical_and": binary(lambda a, b: a * b != 0, INT, INT),
    "logical_or": binary(lambda a, b: abs(a) + abs(b) != 0, INT, INT),
    "logical_xor": binary(lambda a, b: (a == 0) != (b == 0), INT, INT),
    "logical_not": elementwise(lambda a: a == 0, INT),
    "bitwise_and": binary(lambda a, b: a * b, BOOL, BOOL),
    "bitwise_or": binary(lambda a, b: a + b, BOOL, BOOL),
    "bitwise_xor": binary(lambda a, b: a != b, BOOL, BOOL),
    "bitwise_not": elementwise(lambda a: a == 0, BOOL),
    "isnan": elementwise(lambda x: x != x, {"elements": st.floats(width=16)}),
    "isinf": elementwise(lambda x: abs(x) == math.inf, {"elements": st.floats(width=16)}),
    "isfinite": elementwise(lambda x: x - x == 0, {"elements": st.floats(width=16)}),
    "floor_divide": binary(lambda a, b: np.floor(a / b), STEPS, {"low": 1.0, "high": 1.0}),
    # Places and creation
    "all": reduction(
        lambda x, axis, keepdims: np.multiply.reduce(x, axis, keepdims=keepdims) > 0, **BOOL
    ),
    "any": reduction(
        lambda x, axis, keepdims: np.add.reduce(x, axis, keepdims=keepdims) > 0, **BOOL
    ),
    "argmax": extreme_index(lambda x, axis: np.argmax(x == np.amax(x, axis, keepdims=True), axis)),
    "argmin": extreme_index(lambda x, axis: np.argmax(x == np.amin(x, axis, keepdims=True), axis)),
    "argsort": sorts,
    "topmost": tops,
    "cumargmax": running(max),
    "cumargmin": running(min),
    "middle": one_place(
        lambda line: sorted(range(len(line)), key=lambda i: line[i])[(len(line) - 1) // 2], nan=True
    ),
    "mode": one_place(_commonest),
    "median": _middles,
    "nanmedian": _middles,
    "searchsorted": sorted_places,
    "histogram": Row(
        arrays(**_TIED).map(lambda x: Call((x,), {"bins": 2, "low": -1.0, "high": 1.0})),
        lambda x, bins, low, high: np.array([np.sum(x < 0), np.sum(x >= 0)], float),
    ),
    "largest_at": extremes_at(max),
    "smallest_at": extremes_at(min),
    "flat_index": flat_indices,
    "within": Row(
        arrays(dtype=np.int64, low=0, high=3).map(lambda t: Call((t,), {"count": 4})),
        lambda t, count: t,
    ),
    "one_hot_index": Row(
        arrays(st.tuples(st.integers(0, 4)), dtype=np.int64, low=0, high=3).map(
            lambda t: Call((t,), {})
        ),
        lambda t: np.array([k * len(t) + i for i, k in enumerate(t)], np.int64),
    ),
    "one_hot": Row(
        arrays(dtype=np.int64, low=0, high=3).map(lambda t: Call((t,), {"count": 4})),
        lambda t, count: np.eye(count)[t],
    ),
    "dropout_mask": created(p=0.5, **_RNG),
    "permutation": Row(
        st.fixed_dictionaries({"n": st.integers(0, 9), **_RNG}).map(lambda kw: Call((), kw))
    ),
    "full": created(value=numbers()),
    "uniform": created(**_RNG),
    "normal": created(**_RNG),
    "integers": created(low=-2, high=5, dtype=np.dtype(np.int64), **_RNG),
}
