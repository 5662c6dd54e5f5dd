"""Random programs and random networks, captured with their backward: the bits of eager."""

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import tinygrad_mnist as tg
from tinygrad_mnist import nn, optim
from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.jit import passes, unroll
from tinygrad_mnist.testing import Program, modules, programs

slowly = settings(max_examples=25, suppress_health_check=list(HealthCheck))


def total(results: Any) -> Tensor:
    parts = results if isinstance(results, tuple) else (results,)
    return sum(((part * part).sum() for part in parts if part.dtype.kind == "f"), tg.zeros(()))


def bits(tensors: Any) -> list[bytes]:
    return [t.detach().numpy().tobytes() for t in tensors]


def gradients_of(program: Program, jitted: bool, calls: int = 4) -> list[list[bytes]]:
    """Return loss and gradients of each call, on inputs that differ from call to call."""
    leaves = [tg.tensor(x._data).requires_grad_() for x in program.inputs]

    def step(scale: Tensor) -> tuple[Tensor, ...]:
        for leaf in leaves:
            leaf.grad = None
        loss = total(program(*(leaf * scale for leaf in leaves)))
        if not loss.requires_grad:
            return (loss,)
        loss.backward()
        return loss, *(leaf.grad for leaf in leaves if leaf.grad is not None)

    step = tg.jit(step, pure=True) if jitted else step
    scales = [np.asarray(1 - k / 16) for k in range(calls)]
    with np.errstate(all="ignore"):
        return [bits(step(scale if jitted else tg.from_numpy(scale))) for scale in scales]


@pytest.mark.parametrize("off", passes.NAMES)
@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(programs())
def test_a_random_program_without_a_pass(off: str, program: Program) -> None:
    with passes.without(off):
        assert gradients_of(program, jitted=True) == gradients_of(program, jitted=False)


@slowly
@given(programs())
def test_a_random_program(program: Program) -> None:
    assert gradients_of(program, jitted=True) == gradients_of(program, jitted=False)


@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(programs())
def test_a_random_program_with_its_kernels_called_whole(program: Program) -> None:
    """Unrolling is the pass that could change a bit: without it, the bits are the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unroll, "_same_on_other_data", lambda *_: False)
        assert gradients_of(program, jitted=True) == gradients_of(program, jitted=False)


@slowly
@given(modules())
def test_a_random_network_in_training(drawn: tuple[nn.Sequential, Tensor]) -> None:
    def train(jitted: bool) -> list[bytes]:
        model, x = copy.deepcopy(drawn[0]).double(), drawn[1].detach()
        parameters = list(model.parameters()) or [nn.Parameter(tg.zeros(1))]
        optimizer = optim.Adam(parameters, lr=1e-2)

        def step(x: Tensor) -> Tensor:
            optimizer.zero_grad()
            loss = (model(x) ** 2).sum()
            if loss.requires_grad:
                loss.backward()
                optimizer.step()
            return loss

        step = tg.jit(step, pure=True) if jitted else step
        with np.errstate(all="ignore"):
            losses = [step(x) for _ in range(5)]
        return bits(losses) + bits(t.detach() for t in model.state_dict().values())

    assert train(jitted=True) == train(jitted=False)


def test_a_reshape_that_has_to_copy_a_view_that_cannot_be_written_to() -> None:
    @tg.jit(pure=True)
    def f(x: Tensor) -> Tensor:
        return (x * 2).expand(2, 2, 3).reshape(1, 3, 2, 2)

    for scale in (1.0, 2.0, 3.0):
        assert f(tg.full((2, 3), scale)).tolist() == np.full((1, 3, 2, 2), 2 * scale).tolist()
