"""An interrupt in the middle of a jitted step leaves what eager could have left, and nothing else.

Real signals come at random moments; and a tracer raises at the entry of the n-th function that is
called, where Python itself checks for signals. Afterwards each parameter is as before the
step or as after it, the first ones first; gradients are those before, none, or the new ones; the
batch is untouched; and training goes on as eager goes on from there.
"""

import copy
import os
import random
import signal
import sys
import time

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.jit.catalogue import labels, rows
from tinygrad_mnist import nn, optim
from tinygrad_mnist.autograd import floats, modes

# An interrupted generator cannot raise its error when it is closed
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
JIT = {"eager": lambda f: f, "jit": tg.jit}[os.environ.get("JIT_CATALOGUE", "jit")]
# Functions that tidy up: an interrupt in one of them is lost in eager too
TIDIES = {"switch", "__exit__", "__enter__", "release", "inner", "_replace", "current", "forget"}

MODELS = {
    "SGD": lambda: (nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 3)), optim.SGD),
    "Adam and dropout": lambda: (
        nn.Sequential(nn.Linear(3, 5), nn.Dropout(0.2), nn.Linear(5, 3)), optim.Adam
    ),
    "batch norm": lambda: (
        nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Linear(5, 3)), optim.SGD
    ),
}  # fmt: skip


def step_of(model, optimizer):
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def twin_of(model, optimizer):
    """Return a copy of model and optimizer, with the gradients."""
    twin, its_optimizer = copy.deepcopy((model, optimizer))
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        q.grad = None if p.grad is None else p.grad.clone()
    return twin, its_optimizer


def values(tensors):
    return [None if t is None else t.detach().numpy().tobytes() for t in tensors]


def parts(model):
    """Return parameters, gradients and buffers, each as bytes."""
    params = list(model.parameters())
    return values(params), values(p.grad for p in params), values(model.buffers())


def check_left(before, after, left):
    """Assert that an eager step between the two states could have been left like this."""
    for old, new, now in zip(before[0], after[0], left[0], strict=True):
        assert now in (old, new), "a parameter is neither as before nor as after the step"
    both = zip(before[0], after[0], left[0], strict=True)
    stepped = [now == new for old, new, now in both if old != new]
    assert stepped == sorted(stepped, reverse=True), "parameters are stepped from the first on"
    for old, new, now in zip(before[1], after[1], left[1], strict=True):
        assert now in (old, None, new), "a gradient is neither old nor none nor new"
        assert now == new or not any(stepped), "a step was taken before all gradients were there"
    for old, new, now in zip(before[2], after[2], left[2], strict=True):
        assert now in (old, new), "a buffer is neither as before nor as after"


def goes_on_as_eager(model, optimizer, step):
    """Assert that three more steps on the model and on an eager copy of it agree to the bit."""
    twin, its_optimizer = twin_of(model, optimizer)
    eager = step_of(twin, its_optimizer)
    for k in range(3):
        losses = []
        for one in (step, eager):
            tg.manual_seed(k)
            losses.append(one(rows(k), labels(k)).item())
        assert losses[0] == losses[1] and parts(model) == parts(twin)
    states = [str(o.state_dict()) for o in (optimizer, its_optimizer)]
    assert states[0] == states[1]


def try_once(model, optimizer, step, number, interrupting):
    """Make one call that `interrupting` may interrupt; return whether it did."""
    x, y = rows(number), labels(number)
    batch, before = (x.numpy().tobytes(), y.numpy().tobytes()), parts(model)
    twin, its_optimizer = twin_of(model, optimizer)
    tg.manual_seed(number)
    step_of(twin, its_optimizer)(x, y)
    tg.manual_seed(number)
    interrupted = interrupting(step, x, y)
    assert modes.current() == modes.DEFAULT, "the thread stays in a mode"
    assert floats.state() is floats.USUAL, "errors of floating point stay ignored"
    assert (x.numpy().tobytes(), y.numpy().tobytes()) == batch, "the batch was written"
    check_left(before, parts(twin), parts(model))
    if interrupted:
        goes_on_as_eager(model, optimizer, step)
    return interrupted


@pytest.fixture
def alarm():
    """Call a function and interrupt it after some seconds, unless it was faster."""
    armed = [False]

    def handler(number, frame):
        if armed[0]:
            raise KeyboardInterrupt

    def interrupting(seconds):
        def call(step, x, y):
            try:
                armed[0] = True
                signal.setitimer(signal.ITIMER_REAL, seconds)
                step(x, y)
                armed[0] = False
            except KeyboardInterrupt:
                return True
            finally:
                armed[0] = False
                signal.setitimer(signal.ITIMER_REAL, 0)
            return False

        return call

    before = signal.signal(signal.SIGALRM, handler)
    yield interrupting
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", MODELS)
def test_signals_at_random_moments(name, alarm):
    tg.manual_seed(0)
    model, kind = MODELS[name]()
    optimizer = kind(model.parameters(), lr=0.05)
    step, moments = JIT(step_of(model, optimizer)), random.Random(0)
    started = time.perf_counter()
    for k in range(20):
        step(rows(k), labels(k))
    usual = (time.perf_counter() - started) / 20
    interrupted = 0
    for number in range(30):
        if number % 15 == 14:  # in the first calls of a new one, too
            step = JIT(step_of(model, optimizer))
        seconds = max(1e-6, moments.random() * 1.2 * usual)
        interrupted += try_once(model, optimizer, step, number, alarm(seconds))
    assert interrupted


class Tracer:
    """Raises KeyboardInterrupt at the entry of the n-th function of the package that is called."""

    def __init__(self, at):
        self.at, self.calls = at, 0

    def __call__(self, frame, event, arg):
        code = frame.f_code
        if "tinygrad_mnist" in code.co_filename and code.co_name not in TIDIES:
            self.calls += 1
            if self.calls == self.at:
                raise KeyboardInterrupt
        return None

    def interrupting(self, step, x, y):
        before = sys.gettrace()
        sys.settrace(self)
        try:
            step(x, y)
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(before)
        return False


@pytest.mark.parametrize("calls_before", [0, 1, 2, 5])
@pytest.mark.parametrize("name", MODELS)
def test_at_every_function_that_is_entered(name, calls_before):
    """Interrupt the eager call, the recorded one, the first one of a program, and later ones."""
    moments, longest, interrupted = random.Random(1), 0, 0
    for trial in range(9):
        tg.manual_seed(0)
        model, kind = MODELS[name]()
        optimizer = kind(model.parameters(), lr=0.05)
        step = JIT(step_of(model, optimizer))
        for k in range(calls_before):
            step(rows(k), labels(k))
        tracer = Tracer(moments.randint(1, longest) if trial > 1 else 0)
        interrupted += try_once(model, optimizer, step, 77, tracer.interrupting)
        longest = longest if trial > 1 else tracer.calls
    assert interrupted > 4


def test_half_a_step_would_be_seen():
    """The check above can fail: half a step is no state of eager."""
    before, after = ([b"a", b"b"], [None, None], []), ([b"c", b"d"], [b"g", b"h"], [])
    check_left(before, after, ([b"c", b"b"], [b"g", b"h"], []))
    check_left(before, after, ([b"a", b"b"], [None, b"h"], []))
    for left in (
        ([b"a", b"d"], [b"g", b"h"], []),
        ([b"x", b"b"], [b"g", b"h"], []),
        ([b"c", b"d"], [b"g", None], []),
        ([b"a", b"b"], [b"i", None], []),
    ):
        with pytest.raises(AssertionError):
            check_left(before, after, left)


def test_an_optimizer_goes_on_where_it_was_interrupted_between_two_parameters():
    """One parameter stepped, the other not: a state that eager can be left in."""
    a, b = (nn.Parameter(np.ones(2, np.float32)) for _ in range(2))
    optimizer = optim.SGD([a, b], lr=0.1)

    def step(x):
        optimizer.zero_grad()
        (a * b * x).sum().backward()
        optimizer.step()

    step = JIT(step)
    for k in range(4):
        step(tg.tensor([1.0, float(k)]))
    b.detach().numpy().flags.writeable = False
    before = values([a, b])
    with pytest.raises(ValueError, match="read-only"):
        step(tg.tensor([1.0, 1.0]))
    assert values([a])[0] != before[0] and values([b])[0] == before[1]
    b.detach().numpy().flags.writeable = True
    step(tg.tensor([1.0, 1.0]))
    assert values([b])[0] != before[1]
