"""Winograd's convolution: the plain sums on every shape, and infinities where they belong."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_mnist import threads
from tinygrad_mnist.kernels import conv as plain
from tinygrad_mnist.kernels import grouped, parallel, winograd, winograd_rows
from tinygrad_mnist.kernels.conv import Geometry
from tinygrad_mnist.kernels.scratch import scratch

Array = np.ndarray[Any, Any]
FORMS = [winograd, winograd_rows]
ROUNDING = {"f": 2e-5, "d": 1e-13}


def images(rng: Any, n: int, c: int, size: tuple[int, int], dtype: str = "f") -> Array:
    """Images (n, c, h, w) as the layers leave them, channels last in memory."""
    return rng.standard_normal((n, *size, c)).astype(dtype).transpose(0, 3, 1, 2)


def all_three(x: Array, w: Array, b: Array | None, d: Array, geom: Geometry) -> list[Array]:
    """conv, conv_input and conv_weight."""
    return [
        plain.conv(x, w, b, geom=geom),
        plain.conv_input(d, w, size=x.shape[2:], geom=geom),  # type: ignore[arg-type]
        plain.conv_weight(x, d, size=w.shape[2:], geom=geom),  # type: ignore[arg-type]
    ]


def problem(
    rng: Any, n: int, c: int, k: int, size: tuple[int, int], geom: Geometry, dtype: str = "f"
) -> tuple[Array, Array, Array, Array, Geometry]:
    """x, w, b and the gradient of y."""
    w = rng.standard_normal((k, c // geom.groups, 3, 3)).astype(dtype)
    d = images(rng, n, k, geom.extent(size, (3, 3)), dtype)
    return images(rng, n, c, size, dtype), w, rng.standard_normal(k).astype(dtype), d, geom


def only(patch: pytest.MonkeyPatch, form: Any) -> list[str]:
    """Use this form of Winograd's wherever it can be; return which of its functions were used."""
    patch.setattr(plain, "LEAST_CHANNELS", 1)
    patch.setattr(plain, "LEAST_PRODUCTS", 1)
    is_rows = form is winograd_rows
    patch.setattr(winograd_rows, "pays_along_rows", lambda w, size, rim: is_rows and max(rim) < 3)
    used: list[str] = []
    for module, name in itertools.product(FORMS, ("conv", "conv_input", "conv_weight")):
        function = getattr(module, name)
        patch.setattr(
            module, name, lambda *a, _f=function, _n=name, **kw: used.append(_n) or _f(*a, **kw)
        )
    return used


@pytest.fixture(params=FORMS, ids=["both axes", "rows"])
def always(request: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Winograd's form wherever it can be used; which of its functions were."""
    return only(monkeypatch, request.param)


def never(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "LEAST_PRODUCTS", 1 << 60)


@st.composite
def geometries(draw: st.DrawFn) -> tuple[Any, ...]:
    padding = draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
    size = tuple(max(1, 3 - 2 * p) + draw(st.integers(0, 6)) for p in padding)
    groups = draw(st.integers(1, 2))
    c, k = groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 3))
    geom = Geometry((1, 1), padding, (1, 1), groups)
    return draw(st.integers(1, 5)), c, k, size, geom, draw(st.sampled_from("fd"))


@settings(max_examples=60)
@given(
    geometries(), st.integers(1, 3), st.booleans(), st.booleans(), st.integers(0, 99),
    st.sampled_from(FORMS),
)  # fmt: skip
def test_it_gives_the_plain_sums(
    shape: Any, block: int, biased: bool, channels_last: bool, seed: int, form: Any
) -> None:
    """Any padding, odd sizes, groups, dtypes, numbers of images at a time, order in memory."""
    x, w, b, d, geom = problem(np.random.default_rng(seed), *shape)
    if not channels_last:
        x, d = np.ascontiguousarray(x), np.ascontiguousarray(d)
    arguments = x, w, b if biased else None, d, geom
    before = [a.copy() for a in (x, w, b, d)]
    with pytest.MonkeyPatch.context() as patch:
        never(patch)
        expected = all_three(*arguments)
    with pytest.MonkeyPatch.context() as patch:
        used = only(patch, form)
        patch.setattr(grouped, "WIDTH", 0)  # groups that are joined may be too wide for it
        tiles = -(-d.shape[2] // 4) * -(-d.shape[3] // 4)
        for module in FORMS:
            products = block * tiles * w.shape[0] * w.shape[1] // geom.groups
            patch.setattr(module, "PRODUCTS", products * (4 if module is winograd_rows else 1))
        results = all_three(*arguments)
    assert sorted(set(used)) == ["conv", "conv_input", "conv_weight"]
    for result, right in zip(results, expected, strict=True):
        assert (result.shape, result.dtype) == (right.shape, right.dtype)
        scale = max(1.0, float(abs(right).max()))
        np.testing.assert_allclose(result, right, 0, ROUNDING[shape[-1]] * scale)
    assert all((a == b).all() for a, b in zip((x, w, b, d), before, strict=True))


@pytest.mark.parametrize("groups", [1, 2])
def test_results_go_where_they_are_asked_for(groups: int, always: list[str]) -> None:
    arguments = problem(
        np.random.default_rng(0), 3, 4, 6, (6, 7), Geometry(padding=(1, 1), groups=groups)
    )
    x, w, b, d, geom = arguments
    kernels = [
        (plain.conv, (x, w, b), {}),
        (plain.conv_input, (d, w), {"size": (6, 7)}),
        (plain.conv_weight, (x, d), {"size": (3, 3)}),
    ]
    for (kernel, args, kw), expected in zip(kernels, all_three(*arguments), strict=True):
        for out in (np.full(expected.shape, 7, "f"), np.full_like(expected, 7)):
            assert kernel(*args, **kw, geom=geom, out=out) is out  # type: ignore[operator]
            assert (out == expected).all()


def test_images_stay_channels_last(always: list[str]) -> None:
    arguments = problem(np.random.default_rng(0), 2, 4, 6, (6, 6), Geometry())
    y, x, _ = all_three(*arguments)
    assert y.transpose(0, 2, 3, 1).flags.c_contiguous and x.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["x", "w", "b", "d"])
def test_what_is_not_finite_stays_where_it_belongs(
    where: str, value: float, monkeypatch: pytest.MonkeyPatch, always: list[str]
) -> None:
    """One pixel's infinity reaches nine windows, not the whole tile; nobody is warned."""
    arguments = problem(np.random.default_rng(0), 3, 2, 3, (8, 9), Geometry(padding=(1, 1)))
    part = arguments["xwbd".index(where)]
    part[(1,) * part.ndim] = value
    results = all_three(*arguments)
    assert always == ["conv", "conv_input", "conv_weight"]
    never(monkeypatch)
    for result, right in zip(results, all_three(*arguments), strict=True):
        np.testing.assert_allclose(result, right, 2e-5, 2e-5)
    assert np.isfinite(results[0]).any() or where == "w"


def test_numbers_too_large_to_square_are_right(always: list[str]) -> None:
    x, w, b, d, geom = problem(np.random.default_rng(0), 2, 2, 2, (6, 6), Geometry())
    y, dx, _ = all_three(x, w, b, d, geom)
    large = np.float32(2.0**100)
    for result, right in zip(
        all_three(x * large, w, b * large, d * large, geom), (y, dx), strict=False
    ):
        np.testing.assert_allclose(result / large, right, 0, 1e-4)


@pytest.mark.parametrize("n", [1, 7, 32])
def test_a_batch_cut_in_two_gives_the_same_within_rounding(n: int) -> None:
    x, w, b, d, geom = problem(np.random.default_rng(n), n + 25, 16, 32, (16, 16), Geometry())
    whole = all_three(x, w, b, d, geom)
    assert all((a == b).all() for a, b in zip(whole, all_three(x, w, b, d, geom), strict=True))
    first, second = (all_three(x[part], w, b, d[part], geom) for part in (np.s_[:n], np.s_[n:]))
    for i, join in enumerate((np.append, np.append, None)):
        joined = np.concatenate([first[i], second[i]]) if join else first[i] + second[i]
        np.testing.assert_allclose(whole[i], joined, 0, 5e-6 * abs(whole[i]).max())


@pytest.mark.parametrize("lines", [1, 3, 5])
def test_a_large_image_goes_in_rows_of_tiles(lines: int, always: list[str]) -> None:
    """Where one image's tiles do not fit into the cache."""
    arguments = problem(np.random.default_rng(lines), 2, 3, 2, (23, 9), Geometry(padding=(1, 2)))
    whole = all_three(*arguments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "PRODUCTS", lines * 3 * 3 * 2)
        for result, expected in zip(all_three(*arguments), whole, strict=True):
            np.testing.assert_allclose(result, expected, 0, 2e-5 * abs(expected).max())


@pytest.mark.parametrize(("channels", "outputs"), [(16, 48), (16, 32), (3, 32)])
def test_the_bits_are_those_of_any_number_of_threads(
    channels: int, outputs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sums over images are split by the shapes alone: in Winograd's forms, and in the plain one."""
    for module in FORMS:
        monkeypatch.setattr(module, "ENOUGH", 1000)
    monkeypatch.setattr(parallel, "ENOUGH", 1000)
    before, results = threads.get_num_threads(), []
    if not threads.blas().is_known:
        pytest.skip("NumPy's BLAS cannot be told how many threads to use")
    rng = np.random.default_rng(0)
    x, w, b, d, geom = problem(rng, 24, channels, outputs, (20, 21), Geometry())
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            results.append(all_three(x, w, b, d, geom))
    finally:
        threads.set_num_threads(before)
    for result in results[1:]:
        assert (result[2] == results[0][2]).all()  # the weight's gradient
        if channels == 16:  # plain products of more or fewer rows may round otherwise
            assert all((a == b).all() for a, b in zip(result, results[0], strict=True))


def test_few_tiles_of_many_channels_are_one_product() -> None:
    """Else each piece would read all weights again; BLAS shares no such product, so bits stay."""
    sizes = winograd.Problem(64, (3, 3), (3, 3), 512, 512, (1, 1), np.dtype("f"))
    parts, _ = winograd.pieces(sizes, winograd.PRODUCTS, winograd.BLOCK)
    assert len(parts) == 2
    if not threads.blas().is_known:
        pytest.skip("NumPy's BLAS cannot be told how many threads to use")
    rng, before, results = np.random.default_rng(0), threads.get_num_threads(), []
    arguments = problem(rng, 2, 128, 128, (16, 16), Geometry(padding=(1, 1)))
    try:
        for count in (1, 2):
            threads.set_num_threads(count)
            results.append(all_three(*arguments))
    finally:
        threads.set_num_threads(before)
    assert all((a == b).all() for a, b in zip(*results, strict=True))


@pytest.mark.parametrize(
    ("weight", "size", "padding", "form"),
    [
        ((16, 16, 3, 3), (32, 32), (1, 1), winograd_rows),
        ((24, 24, 3, 3), (14, 14), (0, 2), winograd_rows),
        ((32, 32, 3, 3), (32, 32), (1, 1), winograd),
        ((16, 16, 3, 3), (224, 224), (1, 1), winograd),  # one image is too large a product
        ((16, 16, 3, 3), (32, 32), (1, 3), winograd),  # tiles of the rim alone
        ((8, 16, 3, 3), (32, 32), (1, 1), winograd_rows),
        ((16, 3, 3, 3), (32, 32), (1, 1), winograd_rows),
        ((8, 8, 3, 3), (4, 4), (1, 1), None),  # too few products
        ((64, 3, 3, 3), (32, 32), (1, 1), None),
        ((8, 8, 3, 3), (32, 32), (1, 3), None),
    ],
)
def test_few_channels_are_transformed_along_rows_alone(
    weight: Any, size: Any, padding: Any, form: Any
) -> None:
    x = np.empty((32, 1), "f")
    assert plain.winograd_form(x, x, weight, size, Geometry(padding=padding)) is form


@pytest.mark.parametrize(("channels", "most"), [((32, 64), 20), ((16, 24), 6)])
def test_it_is_about_as_exact_as_the_plain_sums(
    channels: tuple[int, int], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside float64; measured: 3 to 13 times the plain sums' error, 7e-7 to 2e-6 of the size.

    Along rows alone 2 to 4 times, 3e-7 to 1.2e-6.
    """
    x, w, b, d, geom = problem(np.random.default_rng(0), 32, *channels, (26, 26), Geometry())
    x = np.maximum(x, 0)
    results = all_three(x, w, b, d, geom)
    never(monkeypatch)
    plainly = all_three(x, w, b, d, geom)
    exact = all_three(*(a.astype("d") for a in (x, w, b, d)), geom)
    for result, other, right in zip(results, plainly, exact, strict=True):
        ours, its = (np.sqrt(np.mean((a - right) ** 2)) for a in (result, other))
        assert (result != other).any()
        assert ours < most * its and ours < 3e-6 * np.sqrt(np.mean(right**2))


def test_what_scratch_memory_held_before_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd_rows, "count", lambda: 1)
    rng = np.random.default_rng(0)
    x, d = (rng.standard_normal((3, 8, 10, n), np.float32) for n in (4, 6))
    first = winograd_rows.conv_weight(x, d, rim=(1, 1))
    assert first is not None
    scratch(((1 << 18,), np.float32))[0].fill(np.nan)
    assert np.array_equal(winograd_rows.conv_weight(x, d, rim=(1, 1)), first)


def test_the_form_is_left_to_tiles_that_are_worth_the_weights_transform() -> None:
    a, geom = np.zeros((8, 512, 8, 8), np.float32), Geometry(padding=(1, 1))
    assert plain.winograd_form(a, a, (512, 512, 3, 3), (8, 8), geom) is None
    assert plain.winograd_form(a, a, (64, 64, 3, 3), (8, 8), geom) is winograd
