"""prove: check everything that should hold for one call of a differentiable function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.testing.gradients.error import GradcheckError
from tinygrad_mnist.testing.gradients.examine import Report, examine
from tinygrad_mnist.testing.gradients.problem import Problem, tuple_of
from tinygrad_mnist.testing.gradients.ruler import How
from tinygrad_mnist.testing.libraries.adapter import Adapter
from tinygrad_mnist.testing.libraries.door import Named, adapter_for
from tinygrad_mnist.testing.strategies import relayout

Array = np.ndarray[Any, Any]


def prove(
    function: Any,
    inputs: Sequence[Any],
    value: Callable[..., Any] | None = None,
    *,
    second_order: bool = True,
    float32: bool | None = None,
    library: Named = None,
) -> None:
    """Check one call: value, first and second order, dtype, memory, layout.

    `value` is the same function of ndarrays, written independently. Besides, two calls must agree
    and change no input, gradients own their memory, a float32 call stays float32 and close to the
    float64 one, and memory layout changes nothing; of these, only the promises of the library are
    checked, but `float32` decides for dtypes. A module is checked by parameter, to second order.
    `function` and `library` are those of `gradcheck`.

    Raises GradcheckError with the differences and a likely cause; AssertionError for a wrong
    value.
    """
    adapter = adapter_for(function, tuple(inputs), library)
    float32 = adapter.keeps_float32 if float32 is None else float32
    second_order = second_order and adapter.has_second_order
    with adapter.session():
        if hasattr(function, "named_parameters"):
            _raise(examine(function, inputs, How(brief=True), library=adapter))
            _raise(examine(function, inputs, How(fast=True, brief=True), 2, library=adapter))
            return
        called = function[0] if isinstance(function, tuple) else function
        returned = called(*inputs)
        if value is not None:
            with np.errstate(all="ignore"):
                expected = value(*(_array(a, adapter) for a in inputs))
            check_value([_array(y, adapter) for y in tuple_of(returned)], tuple_of(expected))
        if not _is_differentiable(adapter, inputs, returned):
            return
        _raise(examine(function, inputs, How(dtypes=float32, brief=True), library=adapter))
        if second_order and any(adapter.is_checked(y) for y in _floats(adapter, returned)):
            _raise(examine(function, inputs, How(fast=True, brief=True), 2, library=adapter))
        if adapter.keeps_layout:
            check_layout(function, inputs, adapter)
        if float32:
            check_float32_values(function, inputs, adapter)


def _raise(report: Report) -> None:
    if not report:
        raise GradcheckError("\n\n".join([*report.failures, *report.notes]))


def _floats(adapter: Adapter, value: Any) -> list[Any]:
    arrays = [leaf for _, leaf in adapter.flatten(value)[0] if adapter.is_array(leaf)]
    return [array for array in arrays if adapter.is_float(array)]


def _is_differentiable(adapter: Adapter, inputs: Sequence[Any], returned: Any) -> bool:
    """Tell whether floats come out, and some float input is differentiated by."""
    floats = _floats(adapter, tuple(inputs))
    return bool(_floats(adapter, returned)) and any(adapter.is_checked(array) for array in floats)


def _array(value: Any, adapter: Adapter) -> Any:
    return np.array(adapter.to_numpy(value)) if adapter.is_array(value) else value


def check_value(outputs: Sequence[Any], expected: Sequence[Any]) -> None:
    """Check that the outputs have the expected shapes and values."""
    assert len(outputs) == len(expected), f"{len(outputs)} outputs, {len(expected)} expected"
    for i, (actual, right) in enumerate(zip(outputs, expected, strict=True)):
        assert np.shape(actual) == np.shape(right), (
            f"output {i} has shape {np.shape(actual)}, expected {np.shape(right)}"
        )
        if not np.allclose(actual, right, rtol=1e-9, atol=1e-12, equal_nan=True):
            raise AssertionError(f"output {i} is\n{actual!r}\nexpected\n{np.asarray(right)!r}")


def check_layout(function: Any, inputs: Sequence[Any], adapter: Adapter) -> None:
    """Check that neither values nor gradients depend on the inputs' layout in memory."""
    arrays = [leaf for _, leaf in adapter.flatten(tuple(inputs))[0] if adapter.is_array(leaf)]
    if all(adapter.to_numpy(a).flags.c_contiguous for a in arrays if adapter.is_float(a)):
        return  # it is the plain layout
    as_laid_out, plain = (
        _values_and_gradients(function, _moved(inputs, adapter, layout, None), adapter)
        for layout in (None, "C")
    )
    for one, two in zip(as_laid_out, plain, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-12, err_msg="layout matters")


def check_float32_values(function: Any, inputs: Sequence[Any], adapter: Adapter) -> None:
    """Check that values and gradients in float32 are close to those in float64."""
    small, large = (
        _values_and_gradients(function, _moved(inputs, adapter, None, dtype), adapter)
        for dtype in (np.float32, np.float64)
    )
    for one, two in zip(small, large, strict=True):
        room = 1e-4 * max(1.0, float(np.max(np.abs(two[np.isfinite(two)]), initial=0.0)))
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=room, err_msg="float32 is far off")


def _moved(inputs: Sequence[Any], adapter: Adapter, layout: str | None, dtype: Any) -> Any:
    """Copy the float arrays in another layout or dtype."""
    leaves, rebuild = adapter.flatten(tuple(inputs))
    moved = []
    for _, leaf in leaves:
        if not adapter.is_array(leaf) or not adapter.is_float(leaf):
            moved.append(leaf)
            continue
        array = adapter.to_numpy(leaf)
        array = array if dtype is None else array.astype(dtype)
        make = adapter.leaf if adapter.is_checked(leaf) else adapter.from_numpy
        moved.append(make(relayout(array, layout) if layout else array, leaf))
    return rebuild(moved)


def _values_and_gradients(function: Any, inputs: Any, adapter: Adapter) -> list[Array]:
    """Return the outputs and the gradients of a weighted sum of them, in the inputs' dtypes."""
    problem = Problem(function, inputs, adapter, None)
    with np.errstate(all="ignore"):
        trace = problem.trace()
        outputs = [np.array(adapter.to_numpy(out)) for out in trace.outputs]
        rng = np.random.default_rng(0)
        seeds = [np.array(rng.uniform(0.5, 1.5, out.shape), out.dtype) for out in outputs]
        return [*outputs, *problem.pulled(trace, seeds)]
