"""Derivatives beside backward(): grad, second order, functions of one's own, checkpoints, modes."""

import contextlib

import numpy as np

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.jit.catalogue import (
    LAYERS,
    TWO_OPTIMIZERS,
    batch_for,
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
from tinygrad_mnist.autograd import functional


@case("autograd.grad")
def without_and_with_a_graph(jit):
    w = param(1, 2)

    def f(x, graph):
        (g,) = tg.autograd.grad((w**3 * x).sum(), w, create_graph=graph)
        return g

    f = jit(f)
    for k in range(9):
        g = f(t(k, 1), k % 3 == 2)
        if g.requires_grad:
            g.sum().backward()
        yield g, w


@case("autograd.grad")
def of_what_is_in_the_middle(jit):
    w = param(1, 2)

    def f(x):
        y = w * x
        z = y.exp()
        return tg.autograd.grad([z.sum(), (z * y).sum()], [y, z, w])

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1) / 4), w


@case("autograd.grad")
def with_unused_inputs_and_errors(jit):
    a, b = param(1, 2), param(3, 4)

    def f(x, unused):
        return tg.autograd.grad((a * x).sum(), [a, b], allow_unused=unused)

    f = jit(f)
    for k in range(8):
        yield attempt(f, t(k, 1), k % 3 != 2), a, b


@case("autograd.grad")
def with_gradients_given(jit):
    w = param(1, 2)

    def f(x, g):
        return tg.autograd.grad(w * x, w, grad_outputs=g)

    f = jit(f)
    for k in range(8):
        yield attempt(f, t(k, 1), t(1, k) if k % 3 else t(*range(k))), w


@case("second order", over=LAYERS)
def a_gradient_penalty(jit, make):
    model = make()
    optimizer = optim.SGD(model.parameters(), lr=0.05)

    def step(x, y):
        optimizer.zero_grad()
        x.requires_grad_()
        loss = F.cross_entropy(model(x), y)
        (g,) = tg.autograd.grad(loss, x, create_graph=True)
        (loss + 0.5 * (g.square().sum(1) + 1e-6).sqrt().mean()).backward()
        optimizer.step()
        return loss.detach(), g.detach()

    step = jit(step)
    for k in range(7):
        x, y = batch_for(model, k)
        yield step(x, y), model, x


@case("second order")
def by_backward_with_create_graph(jit):
    w = param(1, 2)

    def f(x):
        (w**3 * x).sum().backward(create_graph=True)
        g = w.grad
        w.grad = None
        (g * g).sum().backward()

    f = jit(f)
    for k in range(7):
        w.grad = None
        yield f(t(k, 1)), w


@case("second order")
def third_order(jit):
    def f(x):
        y, actual = x**4, []
        for _ in range(3):
            (y,) = tg.autograd.grad(y.sum(), x, create_graph=True)
            actual.append(y.detach())
        return actual

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1, requires_grad=True))


@case("second order", over={"first order": False, "second order": True})
def an_inner_step_as_in_maml(jit, second):
    model = nn.Linear(3, 1)
    optimizer = optim.Adam(model.parameters(), lr=0.01)

    def step(x, y):
        optimizer.zero_grad()
        inner = F.mse_loss(model(x), y)
        params = list(model.parameters())
        grads = tg.autograd.grad(inner, params, create_graph=second)
        w, b = (p - 0.1 * g for p, g in zip(params, grads, strict=False))
        outer = F.mse_loss(F.linear(x, w, b), y)
        outer.backward()
        optimizer.step()
        return inner.detach(), outer.detach()

    step = jit(step)
    for k in range(7):
        yield step(rows(k), rows(k + 50, (4, 1))), model


FUNCTIONAL = {
    "jacobian": lambda w, x: functional.jacobian(lambda v: (v * w).exp(), x),
    "hessian": lambda w, x: functional.hessian(lambda v: (v**3 * w).sum(), x),
    "hvp": lambda w, x: functional.hvp(lambda v: (v**3 * w).sum(), x, t(1, 2))[1],
    "vjp": lambda w, x: functional.vjp(lambda v: v * w, x, t(1, 2))[1],
    "jvp": lambda w, x: functional.jvp(lambda v: v * w, x, t(1, 2))[1],
}


@case("second order", over=FUNCTIONAL)
def of_functional(jit, of):
    w = param(1, 2)
    f = jit(lambda x: of(w, x))
    for k in range(7):
        if k == 4:
            w.data = t(2, 3)
        yield f(t(k, 1) / 4), w


@case("second order")
def gradcheck_inside(jit):
    w = param(1, 2, dtype="float64")
    f = jit(lambda x: tg.autograd.gradcheck(lambda v: (v * x).exp(), (w,)))
    for k in range(6):
        yield f(t(k, 1, dtype="float64") / 4), w


class Scaled(tg.autograd.Function):
    """With numbers kept in ctx, and a count of what ran."""

    runs = [0, 0]

    @staticmethod
    def forward(ctx, x, k):
        Scaled.runs[0] += 1
        ctx.k = k
        ctx.save_for_backward(x)
        return x * x * k

    @staticmethod
    def backward(ctx, g):
        Scaled.runs[1] += 1
        (x,) = ctx.saved_tensors
        return 2 * g * x * ctx.k, None


class Rounded(tg.autograd.Function):
    """Straight through, by NumPy alone."""

    @staticmethod
    def forward(ctx, x):
        ctx.mask = x.detach().numpy() > 0
        return tg.from_numpy(np.round(x.detach().numpy()))

    @staticmethod
    def backward(ctx, g):
        return tg.from_numpy(np.where(ctx.mask, g.numpy(), 0).astype(np.float32))


class Split(tg.autograd.Function):
    """With two outputs, one of which is often unused."""

    @staticmethod
    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 2, x * 3

    @staticmethod
    def backward(ctx, a, b):
        return (a * 2 if a is not None else 0) + (b * 3 if b is not None else 0)


class Dirty(tg.autograd.Function):
    """In place."""

    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    @staticmethod
    def backward(ctx, g):
        return g * 2


FUNCTIONS = {
    "a number in ctx": lambda y, k: Scaled.apply(y, k),
    "by NumPy": lambda y, k: Rounded.apply(y * 2),
    "two outputs": lambda y, k: Split.apply(y)[k % 2],
    "both outputs": lambda y, k: sum(Split.apply(y)),
    "in place": lambda y, k: Dirty.apply(y + 1),
    "one in another": lambda y, k: Scaled.apply(Rounded.apply(y), 2),
}


@case("functions of one's own", over=FUNCTIONS)
def in_a_step(jit, of):
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    Scaled.runs[:] = 0, 0

    def step(x, y, k):
        optimizer.zero_grad()
        loss = F.cross_entropy(model[2](of(model[0](x), k)), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    step = jit(step)
    for k in range(8):
        yield step(rows(k), labels(k), k // 3), model, list(Scaled.runs)


@case("functions of one's own")
def a_checkpoint(jit):
    class Checkpoint(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x, run):
            ctx.run = run
            ctx.save_for_backward(x)
            return run(x)

        @staticmethod
        def backward(ctx, g):
            x = ctx.saved_tensors[0].detach().requires_grad_()
            with tg.enable_grad():
                ctx.run(x).backward(g)
            return x.grad, None

    model = mlp()
    optimizer = optim.Adam(model.parameters(), lr=0.01)

    def step(x, y):
        optimizer.zero_grad()
        hidden = Checkpoint.apply(model[0](x), lambda h: model[1](h) * 2)
        F.cross_entropy(model[2](hidden), y).backward()
        optimizer.step()

    step = jit(step)
    for k in range(7):
        yield step(rows(k), labels(k)), model


@case("functions of one's own")
def that_call_a_jitted_function_in_backward(jit):
    double = jit(lambda g: g * 2)

    class Twice(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return double(x)

        @staticmethod
        def backward(ctx, g):
            return double(g)

    w = param(1, 2)
    f = jit(lambda x: Twice.apply(w * x).exp().sum().backward())
    for k in range(7):
        yield f(t(k, 1) / 4), w


@case("functions of one's own")
def whose_backward_is_replaced(jit):
    class Mine(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    w = param(1, 2)
    f = jit(lambda x: Mine.apply(w * x).sum().backward())
    for k in range(8):
        if k == 4:
            Mine.backward = staticmethod(lambda ctx, g: g * 5)
        if k == 6:
            Mine.forward = staticmethod(lambda ctx, x: x * 7)
        yield f(t(k, 1)), w


MODES = {
    "no_grad": tg.no_grad,
    "enable_grad": tg.enable_grad,
    "inference_mode": tg.inference_mode,
    "set_grad_enabled": lambda: tg.set_grad_enabled(False),
    "detect_anomaly": tg.autograd.detect_anomaly,
    "nothing": contextlib.nullcontext,
}


@case("modes", over=MODES)
def inside(jit, mode):
    w = param(1, 2)

    def f(x):
        y = w * x
        with mode():
            z = y * w
        z = z + y
        z.sum().backward()
        return z

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1)), w


@case("modes", over=MODES)
def outside_by_turns(jit, mode):
    w = param(1, 2)
    f = jit(lambda x: (w * x, tg.is_grad_enabled(), (w * x).requires_grad))
    for k in range(9):
        with mode() if k % 3 == 2 else contextlib.nullcontext():
            result = f(t(k, 1))
        yield result, w


@case("modes", over=MODES)
def in_a_decorator_inside_and_outside_of_jit(jit, mode):
    w = param(1, 2)

    def f(x):
        y = w * x
        return y, y.requires_grad

    outer = (lambda f: f) if mode is contextlib.nullcontext else lambda f: mode()(f)
    inside, outside = jit(outer(f)), outer(jit(f))
    for k in range(7):
        yield inside(t(k, 1)), outside(t(k, 1))


@case("modes", over={"entered": True, "left": False})
def that_cross_the_calls_border(jit, enters):
    w, holder = param(1, 2), []

    def enter():
        holder.append(tg.no_grad())
        holder[-1].__enter__()

    def leave():
        holder.pop().__exit__(None, None, None)

    def f(x):
        y = w * x
        (enter if enters else leave)()
        return y, w * x

    f = jit(f)
    for k in range(7):
        enter() if not enters else None
        result = f(t(k, 1))
        now = tg.is_grad_enabled()
        leave() if enters else None
        yield result, now, tg.is_grad_enabled()


@case("modes")
def set_for_good_inside(jit):
    w = param(1, 2)

    def f(x, on):
        before = w * x
        tg.set_grad_enabled(on)
        return before, w * x

    f = jit(f)
    for k in range(8):
        yield f(t(k, 1), k % 3 != 1), tg.is_grad_enabled()
    tg.set_grad_enabled(True)


@case("modes")
def of_anomaly_that_finds_a_nan(jit):
    w = param(4, 0)

    def f(x):
        (w.sqrt() * x).sum().backward()

    f = jit(f)
    for k in range(8):
        with tg.autograd.detect_anomaly() if k % 3 == 2 else contextlib.nullcontext():
            actual = attempt(f, t(k, 0))
        yield actual.message.split("The call")[0] if actual else None, w


@case("modes")
def of_anomaly_inside_on_some_calls(jit):
    w = param(4, 0)

    def f(x, look):
        with tg.autograd.set_detect_anomaly(look):
            (w.sqrt() * x).sum().backward()

    f = jit(f)
    for k in range(8):
        actual = attempt(f, t(k, 0), k in (3, 4, 6))
        yield actual.message.split("The call")[0] if actual else None, w


@case("graphs")
def looked_at_inside(jit):
    w, value_now = param(1, 2), []

    def f(x):
        y = (w * x).exp()
        loss = (y * y).sum()
        node = loss.grad_fn
        while node is not None:
            value_now.append(node.name() if hasattr(node, "name") else node.shape)
            node = node.next_functions[0][0] if hasattr(node, "next_functions") else None
        loss.backward()
        return loss, y.is_leaf, w.is_leaf, y.grad_fn.name()

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1) / 4), value_now


@case("graphs")
def cut_and_tied_again(jit):
    w = param(1, 2)

    def f(x, cut):
        y = w * x
        if cut:
            y.detach_()
        z = y * w
        z.sum().backward()
        return y, z

    f = jit(f)
    for k in range(8):
        yield f(t(k, 1), k % 3 == 2), w


@case("graphs")
def retained_on_some_calls(jit):
    w, results = param(1, 2), []

    def f(x, retain):
        loss = (w * w * x).sum()
        loss.backward(retain_graph=retain)
        results.append(loss)

    f = jit(f)
    for k in range(9):
        f(t(k, 1), k % 3 == 2)
        yield attempt(results[-1].backward), results, w


@case("graphs")
def that_begin_outside(jit):
    """An eager graph, extended in the function, backward inside."""
    w, v = param(1, 2), param(3, 4)
    f = jit(lambda y: (y * v).sum().backward())
    for k in range(8):
        y = (w * t(k, 1)).exp()
        yield attempt(f, y), attempt(f, y), w, v


@case("graphs")
def of_a_loss_kept_over_calls(jit):
    """Backward of the loss of the call before."""
    w, last = param(1, 2), []

    def f(x):
        last.append((w * x * w).sum())
        if len(last) > 1:
            last.pop(0).backward()

    f = jit(f)
    for k in range(8):
        yield f(t(k, 1)), w, last


@case("graphs")
def their_memory_measured(jit):
    w, value_now = param(1, 2), []

    def f(x):
        loss = (w * x).exp().sum()
        with tg.no_grad():
            value_now.append(loss.grad_fn is not None)
        report = tg.autograd.graph_memory(1)
        loss.backward()
        return type(report).__name__

    f = jit(f)
    for k in range(6):
        yield f(t(k, 1) / 4), value_now


@case("jit in jit")
def and_alone(jit):
    w = param(1, 2)
    inner = jit(lambda x: w * x)
    outer = jit(lambda x: inner(x) + inner(x * 2))
    for k in range(9):
        y = outer(t(k, 1))
        z = inner(t(k, 2)) if k % 2 else None
        y.sum().backward()
        yield y, z, w


@case("jit in jit")
def of_a_whole_step(jit):
    model = mlp()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    step = jit(training(model, optimizer))

    def epoch(batches):
        return [step(*batch).detach() for batch in batches]

    epoch = jit(epoch)
    for k in range(7):
        yield epoch([(rows(k * 5 + i), labels(k * 5 + i)) for i in range(1 + k % 3)]), model


@case("jit in jit")
def jitted_twice_and_recursive(jit):
    f = jit(jit(lambda x: x * 2))

    def down(x, n):
        return x if n == 0 else g(x * 2, n - 1) + n

    g = jit(down)
    for k in range(7):
        yield f(t(k, 1)), g(t(k, 1), k % 4)


@case("jit in jit")
def made_anew_inside(jit):
    def f(x):
        double = jit(lambda y: y * 2)
        return double(double(double(double(x))))

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1))


@case("second order", over=TWO_OPTIMIZERS)
def sharpness_aware_steps(jit, make):
    """Two backwards and weights moved there and back, in one call."""
    model = mlp()
    optimizer = make(model.parameters())

    def step(x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        moves = [0.05 * p.grad / (p.grad.norm() + 1e-12) for p in model.parameters()]
        with tg.no_grad():
            for p, move in zip(model.parameters(), moves, strict=False):
                p.add_(move)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        with tg.no_grad():
            for p, move in zip(model.parameters(), moves, strict=False):
                p.sub_(move)
        optimizer.step()
        return loss.detach()

    step = jit(step)
    for k in range(7):
        yield step(rows(k), labels(k)), model, optimizer


@case("modes")
def evaluation_between_training_steps(jit):
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.3), nn.Linear(4, 3))
    step = jit(training(model, optim.SGD(model.parameters(), lr=0.1)))

    def predict(x):
        model.eval()
        with tg.no_grad():
            out = model(x).argmax(1)
        model.train()
        return out

    predict = jit(predict)
    for k in range(8):
        loss = step(rows(k), labels(k)).detach()
        yield loss, predict(rows(k, (3, 3))) if k % 2 else None, model
