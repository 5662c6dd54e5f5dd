"""A test that leaves something changed fails, and those after it do not."""

import gc
import os
import threading
from collections.abc import Iterator

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.sealed import environment, sealed
from tinygrad_mnist import nn

SHARED, MODEL = tg.ones(1, requires_grad=True), nn.Linear(1, 1)


@pytest.fixture
def ended() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def forward(*args: object) -> None:
    pass


LEAKS = {
    "the mode is Mode(grad=False": lambda ended: tg.set_grad_enabled(False),
    "watch=<": lambda ended: tg.autograd.set_detect_anomaly(True),
    "the default dtype is float64, and was float32": lambda ended: tg.set_default_dtype(tg.float64),
    "np.errstate has been set": lambda ended: np.seterr(**np.geterr()),
    "the number of threads has": lambda ended: tg.set_num_threads(tg.get_num_threads() + 1),
    "the printing of Tensors has": lambda ended: tg.set_printoptions(precision=2),
    "the printing of arrays has": lambda ended: np.set_printoptions(precision=2),
    "the working directory has": lambda ended: os.chdir("/"),
    "the environment has": lambda ended: os.environ.update(LEFT="1"),
    "gc has": lambda ended: gc.disable(),
    "sleeper is still running": lambda ended: threading.Thread(
        target=ended.wait, name="sleeper"
    ).start(),
    "the hook <built-in function print>": lambda ended: SHARED.register_hook(print),
    "the hook <function forward": lambda ended: MODEL.register_forward_hook(forward),
}


@pytest.mark.parametrize("message", LEAKS)
def test_a_leak_is_named_and_mended(
    message: str, ended: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.sealed.PATIENCE", 0.05)
    before = environment()
    with pytest.raises(AssertionError, match="leaves something changed") as caught:  # noqa: SIM117
        with sealed():
            LEAKS[message](ended)
    assert message in str(caught.value)
    assert tg.is_grad_enabled() and tg.get_default_dtype() == tg.float32
    assert environment() == before
    (SHARED * 2).sum().backward()  # calls no hook that is left over
    MODEL(tg.ones(1))
    assert tg.tensor([0.0]).log().item() == -np.inf  # in silence


def test_an_object_that_dies_with_the_test_is_no_leak() -> None:
    with sealed():
        x = tg.ones(1, requires_grad=True)
        (x * 2).register_hook(print)
        x.register_hook(lambda g, x=x: x)  # a cycle
        SHARED.register_hook(print).remove()
        with nn.Linear(1, 1).register_forward_hook(forward), tg.no_grad():
            del x
