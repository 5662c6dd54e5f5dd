"""Arguments: kinds of objects, layouts, views of one buffer, changing sizes."""

import dataclasses
import types
from collections import OrderedDict, namedtuple

import numpy as np

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.jit.catalogue import case, labels, mlp, param, rows, t, training
from tests.jit.observe import attempt
from tinygrad_mnist import nn, optim

Pair = namedtuple("Pair", "x k")


@dataclasses.dataclass
class Batch:
    x: object
    k: object = 1


class Slots:
    __slots__ = ("k", "x")

    def __init__(self, x, k):
        self.x, self.k = x, k


CONTAINERS = {
    "a dict": (lambda x, k: {"x": x, "k": k}, lambda b: b["x"] * b["k"]),
    "an ordered dict": (lambda x, k: OrderedDict(k=k, x=x), lambda b: b["x"] * b["k"]),
    "a list": (lambda x, k: [x, k], lambda b: b[0] * b[1]),
    "a tuple": (lambda x, k: (x, k), lambda b: b[0] * b[1]),
    "a named tuple": (Pair, lambda b: b.x * b.k),
    "a dataclass": (Batch, lambda b: b.x * b.k),
    "a namespace": (lambda x, k: types.SimpleNamespace(x=x, k=k), lambda b: b.x * b.k),
    "slots": (Slots, lambda b: b.x * b.k),
    "nested": (lambda x, k: {"a": [(x, {"k": k})]}, lambda b: b["a"][0][0] * b["a"][0][1]["k"]),
    "a generator": (lambda x, k: (v for v in (x, k)), lambda b: next(b) * next(b)),
    "a function": (lambda x, k: lambda: (x, k), lambda b: b()[0] * b()[1]),
    "a set": (lambda x, k: (x, {k}), lambda b: b[0] * max(b[1])),
    "None at times": (lambda x, k: (x, None if k % 3 == 0 else k), lambda b: b[0] * (b[1] or 7)),
    "a string": (lambda x, k: (x, "abc"[k % 3]), lambda b: b[0] * {"a": 1, "b": 2, "c": 3}[b[1]]),
    "a range": (lambda x, k: (x, range(k)), lambda b: b[0] * sum(b[1])),
    "a dtype": (lambda x, k: (x, (tg.float32, tg.float64)[k % 2]), lambda b: b[0].to(b[1]) / 3),
    "a slice": (lambda x, k: (x, slice(k % 2, None)), lambda b: b[0][b[1]] * 2),
    "a NumPy scalar": (lambda x, k: (x, np.float32(k)), lambda b: b[0] * b[1]),
    "an array in a list": (lambda x, k: (x, [np.full(2, k)]), lambda b: b[0] * tg.tensor(b[1][0])),
    "a Tensor in a list": (lambda x, k: (x, [t(k, 1)]), lambda b: b[0] * b[1][0]),
}


@case("containers", over=CONTAINERS)
def as_arguments(jit, case):
    make, use = case
    w = param(1, 2)

    def f(b):
        y = w * use(b)
        y.sum().backward()
        return y.detach()

    f = jit(f)
    for k in range(8):
        x = t(k, 1)
        if k in (2, 6):
            w = param(1, 2, 3)[:2].detach().requires_grad_()
        yield attempt(f, make(x, k)), x, w


@case("containers")
def one_dict_that_changes(jit):
    batch, w = {"x": t(1, 2), "k": 1.0}, param(1, 2)

    def f(b):
        b["y"] = w * b["x"] * b["k"]
        b["y"].sum().backward()

    f = jit(f)
    for k in range(8):
        if k % 3 == 2:
            batch["x"] = t(k, 1)
        batch["k"] = k // 2
        yield f(batch), batch, w


@case("containers")
def keywords_and_stars(jit):
    def f(x, *more, scale=1.0, **named):
        for m in more:
            x = x + m
        for key in sorted(named):
            x = x * named[key]
        return x * scale

    f = jit(f)
    calls = [((), {}), ((1,), {}), ((t(1, 2), 2), {"scale": 3}), ((), {"b": t(1, 2), "a": 2.0})]
    for k in range(9):
        args, kw = calls[k % 4]
        yield f(t(k, 1), *args, **kw), f(x=t(1, k), **kw)


@case("models as arguments")
def two_by_turns(jit):
    models = [mlp(), mlp(), mlp(tg.float64)]

    def step(model, x):
        model.zero_grad()
        model(x.to(model[0].weight.dtype)).square().sum().backward()
        return model

    step = jit(step)
    for k in range(9):
        yield step(models[k % 3 if k > 5 else k % 2], rows(k)), models


@case("models as arguments")
def with_their_optimizers(jit):
    pairs = [(m, optim.Adam(m.parameters(), lr=0.01)) for m in (mlp(), mlp())]

    def step(model, optimizer, x, y):
        return training(model, optimizer)(x, y).detach()

    step = jit(step)
    for k in range(9):
        yield step(*pairs[k % 2 if k > 3 else 0], rows(k), labels(k)), pairs


@case("models as arguments")
def the_model_itself_is_jitted(jit):
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    forward = jit(model)
    for k in range(8):
        optimizer.zero_grad()
        loss = F.cross_entropy(forward(rows(k)), labels(k))
        loss.backward()
        optimizer.step()
        model.train(k % 2 == 0)
        yield loss, model


@case("models as arguments")
def its_forward_is_jitted(jit):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.seen = nn.Linear(3, 2), 0

        @jit
        def forward(self, x, scale=1):
            self.seen += 1
            return self.layer(x) * scale

    nets = [Net(), Net()]
    for k in range(8):
        net = nets[k % 3 == 2]
        net.zero_grad()
        y = net(rows(k), scale=1 + k // 4)
        y.sum().backward()
        yield y, nets


LAYOUTS = {
    "transposed": lambda a: a.T,
    "every other row": lambda a: a[::2],
    "columns": lambda a: a[:, 1:3],
    "backwards": lambda a: a[::-1, ::-1],
    "broadcast": lambda a: a[:1].expand(4, 4) if isinstance(a, tg.Tensor) else a,
    "one row": lambda a: a[0],
    "0-d": lambda a: a[0, 0],
    "empty": lambda a: a[:0],
    "no columns": lambda a: a[:, :0],
    "float64": lambda a: a.double(),
    "float16": lambda a: a.half(),
    "more dimensions": lambda a: a.reshape(2, 2, 1, 4).permute(3, 1, 0, 2),
    "integers": lambda a: (a * 3).int(),
    "bools": lambda a: a > 0,
}
USES = {
    "elementwise": lambda x: x * 2 + x,
    "sums": lambda x: (x.sum(), x.float().mean(), x.sum(0) if x.ndim else x),
    "moved": lambda x: (x.reshape(-1), x.T, x.contiguous() + 1, x.clone()),
    "products": lambda x: x.float().reshape(-1) @ x.float().reshape(-1),
    "in order": lambda x: x.float().reshape(-1).cumsum(0),
}


PAIRS = zip(LAYOUTS, [*list(LAYOUTS)[1:], "transposed"], strict=True)


@case("layouts", over={f"{b} after {a}": (LAYOUTS[a], LAYOUTS[b]) for a, b in PAIRS})
def of_arguments_that_change(jit, layouts):
    f = jit(lambda x: [use(x) for use in USES.values()])
    for k in range(9):
        x = layouts[0 if k in (0, 1, 2, 5) else 1](rows(k, (4, 4)))
        with np.errstate(all="ignore"):
            yield attempt(f, x), x


@case("layouts")
def of_a_batch_in_training(jit):
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    step = jit(training(model, optimizer))
    for k in range(10):
        x = (rows(k), rows(k, (3, 4)).T, rows(k, (8, 6))[::2, ::2], rows(k, (1, 3)).expand(4, 3))
        yield step(x[k % 4 if k > 3 else 0], labels(k)).detach(), model


@case("sizes")
def batches_of_many_sizes(jit):
    model = mlp()
    step = jit(training(model, optim.Adam(model.parameters(), lr=0.01)))
    for k, n in enumerate((4, 4, 4, 1, 4, 2, 7, 4, 4, 2, 3, 5, 6)):
        yield step(rows(k, (n, 3)), labels(k, n)).detach(), model


@case("sizes")
def a_batch_of_none(jit):
    model = mlp()
    step = jit(training(model, optim.Adam(model.parameters(), lr=0.01)))
    for k, n in enumerate((4, 4, 4, 0, 4, 4, 0, 4)):
        yield attempt(step, rows(k, (n, 3)), labels(k, n)), model


@case("sizes")
def dtypes_that_change(jit):
    w = param(1, 2)

    def f(x):
        y = (w * x).exp()
        y.sum().backward()
        return y.detach(), x * 2

    f = jit(f)
    kinds = [
        "float32",
        "float32",
        "float64",
        "float32",
        "int64",
        "float16",
        "bool",
        "uint8",
        "int8",
    ]
    for k in range(18):
        yield f(t(k % 3, 1, dtype=kinds[k // 2])), w


@case("sizes")
def labels_of_many_dtypes(jit):
    model = mlp()
    step = jit(training(model, optim.SGD(model.parameters(), lr=0.1)))
    kinds = ["int64", "int64", "int32", "uint8", "int64", "float32", "int16", "int64"]
    for k, kind in enumerate(kinds):
        yield attempt(step, rows(k), labels(k).to(kind)), model


@case("overlap")
def the_same_twice_and_not(jit):
    f = jit(lambda a, b: (a.mul_(2), a + b, b * 1)[1:])
    x, y = t(1, 2), t(3, 4)
    for k in range(10):
        yield f(x, x if k in (0, 1, 2, 5, 6) else y), x, y


@case("overlap")
def views_of_one_buffer(jit):
    buffer = tg.arange(8).float()
    f = jit(lambda a, b: (a.add_(b), a * b)[1])
    pairs = [(0, 2), (4, 6), (0, 2), (1, 2), (2, 1), (0, 0), (4, 5), (0, 4), (6, 5)]
    for i, j in pairs:
        yield f(buffer[i : i + 2], buffer[j : j + 2]), buffer


@case("overlap")
def an_argument_and_a_buffer_around_it(jit):
    buffer = tg.arange(6).float()

    def f(x):
        buffer[:2] += 1
        return x * 2, buffer.sum()

    f = jit(f)
    for k in range(9):
        yield f(buffer[k % 4 : k % 4 + 2] if k > 2 else t(1, 2)), buffer


@case("overlap")
def an_argument_that_is_a_weight(jit):
    model = nn.Linear(2, 2)
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x):
        optimizer.zero_grad()
        model(x).square().sum().backward()
        optimizer.step()
        return x + 1

    step = jit(step)
    for k in range(9):
        x = (rows(k, (2, 2)), model.weight.detach(), model.weight, model.weight.data.T)[k % 4]
        yield step(x), model


@case("overlap")
def an_argument_that_was_a_result(jit):
    f = jit(lambda x: x * 2 + 1)
    x, results = t(1, 2), []
    for k in range(8):
        x = f(x) if k % 2 else f(f(x))
        results.append(x)
        yield results


@case("overlap")
def an_argument_that_was_a_gradient(jit):
    w = param(1, 2)
    f = jit(lambda x: (w * w * x).sum().backward())
    for k in range(8):
        yield f(w.grad if k % 3 and w.grad is not None else t(k, 1)), w


def as_tensor(x):
    return tg.from_numpy(x) if isinstance(x, np.ndarray) else x


@case("arrays")
def as_arguments_and_by_turns_with_tensors(jit):
    w = param(1, 2)

    def f(x):
        x = as_tensor(x)
        y = w * x
        y.sum().backward()
        return y.detach()

    f = jit(f)
    for k in range(9):
        x = np.array([k, 1], np.float32)
        yield f(x if k % 3 else tg.from_numpy(x)), x, w


@case("arrays")
def written_by_the_function(jit):
    def f(x):
        x = as_tensor(x)
        x.add_(1)
        return x * 2

    f, same = jit(f), np.zeros(2, np.float32)
    for k in range(7):
        fresh = np.array([k, 1], np.float32)
        yield f(same), f(fresh), same, fresh


@case("arrays")
def written_by_the_caller_between_calls(jit):
    f, x = jit(lambda x: as_tensor(x) * 2), np.zeros(2, np.float32)
    results = []
    for k in range(7):
        x[:] = k
        results.append(f(x))
        yield results, x


@case("arrays")
def large_ones_that_are_the_same_object(jit):
    """Those of a megabyte and more, which it pays not to copy."""
    data = np.zeros((300, 1000), np.float32)
    w = nn.Parameter(np.ones((300, 1), np.float32))

    def f(x):
        w.grad = None
        (as_tensor(x) * w).sum().backward()

    f = jit(f)
    for k in range(7):
        data[k] = k
        yield f(data), w


@case("arrays")
def a_data_set_around_it_and_indices_passed(jit):
    images, targets = rows(0, (50, 3)), labels(0, 50)
    model = mlp()
    train = training(model, optim.SGD(model.parameters(), lr=0.1))
    step = jit(lambda idx: train(images[idx], targets[idx]).detach())
    rng = np.random.default_rng(0)
    for k in range(9):
        if k == 4:
            images.mul_(2)
        if k == 6:
            images, targets = rows(1, (60, 3)), labels(1, 60)
        idx = rng.integers(0, 50, 4)
        yield step(idx if k % 2 else idx.tolist()), model


@case("arrays")
def memory_mapped_ones(jit):
    import tempfile

    with tempfile.TemporaryFile() as file:
        data = np.memmap(file, np.float32, "w+", shape=(4, 3))
        data[:] = np.arange(12).reshape(4, 3)
        model = mlp()
        f = jit(lambda x: model(as_tensor(np.asarray(x))).sum().backward())
        for k in range(7):
            data[k % 4] += 1
            data.flush()
            yield f(data), model, np.array(data)
