"""Random training runs with random events between their calls, eager and jitted, compared.

A seed draws a model, a loss, an optimizer, the form of a step, and, before each of 20 calls, an
event: another batch size, freezing, hooks, loaded state, an exception, a copy, and so on. Whatever
can be seen after each call must be equal to the bit; with tiles, close, in float64. With
`pure=True` and tiles, a call may be refused instead, with an error and nothing changed.

`python -m tests.jit.random_training --runs 3000 --seed 0 --form default` tries many.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import copy
import functools
import sys
import threading

import numpy as np

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.jit.observe import (
    Observer,
    Raised,
    attempt,
    difference,
    difference_at,
    isolated,
    surroundings,
    watch,
)
from tinygrad_mnist import nn, optim
from tinygrad_mnist.jit.tile_tapes import Refused
from tinygrad_mnist.optim import lr_scheduler

CALLS = 20
LAST = 2 * CALLS - 1  # of what is yielded: one thing before each call, one after it
CLASSES = 3


# What is trained


def rows_model(rng, batch_norm):
    """Make dense layers on rows of 6 numbers, with any of the layers that may stand between."""
    layers, width = [], 6
    for _ in range(rng.integers(1, 4)):
        wider = int(rng.choice([4, 5, 18]))
        layers += [nn.Linear(width, wider, bias=bool(rng.random() < 0.8)), activation(rng)]
        width = wider
        if rng.random() < 0.3:
            layers.append(nn.LayerNorm(width))
        if batch_norm and rng.random() < 0.3:
            layers.append(nn.BatchNorm1d(width, momentum=rng.choice([0.1, None])))
        if rng.random() < 0.3:
            layers.append(nn.Dropout(0.3))
    return nn.Sequential(*layers, nn.Linear(width, CLASSES))


def activation(rng):
    return (nn.ReLU, nn.Sigmoid, nn.Tanh, nn.GELU, nn.Identity)[rng.integers(5)]()


def image_model(rng, batch_norm):
    norm = [nn.BatchNorm2d(2)] if batch_norm and rng.random() < 0.4 else []
    pool = [nn.MaxPool2d(2)] if rng.random() < 0.5 else []
    size = 4 if pool else 16
    return nn.Sequential(
        nn.Conv2d(1, 2, 2), *norm, activation(rng), *pool, nn.Flatten(), nn.Linear(2 * size, 3)
    )


def token_model(rng, batch_norm):
    padding = 0 if rng.random() < 0.5 else None
    return nn.Sequential(
        nn.Embedding(7, 3, padding_idx=padding), nn.Flatten(), nn.Linear(12, CLASSES)
    )


MODELS = {"rows": rows_model, "images": image_model, "tokens": token_model}
SHAPES = {"rows": (6,), "images": (1, 5, 5), "tokens": (4,)}
OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "Adam": lambda p: optim.Adam(p, lr=0.01),
    "AdamW": lambda p: optim.AdamW(p, lr=0.01, amsgrad=True),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.05),
    "NAdam": lambda p: optim.NAdam(p, lr=0.01),
}
LOSSES = {
    "cross entropy": F.cross_entropy,
    "smoothed": functools.partial(F.cross_entropy, label_smoothing=0.1),
    "weighed": lambda out, y: F.cross_entropy(out, y, tg.tensor([0.2, 1.0, 3.0]).to(out.dtype)),
    "squares": lambda out, y: F.mse_loss(out.softmax(1), F.one_hot(y % CLASSES, CLASSES) * 1.0),
    "ignoring one": functools.partial(F.cross_entropy, ignore_index=1),
}
MEANS = {name: LOSSES[name] for name in ("cross entropy", "squares")}
NO_MEANS = {
    "a sum": functools.partial(F.cross_entropy, reduction="sum"),
    "clamped": lambda out, y: F.cross_entropy(out, y).clamp(max=1.0),
    "squared": lambda out, y: F.cross_entropy(out, y) ** 2,
    "balanced": lambda out, y: F.cross_entropy(out, y, reduction="none").max(),
    "centred": lambda out, y: F.cross_entropy(out - out.mean(0), y),
    "by the batch": lambda out, y: F.cross_entropy(out, y) + out.std(0).sum(),
    "a root": lambda out, y: F.mse_loss(out, F.one_hot(y % CLASSES, CLASSES) * 1.0).sqrt(),
    "of those above": lambda out, y: (lambda e: e[e > 0.9].sum() / len(e))(
        F.cross_entropy(out, y, reduction="none")
    ),
}
SCHEDULES = {
    "StepLR": lambda o: lr_scheduler.StepLR(o, 3, 0.5),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 8),
}


class Interrupt(BaseException):
    """Stands for Ctrl-C at one known place."""


class World:
    """The state of a run: what a seed draws, and what events change."""

    def __init__(self, seed, form):
        self.rng = rng = np.random.default_rng(seed)
        self.form, self.kind = form, str(rng.choice(list(MODELS), p=[0.6, 0.2, 0.2]))
        losses = LOSSES
        if form == "tiles":  # most are refused otherwise
            losses = LOSSES | NO_MEANS if rng.random() < 0.4 else MEANS
        self.loss = losses[rng.choice(list(losses))]
        self.model = MODELS[self.kind](rng, form != "tiles" or rng.random() < 0.2)
        if form == "tiles" or rng.random() < 0.2:
            self.model.double()
        self.optimizer = self._optimizer()
        self.schedule = self._drawn(SCHEDULES, 0.4)(self.optimizer)
        self.schedule_inside = rng.random() < 0.5
        self.clip = float(rng.choice([0.0, 0.0, 0.0, 0.1, 1.0]))
        self.penalty = self.kind != "tokens" and form != "tiles" and rng.random() < 0.15
        self.to_none = rng.random() < 0.8
        self.detached = form != "default" or rng.random() < 0.5
        self.clears, self.raises = True, None
        self.size = 9 if form == "tiles" else 5
        self.hooks, self.saved, self.views, self.twins, self.rest = [], None, [], [], []
        self.call = contextlib.nullcontext
        self.draw_batch()

    def _drawn(self, table, chance):
        name = self.rng.choice(list(table))
        return table[name] if self.rng.random() < chance else lambda optimizer: None

    def _optimizer(self):
        make = OPTIMIZERS[self.rng.choice(list(OPTIMIZERS))]
        params = list(self.model.parameters())
        if self.rng.random() < 0.3:
            return make([{"params": params[:1], "lr": 0.02}, {"params": params[1:]}])
        return make(params)

    def draw_batch(self):
        """Draw another batch, of the present size."""
        shape = (self.size, *SHAPES[self.kind])
        dtype = next(self.model.parameters()).dtype
        if self.kind == "tokens":
            x = self.rng.integers(0, 7, shape)
        else:
            x = self.rng.standard_normal(shape).astype(dtype)
        y = self.rng.integers(0, CLASSES, self.size)
        if self.rng.random() < 0.2:
            y.sort()
        self.x, self.y = tg.from_numpy(x), tg.from_numpy(y)

    def stop(self, where):
        """Raise an error, if an event has asked for one here."""
        if self.raises and self.raises[0] == where:
            raise self.raises[1](where)

    def parameter(self):
        """Return a parameter, drawn by chance."""
        params = list(self.model.parameters())
        return params[self.rng.integers(len(params))]

    def seen(self):
        return [self.model, self.optimizer, self.schedule, self.views, self.rest, self.x, self.y]


def step_of(w):
    """Make the step, which reads its settings from the world at each call."""

    def step(x, y):
        if w.clears:
            w.optimizer.zero_grad(set_to_none=w.to_none)
        if w.penalty:
            x = x.detach().requires_grad_()
        out = w.model(x)
        loss = w.loss(out, y)
        if w.penalty:
            (g,) = tg.autograd.grad(loss, x, create_graph=True)
            loss = loss + 0.1 * (g * g).sum()
        w.stop("after the forward")
        loss.backward()
        w.stop("after the backward")
        if w.clip:
            nn.utils.clip_grad_norm_(w.model.parameters(), w.clip)
        w.optimizer.step()
        w.stop("after the step")
        if w.schedule and w.schedule_inside:
            w.schedule.step()
        return (loss.detach(), out.detach()) if w.detached else (loss, out)

    return step


def pure_step_of(w):
    """Make a step that reads nothing but its arguments and the library's objects."""
    model, optimizer, schedule = w.model, w.optimizer, w.schedule
    loss_of, clip, penalty, clears, to_none = w.loss, w.clip, w.penalty, w.clears, w.to_none
    inside = schedule is not None and w.schedule_inside

    def step(x, y):
        if clears:
            optimizer.zero_grad(set_to_none=to_none)
        if penalty:
            x = x.detach().requires_grad_()
        out = model(x)
        loss = loss_of(out, y)
        if penalty:
            (g,) = tg.autograd.grad(loss, x, create_graph=True)
            loss = loss + 0.1 * (g * g).sum()
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        if inside:
            schedule.step()
        return loss.detach(), out.detach()

    return step


# What happens between calls


def another_size(w):
    w.size = int(w.rng.choice([5, 5, 3, 1, 8] if w.form != "tiles" else [9, 9, 12, 10, 3]))


def train_or_eval(w):
    w.model.train(not w.model.training)


def freeze_or_thaw(w):
    p = w.parameter()
    p.requires_grad_(not p.requires_grad)


def thaw_all(w):
    w.model.requires_grad_(True)


def hook_on_a_tensor(w):
    p, factor = w.parameter(), float(w.rng.random())
    if p.requires_grad:
        w.hooks.append(p.register_hook(lambda g: g * factor))


def hook_on_a_module(w):
    layer = w.model[w.rng.integers(len(w.model))]
    kinds = [
        lambda: layer.register_forward_hook(lambda m, args, out: out * 0.5),
        lambda: layer.register_full_backward_hook(
            lambda m, gi, go: tuple(g if g is None else g * 2 for g in gi)
        ),
    ]
    w.hooks.append(kinds[w.rng.integers(2)]())


def unhook(w):
    if w.hooks:
        w.hooks.pop(w.rng.integers(len(w.hooks))).remove()


def save(w):
    w.saved = copy.deepcopy((w.model.state_dict(), w.optimizer.state_dict()))


def load_model(w):
    if w.saved:
        w.model.load_state_dict(w.saved[0])


def load_optimizer(w):
    if w.saved:
        w.optimizer.load_state_dict(w.saved[1])


def assign_data(w):
    p = w.parameter()
    p.data = p.data * 0.5 + 0.1


def write_weights(w):
    with tg.no_grad():
        w.parameter().mul_(0.9)


def write_weights_by_numpy(w):
    w.parameter().detach().numpy()[..., :1] += 0.01


def set_a_gradient(w):
    p = w.parameter()
    if p.requires_grad:
        p.grad = tg.from_numpy(w.rng.standard_normal(p.shape).astype(p.dtype))


def scale_gradients(w):
    for p in w.model.parameters():
        if p.grad is not None:
            p.grad.mul_(0.5)


def clear_gradients(w):
    w.optimizer.zero_grad(set_to_none=bool(w.rng.random() < 0.5))


def keep_a_gradient(w):
    w.views.append(w.parameter().grad)


def take_views(w):
    p = w.parameter()
    kinds = [p.detach, lambda: p.detach().numpy()[:1], lambda: p.detach().T, w.model.state_dict]
    w.views.append(kinds[w.rng.integers(4)]())


def schedule_outside(w):
    if w.schedule and not w.schedule_inside and w.optimizer.stepped:
        w.schedule.step()


def change_lr(w):
    w.optimizer.param_groups[0]["lr"] = float(w.rng.choice([0.01, 0.1, 0.003]))


def clear_state(w):
    w.optimizer.state.clear()


def seed_again(w):
    tg.manual_seed(int(w.rng.integers(5)))


def train_a_copy_too(w):
    if len(w.twins) < 2:
        twin = copy.copy(w)
        twin.model, twin.optimizer = copy.deepcopy((w.model, w.optimizer))
        twin.schedule, twin.raises, twin.hooks = None, None, []
        w.twins.append(twin)


def eager_step(w):
    w.rest.append(attempt(w.plain, w.x, w.y))


def eager_backward(w):
    out = attempt(w.model, w.x)
    if isinstance(out, tg.Tensor) and out.requires_grad:
        out.square().mean().backward()


def label_out_of_range(w):
    w.y[0] = int(w.rng.choice([CLASSES, -1, 50]))


def label_ignored(w):
    w.y[int(w.rng.integers(len(w.y)))] = -100


def batch_written_later(w):
    w.views.append(w.x.clone())
    w.x.mul_(2) if w.x.dtype.kind == "f" else w.x.fill_(1)


def read_by_a_thread(w):
    w.rest.append(changed := [])
    w.call = lambda: reading(w, changed)


def errors_of_numpy(w):
    how = ("ignore", "warn")[w.rng.integers(2)]
    w.call = lambda: np.errstate(all=how)


def without_recording(w):
    w.call = tg.no_grad


def raise_inside(w):
    kinds = (ValueError, Interrupt, KeyboardInterrupt)
    moments = ("after the forward", "after the backward", "after the step")
    w.raises = moments[w.rng.integers(3)], kinds[w.rng.integers(3)]


def accumulate_or_not(w):
    w.clears = not w.clears


def clip_or_not(w):
    w.clip = 0.0 if w.clip else 0.2


def another_loss(w):
    w.loss = LOSSES[w.rng.choice(list(LOSSES))]


def another_optimizer(w):
    w.optimizer, w.schedule = w._optimizer(), None


PURE_EVENTS = [
    another_size, another_size, train_or_eval, freeze_or_thaw, freeze_or_thaw, thaw_all,
    hook_on_a_tensor, hook_on_a_module, unhook, save, load_model, load_optimizer, assign_data,
    write_weights, write_weights_by_numpy, set_a_gradient, scale_gradients, clear_gradients,
    keep_a_gradient, take_views, schedule_outside, change_lr, clear_state, seed_again,
    train_a_copy_too, eager_step, eager_backward, label_out_of_range, label_ignored,
    batch_written_later, read_by_a_thread, errors_of_numpy, without_recording,
]  # fmt: skip
EVENTS = {
    "default": [
        *PURE_EVENTS, raise_inside, raise_inside, accumulate_or_not, accumulate_or_not, clip_or_not,
        another_loss, another_optimizer,
    ],
    "pure": PURE_EVENTS,
    "tiles": PURE_EVENTS,
}  # fmt: skip


@contextlib.contextmanager
def reading(w, changed):
    """Read parameters and the batch, which nobody may see changed, from another thread."""
    over, before = threading.Event(), (w.x.numpy().tobytes(), w.y.numpy().tobytes())

    def look():
        while not over.is_set():
            if (w.x.numpy().tobytes(), w.y.numpy().tobytes()) != before:
                changed[:] = ["changed under a reader"]
            for p in w.model.parameters():
                p.detach().numpy().sum()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


# Running


def training(seed, jit, form="default"):
    """Run the steps; yield, after each call, its result and everything there is to look at."""
    w, events = World(seed, form), EVENTS[form]
    make = step_of if form == "default" else pure_step_of
    w.plain = make(w)
    step, twins = jit(w.plain), []
    for call in range(CALLS):
        w.draw_batch()
        count = w.rng.choice(4, p=[0.45, 0.3, 0.15, 0.1])
        happened = [events[w.rng.integers(len(events))] for _ in range(count)]
        for event in happened:
            result = attempt(event, w)
            w.rest += [result] * isinstance(result, Raised)
        twins += [(jit(f), f) for f in map(make, w.twins[len(twins) :])]
        before = w.seen() if form != "default" else []
        yield "before", call, [event.__name__ for event in happened], *before
        call_it = w.call
        with call_it():
            result = attempt(step, w.x, w.y)
        if refused_tiles(result):  # goes on in eager, if nothing has changed
            yield "refused", call, result, [], [], *w.seen()
            with call_it():
                result = attempt(w.plain, w.x, w.y)
        gave = [attempt(or_eager(twin), w.x, w.y) for twin in twins]
        w.raises, w.call = None, contextlib.nullcontext
        yield "after", call, result, gave, [[t.model, t.optimizer] for t in w.twins], *w.seen()


def eager(function):
    return function


def refused_tiles(result):
    return isinstance(result, Raised) and result.kind == "Refused"


def or_eager(pair):
    """Return a function that calls the jitted one, or, where that is refused, the eager one."""
    jitted, plain = pair

    def step(*args):
        try:
            return jitted(*args)
        except Refused:
            return plain(*args)

    return step


def compare(seed, form="default", jit=None, how="always"):
    """Return None if the run with this seed is as eager, "refused", or where it differs."""
    if form == "tiles":
        return compare_tiles(seed, jit)
    jit = jit or (tg.jit if form == "default" else functools.partial(tg.jit, pure=True))
    expected = eager_run(seed, form, how)
    if form == "default":
        return difference(expected, watch(training(seed, jit), how, LAST))
    with isolated():
        return first_difference(expected, observed(training(seed, jit, form)), difference)


@functools.lru_cache(maxsize=8)
def eager_run(seed, form, how="always"):
    """Return what is seen of the run in eager, with which several jitted ones are compared."""
    if form == "default":
        return watch(training(seed, eager), how, LAST)
    with isolated():
        return list(observed(training(seed, eager, form)))


def observed(steps):
    """Return what each step is, what it raised, and what is seen of it and of the world after it.

    Errors may differ in how they name the op and its shapes.
    """
    for shown in steps:
        cut = 3 if shown[0] == "before" else 5
        for result in (shown[2], *shown[3], *shown[-3]):  # of the call, of twins, of events
            if isinstance(result, Raised):
                result.message = result.message.split("): ")[-1]
        raised = [r if isinstance(r, Raised) else None for r in (shown[2], *shown[3])]
        step = shown[0], shown[1], raised
        yield step, (Observer()(shown[:cut]), surroundings()), Observer()(shown[cut:])


def first_difference(expected, actual, differ):
    """Compare as `compare` does; a call may be refused if that is an error and changes nothing."""
    before, expected, refused = None, iter(expected), None
    for other, *b in actual:
        if other[0] == "refused":
            refused = "refused"
            if changed := difference(before, b[1]):
                return f"call {other[1]} was refused, and yet changed {changed}"
            continue
        shown, *a = next(expected)
        if shown[0] == "after" and (refusal := first_refused(shown[2], other[2])):
            if refusal.kind not in ("RuntimeError", "TypeError", "Refused"):
                return f"call {shown[1]}: {refusal}"
            if other[2][0] is not None and (changed := difference(before, b[1])):
                return f"call {shown[1]} was refused, and yet changed {changed}"
            return "refused"
        where = differ(a, b)
        if where:
            return f"{shown[0]} call {shown[1]}: {where}"
        before = b[1]
    return refused


def first_refused(expected, actual):
    """Return the first error that a call, or a twin's call, raised where eager raised none."""
    return next((b for a, b in zip(expected, actual, strict=False) if b and not a), None)


def compare_tiles(seed, jit=None):
    """Compare as `compare` does, within rounding: a tiled step adds up in another order."""
    jit = jit or functools.partial(tg.jit, tile_rows=4)
    expected = eager_run(seed, "tiles")
    with isolated():
        return first_difference(expected, observed(training(seed, jit, "tiles")), far)


def far(a, b, path=()):
    """Return the first difference; floats may differ by a hundred-thousandth of the largest."""
    if isinstance(a, bytes) and isinstance(b, bytes) and len(a) == len(b) and len(a) % 8 == 0:
        if a == b:
            return None
        x, y = np.frombuffer(a), np.frombuffer(b)
        with np.errstate(all="ignore"):
            scale = max(1e-3, np.abs(np.nan_to_num(x)).max(initial=0))
            close = np.isclose(x, y, rtol=1e-5, atol=1e-5 * scale, equal_nan=True).all()
        return None if close else f"at {path}: {x[:4]} != {y[:4]}"
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)) and len(a) == len(b):
        actual = (far(x, y, (*path, i)) for i, (x, y) in enumerate(zip(a, b, strict=False)))
        return next((where for where in actual if where), None)
    if isinstance(a, str) and isinstance(b, str) and "0x" in a and "0x" in b:
        with contextlib.suppress(ValueError):
            x, y = float.fromhex(a), float.fromhex(b)
            return None if abs(x - y) <= 1e-5 * (1 + abs(x)) else f"at {path}: {x} != {y}"
    return difference_at(a, b, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--form", choices=["default", "pure", "tiles"], default="default")
    parser.add_argument("--eager", action="store_true", help="compare eager with itself")
    chosen = parser.parse_args()
    counts = collections.Counter()
    for seed in range(chosen.seed, chosen.seed + chosen.runs):
        where = compare(seed, chosen.form, eager if chosen.eager else None)
        counts["equal" if where is None else "refused" if where == "refused" else "differs"] += 1
        if where not in (None, "refused"):
            print(f"seed {seed}: {' '.join(where.split())[:500]}", flush=True)
    print(f"{chosen.form}: {dict(counts)}")
    return counts["differs"] > 0


if __name__ == "__main__":
    sys.exit(main())
