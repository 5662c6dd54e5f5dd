"""PyTorch's database of optimizers: same trajectories, states, refusals and schedules."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import optim
from tinygrad_mnist.optim import lr_scheduler

torch = pytest.importorskip("torch")

NAMES = ("ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "LBFGS", "NAdam",
         "RAdam", "RMSprop", "Rprop", "SGD")  # fmt: skip
LEFT_OUT = {"Muon", "SparseAdam"}  # defined in bfloat16, and for sparse gradients: refused by name


def database() -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_optimizers import optim_db
    return {info.name: info for info in optim_db}


def inputs(without: str = "") -> list[Any]:
    found = []
    for name in sorted({*NAMES} - {without}):
        for given in database()[name].optim_inputs_func(device="cpu"):
            found.append(pytest.param(name, given.kwargs, id=f"{name}-{given.desc}"))
    return found


def refusals() -> list[Any]:
    found = []
    for name in NAMES:
        info = database()[name]
        for given in info.optim_error_inputs_func(device="cpu", dtype=torch.float32):
            bad = given.optimizer_error_input
            tensors = [b for b in bad.kwargs.get("betas", ()) if isinstance(b, torch.Tensor)]
            given_params = [] if bad.params is None else list(bad.params)
            if any(torch.is_tensor(p) and p.is_complex() for p in given_params):
                continue
            if not bad.kwargs.get("foreach") and not tensors:  # rules of an implementation
                found.append(pytest.param(name, given, id=f"{name}-{bad.desc}"))
    return found


def ours(value: Any) -> Any:
    """The same with Tensors of ours for PyTorch's, which may stand in lists, tuples and dicts."""
    if isinstance(value, torch.Tensor):
        return tg.tensor(value.detach().numpy(), requires_grad=value.requires_grad)
    if isinstance(value, dict):
        return {key: ours(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(ours, value))
    return value


class Regression:
    """A line through points, in float64, the same for both libraries."""

    def __init__(self, lib: Any, cls: Any, kwargs: dict[str, Any]) -> None:
        rng = np.random.default_rng(0)
        self.x, self.y = (lib.tensor(rng.standard_normal((8, n))) for n in (4, 3))
        start = rng.standard_normal((4, 3)), rng.standard_normal(3)
        self.params = [lib.tensor(array, requires_grad=True) for array in start]
        self.optimizer = cls(self.params, **kwargs)

    def closure(self) -> Any:
        self.optimizer.zero_grad()
        w, b = self.params
        loss = ((self.x @ w + b - self.y) ** 2).mean()
        loss.backward()
        return loss

    def step(self) -> float:
        return self.optimizer.step(self.closure).item()

    def values(self) -> np.ndarray:
        return np.concatenate([p.detach().numpy().ravel() for p in self.params])

    def state(self) -> dict[str, np.ndarray]:
        """The arrays of the first parameter's state."""
        kept = self.optimizer.state_dict()["state"].get(0, {})
        return {
            key: np.asarray(value.detach().numpy())
            for key, value in kept.items()
            if hasattr(value, "detach")
        }


def pair(name: str, kwargs: dict[str, Any]) -> tuple[Regression, Regression]:
    theirs = database()[name].optim_cls
    return Regression(tg, getattr(optim, name), ours(kwargs)), Regression(torch, theirs, kwargs)


def test_the_database_holds_nothing_unheard_of():
    assert set(database()) == {*NAMES} | LEFT_OUT


@pytest.mark.parametrize("name, kwargs", inputs())
def test_trajectories_agree(name, kwargs):
    mine, theirs = pair(name, kwargs)
    for _ in range(12):
        assert mine.step() == pytest.approx(theirs.step(), abs=1e-7)
        np.testing.assert_allclose(mine.values(), theirs.values(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name, kwargs", inputs())
def test_states_agree_and_either_library_goes_on_from_the_others(name, kwargs):
    mine, theirs = pair(name, kwargs)
    for _ in range(3):
        mine.step(), theirs.step()
    wanted = theirs.state()
    for key, value in mine.state().items():
        np.testing.assert_allclose(value, wanted[key], rtol=1e-6, atol=1e-7)
    if name != "LBFGS":
        assert mine.state().keys() == wanted.keys()

    mine.optimizer.load_state_dict(theirs.optimizer.state_dict())
    there = pair(name, kwargs)[1]
    for p, q in zip(there.params, mine.params, strict=True):
        p.data = torch.tensor(q.detach().numpy())
    there.optimizer.load_state_dict(to_torch(mine.optimizer.state_dict()))
    for _ in range(3):
        mine.step(), theirs.step(), there.step()
    np.testing.assert_allclose(mine.values(), theirs.values(), rtol=0, atol=1e-8)
    np.testing.assert_allclose(there.values(), theirs.values(), rtol=0, atol=1e-8)


def to_torch(value: Any) -> Any:
    if isinstance(value, tg.Tensor):
        return torch.tensor(value.detach().numpy())
    if isinstance(value, dict):
        return {key: to_torch(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_torch(item) for item in value]
    return value


@pytest.mark.parametrize("name, kwargs", inputs(without="LBFGS"))  # it magnifies last bits
def test_float32_trajectories_agree(name, kwargs):
    mine, theirs = pair(name, kwargs)
    for problem, lib in ((mine, tg), (theirs, torch)):
        problem.x, problem.y = (v.to(lib.float32) for v in (problem.x, problem.y))
        for p in problem.params:
            p.data = p.data.to(lib.float32)
    for _ in range(12):
        mine.step(), theirs.step()
    assert mine.values().dtype == np.float32
    np.testing.assert_allclose(mine.values(), theirs.values(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name, given", refusals())
def test_what_pytorch_refuses_is_refused_in_its_words(name, given):
    bad = given.optimizer_error_input
    params = [torch.zeros(1, requires_grad=True)] if bad.params is None else bad.params
    made = {}  # one parameter twice must stay one parameter twice

    def converted(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return made.setdefault(id(value), ours(value))
        if isinstance(value, dict):
            return {key: converted(item) for key, item in value.items()}
        return type(value)(map(converted, value)) if isinstance(value, (list, tuple)) else value

    expects = pytest.warns if issubclass(given.error_type, Warning) else pytest.raises
    with expects(given.error_type, match=given.error_regex):
        getattr(optim, name)(converted(params), **ours(bad.kwargs))


SCHEDULES: dict[str, Any] = {
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda t: 0.9**t),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, [lambda t: 0.9, lambda t: 1 / t]),
    "ConstantLR": lambda s, o: s.ConstantLR(o, 0.25, total_iters=4),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, 20, power=1.5),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 2, 0.001),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.01, [0.1, 0.2], 4, 7),
    "CyclicLR halved": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 4, mode="triangular2"),
    "CyclicLR falling": lambda s, o: s.CyclicLR(
        o, 0.01, 0.1, 4, mode="exp_range", gamma=0.9, cycle_momentum=False
    ),
    "CyclicLR scaled": lambda s, o: s.CyclicLR(
        o, 0.01, 0.1, 4, scale_fn=lambda x: 1 / (1 + x), scale_mode="iterations"
    ),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler(
        [s.ConstantLR(o, 0.5, 3), s.ExponentialLR(o, 0.9)]
    ),
    "StepLR": lambda s, o: s.StepLR(o, 3, 0.5),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [2, 5, 5, 9], 0.3),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.9),
    "LinearLR": lambda s, o: s.LinearLR(o, 0.25, 0.75, total_iters=6),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, T_max=7, eta_min=0.01),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 1.0, total_steps=40),
    "OneCycleLR linear": lambda s, o: s.OneCycleLR(
        o, [1.0, 0.5], total_steps=40, anneal_strategy="linear", pct_start=0.2
    ),
    "OneCycleLR in three": lambda s, o: s.OneCycleLR(o, 1.0, total_steps=40, three_phase=True),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o,
        [
            s.LinearLR(o, 0.1, total_iters=4),
            s.CosineAnnealingLR(o, T_max=10),
            s.MultiStepLR(o, [3, 7], 0.5),
            s.OneCycleLR(o, 1.0, total_steps=20),
        ],
        [4, 12, 25],
    ),
}


EPOCHS = ["StepLR", "MultiStepLR", "ExponentialLR", "LinearLR", "CosineAnnealingLR", "ConstantLR",
          "PolynomialLR", "LambdaLR", "CosineAnnealingWarmRestarts"]  # fmt: skip


@pytest.mark.filterwarnings("ignore:The epoch parameter")
@pytest.mark.parametrize("name", EPOCHS)
def test_schedules_go_to_a_given_epoch(name):
    mine, theirs = optimizers()
    scheduler = SCHEDULES[name](lr_scheduler, mine)
    their_scheduler = SCHEDULES[name](torch.optim.lr_scheduler, theirs)
    theirs.step()
    for epoch in (3, 1, 8, 5, 20):
        scheduler.step(epoch), their_scheduler.step(epoch)
        assert scheduler.get_last_lr() == pytest.approx(their_scheduler.get_last_lr(), rel=1e-12)


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 1, 5])
def test_swa_rates_agree(strategy, epochs):
    mine, theirs = optimizers()
    settings = {"anneal_epochs": epochs, "anneal_strategy": strategy}
    scheduler = optim.swa_utils.SWALR(mine, [0.1, 0.2], **settings)
    their_scheduler = torch.optim.swa_utils.SWALR(theirs, [0.1, 0.2], **settings)
    theirs.step()
    for _ in range(8):
        assert scheduler.get_last_lr() == pytest.approx(their_scheduler.get_last_lr(), rel=1e-12)
        scheduler.step(), their_scheduler.step()


def optimizers() -> tuple[Any, Any]:
    def make(lib: Any) -> Any:
        groups = [{"params": lib.zeros(1, requires_grad=True), "lr": lr} for lr in (0.5, 0.05)]
        optimizer = lib.optim.SGD(groups, momentum=0.9)
        optimizer.step()
        return optimizer

    return make(tg), make(torch)


@pytest.mark.parametrize("make", SCHEDULES.values(), ids=SCHEDULES)
def test_schedules_agree(make):
    mine, theirs = optimizers()
    scheduler, their_scheduler = make(lr_scheduler, mine), make(torch.optim.lr_scheduler, theirs)
    theirs.step()  # PyTorch looks only at steps since the scheduler was made
    for _ in range(39):
        for one, other in zip(mine.param_groups, theirs.param_groups, strict=True):
            assert one["lr"] == pytest.approx(other["lr"], rel=1e-12, abs=1e-15)
            assert one["momentum"] == pytest.approx(other["momentum"], rel=1e-12)
        assert scheduler.get_last_lr() == pytest.approx(their_scheduler.get_last_lr(), rel=1e-12)
        scheduler.step(), their_scheduler.step()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"patience": 2, "factor": 0.5},
        {"patience": 0, "cooldown": 2, "threshold": 0.05},
        {"patience": 0, "mode": "max", "threshold_mode": "abs", "threshold": 0.1},
        {"patience": 1, "min_lr": [0.1, 0.001], "eps": 0.01},
    ],
)
def test_plateaus_agree(options):
    mine, theirs = optimizers()
    scheduler = lr_scheduler.ReduceLROnPlateau(mine, **options)
    their_scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options)
    rng = np.random.default_rng(0)
    for metric in np.round(np.exp(-np.arange(60) / 20) + 0.1 * rng.random(60), 2):
        scheduler.step(metric), their_scheduler.step(metric)
        assert scheduler.get_last_lr() == pytest.approx(their_scheduler.get_last_lr(), rel=1e-12)
        assert scheduler.num_bad_epochs == their_scheduler.num_bad_epochs


@pytest.mark.parametrize("name", [name for name in SCHEDULES if " " not in name])
def test_a_schedule_goes_on_from_pytorchs_state(name):
    mine, theirs = optimizers()
    scheduler = SCHEDULES[name](lr_scheduler, mine)
    their_scheduler = SCHEDULES[name](torch.optim.lr_scheduler, theirs)
    theirs.step()
    for _ in range(10):
        their_scheduler.step()
    scheduler.load_state_dict(their_scheduler.state_dict())
    mine.load_state_dict(theirs.state_dict())
    for _ in range(10):
        scheduler.step(), their_scheduler.step()
        assert scheduler.get_last_lr() == pytest.approx(their_scheduler.get_last_lr(), rel=1e-12)
