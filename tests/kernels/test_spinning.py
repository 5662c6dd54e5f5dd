"""Beside busy processes the BLAS's threads sleep between products; no bit depends on it."""

import os
import subprocess
import sys
import threading

import pytest

from tinygrad_mnist import cores, threads
from tinygrad_mnist.kernels import spinning
from tinygrad_mnist.kernels.spinning import LONG, SHORT


@pytest.fixture
def looks(monkeypatch):
    """Play looks at the cores, of so many kept busy by others; return what threads were chosen."""
    chosen = []
    monkeypatch.setattr(spinning, "due", 0.0)
    monkeypatch.setattr(spinning, "_before", None)
    monkeypatch.setattr(spinning, "_is_short", False)
    monkeypatch.setattr(spinning, "_read_variables", lambda: bool)
    monkeypatch.setattr(threads, "blas", lambda: threads.Blas(lambda: 2, lambda count: None))

    def spin(exponent):
        chosen.append(exponent)
        spinning._is_short = exponent == SHORT

    monkeypatch.setattr(spinning, "_spin", spin)

    def play(*busy, of=(1, frozenset({0, 1}))):
        total, moment = 0.0, 0.0
        for load in [0.0, *busy]:
            total, moment = total + load + 1, moment + 1
            now = cores.Work(moment, moment, total, of)
            monkeypatch.setattr(cores, "work_so_far", lambda now=now: now)
            spinning.adapt()
        return chosen

    return play


@pytest.mark.parametrize(
    ("busy", "chosen"),
    [
        ([0, 0.1, 0.4, 0], []),
        ([0, 1, 1, 0.4, 1], [SHORT]),
        ([0, 1, 0.3, 0.1, 0, 2], [SHORT, LONG, SHORT]),
    ],
)
def test_threads_spin_shortly_while_others_are_busy(busy, chosen, looks):
    assert looks(*busy) == chosen


def test_one_thread_is_never_told_anything(looks, monkeypatch):
    monkeypatch.setattr(threads, "blas", lambda: threads.Blas(lambda: 1, lambda count: None))
    assert looks(0, 2, 2) == []


def test_a_fork_counts_anew(looks):
    looks(0, 0)
    spinning._before = spinning._before._replace(of=(2, frozenset({0, 1})), all=-100.0)
    spinning.adapt()
    assert not spinning._is_short


def test_where_nothing_can_be_told_or_seen_nobody_looks_again(monkeypatch):
    for name in ("_read_variables", "work_so_far"):
        monkeypatch.setattr(spinning, "due", 0.0)
        with monkeypatch.context() as patch:
            patch.setattr(cores if name == "work_so_far" else spinning, name, lambda: None)
            spinning.adapt()
        assert spinning.due == float("inf")


REAL = """
import os
import numpy as np
import tinygrad_mnist as tg
from tinygrad_mnist import cores, threads
from tinygrad_mnist.kernels import spinning

x = tg.tensor(np.random.default_rng(0).standard_normal((300, 300)), requires_grad=True)
replayed = tg.jit(lambda x: x @ x, pure=True)

def backward():
    x.grad = None
    (x @ x).sum().backward()
    return x.grad.numpy().tobytes()

STEPS = {
    "backward": backward,
    "grad": lambda: tg.autograd.grad((x @ x).sum(), x)[0].numpy().tobytes(),
    "pure": lambda: replayed(x.detach()).numpy().tobytes(),
    "over": lambda: [y.numpy().tobytes() for y in replayed.over([x.detach()] * 5)],
}
tg.set_num_threads(2)
spinning.EVERY = -1.0
for name, step in STEPS.items():
    seen, results = [], []
    for busy in (0, 1, 1, 0):
        cores.busy_with_others = lambda before, now: busy
        results.append((step(), step()))
        seen.append(threads.libraries()[0].openblas_thread_timeout())
    assert results == results[:1] * 4
    print(name, *seen)
print(os.environ.get("OPENBLAS_THREAD_TIMEOUT"), tg.get_num_threads())
"""


def has_functions():
    return cores.work_so_far() is not None and spinning._read_variables() is not None


@pytest.mark.skipif(not has_functions(), reason="not Linux, or NumPy was built on another BLAS")
def test_openblas_is_told_beside_busy_processes_and_afterwards():
    env = {k: v for k, v in os.environ.items() if k not in threads.VARIABLES}
    ran = subprocess.run([sys.executable, "-c", REAL], env=env, capture_output=True, text=True)
    assert ran.stderr == ""
    assert ran.stdout.splitlines() == [
        "backward 0 18 18 26",  # 0 stands for what OpenBLAS was built with
        *[f"{name} 26 18 18 26" for name in ("grad", "pure", "over")],
        "None 2",
    ]


@pytest.mark.skipif(not has_functions(), reason="not Linux, or NumPy was built on another BLAS")
def test_what_the_user_has_set_holds(monkeypatch):
    monkeypatch.setattr(spinning, "due", 0.0)
    monkeypatch.setenv(spinning.VARIABLE, "20")
    spinning.adapt()
    assert spinning.due == float("inf")


@pytest.mark.skipif(not has_functions(), reason="not Linux, or NumPy was built on another BLAS")
def test_nothing_is_stopped_while_another_thread_may_compute(monkeypatch):
    monkeypatch.setattr(spinning, "_is_short", False)
    stopped = []
    library = threads.blas()._replace(stop_threads=lambda: stopped.append(True))
    monkeypatch.setattr(threads, "blas", lambda: library)
    go, started = threading.Event(), threading.Event()

    def compute():
        started.set()
        go.wait()

    thread = threading.Thread(target=compute)
    thread.start()
    started.wait()
    try:
        spinning._spin(SHORT)
    finally:
        go.set()
        thread.join()
    assert not stopped
    assert not spinning._is_short
    assert spinning.VARIABLE not in os.environ
