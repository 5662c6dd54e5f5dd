"""A catalogue of what users' functions do: small cases, run eagerly and jitted, compared by bits.

A case is a generator: it builds a world of its own, wraps its functions with the `jit` that it is
given, and yields, after each call or event, everything to look at. Each file holds some kinds
of cases; `@case("kind")` enters one, and `over={"name": value}` enters one for each value.
"""

import functools
import importlib
import inspect

import numpy as np

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist import nn, optim

CASES = {}
SELDOM = set()  # the names of those that are looked at seldom, too


def case(kind, over=None):
    """Enter a case as "kind: its name", or once per value of `over`, which the case is passed."""

    def enter(steps):
        assert inspect.isgeneratorfunction(steps), steps
        name = f"{kind}: {steps.__name__.replace('_', ' ')}"
        for number, (variant, value) in enumerate((over or {"": None}).items()):
            full = f"{name} [{variant}]" if over else name
            if number % 3 == 0:  # the variants of a case go through the same code
                SELDOM.add(full)
            CASES[full] = (lambda jit, v=value: steps(jit, v)) if over else steps
        return steps

    return enter


def param(*values, dtype="float32"):
    """Make a Parameter with these values."""
    return nn.Parameter(np.array(values, dtype))


def t(*values, dtype="float32", **kw):
    """Make a Tensor of one dimension with these values."""
    return tg.tensor(np.array(values, dtype), **kw)


def rows(number, shape=(4, 3), dtype="float32"):
    """Draw normal numbers, different ones for each `number`."""
    return tg.from_numpy(_drawn(number, shape).astype(dtype))


@functools.lru_cache(maxsize=32)
def _drawn(number, shape):
    return np.random.default_rng(number).standard_normal(shape)


def labels(number, count=4, classes=3):
    """Draw labels, different ones for each `number`."""
    return tg.from_numpy(_classes_drawn(number, count, classes).copy())


@functools.lru_cache(maxsize=32)
def _classes_drawn(number, count, classes):
    return np.random.default_rng(number + 1000).integers(0, classes, count)


def mlp(dtype=None, inputs=3, classes=3):
    """Make two layers with a ReLU between them."""
    model = nn.Sequential(nn.Linear(inputs, 5), nn.ReLU(), nn.Linear(5, classes))
    return model.to(dtype) if dtype else model


def training(model, optimizer, loss=F.cross_entropy):
    """Make the usual training step."""

    def step(x, y):
        optimizer.zero_grad()
        actual = loss(model(x), y)
        actual.backward()
        optimizer.step()
        return actual

    return step


OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "Adam": lambda p: optim.Adam(p, lr=0.01),
    "AdamW": lambda p: optim.AdamW(p, lr=0.01, amsgrad=True),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
}
TWO_OPTIMIZERS = {name: OPTIMIZERS[name] for name in ("momentum", "AdamW")}
MORE_OPTIMIZERS = OPTIMIZERS | {
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1),
    "Adadelta": lambda p: optim.Adadelta(p),
    "Adamax": lambda p: optim.Adamax(p, lr=0.01),
    "NAdam": lambda p: optim.NAdam(p, lr=0.01),
    "RAdam": lambda p: optim.RAdam(p, lr=0.01),
    "Rprop": lambda p: optim.Rprop(p, lr=0.01),
}

LAYERS = {
    "Linear": lambda: nn.Linear(3, 3),
    "Linear and ReLU": mlp,
    "float64": lambda: mlp(tg.float64),
    "BatchNorm1d": lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)),
    "cumulative BatchNorm1d": lambda: nn.Sequential(
        nn.BatchNorm1d(3, momentum=None), nn.Linear(3, 3)
    ),
    "LayerNorm": lambda: nn.Sequential(
        nn.Linear(3, 4), nn.LayerNorm(4), nn.GELU(), nn.Linear(4, 3)
    ),
    "Dropout": lambda: nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.4), nn.Linear(8, 3)),
    "Conv2d": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 1, 3)),
        nn.Conv2d(1, 2, (1, 2)),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4, 3),
    ),
    "wide": lambda: nn.Sequential(nn.Linear(3, 20), nn.Tanh(), nn.Linear(20, 3)),
}


def batch_for(model, number, count=4):
    """Draw a batch in the model's dtype."""
    dtype = next(model.parameters()).dtype
    return rows(number, (count, 3), dtype), labels(number, count)


FILES = (
    "gradients reads effects writes aliases escapes identity arguments optimizers layers "
    "differentiation lifetimes surroundings"
)
for _file in FILES.split():  # each enters its cases
    importlib.import_module(f"tests.jit.catalogue.{_file}")
