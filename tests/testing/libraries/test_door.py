"""Which library a call is of, what mixes, and that nothing is imported for it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.testing import Adapter, gradcheck, gradgradcheck

INSTALLED = [n for n in ("torch", "jax", "autograd", "mygrad") if importlib.util.find_spec(n)]


def test_nothing_is_imported_that_the_caller_has_not_imported() -> None:
    script = (
        "import sys, numpy as np, tinygrad_mnist as tg\n"
        "from tinygrad_mnist.testing import gradcheck\n"
        "assert gradcheck(tg.exp, tg.tensor([1.0], requires_grad=True))\n"
        "assert gradcheck((np.sin, lambda g, x: g * np.cos(x)), np.ones(2))\n"
        "assert not {'torch', 'jax', 'autograd', 'mygrad'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_an_adapter_of_ten_lines() -> None:
    class Mine(Adapter):
        name = "mine"

        def is_array(self, value: Any) -> bool:
            return isinstance(value, tg.Tensor)

        def to_numpy(self, array: Any) -> Any:
            return array.detach().numpy()

        def from_numpy(self, array: Any, like: Any) -> Any:
            return tg.from_numpy(array).requires_grad_()

        def vjp(self, function: Any, arrays: Any) -> Any:
            outputs = function(*arrays)
            return outputs, lambda gs: tg.autograd.grad(outputs, arrays, gs, retain_graph=True)

    x = tg.tensor([1.0, 2.0])
    assert gradcheck(lambda x: x.exp(), x, library=Mine())
    assert not gradcheck(lambda x: x * x.detach(), x, library=Mine(), raise_exception=False)
    with pytest.raises(NotImplementedError, match="mine has no second derivatives"):
        gradgradcheck(lambda x: x.exp(), x, library=Mine())


def test_an_unknown_library_is_an_error_that_lists_them() -> None:
    with pytest.raises(ValueError, match="torch, jax, mygrad, autograd, or an Adapter, not 'tf'"):
        gradcheck(np.sin, np.ones(2), library="tf")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [n for n in INSTALLED if n != "autograd"])
def test_mixed_libraries_are_an_error_that_names_both(name: str) -> None:
    module = importlib.import_module("jax.numpy" if name == "jax" else name)
    theirs, ours = module.ones(2), tg.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match="several libraries are mixed") as error:
        gradcheck(lambda x, y: x * y, (theirs, ours))
    assert "input 0 is" in str(error.value) and "input 1 is tinygrad_mnist's" in str(error.value)
    with pytest.raises(TypeError, match="takes ndarrays, and input 0 is"):
        gradcheck((np.sin, lambda g, x: g), theirs)
    with pytest.raises(TypeError, match="library='tinygrad_mnist' is tinygrad_mnist's"):
        gradcheck(lambda x: x, theirs, library="tinygrad_mnist")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", INSTALLED)
def test_ndarrays_with_a_library_that_is_named(name: str) -> None:
    module = importlib.import_module(
        {"jax": "jax.numpy", "autograd": "autograd.numpy"}.get(name, name)
    )
    assert gradcheck(module.exp, np.array([0.5, 1.0]), library=name)
