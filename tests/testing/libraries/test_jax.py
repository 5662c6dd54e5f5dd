"""JAX: pytrees, custom derivatives, 64 bits for the check alone."""

from __future__ import annotations

import importlib.util
from typing import Any, NamedTuple

import numpy as np
import pytest

from tinygrad_mnist.testing import (
    GradcheckError,
    examine,
    given_gradients,
    gradcheck,
    gradgradcheck,
    tensors,
)

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX not installed"),
    pytest.mark.filterwarnings("ignore"),
]


def params() -> dict[str, Any]:
    import jax.numpy as jnp

    return {"dense": {"w": jnp.arange(6.0).reshape(3, 2) / 5, "b": jnp.array([0.1, -0.2])}}


def apply(params: Any, x: Any) -> Any:
    import jax.numpy as jnp

    return jnp.tanh(x @ params["dense"]["w"] + params["dense"]["b"])


def test_the_path_of_a_leaf_is_its_name() -> None:
    import jax
    import jax.numpy as jnp

    def frozen(params: Any, x: Any) -> Any:
        w = jax.lax.stop_gradient(params["dense"]["w"])
        return apply({"dense": {**params["dense"], "w": w}}, x)

    x = jnp.ones((2, 3))
    assert gradcheck(apply, (params(), x)) and gradgradcheck(apply, (params(), x), fast=True)
    with pytest.raises(GradcheckError) as error:
        gradcheck(frozen, (params(), x))
    assert "by input 0['dense']['w'] (shape [3, 2]) is wrong" in str(error.value)
    assert str(error.value).count("is wrong") == 1


def test_64_bits_are_on_for_the_check_alone() -> None:
    import jax
    import jax.numpy as jnp

    seen = set()

    def function(x: Any) -> Any:
        seen.add(str(x.dtype))
        return jnp.sin(x)

    assert gradcheck(function, jnp.ones(2))
    assert "float64" in seen
    assert not jax.config.jax_enable_x64 and jnp.ones(2).dtype == jnp.float32


def test_any_pytree_and_settings_among_the_leaves() -> None:
    import jax.numpy as jnp

    class State(NamedTuple):
        a: Any
        steps: int
        b: Any

    state = State(jnp.ones(2), 3, [jnp.zeros(()), None])
    report = examine(lambda s: s.a * s.b[0] + s.a**s.steps, (state,))
    assert report and report.notes == [
        "note: float32, and checked in float64: input 0.a, input 0.b[0]"
    ]


def test_integers_and_complex_numbers_among_the_outputs() -> None:
    import jax
    import jax.numpy as jnp

    assert gradcheck(lambda x: jax.lax.top_k(x, 2), jnp.array([0.5, 2.0, -1.0]))
    with pytest.raises(ValueError, match="output 0 is complex"):
        gradcheck(jnp.fft.fft, jnp.ones(2))


def test_jitted_functions_and_integers() -> None:
    import jax
    import jax.numpy as jnp

    index = jnp.array([0, 2, 0])
    assert gradcheck(jax.jit(lambda x, i: x[i] * 2.0), (jnp.arange(3.0), index))
    with pytest.raises(ValueError, match="they are int32.*pass floats"):
        gradcheck(jnp.sin, jnp.arange(3))


def test_ndarrays_with_a_function_of_jax() -> None:
    import jax.numpy as jnp

    assert gradcheck(jnp.sin, np.array([1.0, 2.0]))
    assert gradcheck(jnp.sin, np.array([1.0, 2.0]), library="jax")


def test_a_wrong_shape_is_jaxs_own_error() -> None:
    import jax
    import jax.numpy as jnp

    @jax.custom_vjp
    def double(x: Any) -> Any:
        return x * 2

    double.defvjp(lambda x: (double(x), None), lambda _, g: (g[0],))
    with pytest.raises(ValueError, match="Custom VJP|custom_vjp"):
        gradcheck(double, jnp.ones(2))


@given_gradients(tensors(low=0.5), value=np.log, library="jax", max_examples=6)
def test_a_property_in_three_lines(x: Any) -> Any:
    import jax

    assert isinstance(x, jax.Array)
    return jax.numpy.log(x)
