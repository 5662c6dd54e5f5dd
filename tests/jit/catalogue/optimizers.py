"""Optimizers, schedules, their state and settings, changed between calls and inside."""

import numpy as np

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.jit.catalogue import (
    MORE_OPTIMIZERS,
    OPTIMIZERS,
    case,
    labels,
    mlp,
    param,
    rows,
    t,
    training,
)
from tests.jit.observe import attempt
from tinygrad_mnist import nn, optim
from tinygrad_mnist.optim import lr_scheduler


@case("optimizers", over=MORE_OPTIMIZERS)
def in_training_with_two_batch_sizes(jit, make):
    model = mlp()
    optimizer = make(model.parameters())
    step = jit(training(model, optimizer))
    for k in range(8):
        n = 4 if k % 3 else 2
        yield step(rows(k, (n, 3)), labels(k, n)).detach(), model, optimizer


@case("optimizers", over=OPTIMIZERS)
def whose_settings_change(jit, make):
    model = mlp()
    optimizer = make(model.parameters())
    step, group = jit(training(model, optimizer)), optimizer.param_groups[0]
    for k in range(12):
        if k == 3:
            group["lr"] = 0.5
        if k == 5:
            group["weight_decay"] = 0.1
        if k == 7:
            group["maximize"] = True
        if k == 9:
            group["lr"] = np.float32(0.01)
        if k == 10:
            group["lr"] = tg.tensor(0.02)
        yield step(rows(k), labels(k)).detach(), model, optimizer


@case("optimizers", over=OPTIMIZERS)
def whose_state_is_cleared_and_edited(jit, make):
    model = mlp()
    optimizer = make(model.parameters())
    step = jit(training(model, optimizer))
    for k in range(10):
        if k == 3:
            optimizer.state.clear()
        for results in optimizer.state.values():
            for key, value in results.items():
                if isinstance(value, np.ndarray) and k == 5 and value.ndim:
                    value *= 2
                if isinstance(value, np.ndarray) and k == 7 and value.ndim:
                    results[key] = value + 1
        if k == 8:
            optimizer.state.pop(model[2].bias, None)
        yield step(rows(k), labels(k)).detach(), model, optimizer


@case("optimizers", over=OPTIMIZERS)
def whose_state_arrays_are_held(jit, make):
    model = mlp()
    optimizer = make(model.parameters())
    step, holder = jit(training(model, optimizer)), []
    for k in range(8):
        step(rows(k), labels(k))
        if k in (0, 3):
            holder.append([dict(results) for results in optimizer.state.values()])
        yield [[{k: v for k, v in one.items() if k[0] != "_"} for one in each] for each in holder]


@case("optimizers", over=OPTIMIZERS)
def a_group_added_later(jit, make):
    model, more = mlp(), param(1, 2, 3)
    optimizer = make(model.parameters())

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x) + more, y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    step = jit(step)
    for k in range(9):
        if k == 4:
            optimizer.add_param_group({"params": [more], "lr": 0.2})
        yield step(rows(k), labels(k)), model, more, optimizer


@case("optimizers")
def params_replaced_in_the_group(jit):
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    step = jit(training(model, optimizer))
    for k in range(9):
        if k == 3:
            optimizer.param_groups[0]["params"].pop()
        if k == 6:
            optimizer.param_groups[0]["params"] = list(model[2].parameters())
        yield step(rows(k), labels(k)).detach(), model, optimizer


@case("optimizers")
def groups_with_settings_of_their_own(jit):
    model = mlp()
    groups = [
        {"params": model[0].parameters(), "lr": 0.2, "weight_decay": 0.01},
        {"params": [model[2].bias]},
        {"params": [model[2].weight], "momentum": 0.5},
    ]
    optimizer = optim.SGD(groups, lr=0.1)
    step = jit(training(model, optimizer))
    for k in range(8):
        if k == 4:
            optimizer.param_groups.reverse()
        if k == 6:
            optimizer.param_groups.pop()
        yield step(rows(k), labels(k)).detach(), model, optimizer


@case("optimizers")
def replaced_parameters_of_the_model(jit):
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    step, old = jit(training(model, optimizer)), model[0].weight
    for k in range(9):
        if k == 3:
            model[0].weight = nn.Parameter(old.detach().clone())
        if k == 6:
            model[0].weight = old
        yield step(rows(k), labels(k)).detach(), model, old, optimizer


@case("optimizers")
def two_of_them_on_the_same_parameters(jit):
    model = mlp()
    first = optim.Adam(model.parameters(), lr=0.01)
    second = optim.SGD(model[2].parameters(), lr=0.1, momentum=0.9)

    def step(x, y, k):
        model.zero_grad()
        F.cross_entropy(model(x), y).backward()
        (first if k % 3 else second).step()
        if k == 5:
            second.step()

    step = jit(step)
    for k in range(9):
        yield step(rows(k), labels(k), k), model, first, second


@case("optimizers")
def several_steps_in_one_call(jit):
    model = mlp()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    one = training(model, optimizer)
    step = jit(lambda x, y, n: [one(x, y).detach() for _ in range(n)])
    for k in range(8):
        yield step(rows(k), labels(k), 1 + k % 3), model, optimizer


@case("optimizers")
def a_step_without_a_new_backward(jit):
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x, y, again):
        if not again:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
        optimizer.step()

    step = jit(step)
    for k in range(9):
        yield step(rows(k), labels(k), k % 3 == 2), model, optimizer


@case("optimizers")
def the_step_alone_is_jitted(jit):
    model = mlp()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    step, clear = jit(optimizer.step), jit(optimizer.zero_grad)
    for k in range(8):
        F.cross_entropy(model(rows(k)), labels(k)).backward()
        step()
        if k % 2:
            clear()
        yield model, optimizer


@case("optimizers")
def a_step_with_a_closure(jit):
    model, calls = mlp(), []
    optimizer = optim.Adam(model.parameters(), lr=0.01)

    def step(x, y):
        def closure():
            calls.append(0)
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss

        return optimizer.step(closure).detach()

    step = jit(step)
    for k in range(7):
        yield step(rows(k), labels(k)), model, calls


@case("optimizers", over={"plain": None, "strong Wolfe": "strong_wolfe"})
def lbfgs_inside_and_with_a_jitted_closure(jit, search):
    model, twin = nn.Linear(3, 3), nn.Linear(3, 3)
    inside = optim.LBFGS(model.parameters(), max_iter=4, line_search_fn=search)
    outside = optim.LBFGS(twin.parameters(), max_iter=4, line_search_fn=search)

    def closure_of(model, optimizer, x, y):
        def closure():
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss

        return closure

    step = jit(lambda x, y: inside.step(closure_of(model, inside, x, y)).detach())
    batch = [rows(0), labels(0)]
    closure = jit(closure_of(twin, outside, *batch))
    for k in range(6):
        loss = step(rows(k), labels(k))
        yield loss, outside.step(closure).detach(), model, twin, inside, outside


class Descent(optim.Optimizer):
    """An optimizer written for this package; it counts steps, and decides by the gradients."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})
        self.updates, self.largest = 0, []

    def init_state(self, group, p):
        return {"step": np.zeros((), np.float32), "before": np.zeros_like(p)}

    def update(self, group, p, g, state):
        self.updates += 1
        state["step"] += 1
        if np.abs(g).max() > 0.05:
            self.largest.append(float(np.abs(g).max()))
            p -= group["lr"] * g
        p -= 0.1 * state["before"]
        state["before"][...] = g


class Elementwise(Descent):
    """An optimizer that declares itself elementwise."""

    elementwise = True

    def update(self, group, p, g, state):
        state["step"] += 1
        p -= float(group["lr"]) * g / float(state["step"])


class OwnStep(optim.Optimizer):
    """An optimizer written as for PyTorch, with a `step` of its own."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        with tg.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        state = self.state[p]
                        state["seen"] = state.get("seen", 0) + 1
                        p.add_(p.grad.sign(), alpha=-group["lr"] / state["seen"])


class Overridden(optim.SGD):
    """SGD with something before and after."""

    calls = 0

    def step(self, closure=None):
        self.calls += 1
        for p in self.param_groups[0]["params"]:
            p.grad.clamp_(-0.1, 0.1)
        result = super().step(closure)
        self.param_groups[0]["lr"] *= 0.9
        return result


OWN = {
    "update": lambda p: Descent(p, 0.1),
    "elementwise": lambda p: Elementwise(p, 0.1),
    "step": lambda p: OwnStep(p, 0.1),
    "a step around SGD's": lambda p: Overridden(p, 0.1),
}


@case("optimizers of one's own", over=OWN)
def in_training(jit, make):
    model = mlp()
    optimizer = make(model.parameters())
    step = jit(training(model, optimizer))
    for k in range(9):
        if k == 5:
            optimizer.param_groups[0]["lr"] = 0.3
        value_now = {
            k: v for k, v in vars(optimizer).items() if k in ("updates", "largest", "calls")
        }
        yield step(rows(k), labels(k)).detach(), model, optimizer, value_now


@case("optimizers of one's own")
def a_step_replaced_on_the_object(jit):
    model, calls = mlp(), []
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    own, step = optimizer.step, jit(training(model, optimizer))
    for k in range(9):
        if k == 3:
            optimizer.step = lambda: (calls.append(0), own())[1]
        if k == 6:
            del optimizer.step
        yield step(rows(k), labels(k)).detach(), model, calls


@case("optimizers of one's own")
def an_update_replaced_in_the_class(jit):
    class Mine(optim.SGD):
        pass

    model = mlp()
    optimizer = Mine(model.parameters(), lr=0.1)
    step = jit(training(model, optimizer))
    for k in range(9):
        if k == 4:
            Mine.update = lambda self, group, p, g, state: p.__isub__(np.sign(g) * 0.01)
        yield step(rows(k), labels(k)).detach(), model


SCHEDULES = {
    "StepLR": lambda o: lr_scheduler.StepLR(o, 2, 0.5),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [2, 5]),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 6),
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda epoch: 1 / (1 + epoch)),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 0.5, total_steps=12),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o, 0.1, 1, 3), lr_scheduler.ExponentialLR(o, 0.5)], [3]
    ),
}


@case("schedules", over=SCHEDULES)
def inside(jit, make):
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    schedule, train = make(optimizer), training(model, optimizer)

    def step(x, y):
        loss = train(x, y)
        schedule.step()
        return loss.detach(), schedule.get_last_lr()

    step = jit(step)
    for k in range(9):
        yield step(rows(k), labels(k)), model, optimizer, schedule


@case("schedules", over=SCHEDULES)
def outside(jit, make):
    model = mlp()
    optimizer = optim.Adam(model.parameters(), lr=0.2)
    schedule, step = make(optimizer), jit(training(model, optimizer))
    for k in range(9):
        yield step(rows(k), labels(k)).detach(), model, schedule
        schedule.step()


@case("schedules")
def on_every_second_call_and_by_the_loss(jit):
    model, calls = mlp(), []
    optimizer = optim.SGD(model.parameters(), lr=0.2)
    plateau = lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
    train = training(model, optimizer)

    def step(x, y):
        calls.append(0)
        loss = train(x, y)
        if len(calls) % 2 == 0:
            plateau.step(loss.item())
        return loss.detach(), optimizer.param_groups[0]["lr"]

    step = jit(step)
    for k in range(10):
        yield step(rows(k), labels(k)), model, optimizer


@case("schedules")
def by_hand_inside(jit):
    model, calls = mlp(), []
    optimizer = optim.SGD(model.parameters(), lr=0.2)
    train = training(model, optimizer)

    def step(x, y):
        calls.append(0)
        for group in optimizer.param_groups:
            group["lr"] = 0.2 / len(calls)
        return train(x, y).detach()

    step = jit(step)
    for k in range(8):
        yield step(rows(k), labels(k)), model, optimizer


@case("schedules")
def a_step_before_the_optimizers_warns(jit):
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.2)
    schedule = lr_scheduler.StepLR(optimizer, 2, 0.5)
    step = jit(lambda: schedule.step())
    for k in range(6):
        yield step(), optimizer, schedule
        if k > 2:
            optimizer.step()


@case("optimizers")
def gradients_missing_and_found(jit):
    model = mlp()
    optimizer = optim.Adam(model.parameters(), lr=0.01)

    def step(x, half):
        optimizer.zero_grad()
        hidden = model[0](x)
        (hidden if half else model[2](hidden)).square().mean().backward()
        missing = optimizer.missing_gradients()
        optimizer.step()
        return missing

    step = jit(step)
    for k in range(9):
        yield step(rows(k), k % 3 == 2), model, optimizer


@case("optimizers")
def nan_and_inf_in_the_gradients(jit):
    model = mlp()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    step = jit(training(model, optimizer, lambda out, y: out.square().mean()))
    for k in range(8):
        x = rows(k)
        if k in (4, 6):
            x[0, 0] = (float("inf"), float("nan"))[k == 6]
        with np.errstate(all="ignore"):
            yield step(x, None).detach(), model, optimizer


@case("optimizers")
def skipping_steps_by_the_gradients(jit):
    """As a loss scaler does."""
    model, scale = mlp(), [1024.0]
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x, y):
        optimizer.zero_grad()
        (F.cross_entropy(model(x), y) * scale[0]).backward()
        for p in model.parameters():
            p.grad.div_(scale[0])
        if all(bool(p.grad.isfinite().all()) for p in model.parameters()):
            optimizer.step()
            scale[0] *= 2
        else:
            scale[0] /= 4

    step = jit(step)
    for k in range(8):
        x = rows(k)
        if k % 3 == 2:
            x[0, 0] = float("inf")
        with np.errstate(all="ignore"):
            yield step(x, labels(k)), model, scale


@case("optimizers")
def a_parameter_of_no_elements_and_of_none(jit):
    a, b, c = param(1, 2), nn.Parameter(np.zeros((0, 2), np.float32)), nn.Parameter(np.float32([3]))
    optimizer = optim.Adam([a, b, c], lr=0.1)

    def step(x):
        optimizer.zero_grad()
        ((a * x).sum() + (b * a).sum() + c.reshape(()) ** 2).backward()
        optimizer.step()

    step = jit(step)
    for k in range(7):
        yield step(t(k, 1)), a, b, c, optimizer


@case("optimizers")
def parameters_of_two_dtypes(jit):
    a, b = param(1, 2), param(1, 2, dtype="float64")
    optimizer = optim.AdamW([a, b], lr=0.1)

    def step(x):
        optimizer.zero_grad()
        (a * b * x).sum().backward()
        optimizer.step()

    step = jit(step)
    for k in range(7):
        yield step(t(k, 1)), a, b, optimizer


@case("optimizers")
def an_error_of_a_setting_and_then_the_right_one(jit):
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    step, group = jit(training(model, optimizer)), optimizer.param_groups[0]
    for k in range(9):
        if k == 3:
            group["lr"] = "a word"
        if k == 5:
            group["lr"] = 0.1
        if k == 6:
            del group["momentum"]
        if k == 7:
            group["momentum"] = 0.5
        yield attempt(step, rows(k), labels(k)), model
