"""prove: everything that can be said of one call of a differentiable function, checked at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import Tensor, grad
from tinygrad_mnist.autograd.engine import as_tuple
from tinygrad_mnist.autograd.tensor import wrap
from tinygrad_mnist.testing.gradients.examine import Report, examine
from tinygrad_mnist.testing.gradients.gradcheck import GradcheckError
from tinygrad_mnist.testing.gradients.ruler import How
from tinygrad_mnist.testing.strategies import as_tensor, relayout

Array = np.ndarray[Any, Any]


def prove(
    function: Callable[..., Any],
    inputs: Sequence[Any],
    value: Callable[..., Any] | None = None,
    *,
    second_order: bool = True,
    float32: bool = True,
) -> None:
    """Check one call: value, first and second order, dtype, memory, layout.

    `value` is the same function of ndarrays, written independently. What is checked besides: two
    calls agree, no input is changed, gradients own their memory, a float32 call stays float32 and
    close to the float64 one, and memory layout changes nothing. A Module is checked by parameter,
    to second order. Raises GradcheckError with the differences and what they look like;
    AssertionError for a wrong value.
    """
    if hasattr(function, "named_parameters"):
        _raise(examine(function, inputs))
        _raise(examine(function, inputs, How(fast=True), 2))
        return
    outputs = as_tuple(function(*inputs))
    if value is not None:
        with np.errstate(all="ignore"):
            check_value(outputs, as_tuple(value(*(_array(a) for a in inputs))))
    if not any(isinstance(a, Tensor) and a.requires_grad for a in inputs):
        return
    if not any(isinstance(out, Tensor) and out.dtype.kind == "f" for out in outputs):
        return
    _raise(examine(function, inputs, How(dtypes=float32)))
    if second_order and any(isinstance(out, Tensor) and out.requires_grad for out in outputs):
        _raise(examine(function, inputs, How(fast=True), 2))
    check_layout(function, inputs)
    if float32:
        check_float32(function, inputs)


def _raise(report: Report) -> None:
    if not report:
        raise GradcheckError("\n\n".join([*report.failures, *report.notes]))


def _array(value: Any) -> Any:
    return value._data.copy() if isinstance(value, Tensor) else value


def check_value(outputs: Sequence[Any], expected: Sequence[Any]) -> None:
    """The outputs have the expected shapes and values."""
    assert len(outputs) == len(expected), f"{len(outputs)} outputs, {len(expected)} expected"
    for i, (out, right) in enumerate(zip(outputs, expected, strict=True)):
        found = _array(out)
        assert np.shape(found) == np.shape(right), (
            f"output {i} has shape {np.shape(found)}, expected {np.shape(right)}"
        )
        if not np.allclose(found, right, rtol=1e-9, atol=1e-12, equal_nan=True):
            raise AssertionError(f"output {i} is\n{found!r}\nexpected\n{np.asarray(right)!r}")


def check_layout(function: Callable[..., Any], inputs: Sequence[Any]) -> None:
    """Neither values nor gradients depend on how the inputs lie in memory."""
    here, plain = (
        _values_and_gradients(function, [_moved(a, layout, None) for a in inputs])
        for layout in (None, "C")
    )
    for one, two in zip(here, plain, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-12, err_msg="layout matters")


def check_float32(function: Callable[..., Any], inputs: Sequence[Any]) -> None:
    """Values and gradients in float32 are those of float64, to float32's precision."""
    small, large = (
        _values_and_gradients(function, [_moved(a, None, dtype) for a in inputs])
        for dtype in (np.float32, np.float64)
    )
    for one, two in zip(small, large, strict=True):
        room = 1e-4 * max(1.0, float(np.max(np.abs(two[np.isfinite(two)]), initial=0.0)))
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=room, err_msg="float32 is far off")


def _moved(value: Any, layout: str | None, dtype: Any) -> Any:
    """A copy of a float Tensor, laid out or cast otherwise."""
    if not isinstance(value, Tensor) or value.dtype.kind != "f":
        return value
    array = value._data if dtype is None else value._data.astype(dtype)
    return as_tensor(relayout(array, layout) if layout else array, value.requires_grad)


def _values_and_gradients(function: Callable[..., Any], inputs: Sequence[Any]) -> list[Array]:
    outputs = [out for out in as_tuple(function(*inputs)) if isinstance(out, Tensor)]
    found = [out._data for out in outputs]
    live = [out for out in outputs if out.requires_grad]
    leaves = [a for a in inputs if isinstance(a, Tensor) and a.requires_grad]
    if not live:
        return found
    rng = np.random.default_rng(0)
    seeds = [wrap(rng.uniform(0.5, 1.5, out.shape).astype(out.dtype)) for out in live]
    with np.errstate(all="ignore"):
        grads = grad(live, leaves, seeds, allow_unused=True, materialize_grads=True)
    return [*found, *(g._data for g in grads)]
