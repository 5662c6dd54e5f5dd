"""gradcheck: what it catches and how it says it, what it lets pass, and what it refuses."""

import logging
import math
import threading
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import Tensor, nn
from tinygrad_mnist.autograd import Function, op
from tinygrad_mnist.autograd.tensor import wrap
from tinygrad_mnist.ops import table
from tinygrad_mnist.testing import GradcheckError, examine, gradcheck, gradgradcheck
from tinygrad_mnist.testing.gradients.ruler import How

RNG = np.random.default_rng(0)


def real(*shape: int, dtype: Any = np.float64) -> Tensor:
    values = np.random.default_rng(list(shape)).normal(size=shape)
    return tg.tensor(values.astype(dtype), requires_grad=True)


def at(*values: float) -> Tensor:
    return tg.tensor(np.array(values, np.float64), requires_grad=True)


def wrong(value: Any, **rules: Any) -> Any:
    """An op with these rules, right or wrong."""
    return op(value, **rules)


def scaled(by: float) -> Any:
    return wrong(lambda x: np.sin(x), x=lambda g, x: g * table.cos(x) * by)


# Sharpness


@pytest.mark.parametrize("by", [1.001, 0.999, 1.0001, 1.00001])
@pytest.mark.parametrize("fast", [False, True])
def test_a_factor_is_caught(by: float, fast: bool) -> None:
    x = real(3, 2)
    assert not gradcheck(scaled(by), x, fast=fast, raise_exception=False)
    assert gradcheck(scaled(1.0), x, fast=fast)


@pytest.mark.parametrize("size", [1e-9, 1e-6, 1.0, 1e6, 1e12])
def test_a_factor_is_caught_at_any_scale(size: float) -> None:
    """Of the function: tolerances follow the derivative, there is no 1e-5 to hide below."""
    x = at(0.5, 1.0)
    assert gradcheck(lambda x: scaled(1.0)(x) * size, x)
    assert not gradcheck(lambda x: scaled(1.001)(x) * size, x, raise_exception=False)


@pytest.mark.parametrize("size", [1e-6, 1e-3, 1.0, 1e3, 1e6])
def test_a_factor_is_caught_at_any_input(size: float) -> None:
    log = wrong(lambda x: np.log(x), x=lambda g, x: g / x * 1.001)
    x = at(size, 2 * size)
    assert gradcheck(lambda x: x.log(), x)
    assert not gradcheck(log, x, raise_exception=False)


def test_one_wrong_entry_among_many_is_caught() -> None:
    mask = np.ones((8, 8))
    mask[3, 5] = 1.001
    f = wrong(lambda x: np.exp(x), x=lambda g, y: g * y * mask)
    for fast in (False, True):
        with pytest.raises(GradcheckError, match=r"input index \(3, 5\)"):
            gradcheck(f, real(8, 8), fast=fast)


def test_the_second_order_is_as_sharp() -> None:
    slope = op(lambda t: 1 - t * t, t=lambda g, t: g * t * (-2 * 1.001))
    tanh = op(lambda x: np.tanh(x), x=lambda g, x: g * slope(table.tanh(x)))
    x = real(3)
    assert gradcheck(tanh, x)
    for fast in (False, True):
        with pytest.raises(GradcheckError, match=r"1\.001 × numerical"):
            gradgradcheck(tanh, x, fast=fast)


# No false alarms


STEEP = [
    ("1/x near zero", lambda x: 1 / x, (1e-4, -1e-3, 0.01)),
    ("log near zero", lambda x: x.log(), (1e-8, 1e-5, 1e-2, 1e3)),
    ("sqrt near zero", lambda x: x.sqrt(), (1e-6, 1e-3, 1e4)),
    ("exp of large numbers", lambda x: x.exp(), (-30.0, 0.0, 30.0, 300.0)),
    ("tanh where it is flat", lambda x: x.tanh(), (8.0, 15.0, 19.0, 40.0)),
    ("sigmoid where it is flat", lambda x: x.sigmoid(), (-30.0, 20.0, 37.0)),
    ("a fast wave", lambda x: (100 * x).sin(), (0.1, 1.0, 7.0)),
    ("a sharp bell", lambda x: (-1e4 * x * x).exp(), (0.0, 0.01, 0.02)),
    ("cancellation", lambda x: (x + 1e6) - 1e6, (0.1, 0.7)),
    ("powers", lambda x: x**20, (0.1, 1.0, 3.0)),
    ("relu near its kink", lambda x: x.relu(), (1e-7, -1e-5, 1e-12, 2.0)),
    ("abs near its kink", lambda x: x.abs(), (1e-7, -1e-5, -1e-10)),
    ("floor", lambda x: x.floor(), (0.5, 1.0001, -2.99999)),
    ("asin near its edge", lambda x: x.asin(), (0.999, -0.9999)),
    ("erfc far out", lambda x: x.erfc(), (3.0, 5.0)),
    ("constant", lambda x: x * 0 + 1, (1.0, 2.0)),
    ("softmax of far apart", lambda x: tg.softmax(x, 0), (0.0, 50.0, -50.0)),
    ("logsumexp of huge", lambda x: tg.logsumexp(x, 0), (1000.0, 1001.0)),
    ("expm1 near zero", lambda x: x.expm1(), (1e-10, -1e-6)),
    ("variance of nearly equal", lambda x: x.var(), (1.0, 1.0 + 1e-5, 1.0 - 1e-5)),
    ("norm", lambda x: x.norm(), (1e-5, 1e-5)),
]


@pytest.mark.parametrize(("name", "function", "values"), STEEP, ids=[name for name, *_ in STEEP])
def test_right_derivatives_pass_where_they_are_hard_to_measure(
    name: str, function: Any, values: Any
) -> None:
    for fast in (False, True):
        report = examine(function, at(*values), How(fast=fast))
        assert report, str(report)


def test_a_small_derivative_beside_a_large_one_of_another_output() -> None:
    """One step is 1e-6 of it off, which is nothing of the large one."""
    assert gradcheck(lambda x: (x.cumsum(0).exp(), x.cumsum(0).tanh()), at(2.0, 2.0, 0.0))


FLAT = ("floor", "constant", "softmax of far apart")


@pytest.mark.parametrize(("name", "function", "values"), STEEP, ids=[name for name, *_ in STEEP])
def test_and_a_factor_on_them_is_caught(name: str, function: Any, values: Any) -> None:
    spoilt = op(lambda x: x * 1.0, x=lambda g: g * 1.001)
    report = examine(lambda x: function(spoilt(x)), at(*values))
    assert bool(report) == (name in FLAT), str(report)


def test_a_float32_function_has_a_tolerance_that_fits() -> None:
    def rough(x: Any) -> Any:
        return (x.float() * 3).sin()

    assert gradcheck(rough, real(3, 4))
    assert gradcheck(lambda x: rough(x).double() * 2, real(3, 4))
    bad = op(lambda x: x * np.float32(1), x=lambda g: g * 1.01)
    assert not gradcheck(lambda x: rough(bad(x)), real(3, 4), raise_exception=False)


@pytest.mark.parametrize("x", [-2.90625, -2.91796875, -2.6875, -2.59570312])
def test_rounding_behind_a_cancellation_is_no_kink(x: float) -> None:
    """1 - tanh^2 has lost digits there: its noise is some 20 times that of the values."""
    lost = op(np.tanh, x=lambda g, y: g * (1 - getattr(y, "detach", lambda: y)() ** 2))
    for fast in (True, False):
        report = examine(lost, at(x), How(fast=fast), 2)
        assert not report and not report.kinks, str(report)


# What it says


def message(function: Any, inputs: Any, order: int = 1) -> str:
    with pytest.raises(GradcheckError) as error:
        (gradcheck if order == 1 else gradgradcheck)(function, inputs)
    return str(error.value)


def test_the_message_says_where_by_how_much_and_what_it_looks_like() -> None:
    text = message(scaled(1.001), at(0.0, 1.0))
    assert "gradient of output 0 (shape [2]) by input 0 (shape [2]) is wrong" in text
    assert "worst at output index (0,), input index (0,)" in text
    assert "analytic 1.001, numerical 1 (±" in text and "relative error 0.001" in text
    assert "2 of 4 derivatives differ" in text
    assert "it looks like a wrong factor: analytic = 1.001 × numerical everywhere" in text


X, W = real(3, 3), real(3, 3)


@pytest.mark.parametrize(
    ("function", "inputs", "says"),
    [
        (scaled(-1.0), X, "the sign is wrong"),
        (scaled(2.0), X, "analytic = 2 × numerical"),
        (
            op(lambda a, b: a @ b, a=lambda g, b: table.matmul(g, b), b=lambda g, a: a.mT @ g),
            (X, W),
            "transposed: the analytic Jacobian is the transpose",
        ),
        (
            op(
                lambda x: x * np.arange(9.0).reshape(3, 3),
                x=lambda g: (g * np.arange(9.0).reshape(3, 3)).mT,
            ),
            X,
            "transposed: it agrees with the input's axes taken in the order (1, 0)",
        ),
        (
            op(lambda x, b: x + b, x=lambda g: g, b=lambda g: table.slice(g, key=(0,))),
            (real(4, 3), real(3)),
            "a missing broadcast sum: only index 0 of output axis 0 reaches this input",
        ),
        (
            op(lambda x, b: x + b, x=lambda g: g, b=lambda g: table.sum(g, axis=(0,)) / 4),
            (real(4, 3), real(3)),
            "analytic = 0.25 × numerical everywhere, 1/4 is the length of output axis 0: a mean",
        ),
        (lambda x: x.detach() * 2 + x * 0, X, "the analytic gradient is zero: the graph is cut"),
        (
            op(lambda x: np.cumsum(x, 0), x=lambda g: table.cumsum(g, axis=0)),
            at(1.0, 2.0, 3.0),
            "transposed: the analytic Jacobian is the transpose",
        ),
        (
            op(lambda x: x[::-1] * np.arange(3.0), x=lambda g: g * np.arange(3.0)),
            at(1.0, 2.0, 3.0),
            "reversed: it agrees back to front along the input's axis 0",
        ),
        (
            op(lambda x: x * 2.0, x=lambda g: g * 2.0 + 0.5),
            at(1.0),
            "1.25 × numerical",
        ),
        (
            op(lambda x: np.log(x), x=lambda g, x: g / (x - x)),
            at(1.0, 2.0),
            "not finite where the function has a slope",
        ),
        (
            op(lambda x: x * 2.0, x=lambda g: table.gate(g, np.array([1.0, 0.0, 1.0])) * 2.0),
            at(1.0, 2.0, 3.0),
            "1 of 3 output elements pass no gradient on; the others are right",
        ),
    ],
)
def test_the_diagnosis(function: Any, inputs: Any, says: str) -> None:
    assert says in message(function, inputs)


def test_an_error_without_a_pattern_is_reported_without_a_guess() -> None:
    text = message(op(lambda x: np.sin(x), x=lambda g, x: g * x), at(0.3, 0.7, 1.9))
    assert "looks like" not in text and "3 of 9 derivatives differ" in text


def test_the_input_at_fault_is_named() -> None:
    bad = op(lambda a, b: a * b, a=lambda g, b: g * b, b=lambda g, a: g * a * 3.0)
    text = message(bad, (at(1.0), at(2.0)))
    assert "by input 1" in text and "by input 0" not in text


def test_the_output_at_fault_is_named() -> None:
    text = message(lambda x: (x.sin(), scaled(1.5)(x)), at(1.0, 2.0))
    assert "output 1" in text and "output 0" not in text


def test_a_missing_second_order_is_explained() -> None:
    class Square(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g * 2 * x.detach()

    assert gradcheck(Square.apply, at(1.0, 2.0))
    text = message(Square.apply, at(1.0, 2.0), order=2)
    assert "by input 0" in text and "not written in differentiable operations" in text


def test_fast_finds_the_place_too() -> None:
    with pytest.raises(GradcheckError, match=r"input index \(\d, \d\)(.|\n)*1.001 × numerical"):
        gradcheck(scaled(1.001), real(4, 5), fast_mode=True)


SIZES = (1.0, 1.0, -2.0, 0.13, 0.13, 1.9, 1e-9, 60.0, 0.0, 0.0)


def summed(*leaves: Tensor, wrong: Any = lambda x: x, at: int = 0) -> Tensor:
    """Add up functions of the leaves with derivatives of all sizes; one of the leaves is wrong."""
    parts = ((wrong(x) if i == at else x).sin().sum() for i, x in enumerate(leaves))
    return sum(part * size for part, size in zip(parts, SIZES, strict=True))


@pytest.mark.parametrize("by", [1.0000016, 0.0, -1.0])
@pytest.mark.parametrize("at", range(len(SIZES)))
def test_leaves_that_move_together_hide_none_that_is_wrong(at: int, by: float) -> None:
    leaves = tuple(real(3) for _ in SIZES)
    spoilt = gradcheck(
        partial(summed, wrong=scaled(by), at=at), leaves, fast=True, raise_exception=False
    )
    assert spoilt == (SIZES[at] == 0 or abs(SIZES[at] * (by - 1)) < 1e-12)


def test_two_leaves_with_each_others_gradients_are_wrong() -> None:
    swapped = op(lambda a, b: 2 * a + 3 * b, a=lambda g: g * 3.0, b=lambda g: g * 2.0)
    assert not gradcheck(swapped, (real(3), real(3)), fast=True, raise_exception=False)


def test_leaves_that_are_alike_take_the_calls_of_a_few() -> None:
    def function(*leaves: Tensor) -> Tensor:
        return sum(leaf.sin().sum() for leaf in leaves)

    report = examine(function, (real(3),) * 20, How(fast=True, brief=True))
    assert report and report.entries == 2 * 20 and report.evaluations <= 13


def test_a_kink_is_reported_where_leaves_move_together() -> None:
    x = at(0.0)
    report = examine(lambda x, y: x.abs() + y.sin(), (x, at(0.5)), How(fast=True, brief=True))
    assert report and len(report.kinks) == 2


# Points without a derivative


@pytest.mark.parametrize(
    ("function", "left", "right"),
    [
        (lambda x: x.relu(), "0 from the left", "1 from the right"),
        (lambda x: x.abs(), "-1 from the left", "1 from the right"),
        (lambda x: x.sqrt(), "nan from the left", "from the right"),
        (lambda x: tg.clamp(x, 0.0, 1.0), "0 from the left", "1 from the right"),
        (lambda x: tg.maximum(x, x * 0.0) * 2, "0 from the left", "2 from the right"),
    ],
)
def test_a_kink_is_reported_and_is_no_failure(
    function: Any, left: str, right: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert gradcheck(function, at(0.0, 0.5))
    (line,) = [r.message for r in caplog.records if "not differentiable" in r.message]
    assert "input index (0,)" in line and left in line and right in line


def test_a_step_is_reported() -> None:
    report = examine(lambda x: x.floor(), at(1.0, 1.5))
    assert report and len(report.kinks) == 1


def test_a_verdict_takes_two_calls_per_slope_where_one_step_agrees() -> None:
    calls: list[Any] = []

    def function(x: Tensor) -> Tensor:
        calls.append(x)
        return (x * x).sum()

    x = tg.tensor([0.5, -2.0], dtype=tg.float64, requires_grad=True)
    counts = []
    for brief in (False, True):
        calls.clear()
        assert examine(function, x, How(brief=brief))
        counts.append(len(calls))
    calls.clear()
    assert gradcheck(function, x)
    assert counts[0] - counts[1] == 2 * x.numel()
    assert len(calls) == counts[1]


def test_a_kink_beside_a_large_slope_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    x = tg.tensor([0.0], dtype=tg.float64, requires_grad=True)
    with caplog.at_level(logging.WARNING):
        assert gradcheck(lambda x: (x.abs(), 1000 * x), x)
    assert "not differentiable" in caplog.text


def test_kinks_hide_no_error_elsewhere() -> None:
    bad = op(lambda x: np.maximum(x, 0), x=lambda g, x: table.gate(g, x) * 1.001)
    report = examine(bad, at(0.0, 0.5))
    assert not report and "input index (1,)" in report.failures[0]


def test_smooth_functions_have_no_kinks() -> None:
    for function in (lambda x: x**2, lambda x: (50 * x).tanh(), lambda x: (1e3 * x * x).cos()):
        report = examine(function, at(0.0, 1e-3, 0.1))
        assert report and not report.kinks, str(report)


def test_a_point_that_bends_only_between_the_axes_has_no_derivative() -> None:
    """As singular values that coincide: the slopes along the axes are those of no derivative."""

    def ridge(x: Any) -> Any:
        return np.array([x[0] * x[1] / (np.hypot(x[0], x[1]) or 1.0), x[2] ** 2])

    def slope(g: Any, x: Any) -> Any:
        return np.array([g[0], g[0], 2 * x[2] * g[1]])

    report = examine((ridge, slope), np.array([0.0, 0.0, 3.0]))
    assert report and len(report.kinks) == 3
    report = examine((ridge, lambda g, x: slope(g, x) * [1, 1, 1.001]), np.array([0.0, 0.0, 3.0]))
    assert not report and "output index (1,), input index (2,)" in report.failures[0]


def test_a_median_of_equal_numbers_has_no_derivative() -> None:
    """Along each line through the point it is straight, and yet the slopes do not add up."""
    ties = np.zeros(3)
    assert examine((np.median, lambda g, x: g * np.array([1.0, 0.0, 0.0])), ties)
    apart = (np.median, lambda g, x: g * np.array([1.0, 0.0, 0.0]))
    assert not examine(apart, np.array([0.0, 1.0, 2.0]))


def test_a_kink_of_one_element_excuses_no_other_in_their_sum() -> None:
    bad = op(lambda x: np.maximum(x, 0), x=lambda g, x: table.gate(g, x) * 1.001)
    report = examine(lambda x: bad(x).sum(), at(0.0, 0.5))
    assert not report and "input index (1,)" in report.failures[0]


def test_a_jump_and_a_vertical_tangent_ask_for_no_finite_value() -> None:
    def nowhere(g: Any, x: Any) -> Any:
        return g * np.where(x == 0, np.nan, np.abs(x) ** (-2 / 3) / 3)

    assert examine((np.cbrt, nowhere), np.array([0.0, 2.0]))
    assert examine((np.sign, lambda g, x: g * np.where(x == 0, np.nan, 0.0)), np.array([0.0, 2.0]))
    flat = np.array([0.5, 2.0])
    assert not examine((np.sign, lambda g, x: g * np.where(x < 1, np.nan, 0.0)), flat)


@pytest.mark.parametrize("by", [1.0, 1.001])
def test_a_function_that_changes_close_to_zero(by: float) -> None:
    def sharp(x: Any) -> Any:
        return x / np.sqrt(x * x + 1e-16)

    pair = (sharp, lambda g, x: by * g * 1e-16 / (x * x + 1e-16) ** 1.5)
    assert gradcheck(pair, np.zeros(1), raise_exception=False) == (by == 1.0)
    hinge = (lambda x: np.maximum(x - 1 + 2e-6, 0), lambda g, x: by * g)
    assert gradcheck(hinge, np.ones(1), raise_exception=False) == (by == 1.0)


def test_infinite_inputs_and_outputs_that_change_their_size() -> None:
    assert gradcheck((np.nan_to_num, lambda g, x: g * np.isfinite(x)), np.array([1.0, np.inf]))
    tied = np.array([2.0, 2.0, 1.0])  # a step away from the tie there are three outputs
    assert examine((np.unique, lambda g, x: np.array([np.nan, np.nan, g[0]])), tied)


# Inputs


def test_float32_inputs_are_checked_in_float64_with_a_note(
    caplog: pytest.LogCaptureFixture,
) -> None:
    x = real(3, dtype=np.float32)
    with caplog.at_level(logging.WARNING):
        assert gradcheck(lambda x: x.exp(), x)
    assert "note: float32, and checked in float64: input 0" in caplog.text
    assert x.dtype == np.float32 and x.grad is None


@pytest.mark.parametrize(
    "array",
    [
        RNG.normal(size=(4, 6))[::2, ::3],
        RNG.normal(size=(3, 4)).T,
        RNG.normal(size=5)[::-1],
        np.broadcast_to(RNG.normal(size=(1, 3)), (2, 3)),
        np.lib.stride_tricks.sliding_window_view(RNG.normal(size=5), 3),
        RNG.normal(size=(2, 3, 4)).transpose(2, 0, 1)[:, :, ::-1],
        np.array(0.5),
        np.empty((0, 3)),
    ],
    ids=["strided", "transposed", "reversed", "expanded", "overlapping", "mixed", "0-d", "empty"],
)
def test_any_layout(array: Any) -> None:
    x = wrap(array).requires_grad_()
    seen = set()

    def function(x: Any) -> Any:
        seen.add(steps(x.detach().numpy()))
        return (x * x).sin()

    assert gradcheck(function, x) and gradgradcheck(function, x)
    if array.flags.writeable and array.size:
        assert seen == {steps(array)}, "the function must see the layout it was given"


def steps(array: Any) -> tuple[int, ...]:
    """Strides in elements."""
    return tuple(stride // array.itemsize for stride in array.strides)


def test_inputs_that_are_no_tensors_or_need_no_grad_are_passed_on() -> None:
    def function(x: Any, k: int, w: Any, name: str) -> Any:
        assert k == 3 and name == "n" and not w.requires_grad and w.dtype == np.float64
        return x * k + w

    assert gradcheck(function, (real(2), 3, tg.ones(2), "n"))


def test_several_outputs_lists_dicts_and_integers() -> None:
    assert gradcheck(lambda x: (x * 2, [x.sin(), (x.argmax(), x.exp())]), real(3))
    assert gradcheck(lambda x: {"a": x * 2, "b": x.cos()}, real(3))


def test_a_module_is_checked_whole_and_left_alone() -> None:
    tg.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Tanh(), nn.Linear(3, 2))
    before = {k: v.numpy().copy() for k, v in model.state_dict().items()}
    report = examine(model, real(5, 4))
    assert report and report.entries == 10 * (20 + 15 + 6 + 8)
    assert gradgradcheck(model, real(5, 4), fast=True)
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[key])
    assert all(p.grad is None and p.dtype == np.float32 for p in model.parameters())


def test_a_closure_of_a_module_works_as_well() -> None:
    model = nn.Linear(3, 2).double()
    assert gradcheck(lambda x: model(x), real(4, 3))


# Refusals


def test_nothing_to_check_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        gradcheck(lambda x: x * 2, tg.ones(2))
    with pytest.raises(ValueError, match="return at least one Tensor of floats"):
        gradcheck(lambda x: x.argmax(), at(1.0))
    with pytest.raises(NotImplementedError, match="reverse-mode"):
        gradcheck(lambda x: x, at(1.0), check_forward_ad=True)
    with pytest.raises(NotImplementedError, match="reverse-mode"):
        gradgradcheck(lambda x: x, at(1.0), check_fwd_over_rev=True)


def test_a_random_function_is_named_as_such() -> None:
    with pytest.raises(GradcheckError, match=r"not deterministic.*eval\(\)"):
        gradcheck(lambda x: x * tg.rand(3), real(3))
    noisy = op(lambda x: x + 1e-9 * np.random.default_rng().normal(size=x.shape), x=lambda g: g)
    assert gradcheck(noisy, real(3), nondet_tol=1e-6, atol=1e-3)


def test_a_mutated_input_is_named() -> None:
    def function(x: Any) -> Any:
        y = x * 2
        x.detach().add_(1.0)
        return y

    with pytest.raises(GradcheckError, match="not deterministic|input 0 is mutated"):
        gradcheck(function, real(3))


def test_an_overwritten_output_is_named() -> None:
    def rule(g: Any, y: Any) -> Any:
        result = g * y
        if isinstance(y, np.ndarray):
            y += 1
        return result

    with pytest.raises(GradcheckError, match="overwrites output 0"):
        gradcheck(op(lambda x: np.exp(x), x=rule), at(1.0))


def test_an_upcast_is_named() -> None:
    wide = op(lambda x: x * 1, x=lambda g: g * np.float64(1.0))
    wide.op.name = "widen"
    with pytest.raises(GradcheckError, match="float64 upcast: WidenBackward0"):
        gradcheck(wide, real(3, dtype=np.float32))
    with pytest.raises(GradcheckError, match="float64 upcast: WidenBackward0"):
        gradcheck(wide, real(3), check_grad_dtypes=True)
    assert gradcheck(wide, real(3))
    with pytest.raises(GradcheckError, match="output 0 is float64 for float32"):
        gradcheck(lambda x: x.double(), real(3), check_grad_dtypes=True)


def test_an_exception_in_the_function_comes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        gradcheck(lambda x: x * (1 / 0), at(1.0))


def test_a_function_that_refuses_what_lies_beyond_its_domain() -> None:
    def picky(x: Any) -> Any:
        if x.detach().numpy().max() > 1:
            raise ValueError("a probability")
        return (1 - x).log()

    assert gradcheck(picky, at(0.3, 0.9))


# PyTorch's signature, settings, state


def test_the_arguments_of_pytorch_are_taken() -> None:
    assert gradcheck(
        lambda x: x.exp(), (real(2, 2),), eps=1e-6, atol=1e-5, rtol=1e-3, raise_exception=True,
        nondet_tol=0.0, check_undefined_grad=True, check_grad_dtypes=False,
        check_batched_grad=False, check_batched_forward_grad=False, check_forward_ad=False,
        check_backward_ad=True, fast_mode=False, masked=None,
    )  # fmt: skip
    assert gradgradcheck(
        lambda x: x.exp(), (real(2, 2),), (real(2, 2),), eps=1e-6, atol=1e-5, rtol=1e-3,
        gen_non_contig_grad_outputs=False, raise_exception=True, nondet_tol=0.0,
        check_undefined_grad=True, check_grad_dtypes=False, check_batched_grad=False,
        check_fwd_over_rev=False, check_rev_over_rev=True, fast_mode=False, masked=False,
    )  # fmt: skip


def test_tolerances_add_to_what_is_let_through() -> None:
    assert gradcheck(scaled(1.001), at(1.0), rtol=1e-2)
    assert gradcheck(scaled(1.001), at(1.0), atol=1e-2)
    assert not gradcheck(scaled(1.001), at(1.0), rtol=1e-4, raise_exception=False)


def test_a_coarse_eps_is_refined_where_it_would_mislead() -> None:
    assert gradcheck(lambda x: (20 * x).sin(), at(0.3), eps=0.5)


def test_the_grad_mode_and_the_gradients_are_left_as_they_were() -> None:
    x = real(3)
    x.grad = tg.ones(3, dtype=tg.float64)
    assert gradcheck(lambda x: x.sin(), x)
    assert x.grad.tolist() == [1, 1, 1] and tg.is_grad_enabled()


def test_the_report_reads_well() -> None:
    report = examine(lambda x: x.relu(), at(0.0, 1.0))
    lines = str(report).splitlines()
    assert lines[0].startswith("gradcheck passed: 3 derivatives compared")
    assert lines[1].startswith("not differentiable")
    assert report.evaluations > 0 and math.isfinite(report.worst)


def test_in_two_threads() -> None:
    verdicts: list[bool] = []

    def work() -> None:
        x = tg.tensor(np.linspace(0.1, 1, 4), requires_grad=True)
        for _ in range(5):
            verdicts.append(gradcheck(lambda x: (x * x).log(), x))
            verdicts.append(not gradcheck(scaled(1.001), x, raise_exception=False))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdicts == [True] * 20


def test_derivatives_that_are_zero_take_few_calls() -> None:
    """Rounding alone makes them vague: a longer step shows it, without the ladder of steps."""
    x = tg.tensor([0.5, 2.0, -1.0], dtype=tg.float64, requires_grad=True)
    report = examine(lambda x: x * 3, x, How(fast=True), 2)
    assert report and report.evaluations <= 25


@pytest.mark.parametrize("at", [1e-7, -1e-7, 3e-6, 1e-4, -1e-4, 0.01])
@pytest.mark.parametrize("slope", [0.5, -1.0, 2.0])
def test_a_kink_beside_a_point_excuses_no_wrong_slope_at_the_point(at, slope):
    class Ramp(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x, wrong):
            ctx.save_for_backward(x)
            ctx.wrong = wrong
            return x.relu()

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            slopes = (x > 0).double()
            if ctx.wrong:
                slopes[0] = slope
            return g * slopes, None

    x = tg.tensor([at, 1.0, -2.0], dtype=tg.float64, requires_grad=True)
    assert gradcheck(lambda x: Ramp.apply(x, False), x)
    assert not gradcheck(lambda x: Ramp.apply(x, True), x, raise_exception=False)


@pytest.mark.parametrize("size", [2, 5, 40])
@pytest.mark.parametrize("by", [1.5, 0.0, 1.0001])
def test_fast_finds_what_is_wrong_beside_a_kink(size: int, by: float) -> None:
    """A kink of one element excuses no other element of the same Tensor."""
    x = real(size).detach()
    x[size // 2] = 0.0

    def function(x: Tensor, by: float) -> Tensor:
        edge, rest = x[size // 2].abs(), tg.cat((x[: size // 2], x[size // 2 + 1 :]))
        return edge + scaled(by)(rest).sum()

    for right in (True, False):
        checked = partial(function, by=1.0 if right else by)
        assert right == gradcheck(checked, x.requires_grad_(), fast=True, raise_exception=False)


@pytest.mark.filterwarnings("ignore:not differentiable")
@pytest.mark.parametrize("value", [1e-310, -1e-310, 1e-300, 1e308])
@pytest.mark.parametrize("function", [tg.abs, tg.square, tg.exp, lambda x: x.abs().log()])
def test_numbers_at_the_ends_of_the_range_get_a_verdict(function, value):
    x = tg.tensor([value, 1.0], dtype=tg.float64, requires_grad=True)
    for fast in (False, True):
        assert gradcheck(function, [x], fast=fast, raise_exception=False) in (True, False)
