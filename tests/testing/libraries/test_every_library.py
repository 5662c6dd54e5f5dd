"""Promises for each library: errors are caught, right derivatives pass, messages name things."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

from tests.testing.libraries.sines import Library, every_library, wrong
from tinygrad_mnist.testing import GradcheckError, examine, gradcheck, gradgradcheck
from tinygrad_mnist.testing.gradients.ruler import How


@pytest.fixture(autouse=True)
def installed(request: pytest.FixtureRequest) -> None:
    library = request.node.callspec.params["library"]
    if importlib.util.find_spec(library.name) is None:
        pytest.skip(f"{library.name} is not installed")
    library.lib()  # autograd is found only where it is imported already


@every_library
@pytest.mark.parametrize("fast", [False, True])
def test_a_right_derivative_passes(library: Library, fast: bool) -> None:
    sine, x = library.sine(wrong(1.0)), library.array([[0.5, -1.0, 2.0], [0.0, 3.0, 1.5]])
    assert gradcheck(sine, x, fast=fast)
    if library.second_order:
        assert gradgradcheck(sine, x, fast=fast)


@every_library
@pytest.mark.parametrize("by", [1.001, 0.9999, 1.00001, -1.0])
@pytest.mark.parametrize("fast", [False, True])
def test_a_factor_is_caught(library: Library, by: float, fast: bool) -> None:
    x = library.array([0.5, -1.0])
    assert not gradcheck(library.sine(wrong(by)), x, fast=fast, raise_exception=False)


@every_library
def test_the_message_names_the_place_the_mistake_and_the_function(library: Library) -> None:
    with pytest.raises(GradcheckError) as error:
        gradcheck(library.sine(wrong(-1.0)), library.array([0.5, -1.0]))
    text = str(error.value)
    assert "output 0 (shape [2]) by input 0 (shape [2]) is wrong" in text
    assert "the sign is wrong" in text
    assert text.partition("\n\n")[0].endswith(f"in {library.called}") or not library.called


@every_library
def test_a_value_that_is_not_finite_is_a_failure_where_there_is_a_slope(library: Library) -> None:
    sine = library.sine(lambda lib, g, x: g * lib.cos(x) * x / x)
    with pytest.raises(GradcheckError, match="analytic values are not finite where"):
        gradcheck(sine, library.array([0.0, 1.0]))


@every_library
def test_a_kink_is_a_note_and_no_failure(library: Library) -> None:
    absolute = library.lib().abs
    function = (absolute, lambda g, x: g * np.sign(x)) if library.name == "numpy" else absolute
    report = examine(function, library.array([0.0, 1.0]))
    assert report and len(report.kinks) == 1
    assert "-1 from the left, 1 from the right" in report.kinks[0]


@every_library
def test_the_second_order_is_checked_where_there_is_one(library: Library) -> None:
    x = library.array([0.5, -1.0])
    if not library.second_order:
        with pytest.raises(NotImplementedError, match="has no second derivatives"):
            gradgradcheck(library.sine(wrong(1.0)), x)
        return
    inner = library.sine(wrong(1.001))
    sine = library.sine(lambda lib, g, x: g * inner(x + np.pi / 2))
    assert gradcheck(sine, x)
    with pytest.raises(GradcheckError, match=r"1\.001 × numerical"):
        gradgradcheck(sine, x)


@every_library
def test_several_inputs_and_outputs_are_named(library: Library) -> None:
    sine = library.sine(wrong(1.5))
    x, y = library.array([0.5, 1.0]), library.array([[2.0], [3.0]])
    if library.name == "numpy":
        function: Any = (
            lambda x, y: (x * y, np.sin(y)),
            lambda gs, x, y: ((gs[0] * y).sum(0), (gs[0] * x).sum(1, keepdims=True) + 1.5 * gs[1]),
        )
    else:
        function = lambda x, y: (x * y, sine(y))  # noqa: E731
    kind = "autograd" if library.name == "autograd" else None
    report = examine(function, (x, y), library=kind)
    assert [f.partition(" is wrong")[0] for f in report.failures] == [
        "The gradient of output 1 (shape [2, 1]) by input 1 (shape [2, 1])"
    ]


@every_library
def test_a_stateful_function_and_one_that_writes_into_its_input(library: Library) -> None:
    calls: list[int] = []

    def stateful(x: Any) -> Any:
        calls.append(1)
        return x * len(calls)

    pair = library.name == "numpy"
    with pytest.raises(GradcheckError, match="not deterministic: two calls"):
        gradcheck((stateful, lambda g, x: g) if pair else stateful, library.array([1.0]))


@every_library
def test_no_array_of_floats_is_an_error(library: Library) -> None:
    pair = library.name == "numpy"
    kind = "autograd" if library.name == "autograd" else None

    def check(function: Any) -> None:
        with pytest.raises(ValueError, match="expects the function to return at least one"):
            gradcheck(
                (function, lambda g, x: g) if pair else function, library.array([1.0]), library=kind
            )

    check(lambda x: "nothing")
    check(lambda x: None)


@every_library
def test_the_report_says_what_was_left_out(library: Library) -> None:
    report = examine(library.sine(wrong(1.0)), library.array([0.5]))
    said = [line for line in str(report).splitlines() if line.startswith("left out for")]
    assert bool(said) == (library.name != "tinygrad_mnist")
    assert not said or report.library in said[0]


@every_library
def test_fast_mode_takes_few_calls(library: Library) -> None:
    x = library.array(np.linspace(0.1, 1, 60))
    slow, fast = (examine(library.sine(wrong(1.0)), x, How(fast=f)) for f in (False, True))
    assert slow and fast and fast.evaluations < slow.evaluations
