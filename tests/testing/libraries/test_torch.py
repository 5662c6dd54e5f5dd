"""PyTorch: Functions, Modules, layouts, dtypes, devices of the inputs."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

from tinygrad_mnist.testing import (
    GradcheckError,
    broadcastable,
    examine,
    given_gradients,
    gradcheck,
    gradgradcheck,
    tensors,
)

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch not installed"),
    pytest.mark.filterwarnings("ignore"),
]


def real(*shape: int, **how: Any) -> Any:
    import torch

    generator = torch.Generator().manual_seed(0)
    how = {"dtype": torch.float64, "requires_grad": True, **how}
    return (
        torch.randn(*shape, generator=generator)
        .to(how["dtype"])
        .requires_grad_(how["requires_grad"])
    )


def test_a_module_is_checked_by_the_names_of_its_parameters_and_left_alone() -> None:
    import torch

    class Scaled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = torch.nn.Linear(3, 2)
            self.scale = torch.nn.Parameter(torch.ones(2))

        def forward(self, x: Any) -> Any:
            return self.hidden(x).tanh() * self.scale.detach() + 0 * self.scale

    model = Scaled()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    with pytest.raises(GradcheckError) as error:
        gradcheck(model, real(4, 3))
    text = str(error.value)
    assert "by 'scale' (shape [2]) is wrong" in text and "the graph is cut" in text
    assert "in the torch.nn.Module Scaled" in text and "hidden" not in text.partition("note")[0]
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name]) and parameter.grad is None
        assert parameter.dtype == torch.float32


def test_layers_of_pytorch_pass_to_second_order() -> None:
    import torch

    model = torch.nn.Sequential(
        torch.nn.Conv1d(1, 2, 3), torch.nn.BatchNorm1d(2), torch.nn.Softplus(), torch.nn.Flatten()
    )
    assert gradcheck(model, real(2, 1, 5)) and gradgradcheck(model, real(2, 1, 5), fast=True)
    assert gradcheck(torch.nn.Linear(3, 2), real(2, 3, requires_grad=False))


def test_what_requires_no_grad_is_passed_on() -> None:
    import torch

    def function(x: Any, index: Any, weight: Any, name: str) -> Any:
        assert index.dtype == torch.int64 and weight.dtype == torch.float64 and name == "n"
        return x[index] * weight

    index = torch.tensor([0, 2, 0])
    assert gradcheck(function, (real(3), index, torch.ones(3), "n"))
    with pytest.raises(ValueError, match="pass Tensors made with requires_grad=True"):
        gradcheck(torch.exp, torch.ones(2))


@pytest.mark.parametrize("layout", ["transposed", "strided", "expanded", "reversed"])
def test_any_layout(layout: str) -> None:
    base = real(4, 6).detach()
    views = {
        "transposed": base.T,
        "strided": base[::2, ::3],
        "expanded": base[:1].expand(3, 6),
        "reversed": base.flip(0).T,
    }
    x = views[layout].requires_grad_()
    seen = set()

    def function(x: Any) -> Any:
        seen.add(x.stride())
        return (x * x).sin()

    assert gradcheck(function, x)
    assert layout == "expanded" or seen == {x.stride()}


@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16"])
def test_narrow_inputs_are_checked_in_float64_with_a_note(name: str) -> None:
    import torch

    report = examine(torch.exp, real(3, dtype=getattr(torch, name)))
    assert report and report.notes == [f"note: {name}, and checked in float64: input 0"]


def test_a_float32_function_has_a_tolerance_that_fits() -> None:
    assert gradcheck(lambda x: (x.float() * 3).sin(), real(3, 4))
    assert gradcheck(lambda x: (x.float() * 3).sin().double() * 2, real(3, 4))


def test_an_upcast_is_named() -> None:
    with pytest.raises(GradcheckError, match="float64 upcast: output 0 is float64"):
        gradcheck(lambda x: x.double() * 2, real(3), check_grad_dtypes=True)
    assert gradcheck(lambda x: x.sin(), real(3), check_grad_dtypes=True)


def test_a_mutated_input_is_named() -> None:
    def function(x: Any, mask: Any) -> Any:
        mask += 1
        return x * 2

    import torch

    with pytest.raises(GradcheckError, match="input 1 is mutated"):
        gradcheck(function, (real(2), torch.zeros(2)))


def test_backward_that_overwrites_is_named() -> None:
    import torch

    class Greedy(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            y = x.exp()
            ctx.y = y.detach()
            return y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            result = g * ctx.y
            ctx.y += 1
            return result

    with pytest.raises(GradcheckError, match="backward overwrites output 0|is wrong"):
        gradcheck(Greedy.apply, real(1))


def test_dropout_is_refused_and_eval_passes() -> None:
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(3, 20), torch.nn.Dropout(0.5))
    with pytest.raises(GradcheckError, match=r"not deterministic.*eval\(\)"):
        gradcheck(model, real(2, 3))
    assert gradcheck(model.eval(), real(2, 3))


def test_complex_and_sparse_are_refused_with_what_would_be_right() -> None:
    import torch

    with pytest.raises(ValueError, match="output 0 is complex.*its real and its imaginary part"):
        gradcheck(torch.fft.rfft, real(4))
    assert gradcheck(lambda x: torch.view_as_real(torch.fft.rfft(x)), real(4))
    with pytest.raises(TypeError, match=r"torch.sparse_coo Tensor cannot .*to_dense"):
        gradcheck(torch.exp, torch.eye(2).to_sparse().requires_grad_())


def test_once_differentiable_has_no_second_order() -> None:
    import torch

    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2

    assert gradcheck(Once.apply, real(2))
    with pytest.raises(GradcheckError, match="not written in differentiable operations"):
        gradgradcheck(Once.apply, real(2))


@given_gradients(
    broadcastable(2), value=lambda x, y: x * np.exp(y), library="torch", max_examples=10
)
def test_a_property_in_three_lines(x: Any, y: Any) -> Any:
    import torch

    assert isinstance(x, torch.Tensor) and x.requires_grad
    return x * y.exp()


def test_a_property_that_fails_shows_a_small_tensor() -> None:
    @given_gradients(tensors((2,)), library="torch", max_examples=20)
    def test(x: Any) -> Any:
        return x * x.detach()

    with pytest.raises(GradcheckError) as error:
        test()
    notes = "\n".join(getattr(error.value, "__notes__", []))
    assert (
        "x=tensor([1., 0.], dtype=torch.float64, requires_grad=True)" in notes or "tensor(" in notes
    )
