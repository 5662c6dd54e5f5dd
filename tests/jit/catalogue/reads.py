"""Reads: of objects around a function, and of values out of Tensors."""

import contextvars
import copy
import dataclasses
import functools
import itertools
import math
import os
import pickle
import random
import types

import numpy as np

import tinygrad_mnist as tg
from tests.jit.catalogue import case, labels, mlp, param, rows, t
from tests.jit.observe import attempt
from tinygrad_mnist import nn, optim

K = 1.0
TABLE = {"k": 1.0}
HELPER = types.ModuleType("helper")


def scaled(x):
    return x * K


@dataclasses.dataclass
class Config:
    k: float = 1.0
    deeper: dict = dataclasses.field(default_factory=lambda: {"list": [1.0]})


class Dynamic:
    """Returns, for any attribute, the value that was set last."""

    def __init__(self):
        self.value_now = 1.0

    @property
    def k(self):
        return self.value_now

    def __getitem__(self, name):
        return self.value_now

    def __len__(self):
        return int(self.value_now)

    def __call__(self):
        return self.value_now


def set_global(value):
    global K
    K = value


def in_a_dict():
    holder = {"k": 1.0}
    return lambda: holder["k"], lambda v: holder.update(k=v)


def in_a_list():
    holder = [1.0]
    return lambda: holder[0], lambda v: holder.__setitem__(0, v)


def in_a_nested_list():
    holder = {"a": [(1.0, [1.0])]}
    return lambda: holder["a"][0][1][0], lambda v: holder["a"][0][1].__setitem__(0, v)


def in_an_attribute():
    holder = types.SimpleNamespace(k=1.0)
    return lambda: holder.k, lambda v: setattr(holder, "k", v)


def in_a_dataclass():
    holder = Config()
    return lambda: holder.k * holder.deeper["list"][0], lambda v: setattr(holder, "k", v)


def deep_in_a_dataclass():
    holder = Config()
    return lambda: holder.k * holder.deeper["list"][0], lambda v: holder.deeper.update(list=[v])


def in_a_class():
    holder = type("Settings", (), {"k": 1.0})
    return lambda: holder.k, lambda v: setattr(holder, "k", v)


def in_a_property():
    holder = Dynamic()
    return lambda: holder.k, lambda v: setattr(holder, "value_now", v)


def by_getitem():
    holder = Dynamic()
    return lambda: holder["any"], lambda v: setattr(holder, "value_now", v)


def by_len():
    holder = Dynamic()
    return lambda: len(holder), lambda v: setattr(holder, "value_now", v)


def by_call():
    holder = Dynamic()
    return holder, lambda v: setattr(holder, "value_now", v)


def in_a_global_of_a_helper():
    set_global(1.0)
    return lambda: K, set_global


def in_a_global_dict():
    TABLE["k"] = 1.0
    return lambda: TABLE["k"], lambda v: TABLE.update(k=v)


def in_another_module():
    HELPER.k = 1.0
    return lambda: HELPER.k, lambda v: setattr(HELPER, "k", v)


def in_a_default_argument():
    def read(k=1.0):
        return k

    return read, lambda v: setattr(read, "__defaults__", (v,))


def in_a_keyword_default():
    def read(*, k=1.0):
        return k

    return read, lambda v: setattr(read, "__kwdefaults__", {"k": v})


def in_a_list_as_default():
    holder = [1.0]

    def read(k=holder):
        return k[0]

    return read, lambda v: holder.__setitem__(0, v)


def in_an_attribute_of_the_function():
    def read():
        return read.k

    read.k = 1.0
    return read, lambda v: setattr(read, "k", v)


def in_a_cell():
    k = 1.0

    def change(v):
        nonlocal k
        k = v

    return lambda: k, change


def in_a_cell_two_functions_deep():
    k = 1.0

    def change(v):
        nonlocal k
        k = v

    def inner():
        return k

    return lambda: inner(), change


def in_the_code_of_a_helper():
    def read():
        return 1.0

    def change(v):
        read.__code__ = ((lambda: 2.0) if v == 2 else (lambda: 3.0)).__code__

    return read, change


def in_a_context_variable():
    holder = contextvars.ContextVar("k", default=1.0)
    return holder.get, holder.set


def in_the_environment():
    os.environ["JIT_CATALOGUE_K"] = "1"
    return (
        lambda: float(os.environ["JIT_CATALOGUE_K"]),
        lambda v: os.environ.update(JIT_CATALOGUE_K=str(v)),
    )


def as_a_numpy_scalar():
    holder = [np.float32(1)]
    return lambda: holder[0], lambda v: holder.__setitem__(0, np.float64(v))


def as_a_numpy_array():
    holder = np.ones(2, np.float32)
    return lambda: holder, lambda v: holder.fill(v)


def as_another_numpy_array():
    holder = [np.ones(2, np.float32)]
    return lambda: holder[0], lambda v: holder.__setitem__(0, np.full(2, v))


def as_an_item_of_an_array():
    holder = np.ones(3)
    return lambda: holder[1], lambda v: holder.__setitem__(1, v)


def as_a_tensor_bound_anew():
    holder = {"t": t(1, 1)}
    return lambda: holder["t"], lambda v: holder.update(t=t(v, v + 1))


def as_a_tensor_of_another_dtype():
    holder = {"t": t(1, 1)}
    return lambda: holder["t"], lambda v: holder.update(t=t(v, v, dtype="float64"))


def as_a_tensor_of_another_shape():
    holder = {"t": t(1, 1)}
    return lambda: holder["t"], lambda v: holder.update(t=tg.ones(int(v), 2))


def as_a_tensor_or_a_number():
    holder = [t(1, 1)]
    return lambda: holder[0], lambda v: holder.__setitem__(0, v if v == 2 else t(v, v))


def as_none_that_becomes_a_number():
    holder = [None]
    return lambda: 5 if holder[0] is None else holder[0], lambda v: holder.__setitem__(0, v)


def as_a_tuple():
    holder = types.SimpleNamespace(ks=(1.0, 2.0))
    return lambda: sum(holder.ks), lambda v: setattr(holder, "ks", (v, v, v))


def as_a_function_bound_anew():
    holder = types.SimpleNamespace(act=tg.relu)
    return lambda: holder.act(t(-1, 2)), lambda v: setattr(
        holder, "act", (tg.tanh, tg.exp)[int(v) % 2]
    )


def as_a_lambda_over_a_number():
    holder = [lambda: 1.0]
    return lambda: holder[0](), lambda v: holder.__setitem__(0, lambda: v)


def as_a_partial():
    holder = [functools.partial(math.pow, 1.0)]
    return lambda: holder[0](2), lambda v: holder.__setitem__(0, functools.partial(math.pow, v))


def as_the_length_of_a_list():
    holder = [0]
    return lambda: len(holder), lambda v: holder.append(v)


def as_a_bool_of_a_set():
    holder = {1}
    return lambda: 2.0 if 5 in holder else 3.0, lambda v: holder.symmetric_difference_update({5})


def as_a_string():
    holder = {"how": "mean"}
    return (
        lambda: getattr(t(1, 2), holder["how"])(),
        lambda v: holder.update(how=("sum", "prod")[int(v) % 2]),
    )


def as_a_complex_key():
    holder = {(1, "a"): slice(0, 2)}
    return (
        lambda: t(1, 2, 3, 4)[holder[1, "a"]],
        lambda v: holder.update({(1, "a"): slice(int(v) - 2, int(v))}),
    )


def as_minus_zero():
    holder = [0.0]
    return lambda: holder[0], lambda v: holder.__setitem__(0, -0.0 if v == 2 else 0.0)


def as_true_one_and_one_point_nought():
    holder = [1]
    return lambda: holder[0], lambda v: holder.__setitem__(0, True if v == 2 else 1.0)


def as_nan():
    holder = [1.0]
    return lambda: holder[0], lambda v: holder.__setitem__(0, math.nan if v == 2 else 0.5)


def as_a_learning_rate():
    holder = optim.SGD([param(1)], lr=1.0)
    return (
        lambda: holder.param_groups[0]["lr"],
        lambda v: holder.param_groups[0].__setitem__("lr", v),
    )


def as_an_attribute_of_a_module():
    holder = nn.Identity()
    holder.k = 1.0
    return lambda: holder.k, lambda v: setattr(holder, "k", v)


def in_a_list_of_a_module():
    holder = nn.Identity()
    holder.ks = [1.0]
    return lambda: holder.ks[0], lambda v: holder.ks.__setitem__(0, v)


def as_a_tensor_attribute_of_a_module():
    holder = nn.Identity()
    holder.k = t(1, 1)
    return lambda: holder.k, lambda v: setattr(holder, "k", t(v, v))


def as_the_default_dtype():
    types_of = {2: "float64", 3: "float16"}
    return lambda: tg.tensor([1.0, 2.0]) / 3, lambda v: tg.set_default_dtype(types_of[int(v)])


PLACES = [
    in_a_dict, in_a_list, in_a_nested_list, in_an_attribute, in_a_dataclass, deep_in_a_dataclass,
    in_a_class, in_a_property, by_getitem, by_len, by_call, in_a_global_of_a_helper,
    in_a_global_dict, in_another_module, in_a_default_argument, in_a_keyword_default,
    in_a_list_as_default, in_an_attribute_of_the_function, in_a_cell, in_a_cell_two_functions_deep,
    in_the_code_of_a_helper, in_a_context_variable, in_the_environment, as_a_numpy_scalar,
    as_a_numpy_array, as_another_numpy_array, as_an_item_of_an_array, as_a_tensor_bound_anew,
    as_a_tensor_of_another_dtype, as_a_tensor_of_another_shape, as_a_tensor_or_a_number,
    as_none_that_becomes_a_number, as_a_tuple, as_a_function_bound_anew, as_a_lambda_over_a_number,
    as_a_partial, as_the_length_of_a_list, as_a_bool_of_a_set, as_a_string, as_a_complex_key,
    as_minus_zero, as_true_one_and_one_point_nought, as_nan, as_a_learning_rate,
    as_an_attribute_of_a_module, in_a_list_of_a_module, as_a_tensor_attribute_of_a_module,
    as_the_default_dtype,
]  # fmt: skip


@case("read around it", over={position.__name__.replace("_", " "): position for position in PLACES})
def a_value_that_changes_between_calls(jit, position):
    """Also where a gradient depends on it, and with the old value again later."""
    read, change = position()
    w = param(1, -2)

    def f(x):
        y = x * w * read()
        y.sum().backward()
        return y.detach(), x / read() if isinstance(read(), float) and read() else None

    f = jit(f)
    for k in range(9):
        if k in (4, 6, 8):
            change(3.0 if k == 6 else 2.0)
        yield f(t(k, 1)), w


@case("read around it")
def the_loops_own_variables(jit):
    """The training step that reads xb, yb of the loop around it."""
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    loss_of = nn.CrossEntropyLoss()

    @jit
    def step():
        optimizer.zero_grad()
        loss = loss_of(model(xb), yb)
        loss.backward()
        optimizer.step()
        return loss.detach()

    for k in range(8):
        xb, yb = rows(k), labels(k)
        yield step(), model


@case("read around it")
def a_model_and_an_optimizer_bound_anew(jit):
    @jit
    def step(x, y):
        optimizer.zero_grad()
        loss = tg.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    seen = []
    for k in range(9):
        if k % 4 == 0:
            model = mlp()
            optimizer = optim.Adam(model.parameters(), lr=0.01)
            seen.append((model, optimizer))
        yield step(rows(k), labels(k)), seen


@case("read around it")
def an_attribute_of_self(jit):
    class Trainer:
        def __init__(self):
            self.w, self.scale, self.history = param(1, 2), 1.0, []

        @jit
        def step(self, x):
            loss = (self.w * x * self.scale).sum()
            loss.backward()
            self.history.append(loss.item())
            return loss.detach()

    trainers = [Trainer(), Trainer()]
    for k in range(9):
        trainers[k % 2].scale = 1.0 + k // 4
        yield trainers[k % 2].step(t(k, 1)), trainers


@case("read around it")
def a_bound_method_passed_to_jit(jit):
    class Counter:
        def __init__(self):
            self.count = tg.zeros(2)

        def add(self, x):
            self.count = self.count + x
            return self.count

    counter = Counter()
    add = jit(counter.add)
    for k in range(7):
        yield add(t(k, 1)), counter


@case("read around it")
def a_callable_object_passed_to_jit(jit):
    class Scale:
        k = 1.0

        def __call__(self, x):
            return x * self.k

    scale = Scale()
    f = jit(scale)
    for k in range(7):
        scale.k = k // 2
        yield f(t(k, 1))


@case("read around it")
def a_partial_passed_to_jit(jit):
    table = {"k": 1.0}
    f = jit(functools.partial(lambda holder, x, k=1: x * holder["k"] * k, table, k=2))
    for k in range(7):
        table["k"] = k
        yield f(t(k, 1))


@case("read around it")
def a_class_and_a_static_method(jit):
    class Ops:
        k = 1.0

        @classmethod
        def scale(cls, x):
            return x * cls.k

        @staticmethod
        @jit
        def shift(x):
            return x + Ops.k

    scale = jit(Ops.scale)
    for k in range(7):
        Ops.k = k
        yield scale(t(k, 1)), Ops.shift(t(k, 1))


@case("read around it")
def an_iterator(jit):
    numbers = itertools.count(1)
    f = jit(lambda x: x * next(numbers))
    for k in range(7):
        yield f(t(k, 1))


@case("read around it")
def a_batch_from_an_iterator_that_ends(jit):
    w, batches = param(1, 2), iter([t(k, 1) for k in range(5)])

    def f():
        (w * next(batches)).sum().backward()

    f = jit(f)
    for _ in range(8):
        yield attempt(f), w


@case("read around it")
def a_generator_that_is_sent_to(jit):
    def scales():
        k = 1.0
        while True:
            k *= (yield k) or 1

    numbers = scales()
    next(numbers)
    f = jit(lambda x: x * numbers.send(2))
    for k in range(7):
        yield f(t(k, 1))


RANDOM = {
    "random.random": random.random,
    "random.choice": lambda: random.choice([1.0, 2.0, 3.0]),
    "np.random.rand": np.random.rand,
    "np.random.randint": lambda: np.random.randint(5),
    "an array of np.random": lambda: np.random.standard_normal(2),
    "tg.rand": lambda: tg.rand(2),
    "tg.randn float64": lambda: tg.randn(2, dtype="float64"),
    "tg.randperm": lambda: tg.randperm(2),
    "tg.randint": lambda: tg.randint(5, (2,)),
    "tg.bernoulli": lambda: tg.bernoulli(tg.full((2,), 0.5)),
    "tg.multinomial": lambda: tg.multinomial(t(0.2, 0.3, 0.5), 2),
    "tg.normal": lambda: tg.normal(t(0, 5), 0.1),
    "dropout": lambda: tg.nn.functional.dropout(tg.ones(2), 0.5),
    "uniform_": lambda: tg.empty(2).uniform_(),
    "a size that is drawn": lambda: tg.rand(random.randint(1, 3), 2),
}


@case("random numbers", over=RANDOM)
def drawn_inside(jit, draw):
    f = jit(lambda x: x * draw())
    for k in range(8):
        if k == 5:
            tg.manual_seed(3)
        yield f(t(k, 1))


@case("random numbers")
def seeded_inside(jit):
    def f(x):
        tg.manual_seed(7)
        return x + tg.rand(2), tg.rand(1)

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1)), tg.rand(1)


@case("random numbers")
def seeded_inside_on_some_calls(jit):
    def f(x, k):
        if k % 3 == 0:
            tg.manual_seed(k)
        return x + tg.rand(2)

    f = jit(f)
    for k in range(9):
        yield f(t(k, 1), k)


@case("random numbers")
def the_state_kept_and_put_back_inside(jit):
    def f(x):
        state = tg.get_rng_state()
        a = tg.rand(2) * x
        tg.set_rng_state(state)
        return a, tg.rand(2) * x

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1))


@case("random numbers")
def of_a_generator_that_is_an_argument(jit):
    makers = [tg.Generator().manual_seed(k) for k in range(2)]
    f = jit(lambda x, g: x * tg.rand(2, generator=g))
    for k in range(8):
        yield f(t(k, 1), makers[k % 3 == 2]), makers


@case("random numbers")
def of_a_generator_bound_anew(jit):
    @jit
    def f(x):
        return x * tg.rand(2, generator=maker)

    for k in range(8):
        maker = tg.Generator().manual_seed(k // 3)
        yield f(t(k, 1)), maker


@case("random numbers")
def of_numpy_generators_passed_along(jit):
    maker = np.random.default_rng(0)
    f = jit(lambda x: x * tg.rand(2, generator=maker) + maker.standard_normal())
    for k in range(7):
        yield f(t(k, 1)), maker


@case("random numbers")
def drawn_before_an_error(jit):
    def f(x, k):
        y = x * tg.rand(2)
        if k % 3 == 2:
            raise ValueError(k)
        return y + tg.rand(2)

    f = jit(f)
    for k in range(9):
        yield attempt(f, t(k, 1), k), tg.get_rng_state()


READ_OUT = {
    "item": lambda x: x.sum().item(),
    "float": lambda x: float(x.sum()),
    "int": lambda x: int(x.sum()),
    "tolist": lambda x: x.tolist()[0],
    "numpy": lambda x: x.numpy()[0],
    "np.asarray": lambda x: np.asarray(x)[0],
    "np.array copy": lambda x: np.array(x, dtype="float64")[1],
    "tg.tensor": lambda x: tg.tensor(x),
    "tg.tensor of two": lambda x: tg.tensor([x.sum(), x.mean()]),
    "tg.as_tensor": lambda x: tg.as_tensor(x),
    "new_tensor": lambda x: x.new_tensor([float(x[0]), 2.0]),
    "linspace": lambda x: tg.linspace(0, x.sum(), 2),
    "arange": lambda x: tg.arange(int(x.sum()))[-1],
    "full": lambda x: tg.full((2,), x.sum().item()),
    "zeros of a size": lambda x: tg.zeros(int(x.sum()), 2).exp().sum(),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "repr": lambda x: len(repr(x)),
    "str.format": lambda x: float(f"{x.sum():.3f}"),
    "bool": lambda x: 2.0 if x.sum() > 3 else 3.0,
    "all": lambda x: 2.0 if (x > 1).all() else 3.0,
    "equal": lambda x: 2.0 if tg.equal(x, t(3, 1)) else 3.0,
    "allclose": lambda x: 2.0 if tg.allclose(x, t(3, 1)) else 3.0,
    "in": lambda x: 2.0 if 3.0 in x.tolist() else 3.0,
    "max of Python": lambda x: max(x),
    "sorted by Python": lambda x: sorted(x, reverse=True)[0],
    "sum of Python": sum,
    "range": lambda x: len(range(x.sum().int())),
    "an index": lambda x: [5.0, 6.0, 7.0][int(x[0]) % 3],
    "unpacked": lambda x: (lambda a, b: a - b)(*x),
    "iterated": lambda x: [a * 2 for a in x][1],
    "math": lambda x: math.sqrt(abs(x.sum())),
    "np.sum": lambda x: np.sum(x.numpy()),
    "np.exp": lambda x: np.exp(x),
    "np.add.reduce": lambda x: np.add.reduce(x),
    "np.float32": lambda x: np.float32(x.sum()),
    "memoryview": lambda x: memoryview(x.numpy())[0],
    "dlpack": lambda x: tg.from_numpy(np.from_dlpack(x)),
    "hash of bytes": lambda x: hash(x.numpy().tobytes()) % 7,
    "argmax": lambda x: (1.0, 2.0)[x.argmax()],
    "data_ptr": lambda x: float(x.data_ptr() == x.detach().data_ptr()),
    "a mask": lambda x: x[x > 1].sum(),
    "nonzero": lambda x: len((x > 1).nonzero()),
    "unique": lambda x: len(x.unique()),
    "masked_select": lambda x: x.masked_select(x > 1).sum(),
    "repeat_interleave": lambda x: tg.arange(2).repeat_interleave(x.int()).sum(),
    "topk": lambda x: x.topk(1 + int(x[0] > 2)).values.sum(),
}


@case("read out", over=READ_OUT)
def of_an_argument_and_of_what_is_computed(jit, read):
    w = param(1, 2)

    def f(x):
        y = x + 1
        z = w * read(x) + read(y)
        z.sum().backward()
        return z.detach(), read(x)

    f = jit(f)
    for k in range(8):
        yield f(t(k, 1)), w


@case("read out")
def a_loss_that_is_printed_and_kept(jit):
    model, losses = mlp(), []
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x, y):
        optimizer.zero_grad()
        loss = tg.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        print(f"{len(losses)}: {loss:.6f}, {loss}, {loss.grad_fn}")
        return loss.item()

    step = jit(step)
    for k in range(7):
        yield step(rows(k), labels(k)), losses


@case("read out")
def a_branch_on_the_loss(jit):
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x, y):
        optimizer.zero_grad()
        loss = tg.nn.functional.cross_entropy(model(x), y)
        if loss > 1.2:
            loss = loss * 0.5
        loss.backward()
        if model[0].weight.grad.abs().max() > 0.1:
            optimizer.step()
        return loss.detach()

    step = jit(step)
    for k in range(10):
        yield step(rows(k) * (1 + k % 3), labels(k)), model


@case("read out")
def accuracy_counted_inside(jit):
    model, right = mlp(), [0]

    def count(x, y):
        with tg.no_grad():
            right[0] += int((model(x).argmax(1) == y).sum())

    count = jit(count)
    for k in range(7):
        yield count(rows(k), labels(k)), right


@case("read out")
def a_loop_until_it_is_small(jit):
    def f(x):
        steps = 0
        while x.abs().sum() > 1:
            x = x / 2
            steps += 1
        return x, steps

    f = jit(f)
    for k in range(8):
        yield f(t(k * k, 1))


@case("read out")
def early_returns(jit):
    w = param(1, 2)

    def f(x):
        y = w * x
        if y.sum() < 3:
            return None
        y.sum().backward()
        if x[0] > 4:
            return y.detach(), "large"
        return y.detach()

    f = jit(f)
    for k in range(9):
        yield f(t(k % 6, 1)), w


@case("read out")
def recursion_by_data(jit):
    def f(x, depth):
        if depth == 0 or x.sum() > 20:
            return x
        return f(x * 2, depth - 1) + x

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1), 3)
