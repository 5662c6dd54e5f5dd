"""A pure call as one straight line: what it does is what the steps do one by one."""

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist import nn, optim
from tinygrad_mnist.jit import joint_optimizer, replay, text

RNG = np.random.default_rng(0)
X = tg.from_numpy(RNG.standard_normal((50, 6), dtype=np.float32))
Y = tg.from_numpy(RNG.integers(0, 4, 50))
ROWS = RNG.integers(0, 50, (8, 16))


class Training:
    """A network that is trained by a step, eager or jitted."""

    def __init__(self, form, groups=1):
        tg.manual_seed(0)
        self.model = model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))
        params = list(model.parameters())
        size = len(params) // groups
        lists = [params[i * size : (i + 1) * size] for i in range(groups)]
        self.optimizer = optimizer = optim.SGD([{"params": ps} for ps in lists], lr=0.1)

        def step(rows):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(X[rows]), Y[rows])
            loss.backward()
            optimizer.step()
            return loss.detach()

        self.step = form(step)

    def left(self):
        arrays = [a for p in self.model.parameters() for a in (p.detach().numpy(), p.grad.numpy())]
        return [a.tobytes() for a in arrays]


def pure(step):
    return tg.jit(step, pure=True)


def eager(step):
    return step


def assert_same(form, groups=1, between=lambda training, call: None, batches=ROWS):
    ours, theirs = Training(form, groups), Training(eager, groups)
    for number, rows in enumerate(batches):
        losses = []
        for training in (ours, theirs):
            between(training, number)
            losses.append(training.step(tg.from_numpy(rows)).item())
        assert losses[0] == losses[1]
        assert ours.left() == theirs.left()
    return ours


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("many", [0, 400])
def test_many_steps_go_through_a_loop(monkeypatch, groups, many):
    monkeypatch.setattr(text, "MANY", many)
    monkeypatch.setattr(replay, "MANY", many)
    training = assert_same(pure, groups)
    assert ("call_each" in training.step._captured[0].call.text) == (not many)


CHANGES = {
    "another rate": lambda t: t.optimizer.param_groups[0].update(lr=0.3),
    "momentum": lambda t: t.optimizer.param_groups[0].update(momentum=0.9),
    "a rate that is a Tensor": lambda t: t.optimizer.param_groups[0].update(lr=tg.tensor(0.3)),
    "one parameter less": lambda t: t.optimizer.param_groups[0]["params"].pop(),
    "parameters in another order": lambda t: t.optimizer.param_groups[0]["params"].reverse(),
    "another list of them": lambda t: t.optimizer.param_groups[0].update(
        params=t.optimizer.param_groups[0]["params"][:1]
    ),
    "no group": lambda t: t.optimizer.param_groups.clear(),
    "a group that is equal": lambda t: t.optimizer.param_groups.append(
        dict(t.optimizer.param_groups.pop())
    ),
    "a state": lambda t: t.optimizer.state[t.optimizer.param_groups[0]["params"][0]].update(own=1),
    "a method": lambda t: setattr(t.optimizer, "update", lambda group, p, g, state: None),
    "other memory": lambda t: setattr(t.model[0].weight, "data", tg.ones(8, 6)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("form", [pure, tg.jit])
def test_a_changed_optimizer_steps_as_in_eager(form, change):
    def between(training, number):
        if number == 5:
            CHANGES[change](training)

    assert_same(form, between=between)


@pytest.mark.parametrize("form", [pure, tg.jit])
def test_a_parameter_that_may_not_be_written_is_refused(form):
    training = Training(form)
    for rows in ROWS[:5]:
        training.step(tg.from_numpy(rows))
    training.model[2].bias._data.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        training.step(tg.from_numpy(ROWS[5]))


@pytest.mark.parametrize("form", [pure, tg.jit])
def test_the_usual_step_is_taken(monkeypatch, form):
    """The other tests would pass without it."""
    training = Training(form)
    for rows in ROWS[:5]:
        training.step(tg.from_numpy(rows))
    monkeypatch.setattr(joint_optimizer.FlatStep, "holds", lambda self: pytest.fail("unusual"))
    for rows in ROWS[5:]:
        training.step(tg.from_numpy(rows))


def test_indices_and_labels_are_checked_each_time():
    training = Training(pure)
    for rows in ROWS[:4]:
        training.step(tg.from_numpy(rows))
    before = [p.tolist() for p in training.model.parameters()]
    with pytest.raises(IndexError, match="50"):
        training.step(tg.from_numpy(np.full(16, 50)))
    with tg.no_grad():
        Y[7] = 4
    try:
        with pytest.raises(IndexError, match="Target 4"):
            training.step(tg.from_numpy(np.full(16, 7)))
    finally:
        Y[7] = 0
    assert [p.tolist() for p in training.model.parameters()] == before
    negative = ROWS[5] - 50
    assert training.step(tg.from_numpy(negative)).item() > 0
