"""Threads, signals, settings of NumPy, and other libraries' machinery around the calls."""

import concurrent.futures
import contextlib
import signal
import sys
import threading
import time

import numpy as np

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.jit.catalogue import case, labels, mlp, param, rows, t, training
from tinygrad_mnist import nn, optim


@contextlib.contextmanager
def looking(looks, look):
    """Another thread that looks again and again."""
    over, interval = threading.Event(), sys.getswitchinterval()

    def work():
        while not over.is_set():
            looks.append(look())
            time.sleep(1e-4)  # else the step waits for each look, where there is one core for both

    thread = threading.Thread(target=work)
    sys.setswitchinterval(1e-5)  # else the step waits 5 ms for the other thread, again and again
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(interval)


@case("threads")
def one_that_reads_the_batch_meanwhile(jit):
    model, x, y = mlp(), rows(0, (40, 3)), labels(0, 40)
    step = jit(training(model, optim.SGD(model.parameters(), lr=0.1)))
    before, looks = x.numpy().tobytes(), []
    for _ in range(8):
        with looking(looks, lambda: x.numpy().tobytes() == before):
            step(x, y)
        yield all(looks), model
        looks.clear()


@case("threads")
def one_that_computes_with_the_weights_meanwhile(jit):
    model, frozen = mlp(), mlp()
    step = jit(training(model, optim.SGD(model.parameters(), lr=0.1)))
    expected, looks = frozen(rows(0)).detach().numpy().tobytes(), []
    for k in range(8):
        with looking(looks, lambda: frozen(rows(0)).detach().numpy().tobytes() == expected):
            step(rows(k), labels(k))
        yield all(looks), model, tg.is_grad_enabled()
        looks.clear()


@case("threads")
def two_that_call_one_function(jit):
    w = param(1, 2)
    f = jit(lambda x: (w.detach() * x).exp().log())
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for k in range(6):
            xs = [t(k, i) / 8 for i in range(30)]
            yield list(pool.map(f, xs))


@case("threads")
def two_that_train_models_of_their_own(jit):
    models = [mlp() for _ in range(2)]
    optimizers = [optim.Adam(m.parameters(), lr=0.01) for m in models]

    @jit
    def step(i, x, y):
        return training(models[i], optimizers[i])(x, y).item()

    def run(i, k):
        return [step(i, rows(k * 9 + j), labels(k * 9 + j)) for j in range(9)]

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for k in range(6):
            yield list(pool.map(run, (0, 1), (k, k))), models, optimizers


@case("threads")
def one_started_and_joined_inside(jit):
    w = param(1, 2)

    def f(x):
        actual = []
        y = w * x
        worker = threading.Thread(target=lambda: actual.append((w * x * 2).detach()))
        worker.start()
        worker.join()
        y.sum().backward()
        return actual[0] + y.detach()

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1)), w


@case("threads")
def calls_by_turns_in_many(jit):
    model = mlp()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    step = jit(training(model, optimizer))
    with concurrent.futures.ThreadPoolExecutor(1) as other:
        for k in range(9):
            batch = rows(k), labels(k)
            loss = other.submit(step, *batch).result() if k % 3 == 2 else step(*batch)
            yield loss.detach(), model, optimizer


@case("threads")
def backward_in_another(jit):
    w = param(1, 2)
    f = jit(lambda x: (w * x).exp().sum())
    with concurrent.futures.ThreadPoolExecutor(1) as other:
        for k in range(7):
            loss = f(t(k, 1) / 4)
            other.submit(loss.backward).result()
            yield loss, w


@case("signals")
def a_handler_that_computes(jit):
    w, value_now = param(1, 2), []

    def handler(number, frame):
        value_now.append(f(t(3, 3)).detach())

    def f(x):
        return w * x

    def g(x):
        y = (w * x).exp()
        signal.raise_signal(signal.SIGUSR1)
        z = y * w
        z.sum().backward()
        return z.detach()

    f, g = jit(f), jit(g)
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        for k in range(7):
            yield g(t(k, 1) / 4), value_now, w
    finally:
        signal.signal(signal.SIGUSR1, before)


@case("signals")
def a_handler_that_raises_between_ops(jit):
    model, calls = mlp(), []
    optimizer = optim.Adam(model.parameters(), lr=0.01)

    def handler(number, frame):
        raise KeyboardInterrupt(len(calls))

    def step(x, y):
        calls.append(0)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        if len(calls) % 3 == 0:
            signal.raise_signal(signal.SIGUSR1)
        loss.backward()
        if len(calls) % 4 == 0:
            signal.raise_signal(signal.SIGUSR1)
        optimizer.step()
        return loss.detach()

    step = jit(step)
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        for k in range(10):
            try:
                loss = step(rows(k), labels(k))
            except KeyboardInterrupt as error:
                loss = error.args
            yield loss, model, optimizer, tg.is_grad_enabled()
    finally:
        signal.signal(signal.SIGUSR1, before)


@case("patches")
def a_function_of_the_library_replaced(jit):
    model = mlp()
    f = jit(lambda x: tg.relu(model[0](x)).sum() + F.softplus(x).sum())
    relu, softplus = tg.relu, F.softplus
    try:
        for k in range(8):
            tg.relu = tg.tanh if k in (3, 4) else relu
            F.softplus = tg.exp if k in (4, 6) else softplus
            yield f(rows(k)).detach()
    finally:
        tg.relu, F.softplus = relu, softplus


@case("patches")
def a_method_of_tensor_replaced(jit):
    results, own = [], tg.Tensor.exp
    f = jit(lambda x: x.exp().log())
    try:
        for k in range(8):
            if k == 3:
                tg.Tensor.exp = lambda self: (results.append(self), own(self) * 2)[1]
            if k == 6:
                tg.Tensor.exp = own
            yield f(t(k, 1) / 4), results
    finally:
        tg.Tensor.exp = own


@case("patches")
def a_function_of_numpy_replaced(jit):
    own, value_now = np.round, []
    f = jit(lambda x: tg.from_numpy(np.round(x.numpy())) * 2)
    try:
        for k in range(7):
            np.round = own if k < 4 else lambda a: (value_now.append(0), own(a) + 1)[1]
            yield f(t(k, 1) / 3), value_now
    finally:
        np.round = own


class Mine(tg.Tensor):
    """A Tensor with something of its own."""

    __slots__ = ("name",)

    def doubled(self):
        return self * 2


class MyParameter(nn.Parameter):
    __slots__ = ()

    def scaled(self, x):
        return self * x


@case("subclasses")
def of_tensor_and_parameter(jit):
    w = MyParameter(np.float32([1, 2]))
    optimizer = optim.SGD([w], lr=0.1)

    def f(x):
        optimizer.zero_grad()
        y = w.scaled(x.doubled())
        y.sum().backward()
        optimizer.step()
        return y.detach(), x, x.name

    f = jit(f)
    for k in range(7):
        x = Mine([float(k), 1.0])
        x.name = f"batch {k}"
        yield f(x), w, optimizer


@case("subclasses")
def a_lazy_object_that_becomes_a_tensor(jit):
    class Lazy:
        def __init__(self, k):
            self.k = k

        def __array__(self, dtype=None, copy=None):
            return np.full(2, self.k, np.float32)

        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            return getattr(tg.tensor(np.full(2, self.k, np.float32)), name)

    f = jit(lambda x: x.exp() + tg.from_numpy(np.asarray(x)))
    for k in range(7):
        yield f(Lazy(k / 4))


@case("numpy")
def functions_on_tensors(jit):
    w = param(1, 2)

    def f(x):
        y = np.multiply(w, x) + np.exp(x.numpy())
        z = np.ones(2, np.float32) * y
        z.sum().backward()
        return z.detach(), np.sum(x.numpy()), np.stack([x, x]), np.float32(2) * x

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1) / 4), w


@case("numpy")
def print_options(jit):
    def f(x):
        return repr(x * 2 / 3)

    f = jit(f)
    for k in range(7):
        with np.printoptions(precision=2 + k % 3):
            yield f(t(k, 1))


@case("lists of tensors")
def a_ring_that_wraps(jit):
    """Results go in and out of a ring of three, in place of those before."""
    ring = [tg.zeros(2)] * 3

    def f(x, k):
        ring[k % 3] = ring[(k + 1) % 3] * 0.5 + x
        return sum(ring)

    f = jit(f)
    for k in range(10):
        yield f(t(k, 1), k), ring


@case("lists of tensors")
def the_last_hidden_states(jit):
    model, states = mlp(), []

    def f(x):
        hidden = model[1](model[0](x))
        states.append(hidden)
        if len(states) > 3:
            states.pop(0)
        loss = sum((hidden - other.detach()).square().mean() for other in states)
        loss.backward()
        return loss.detach()

    f = jit(f)
    for k in range(9):
        yield f(rows(k)), states, model


@case("lists of tensors")
def a_replay_buffer(jit):
    memory = []

    def act(x):
        out = x.tanh()
        memory.append((x, out, out.argmax(1)))
        return out

    def learn():
        i = int(tg.randint(len(memory), (1,)))
        return sum(a.sum() for a in memory[i])

    act, learn = jit(act), jit(learn)
    for k in range(9):
        yield act(rows(k)), learn(), memory
