"""The same small models, trained in both libraries from one state dict, stay the same."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="PyTorch is not installed"
)


def mlp(nn: Any) -> Any:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 5)
    )


def cnn(nn: Any) -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3), nn.GELU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(6, 8), nn.LayerNorm(8), nn.PReLU(), nn.Linear(8, 5),
    )  # fmt: skip


def train(torch: Any, model: Any, batches: list[Any], optimizer: str) -> list[float]:
    """The losses of a few steps; `torch` is either library."""
    make = {
        "SGD": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-3),
        "Adam": lambda p: torch.optim.Adam(p, lr=0.01),
    }[optimizer]
    opt, criterion, losses = make(model.parameters()), torch.nn.CrossEntropyLoss(), []
    for x, t in batches:
        opt.zero_grad()
        loss = criterion(model(torch.tensor(x)), torch.tensor(t))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("model", [mlp, cnn])
def test_training_is_pytorchs_step_by_step(model: Any, optimizer: str) -> None:
    import torch

    rng = np.random.default_rng(0)
    batches = [(rng.standard_normal((12, 1, 8, 8)), rng.integers(0, 5, 12)) for _ in range(20)]
    torch.manual_seed(0)
    theirs, ours = model(torch.nn).double(), model(tg.nn).double()
    ours.load_state_dict(theirs.state_dict())
    expected, got = (train(lib, m, batches, optimizer) for lib, m in ((torch, theirs), (tg, ours)))
    assert expected[0] != expected[-1]
    np.testing.assert_allclose(got, expected, rtol=1e-7)
    theirs.eval(), ours.eval()
    x = batches[0][0]
    outputs = [m(lib.tensor(x)).detach().numpy() for lib, m in ((torch, theirs), (tg, ours))]
    np.testing.assert_allclose(*outputs, rtol=1e-6, atol=1e-8)
    # And back: what was trained here goes on there.
    state = {k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()}
    fresh = model(torch.nn).double().eval()
    fresh.load_state_dict(state)
    np.testing.assert_array_equal(fresh(torch.tensor(x)).detach().numpy().shape, (12, 5))
    np.testing.assert_allclose(fresh(torch.tensor(x)).detach(), outputs[1], rtol=1e-9)
