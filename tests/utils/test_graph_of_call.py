"""graph(model, *inputs): it leaves the inputs alone, and takes any container of Tensors."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.utils import graph


class InPlace(nn.Module):
    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return x.mul_(2.0) * tg.ones(3, requires_grad=True)


@pytest.mark.parametrize("part", [lambda x: x, lambda x: x[1:], lambda x: x.numpy()])
def test_a_model_that_writes_into_its_input_leaves_it_as_it_was(
    part: Callable[[tg.Tensor], Any],
) -> None:
    memory = tg.arange(4.0)
    x = memory[:3] if len(part(memory)) == 4 else memory
    drawn = graph(InPlace(), part(x), names={"images": part(x)})
    assert memory.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert drawn.ops == ["mul"]


def test_an_input_keeps_the_name_that_it_was_given() -> None:
    x = tg.ones(3)
    model = nn.Sequential(nn.Linear(3, 2))
    assert "linear(images, 0.weight, 0.bias)" in str(graph(model, x[None], names={"images": x}))


def test_a_model_that_writes_into_a_computed_input_leaves_its_graph() -> None:
    w = tg.ones(3, requires_grad=True)
    x = w * 3.0
    assert "mul" in graph(InPlace(), x).ops
    x.sum().backward()
    assert w.grad is not None and w.grad.tolist() == [3.0, 3.0, 3.0]
    assert x.tolist() == [3.0, 3.0, 3.0]


class Batch(NamedTuple):
    images: tg.Tensor


class OfABatch(nn.Module):
    def forward(self, batch: Batch) -> tg.Tensor:
        return batch.images.mul_(2.0)


def test_a_summary_leaves_a_named_tuple_of_inputs_alone() -> None:
    batch = Batch(tg.ones(3))
    OfABatch().summary(batch=batch)
    assert batch.images.tolist() == [1.0, 1.0, 1.0]


@dataclasses.dataclass
class Outputs:
    logits: tg.Tensor
    loss: tg.Tensor | None = None


class InADataclass(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(3, 2)

    def forward(self, x: tg.Tensor) -> Outputs:
        return Outputs(self.hidden(x))


def test_outputs_may_be_a_dataclass() -> None:
    model = InADataclass()
    assert "output logits = #0: 1x2 float32" in str(graph(model, tg.ones(1, 3)))
    assert model.summary(tg.ones(1, 3)).rows[0].output_shape == {"logits": (1, 2), "loss": None}
