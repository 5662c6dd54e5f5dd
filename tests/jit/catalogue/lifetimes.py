"""Lifetimes: objects that are dropped, copied, pickled or collected."""

import copy
import gc
import pickle
import weakref

import numpy as np

import tinygrad_mnist as tg
from tests.jit.catalogue import case, labels, mlp, param, rows, t, training
from tinygrad_mnist import optim

EAGER = {"Tensor": lambda y: y, "array": lambda y: y.detach().numpy(), "node": lambda y: y.grad_fn}


@case("weak references", over=EAGER)
def to_what_is_computed(jit, of):
    w, dead = param(1, 2), []

    def f(x):
        y = w * x
        ref = weakref.ref(of(y))
        z = y.exp()
        del y
        dead.append(ref() is None)
        z.sum().backward()
        dead.append(ref() is None)
        return z.detach()

    f = jit(f)
    for k in range(8):
        yield f(t(k, 1) / 4), dead if of is EAGER["Tensor"] else None


@case("weak references")
def with_callbacks_in_order(jit):
    w, died = param(1, 2), []

    def f(x):
        y = w * x
        z = y.exp()
        weakref.finalize(y, died.append, "y")
        weakref.finalize(z, died.append, "z")
        y = y + 1
        died.append("middle")
        return (y * z).detach()

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1) / 4), died


@case("weak references")
def to_arguments_after_the_call(jit):
    w, refs = param(1, 2), []
    f = jit(lambda x: (w * x).sum().backward())
    for k in range(8):
        x = t(k, 1)
        refs.append((weakref.ref(x), weakref.ref(x.numpy())))
        f(x)
        del x
        yield [(a() is None, b() is None) for a, b in refs], w


@case("weak references")
def to_results_that_are_dropped(jit):
    w, refs = param(1, 2), []
    f = jit(lambda x: (w * x).exp())
    for k in range(8):
        y = f(t(k, 1) / 4)
        refs.append(weakref.ref(y))
        shown = y.detach().clone()
        del y
        yield shown, [ref() is None for ref in refs]


@case("weak references")
def to_a_model_and_optimizer_that_are_dropped(jit):
    holder = {}

    @jit
    def step(x, y):
        return training(holder["model"], holder["optimizer"])(x, y).detach()

    refs = []
    for k in range(9):
        if k % 3 == 0:
            holder["model"] = mlp()
            holder["optimizer"] = optim.Adam(holder["model"].parameters(), lr=0.01)
            refs.append([weakref.ref(v) for v in (holder["model"], holder["model"][0].weight)])
        loss = step(rows(k), labels(k))
        gc.collect()
        yield loss, [[ref() is None for ref in each] for each in refs]


@case("weak references")
def to_objects_in_the_closure_of_a_dropped_function(jit):
    class Thing:
        pass

    seen = []
    for k in range(7):
        thing, w = Thing(), param(1, 2)
        thing.k = k
        f = jit(lambda x, w=w, thing=thing: (w * x * thing.k).sum().backward())
        for _ in range(4):
            f(t(k, 1))
        ref, weight = weakref.ref(thing), weakref.ref(w)
        del f, thing, w
        gc.collect()
        seen.append((ref() is None, weight() is None))
        yield seen


@case("weak references")
def a_del_method_that_computes(jit):
    value_now, w = [], param(1, 2)

    class Thing:
        def __init__(self, y):
            self.y = y

        def __del__(self):
            value_now.append((self.y * 2 + w.detach()).sum().item())

    def f(x):
        y = w * x
        Thing(y.detach())
        thing = Thing(y.detach() + 1)
        z = y.exp()
        del thing
        z.sum().backward()
        return z.detach()

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1) / 4), value_now, w


@case("garbage")
def cycles_collected_inside(jit):
    w, dead = param(1, 2), []

    def f(x):
        y = w * x
        cycle = [y]
        cycle.append(cycle)
        ref = weakref.ref(y)
        z = y.exp()
        del y, cycle
        gc.collect()
        dead.append(ref() is None)
        z.sum().backward()
        return z.detach()

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1) / 4), dead, w


@case("garbage")
def tensors_deleted_in_many_orders(jit):
    w = param(1, 2)

    def f(x, k):
        results = {"a": w * x, "b": (w * x).exp()}
        results["c"] = results["a"] * results["b"]
        del results["abc"[k % 3]]
        y = sum(results.values()) * x
        results.clear()
        y.sum().backward()
        return y.detach()

    f = jit(f)
    for k in range(9):
        yield f(t(k, 1) / 4, k if k > 3 else 0), w


@case("garbage")
def an_array_resized_after_the_call(jit):
    f = jit(lambda x: x * 2)
    for k in range(7):
        array = np.full(2, k, np.float32)
        x = tg.from_numpy(array)
        y = f(x)
        del x
        try:
            array.resize(3)
        except ValueError as error:
            array = str(error)
        yield y, array


@case("copies of the jitted function", over={"copy": copy.copy, "deepcopy": copy.deepcopy})
def used_beside_it(jit, copied):
    w = param(1, 2)
    f = jit(lambda x: (w * x).sum().backward())
    for k in range(8):
        if k in (0, 4):
            g = copied(f)
        f(t(k, 1))
        g(t(k, 2))
        yield w


def double(x):
    return x * 2


@case("copies of the jitted function")
def by_pickle(jit):
    global double
    plain, double = double, jit(double)
    try:
        for k in range(6):
            f = pickle.loads(pickle.dumps(double))
            yield f(t(k, 1)), double(t(k, 1))
    finally:
        double = plain


@case("copies of the jitted function")
def of_an_object_that_holds_it(jit):
    class Trainer:
        def __init__(self):
            self.model = mlp()
            self.optimizer = optim.Adam(self.model.parameters(), lr=0.01)

        @jit
        def step(self, x, y):
            return training(self.model, self.optimizer)(x, y).detach()

    first, others = Trainer(), []
    for k in range(9):
        if k in (2, 5):
            others.append(copy.deepcopy(first))
        actual = [one.step(rows(k + i), labels(k + i)) for i, one in enumerate([first, *others])]
        yield actual, first, others


@case("copies of the jitted function")
def its_name_and_signature(jit):
    import inspect

    def f(x, k: int = 1, *, j=2) -> tg.Tensor:
        """Scale."""
        return x * k * j

    g = jit(f)
    for k in range(6):
        yield g(t(k, 1)), g.__name__, g.__doc__, str(inspect.signature(g)), g.__module__


@case("copies of the jitted function")
def in_a_set_and_a_dict(jit):
    f = jit(lambda x: x * 2)
    table, holder = {f: 1}, {f}
    for k in range(6):
        yield f(t(k, 1)), table[f], f in holder, f == f, bool(f), callable(f)
