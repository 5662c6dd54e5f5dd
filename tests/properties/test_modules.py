"""Every module of nn, whole: each parameter by name, and the inputs, to second order."""

import inspect
import math

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.properties.module_rows import ROW, ROWS, WITHOUT, Case, real
from tinygrad_mnist import Tensor, nn
from tinygrad_mnist.testing.gradients.examine import examine
from tinygrad_mnist.testing.gradients.ruler import How

EXPORTED = {
    name
    for name, value in inspect.getmembers(nn)
    if inspect.isclass(value) and issubclass(value, nn.Module) and value is not nn.Module
}
FEW = 60  # parameters that are checked one by one
CASES = [(name, case) for name, cases in ROWS.items() if name in EXPORTED for case in cases]


def test_every_module_has_a_row() -> None:
    described = {*ROWS, *WITHOUT}
    assert not EXPORTED - described, "give these a row in module_rows.py"
    assert not described - EXPORTED, "these rows describe no module"
    assert all(ROWS.values()), "a row without a case checks nothing"
    assert not set(ROWS) & set(WITHOUT)


@pytest.mark.parametrize("name", WITHOUT)
def test_a_module_without_a_row_cannot_be_called(name: str) -> None:
    with pytest.raises(NotImplementedError):
        WITHOUT[name]()(real(*ROW))


@pytest.mark.parametrize(("name", "case"), CASES, ids=[name for name, _ in CASES])
def test_module(name: str, case: Case) -> None:
    check_module(name, case, most=FEW)


@pytest.mark.fuzz
@pytest.mark.parametrize(("name", "case"), CASES, ids=[name for name, _ in CASES])
def test_module_by_each_element(name: str, case: Case) -> None:
    check_module(name, case)


def check_module(name: str, case: Case, most: float = math.inf) -> None:
    """Check each element of at most `most` parameters; of more, random directions, which see all.

    A wrong derivative changes the slope along every direction that is not at right angles to it.
    """
    build, inputs = case
    tg.manual_seed(7)
    module = build()
    if "Dropout" in name or name == "RReLU":
        module.eval()
    before = {key: value.numpy().copy() for key, value in module.state_dict().items()}
    size = sum(parameter.numel() for parameter in module.parameters())
    first = examine(module, inputs, How(fast=size > most, brief=True))
    assert first, str(first)
    assert not first.kinks, str(first)
    assert first.entries > 0
    second = examine(module, inputs, How(fast=True, brief=True), 2)
    assert second, str(second)
    for key, value in module.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[key])


def test_a_wrong_parameter_is_named() -> None:
    class Half(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(tg.tensor([1.0, 2.0]))
            self.shift = nn.Parameter(tg.tensor([0.5, 0.5]))

        def forward(self, x: Tensor) -> Tensor:
            return x * (self.scale.detach() + self.scale) / 2 + self.shift

    report = examine(Half(), real(3, 2))
    assert len(report.failures) == 1
    assert "'scale'" in report.failures[0] and "0.5 × numerical" in report.failures[0]
