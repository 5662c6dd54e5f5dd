"""Schedules: their rates by formula, how they combine, resume, and what they refuse."""

import math
import warnings

import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import optim
from tinygrad_mnist.optim import lr_scheduler as schedules


def sgd(*rates, **options):
    groups = [{"params": tg.zeros(1, requires_grad=True), "lr": lr} for lr in rates or (0.5,)]
    optimizer = optim.SGD(groups, **options)
    optimizer.step()
    return optimizer


def rates(scheduler, epochs):
    """The first group's rate in each epoch."""
    actual = []
    for _ in range(epochs):
        actual.append(scheduler.get_last_lr()[0])
        assert actual[-1] == scheduler.optimizer.param_groups[0]["lr"]
        scheduler.step()
    return actual


# A schedule for an optimizer with lr = 0.5, and the rate of epoch t
BY_FORMULA = {
    "LambdaLR": (lambda o: schedules.LambdaLR(o, lambda t: 1 / (t + 1)), lambda t: 0.5 / (t + 1)),
    "StepLR": (lambda o: schedules.StepLR(o, 3, gamma=0.5), lambda t: 0.5 * 0.5 ** (t // 3)),
    "MultiStepLR": (
        lambda o: schedules.MultiStepLR(o, [2, 5, 5], gamma=0.5),
        lambda t: 0.5 * 0.5 ** ((t >= 2) + 2 * (t >= 5)),
    ),
    "ExponentialLR": (lambda o: schedules.ExponentialLR(o, 0.9), lambda t: 0.5 * 0.9**t),
    "LinearLR": (
        lambda o: schedules.LinearLR(o, 0.2, 0.8, total_iters=4),
        lambda t: 0.5 * (0.2 + 0.6 * min(t, 4) / 4),
    ),
    "CosineAnnealingLR": (
        lambda o: schedules.CosineAnnealingLR(o, 4, eta_min=0.1),
        lambda t: 0.1 + 0.4 * (1 + math.cos(math.pi * t / 4)) / 2,
    ),
    "SequentialLR": (
        lambda o: schedules.SequentialLR(
            o,
            [
                schedules.LinearLR(o, 0.5, total_iters=3),
                schedules.ExponentialLR(o, 0.9),
                schedules.StepLR(o, 1, gamma=0.1),
            ],
            [3, 6],
        ),
        lambda t: (
            0.25 + t / 12 if t < 3 else 0.5 * 0.9 ** (t - 3) if t < 6 else 0.5 / 10 ** (t - 6)
        ),
    ),
}
formulas = pytest.mark.parametrize("make, formula", BY_FORMULA.values(), ids=BY_FORMULA)


@formulas
def test_the_rates_are_the_formulas(make, formula):
    wanted = [formula(t) for t in range(12)]
    assert rates(make(sgd(0.5)), 12) == pytest.approx(wanted, rel=1e-9)


@formulas
def test_a_resumed_schedule_goes_on_as_if_it_had_not_stopped(make, formula):
    whole = rates(make(sgd(0.5)), 12)
    optimizer = sgd(0.5)
    scheduler = make(optimizer)
    rates(scheduler, 4)
    other = sgd(7.0)
    resumed = make(other)
    resumed.load_state_dict(scheduler.state_dict())
    other.load_state_dict(optimizer.state_dict())
    assert rates(resumed, 8) == whole[4:]


def test_a_loaded_state_is_a_copy():
    scheduler = schedules.MultiStepLR(sgd(), [1])
    saved = scheduler.state_dict()
    scheduler.load_state_dict(saved)
    saved["milestones"].clear()
    assert rates(scheduler, 2) == [0.5, pytest.approx(0.05)]


@formulas
def test_each_group_has_its_own_rate(make, formula):
    scheduler = make(sgd(0.5, 5.0))
    for t in range(9):
        small, large = scheduler.get_last_lr()
        assert large == pytest.approx(10 * small) or "Cosine" in type(scheduler).__name__
        assert small == pytest.approx(formula(t))
        scheduler.step()


def test_two_schedules_multiply():
    optimizer = sgd(1.0)
    halve, decay = (
        schedules.StepLR(optimizer, 2, gamma=0.5),
        schedules.ExponentialLR(optimizer, 0.9),
    )
    for t in range(6):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(0.5 ** (t // 2) * 0.9**t)
        halve.step(), decay.step()


def test_one_function_for_each_group():
    scheduler = schedules.LambdaLR(sgd(1.0, 1.0), [lambda t: 2.0, lambda t: 3.0])
    assert scheduler.get_last_lr() == [2.0, 3.0]
    with pytest.raises(ValueError, match="expected 1 lr_lambdas, one for each parameter group"):
        schedules.LambdaLR(sgd(1.0), [lambda t: 1.0] * 2)


def test_a_callable_object_is_saved_with_its_attributes():
    class Factor:
        def __init__(self, factor):
            self.factor = factor

        def __call__(self, epoch):
            return self.factor

    saved = schedules.LambdaLR(sgd(), Factor(2.0)).state_dict()
    other = schedules.LambdaLR(sgd(), Factor(5.0))
    other.load_state_dict(saved)
    assert other.lr_lambdas[0].factor == 2.0


def test_a_tensor_rate_stays_the_same_tensor():
    lr = tg.tensor(0.5)
    optimizer = optim.SGD([tg.zeros(1, requires_grad=True)], lr=lr)
    optimizer.step()
    scheduler = schedules.ExponentialLR(optimizer, 0.5)
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is lr and lr.item() == 0.25
    assert scheduler.get_last_lr() == [0.25]


def test_a_step_before_the_optimizers_first_is_warned_of_once():
    optimizer = optim.SGD([tg.zeros(1, requires_grad=True)])
    scheduler = schedules.ExponentialLR(optimizer, 0.9)
    with pytest.warns(UserWarning, match=r"`lr_scheduler.step\(\)` before `optimizer.step\(\)`"):
        scheduler.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()


# OneCycleLR


@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_one_cycle_goes_up_and_down_and_momentum_the_other_way(strategy):
    optimizer = sgd(0.5, momentum=0.9)
    scheduler = schedules.OneCycleLR(
        optimizer, 1.0, total_steps=20, pct_start=0.25, anneal_strategy=strategy
    )
    lrs, momenta = [], []
    for _ in range(20):
        lrs.append(scheduler.get_last_lr()[0])
        momenta.append(optimizer.param_groups[0]["momentum"])
        scheduler.step()
    top = lrs.index(max(lrs))
    assert (top, lrs[0], lrs[top], lrs[-1]) == (4, pytest.approx(0.04), 1.0, pytest.approx(4e-6))
    assert lrs[:5] == sorted(lrs[:5]) and lrs[4:] == sorted(lrs[4:], reverse=True)
    assert (momenta[0], momenta[top], momenta[-1]) == pytest.approx((0.95, 0.85, 0.95))
    with pytest.raises(ValueError, match="Tried to step 21 times"):
        scheduler.step()


def test_one_cycle_moves_beta1_of_adam():
    adam = optim.Adam([tg.zeros(1, requires_grad=True)])
    adam.step()
    scheduler = schedules.OneCycleLR(adam, 1.0, epochs=2, steps_per_epoch=5)
    assert scheduler.total_steps == 10
    assert adam.param_groups[0]["betas"] == (0.95, 0.999)


def test_one_cycle_can_leave_momentum_alone():
    adagrad = optim.Adagrad([tg.zeros(1, requires_grad=True)])
    with pytest.raises(ValueError, match="must support momentum or beta1"):
        schedules.OneCycleLR(adagrad, 1.0, 10)
    schedules.OneCycleLR(adagrad, 1.0, 10, cycle_momentum=False)


# ReduceLROnPlateau


def plateau(metrics, **options):
    scheduler = schedules.ReduceLROnPlateau(sgd(1.0), factor=0.5, **options)
    actual = []
    for metric in metrics:
        scheduler.step(metric)
        actual.append(scheduler.get_last_lr()[0])
    return actual


def test_the_rate_falls_once_patience_is_over():
    assert plateau([3, 2, 2, 2, 2, 2, 1], patience=1) == [1, 1, 1, 0.5, 0.5, 0.25, 0.25]


def test_more_is_better_with_mode_max():
    assert plateau([1, 2, 3, 3], mode="max", patience=0) == [1, 1, 1, 0.5]


@pytest.mark.parametrize("mode, kind, improved", [
    ("min", "rel", 0.89), ("min", "abs", 0.89), ("max", "rel", 1.11), ("max", "abs", 1.11),
])  # fmt: skip
def test_a_small_improvement_is_none(mode, kind, improved):
    slightly = 1 + (improved - 1) * 0.8
    options = {"mode": mode, "threshold_mode": kind, "threshold": 0.1, "patience": 0}
    assert plateau([1, improved], **options) == [1, 1]
    assert plateau([1, slightly], **options) == [1, 0.5]


def test_it_waits_after_a_reduction_and_stops_at_the_least_rate():
    assert plateau([1] * 6, patience=0, cooldown=1) == [1, 0.5, 0.5, 0.25, 0.25, 0.125]
    assert plateau([1] * 4, patience=0, min_lr=0.4) == [1, 0.5, 0.4, 0.4]
    assert plateau([1] * 3, patience=0, eps=0.3) == [1, 0.5, 0.5]


def test_a_tensor_is_a_metric_and_the_state_resumes():
    one = schedules.ReduceLROnPlateau(sgd(1.0), patience=0)
    one.step(tg.tensor(1.0))
    other = schedules.ReduceLROnPlateau(sgd(1.0), patience=0)
    other.load_state_dict(one.state_dict())
    other.step(1.0)
    assert other.get_last_lr() == [0.1]


# What is refused


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda o: schedules.StepLR([], 3), TypeError, "list is not an Optimizer"),
        (lambda o: schedules.StepLR(o, 3, last_epoch=2), KeyError, "'initial_lr' is not specified"),
        (lambda o: schedules.LinearLR(o, start_factor=0), ValueError, "greater than 0.*not 0"),
        (lambda o: schedules.LinearLR(o, end_factor=2), ValueError, "between 0 and 1, not 2"),
        (lambda o: schedules.OneCycleLR(o, 1.0), ValueError, "either total_steps OR"),
        (lambda o: schedules.OneCycleLR(o, 1.0, 0), ValueError, "positive integer total_steps"),
        (lambda o: schedules.OneCycleLR(o, 1.0, 9, pct_start=2), ValueError, "between 0 and 1"),
        (lambda o: schedules.OneCycleLR(o, 1.0, 9, anneal_strategy="x"), ValueError, "got 'x'"),
        (lambda o: schedules.SequentialLR(o, [], []), ValueError, "at least one scheduler"),
        (
            lambda o: schedules.SequentialLR(o, [schedules.StepLR(o, 1)], [1]),
            ValueError,
            "1 schedulers and 1 milestones",
        ),
        (
            lambda o: schedules.SequentialLR(o, [schedules.StepLR(sgd(), 1)], []),
            ValueError,
            "the StepLR at index 0 has another",
        ),
        (
            lambda o: schedules.SequentialLR(o, [schedules.ReduceLROnPlateau(o)], []),
            ValueError,
            "does not support `ReduceLROnPlateau`",
        ),
        (lambda o: schedules.ReduceLROnPlateau(o, factor=1.0), ValueError, "should be < 1.0"),
        (lambda o: schedules.ReduceLROnPlateau(o, mode="up"), ValueError, "'up' is unknown"),
        (lambda o: schedules.LRScheduler(o), NotImplementedError, "must define get_lr"),
        (
            lambda o: schedules.StepLR(o, 1).load_state_dict(
                schedules.ExponentialLR(o, 0.5).state_dict()
            ),
            ValueError,
            r"not the state of a StepLR: it lacks \['step_size'\]",
        ),
    ],
)
def test_what_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make(sgd())
