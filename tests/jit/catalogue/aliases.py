"""Views and dicts taken before, tied weights, shared memory: they all stay true."""

import copy
import pickle

import numpy as np

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.jit.catalogue import TWO_OPTIMIZERS, case, labels, mlp, param, rows, t, training
from tests.jit.observe import attempt
from tinygrad_mnist import nn, optim

VIEWS = {
    "state_dict": lambda m: m.state_dict(),
    "state_dict with keep_vars": lambda m: m.state_dict(keep_vars=True),
    "detach": lambda m: [p.detach() for p in m.parameters()],
    "data": lambda m: [p.data for p in m.parameters()],
    "numpy": lambda m: [p.detach().numpy() for p in m.parameters()],
    "rows": lambda m: [p.detach().numpy()[1:] for p in m.parameters()],
    "transposed": lambda m: [p.detach().T for p in m.parameters()],
    "flattened": lambda m: [p.detach().numpy().T.ravel(order="K") for p in m.parameters()],
    "memoryview": lambda m: [memoryview(p.detach().numpy().T) for p in m.parameters()],
    "a list of parameters": lambda m: list(m.parameters()),
    "one row as a Tensor": lambda m: m[0].weight.detach()[0],
    "np.asarray of it": lambda m: np.asarray(m[0].weight.detach()),
    "a copy": lambda m: copy.deepcopy(m.state_dict()),
}


@case("views of weights", over=VIEWS)
def taken_before_and_during(jit, view):
    model = nn.Sequential(nn.Linear(3, 18), nn.Tanh(), nn.Linear(18, 3))
    step = jit(training(model, optim.SGD(model.parameters(), lr=0.1, momentum=0.9)))
    outputs = [view(model)]
    for k in range(8):
        step(rows(k), labels(k))
        if k in (1, 2, 5):
            outputs.append(view(model))
        yield outputs, model


@case("views of weights", over=TWO_OPTIMIZERS)
def written_through_between_calls(jit, make):
    model = mlp()
    optimizer = make(model.parameters())
    step, views = jit(training(model, optimizer)), model.state_dict()
    for k in range(8):
        if k in (3, 6):
            views["0.weight"].mul_(0.5)
            views["2.bias"].numpy()[1] = k
        yield step(rows(k), labels(k)).detach(), views, model


@case("views of weights")
def the_array_that_a_parameter_was_made_on(jit):
    own = np.arange(6, dtype=np.float32).reshape(2, 3) / 10
    w, part = nn.Parameter(own), nn.Parameter(own[:, 1])
    optimizer = optim.SGD([w, part], lr=0.1)

    def step(x):
        optimizer.zero_grad()
        ((w * x).sum(1) * part).sum().backward()
        optimizer.step()

    step = jit(step)
    for k in range(7):
        yield step(rows(k, (2, 3))), own, w, part


@case("views of weights")
def parameters_cut_from_one_flat_array(jit):
    flat = np.linspace(-1, 1, 24, dtype=np.float32)
    model = nn.Linear(3, 5)
    model.weight.data = tg.from_numpy(flat[:15].reshape(5, 3))
    model.bias.data = tg.from_numpy(flat[15:20])
    optimizer = optim.AdamW(model.parameters(), lr=0.1)

    def step(x):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()

    step = jit(step)
    for k in range(8):
        if k == 4:
            flat *= 2
        yield step(rows(k)), flat, model


@case("views of weights")
def parameters_that_overlap(jit):
    flat = np.linspace(-1, 1, 8, dtype=np.float32)
    a, b = nn.Parameter(flat[:5]), nn.Parameter(flat[3:])
    optimizer = optim.SGD([a, b], lr=0.1, momentum=0.9)

    def step(x):
        optimizer.zero_grad()
        (a * b * x).sum().backward()
        optimizer.step()

    step = jit(step)
    for k in range(7):
        yield step(rows(k, (5,))), flat, a, b


LAYOUTS = {
    "strided": lambda: np.linspace(-1, 1, 12, dtype=np.float32)[::2].reshape(2, 3),
    "reversed": lambda: np.linspace(-1, 1, 6, dtype=np.float32)[::-1].reshape(2, 3)[::-1],
    "fortran": lambda: np.asfortranarray(np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)),
    "unaligned": lambda: np.frombuffer(bytearray(25), np.uint8)[1:].view(np.float32).reshape(2, 3),
    "big-endian": lambda: np.linspace(-1, 1, 6).reshape(2, 3).astype(">f4"),
    "columns": lambda: np.linspace(-1, 1, 12, dtype=np.float32).reshape(2, 6)[:, 1:4],
}


@case("views of weights", over=LAYOUTS)
def parameters_in_another_layout(jit, make):
    own = make()
    w = nn.Parameter(own)
    optimizer = optim.Adam([w], lr=0.1)

    def step(x):
        optimizer.zero_grad()
        (x @ w.T + 1).square().mean().backward()
        optimizer.step()

    step = jit(step)
    for k in range(7):
        yield attempt(step, rows(k)), own, w, optimizer


TIES = {
    "one object": lambda a, b: setattr(b, "weight", a.weight),
    "by data": lambda a, b: setattr(b.weight, "data", a.weight.data),
    "transposed data": lambda a, b: setattr(b.weight, "data", a.weight.data.T),
    "a Parameter on the same memory": lambda a, b: setattr(b, "weight", nn.Parameter(a.weight)),
    "one bias for two": lambda a, b: setattr(b, "bias", a.bias),
}


@case("tied weights", over=TIES)
def in_training(jit, tie):
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3))
    tie(model[0], model[2])
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    step = jit(training(model, optimizer))
    for k in range(8):
        if k == 5:
            model[2].weight = nn.Parameter(model[2].weight.detach().clone())
        yield step(rows(k), labels(k)).detach(), model, optimizer


@case("tied weights")
def an_embedding_and_the_output_layer(jit):
    table, out = nn.Embedding(5, 4), nn.Linear(4, 5, bias=False)
    out.weight = table.weight
    optimizer = optim.Adam(table.parameters(), lr=0.1)

    def step(i):
        optimizer.zero_grad()
        loss = F.cross_entropy(out(table(i)), i)
        loss.backward()
        optimizer.step()
        return loss.detach()

    step = jit(step)
    for k in range(7):
        yield step(labels(k, 6, 5)), table, out


RESULTS = {
    "the same twice": lambda w, m, x: (lambda y: (y, y))(w * x),
    "p itself": lambda w, m, x: (w, w),
    "p.data": lambda w, m, x: w.data,
    "p.detach": lambda w, m, x: [w.detach(), w.detach()],
    "p.numpy": lambda w, m, x: w.detach().numpy(),
    "p.T": lambda w, m, x: w.reshape(2, 1).T,
    "a state dict": lambda w, m, x: m.state_dict(),
    "the model": lambda w, m, x: m,
    "the argument": lambda w, m, x: (x, [x]),
    "a view of the argument": lambda w, m, x: (x[1:], x.reshape(2, 1).T, x.detach()),
    "a view and its base": lambda w, m, x: (lambda y: (y[:1], y, y.reshape(2, 1)))(
        (w * x).detach()
    ),
    "split": lambda w, m, x: (w * x).detach().split(1),
    "unbind": lambda w, m, x: x.unbind(),
    "expanded": lambda w, m, x: (w * x).detach()[0].expand(3),
    "its gradient": lambda w, m, x: ((w * x).sum().backward(), w.grad)[1],
    "a number": lambda w, m, x: 1.5,
    "a NumPy scalar": lambda w, m, x: np.float64(x.numpy()[0]),
    "an array": lambda w, m, x: x.numpy() * 2,
    "a string and None": lambda w, m, x: ("a", None, True),
    "nested": lambda w, m, x: {"a": [(x + 1,), {"b": x * w}], 3: {1, 2}},
    "a named tuple": lambda w, m, x: (w * x).detach().sort(),
    "a shape": lambda w, m, x: (x.shape, x.dtype),
    "contiguous": lambda w, m, x: (x.contiguous(), x.to(x.dtype), x.float(), x.view(2)),
    "nothing computed": lambda w, m, x: tg.zeros(2),
    "an exception": lambda w, m, x: ValueError(str(x)),
}


@case("results", over=RESULTS)
def of_all_kinds(jit, give):
    w, model = param(1, 2), nn.Linear(2, 1)
    f, outputs = jit(lambda x: give(w, model, x)), []
    for k in range(7):
        x = t(k, 1)
        outputs.append(f(x))
        if k == 4:
            with tg.no_grad():
                w.add_(1), model.weight.mul_(2)
        yield outputs, x, w, model


@case("results")
def with_a_graph_backwarded_later(jit):
    w, outputs = param(1, 2), []
    f = jit(lambda x: (w * w * x).sum())
    for k in range(8):
        outputs.append(f(t(k, 1)))
        if k % 3 == 2:
            for loss in outputs[-3:]:
                loss.backward()
        yield outputs, w


@case("results")
def with_a_graph_backwarded_after_another_function(jit):
    w, v = param(1, 2), param(3, 4)
    f = jit(lambda x: (w * v * x).exp())
    g = jit(lambda y: (y * v).sum().backward())
    for k in range(7):
        y = f(t(k, 1) / 4)
        g(t(k, 2))
        y.sum().backward()
        yield y, w, v


@case("results")
def with_a_graph_passed_to_the_next_call(jit):
    w = param(0.5, 0.25)
    f, h = jit(lambda h, x: (w * h + x).tanh()), t(0, 0)
    for k in range(9):
        h = f(h, t(k, 1))
        if k % 3 == 2:
            h.sum().backward()
            h = h.detach()
        yield h, w


@case("results")
def with_a_graph_extended_outside(jit):
    model = mlp()
    features = jit(lambda x: model[1](model[0](x)))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    for k in range(8):
        optimizer.zero_grad()
        loss = F.cross_entropy(model[2](features(rows(k))), labels(k))
        loss.backward(retain_graph=k == 3)
        again = attempt(loss.backward)
        optimizer.step()
        yield loss, again, model


@case("results")
def two_of_one_graph(jit):
    w = param(1, 2)

    def f(x):
        y = w * x
        return y.sum(), (y * y).sum()

    f = jit(f)
    for k in range(7):
        a, b = f(t(k, 1))
        a.backward(retain_graph=True)
        b.backward()
        yield a, b, w


@case("results")
def whose_hooks_are_registered_by_the_caller(jit):
    w, seen = param(1, 2), []
    f = jit(lambda x: w * x)
    for k in range(7):
        y = f(t(k, 1))
        y.register_hook(lambda g: g * 2)
        y.retain_grad()
        y.exp().sum().backward()
        seen.append(y.grad)
        yield y, w, seen


@case("results")
def kept_in_a_list_over_shapes(jit):
    model, outputs = mlp(), []
    f = jit(lambda x: model(x))
    for k in range(9):
        outputs.append(f(rows(k, (1 + k % 3, 3))))
        yield outputs


@case(
    "deep copies",
    over={"deepcopy": copy.deepcopy, "pickle": lambda m: pickle.loads(pickle.dumps(m))},
)
def of_the_model_and_optimizer_between(jit, copied):
    model = mlp()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    step = jit(training(model, optimizer))
    for k in range(9):
        if k in (3, 6):
            twin_model, twin_optimizer = copied((model, optimizer))
            twin = jit(training(twin_model, twin_optimizer))
        if k > 3:
            twin(rows(k + 50), labels(k + 50))
            yield twin_model, twin_optimizer
        yield step(rows(k), labels(k)).detach(), model, optimizer


@case("deep copies")
def of_a_tensor_with_a_gradient(jit):
    w, outputs = t(1, 2, requires_grad=True), []

    def f(x):
        (w * x).sum().backward()
        outputs.append(copy.deepcopy(w))
        return copy.deepcopy(x)

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1)), outputs, w


@case("state dicts")
def loaded_for_model_and_optimizer(jit):
    model = mlp()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    step, saved = jit(training(model, optimizer)), None
    for k in range(12):
        if k in (2, 5):
            saved = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
        if k in (4, 8):
            model.load_state_dict(saved[0])
            optimizer.load_state_dict(saved[1])
        if k == 10:
            model.load_state_dict(saved[0], assign=True)
        yield step(rows(k), labels(k)).detach(), model, optimizer, saved


@case("state dicts")
def loaded_inside_the_function(jit):
    model = mlp()
    start = copy.deepcopy(model.state_dict())
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    train = training(model, optimizer)

    def step(x, y, back):
        if back:
            model.load_state_dict(start)
        return train(x, y).detach()

    step = jit(step)
    for k in range(9):
        yield step(rows(k), labels(k), k % 4 == 3), model, start


@case("state dicts")
def of_an_optimizer_taken_inside(jit):
    model, outputs = mlp(), []
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    train = training(model, optimizer)

    def step(x, y):
        train(x, y)
        outputs.append(optimizer.state_dict())

    step = jit(step)
    for k in range(7):
        yield step(rows(k), labels(k)), outputs


@case("state dicts")
def the_best_kept_by_reference(jit):
    """A mistake of PyTorch's users, which behaves here as it does without jit."""
    model, best = mlp(), [None, float("inf")]
    train = training(model, optim.SGD(model.parameters(), lr=0.3))

    def step(x, y):
        loss = train(x, y).item()
        if loss < best[1]:
            best[:] = model.state_dict(), loss
        return loss

    step = jit(step)
    for k in range(8):
        yield step(rows(k), labels(k)), best, model
