"""tg.jit(f) does what f does: each case of the catalogue, observed at each call, and seldom.

`JIT_CATALOGUE=eager pytest tests/jit/test_catalogue.py` compares eager with eager, which shows that
the cases themselves repeat to the bit.
"""

import os
import warnings

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.jit.catalogue import CASES, SELDOM
from tests.jit.observe import HOW, Observer, Raised, attempt, difference, watch
from tinygrad_mnist import nn


def eager(function):
    return function


JIT = {"eager": eager, "jit": tg.jit}[os.environ.get("JIT_CATALOGUE", "jit")]


@pytest.mark.parametrize("name", CASES)
def test_jitted_is_eager(name):
    """Everything that can be seen agrees, however often it is observed."""
    steps, last = CASES[name], None
    for how in HOW if name in SELDOM else HOW[:1]:
        expected = watch(steps(eager), how, last)
        actual = watch(steps(JIT), how, last)
        assert difference(expected, actual) is None, f"looked at {how}; eager comes first"
        last = last or len(expected) - 2  # the last entry looks at all of them again
    assert last >= 5, "a case looks at six calls at least"


def test_the_catalogue_is_large():
    assert len(CASES) > 250


def steps_of(jit):
    """A small case, for jits that are wrong."""
    w, outputs = nn.Parameter(np.ones(2, np.float32)), []
    f = jit(lambda x: (w * x, (w * x).sum().backward())[0])
    for k in range(7):
        outputs.append(f(tg.tensor([float(k), 1.0])))
        yield outputs[-1], w


def frozen(function):
    """Gives the third result for ever."""
    results = []

    def call(*args):
        results.append(function(*args) if len(results) < 3 else results[-1])
        return results[-1]

    return call


def without_graph(function):
    return lambda *args: function(*args).detach()


def overwriting(function):
    """Writes all results into one buffer."""
    buffer = np.zeros(2, np.float32)

    def call(*args):
        result = function(*args)
        buffer[:] = result.detach().numpy()
        result._data = buffer
        return result

    return call


def one_bit(function):
    def call(*args):
        result = function(*args)
        array = result.detach().numpy()
        np.nextafter(array, np.float32(9), out=array)
        return result

    return call


def minus_zero(function):
    def call(*args):
        result = function(*args)
        array = result.detach().numpy()
        array[array == 0] = -0.0
        return result

    return call


def warns(function):
    return lambda *args: (warnings.warn("x", stacklevel=1), function(*args))[1]


def prints(function):
    return lambda *args: (print(), function(*args))[1]


def draws(function):
    return lambda *args: (tg.rand(1), function(*args))[1]


def stays_in_a_mode(function):
    def call(*args):
        result = function(*args)
        tg.set_grad_enabled(False)
        return result

    return call


WRONG = [
    frozen, without_graph, overwriting, one_bit, minus_zero, warns, prints, draws, stays_in_a_mode,
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_a_wrong_jit_would_be_seen(wrong):
    expected, actual = watch(steps_of(eager)), attempt(watch, steps_of(wrong))
    assert isinstance(actual, Raised) or difference(expected, actual)
    expected = watch(steps_of(eager), "seldom", 6)
    actual = attempt(watch, steps_of(wrong), "seldom", 6)
    seen = isinstance(actual, Raised) or difference(expected, actual)
    assert seen or wrong in (overwriting, minus_zero)  # seen by those alone who keep all results


def test_what_an_observer_tells_apart():
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    x = tg.from_numpy(a)
    pairs = [
        (0.0, -0.0), (1, True), (1, 1.0), (float("nan"), 0.0), ([1], (1,)), (a, a.T),
        (a, a * 1.0001),
        (a, a.astype("f8")), (x, nn.Parameter(a)), ([x, x], [x, x.detach()]), (None, False),
        ([a, a[0]], [a, a[0].copy()]), (np.float32(1), np.float64(1)), ({1: 2, 3: 4}, {3: 4, 1: 2}),
        (ValueError("a"), ValueError("b")), (ValueError("a"), TypeError("a")),
    ]  # fmt: skip
    for left, right in pairs:
        assert Observer()(left) != Observer()(right), (left, right)
        assert Observer()(left) == Observer()(left)
    w = nn.Parameter(a)
    before = Observer()(w)
    (w * 2).sum().backward()
    assert difference(before, Observer()(w)).startswith("step ")
