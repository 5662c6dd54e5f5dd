"""Gradients that are there already, that are set, written, kept, hooked, and accumulated."""

import numpy as np

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.jit.catalogue import (
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

THERE = {
    "product": lambda w, x: (w * x).sum(),
    "square": lambda w, x: (w * w * x).mean(),
    "matmul": lambda w, x: (x.reshape(1, 3) @ w.reshape(3, 1)).sum(),
    "exp": lambda w, x: (w.exp() / (1 + x.abs())).sum(),
    "used twice": lambda w, x: (w * x).sum() + (w.tanh() * 2).sum(),
    "indexed": lambda w, x: w[[0, 2, 0]].sum() * x.sum(),
    "broadcast": lambda w, x: (w * x.reshape(3, 1)).sum(),
}


@case("gradients that are there", over=THERE)
def dropped_once(jit, loss):
    w = param(1, -2, 3)
    f = jit(lambda x: loss(w, x).backward())
    for k in range(7):
        if k in (1, 5):
            w.grad = None
        yield f(t(k + 1, 2, -k)), w


@case("gradients that are there", over=TWO_OPTIMIZERS)
def micro_batches_with_zero_grad_outside(jit, make):
    model = mlp()
    optimizer = make(model.parameters())

    def add(x, y):
        loss = F.cross_entropy(model(x), y) / 3
        loss.backward()
        return loss.detach()

    add = jit(add)
    for k in range(12):
        loss = add(rows(k), labels(k))
        yield loss, model, optimizer
        if k % 3 == 2:
            optimizer.step()
            optimizer.zero_grad()
            yield model, optimizer


@case("gradients that are there", over={"to None": True, "to zeros": False})
def steps_every_third_call_inside(jit, to_none):
    model, calls = mlp(), []
    optimizer = optim.Adam(model.parameters(), lr=0.01)

    def step(x, y):
        calls.append(len(calls))
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        if len(calls) % 3 == 0:
            optimizer.step()
            optimizer.zero_grad(set_to_none=to_none)
        return loss.detach()

    step = jit(step)
    for k in range(10):
        yield step(rows(k), labels(k)), model, optimizer, calls


@case("gradients that are there")
def an_eager_backward_before_a_jitted_one(jit):
    model = mlp()
    step = jit(lambda x, y: F.cross_entropy(model(x), y).backward())
    for k in range(8):
        if k % 3 == 1:
            model(rows(100 + k)).sum().backward()
        if k % 4 == 3:
            model.zero_grad()
        yield step(rows(k), labels(k)), model


@case("gradients that are there")
def two_losses_whose_order_changes(jit):
    w = param(1, 2)
    f, g = jit(lambda x: (w * x).sum().backward()), jit(lambda x: (w * w * x).sum().backward())
    for k in range(12):
        if k % 4 == 0:
            w.grad = None
        yield (f, g, g, f, g, f, f, f, g, g, f, g)[k](t(k, 1)), w


@case("gradients that are there", over=TWO_OPTIMIZERS)
def zero_grad_to_zeros_inside(jit, make):
    model = mlp()
    optimizer = make(model.parameters())

    def step(x, y):
        optimizer.zero_grad(set_to_none=False)
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    step, results = jit(step), []
    for k in range(7):
        loss = step(rows(k), labels(k)).detach()
        results.append(model[0].weight.grad)
        yield loss, model, optimizer, results


@case("gradients that are there")
def the_modules_zero_grad_to_zeros(jit):
    model = mlp()

    def step(x):
        model.zero_grad(set_to_none=False)
        model(x).square().sum().backward()

    step, results = jit(step), []
    for k in range(7):
        step(rows(k))
        results.append([p.grad for p in model.parameters()])
        yield results, model


@case("gradients that are set")
def by_hand_before_a_call(jit):
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x):
        model(x).square().mean().backward()
        optimizer.step()

    step = jit(step)
    for k in range(8):
        optimizer.zero_grad()
        if k in (2, 3, 6):
            model[2].bias.grad = t(k, k, k)
        yield step(rows(k)), model


@case("gradients that are set")
def of_a_parameter_that_takes_no_part(jit):
    a, b = param(1, 2), param(3, 4)
    optimizer = optim.SGD([a, b], lr=0.5, momentum=0.9)

    def step(x):
        a.grad = None
        (a * x).sum().backward()
        optimizer.step()

    step = jit(step)
    for k in range(8):
        if k == 3:
            b.grad = t(1, -1)
        if k == 6:
            b.grad = None
        yield step(t(k, 1)), a, b, optimizer


@case("gradients that are set")
def to_one_tensor_for_two_parameters(jit):
    a, b = param(1, 2), param(3, 4)
    f = jit(lambda x: (a * x + b * b).sum().backward())
    for k in range(7):
        if k % 3 == 0:
            a.grad = b.grad = tg.zeros(2)
        yield f(t(k, 1)), a, b


@case("gradients that are set")
def on_the_callers_own_array(jit):
    w, own = param(1, 2), np.zeros((2, 2), np.float32)
    f = jit(lambda x: (w * x).sum().backward())
    for k in range(7):
        if k in (0, 4):
            w.grad = tg.from_numpy(own[:, k // 4])
        yield f(t(k, 1)), w, own


@case("gradients that are set")
def to_the_argument_itself(jit):
    w = param(1, 2)
    f = jit(lambda x: (w * x).sum().backward())
    for k in range(7):
        x = t(k, 1)
        w.grad = x if k % 2 else None
        yield f(x), w, x


@case("gradients that are set")
def to_the_parameters_own_memory(jit):
    w = param(1, 2)
    f = jit(lambda x: (w * x).sum().backward())
    for k in range(7):
        w.grad = w.data if k in (2, 5) else None
        yield f(t(k, 1)), w


@case("gradients that are set")
def inside_the_function(jit):
    w = param(1, 2)
    optimizer = optim.SGD([w], lr=0.1)

    def step(x):
        with tg.no_grad():
            w.grad = 2 * (w - x)
        optimizer.step()
        return w.grad

    step, results = jit(step), []
    for k in range(7):
        results.append(step(t(k, 1)))
        yield results, w, optimizer


@case("gradients that are set")
def with_a_graph_of_their_own(jit):
    w = param(1, 2)

    def step(x):
        (g,) = tg.autograd.grad((w**3 * x).sum(), w, create_graph=True)
        w.grad = g
        (w * x).sum().backward()
        return w.grad.requires_grad

    step = jit(step)
    for k in range(7):
        w.grad = None
        yield step(t(k, 1)), w


@case("gradients written")
def in_place_between_backward_and_step(jit):
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        for p in model.parameters():
            p.grad.mul_(0.5)
        model[0].bias.grad[1] = 3.0
        optimizer.step()

    step = jit(step)
    for k in range(7):
        yield step(rows(k), labels(k)), model


@case("gradients written")
def as_numpy_arrays_between_backward_and_step(jit):
    model = mlp()
    optimizer = optim.Adam(model.parameters(), lr=0.01)

    def step(x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        for p in model.parameters():
            p.grad.numpy()[...] *= 2
            np.clip(p.grad.numpy(), -0.1, 0.1, out=p.grad.numpy())
        optimizer.step()

    step = jit(step)
    for k in range(7):
        yield step(rows(k), labels(k)), model, optimizer


@case("gradients written")
def between_two_calls(jit):
    w = param(1, 2)
    f = jit(lambda x: (w * x).sum().backward())
    for k in range(8):
        f(t(k, 1))
        if k % 2:
            w.grad.add_(10)
        if k == 5:
            w.grad.numpy()[0] = 7
        yield w


@case("gradients written")
def replaced_on_the_way_to_the_step(jit):
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        for p in model.parameters():
            p.grad = p.grad.sign()
        optimizer.step()

    step = jit(step)
    for k in range(7):
        yield step(rows(k), labels(k)), model


@case("gradients written")
def dropped_for_one_layer_before_the_step(jit):
    model = mlp()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    dropped = [0]

    def step(x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        list(model.parameters())[dropped[0]].grad = None
        optimizer.step()

    step = jit(step)
    for k in range(9):
        dropped[0] = k // 3
        yield step(rows(k), labels(k)), model, optimizer


@case("gradients kept", over=TWO_OPTIMIZERS)
def over_many_calls(jit, make):
    model = mlp()
    step, results = jit(training(model, make(model.parameters()))), []
    for k in range(7):
        step(rows(k), labels(k))
        results.append([p.grad for p in model.parameters()])
        yield results


@case("gradients kept")
def only_arrays_of_them(jit):
    model = mlp()
    step, results = jit(training(model, optim.SGD(model.parameters(), lr=0.1))), []
    for k in range(7):
        step(rows(k), labels(k))
        results.append([p.grad.numpy()[..., 0] for p in model.parameters()])
        yield results


@case("gradients kept")
def and_accumulated_into_from_then_on(jit):
    w, results = param(1, 2), []
    f = jit(lambda x: (w * x).sum().backward())
    for k in range(8):
        if k == 4:
            w.grad = None
        f(t(k, 1))
        results.append(w.grad)
        yield results, w


@case("gradients kept")
def one_object_read_twice(jit):
    w = param(1, 2)

    def f(x):
        w.grad = None
        (w * x).sum().backward()
        return w.grad, w.grad

    f = jit(f)
    for k in range(7):
        a, b = f(t(k, 1))
        yield a is b, a is w.grad, a, w.grad


@case("gradients kept")
def intermediate_ones_by_retain_grad(jit):
    w, results = param(1, 2), []

    def f(x):
        y = w * x
        y.retain_grad()
        z = y.exp()
        z.retain_grad()
        z.sum().backward()
        results.append((y, z, y.grad))
        return y.grad

    f = jit(f)
    for k in range(7):
        yield f(t(k / 4, 1)), results


@case("gradients of arguments")
def that_require_them(jit):
    f = jit(lambda x: (x * x).sum().backward())
    x = t(1, 2, requires_grad=True)
    for k in range(8):
        if k == 5:
            x.grad = None
        fresh = t(k, 1, requires_grad=True)
        yield f(x), f(fresh), x, fresh


@case("gradients of arguments")
def that_require_them_at_times(jit):
    w = param(1, 2)
    f = jit(lambda x: (w * x).sum().backward())
    for k in range(9):
        x = t(k, 1, requires_grad=k % 3 == 1)
        yield f(x), x, w


@case("gradients of arguments")
def asked_for_inside(jit):
    def f(x):
        x.requires_grad_()
        (x**3).sum().backward()
        return x.grad

    f, same = jit(f), t(1, 2)
    for k in range(7):
        yield f(t(k, 1)), f(same), same


@case("gradients of arguments")
def of_leaves_that_the_call_makes_and_others_keep(jit):
    w, pairs = param(1, 2), []

    def f(x, y):
        w.grad = None
        a, b = x.detach().requires_grad_(), y.detach().requires_grad_()
        u = w * a * b
        (slope,) = tg.autograd.grad(u.sum(), a, create_graph=True)
        (u + slope * a).sum().backward()
        pairs.append((a, b))
        return a.grad

    f = jit(f)
    for k in range(9):
        yield f(t(k, 1), t(2, k)), pairs, [leaf.grad for pair in pairs for leaf in pair], w


@case("gradients of arguments")
def of_two_leaves_that_are_one_at_times(jit):
    def f(x, same):
        a = x.detach().requires_grad_()
        b = a if same else x.detach().requires_grad_()
        (a**2 * b).sum().backward()
        return a.grad, b.grad

    f = jit(f)
    for k in range(12):
        yield f(t(k, 1), k % 4 in (2, 3))


@case("gradients of arguments")
def of_leaves_with_hooks_and_gradients_at_times(jit):
    w, seen = param(1, 2), []

    def f(x, k):
        a = x.detach().requires_grad_()
        if k % 4 == 2:
            a.register_hook(lambda g: seen.append(g.tolist()) or 2 * g)
        if k % 5 == 3:
            a.grad = t(1, 1)
        (w * a * a).sum().backward()
        (w * a).sum().backward()
        return a.grad

    f = jit(f)
    for k in range(14):
        yield f(t(k, 1), k), seen, w


@case("gradients of arguments")
def of_a_leaf_in_the_place_of_one_that_was_made(jit):
    w, outside = param(1, 2), param(3, 4)

    def f(x):
        (w * (x if x.requires_grad else x.detach().requires_grad_())).sum().backward()

    f = jit(f)
    for k in range(11):
        yield f(outside if k in (4, 5, 8) else t(k, 1)), w, outside


@case("gradients of arguments")
def a_parameter_passed_as_one(jit):
    a, b = param(1, 2), param(3, 4)
    f = jit(lambda w, x: (w * x).sum().backward())
    for k in range(9):
        yield f((a, b)[k % 2], t(k, 1)), a, b


@case("gradients of arguments")
def that_were_computed_outside(jit):
    w = param(1, 2)
    f = jit(lambda x: (x * x).sum().backward())
    for k in range(7):
        yield f(w * k), w


@case("freezing", over=TWO_OPTIMIZERS)
def a_layer_and_thawing_it(jit, make):
    model = mlp()
    optimizer = make(model.parameters())
    step = jit(training(model, optimizer))
    for k in range(12):
        if k in (3, 6):
            model[0].weight.requires_grad_(k == 6)
        if k in (8, 10):
            model[2].requires_grad_(k == 10)
        yield step(rows(k), labels(k)).detach(), model, optimizer


@case("freezing")
def from_the_first_call_on(jit):
    model = nn.Linear(3, 3)
    model.weight.requires_grad_(False)
    f = jit(lambda x: model(x).sum().backward())
    for k in range(8):
        if k == 4:
            model.weight.requires_grad_(True)
        yield f(rows(k)), model


@case("freezing")
def inside_the_function_by_turns(jit):
    model, calls = mlp(), []
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x, y):
        calls.append(0)
        model[0].requires_grad_(len(calls) % 3 != 0)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    step = jit(step)
    for k in range(9):
        yield step(rows(k), labels(k)), model


@case("freezing")
def all_of_it(jit):
    model = mlp()
    f = jit(lambda x: model(x).sum().backward())
    for k in range(8):
        model.requires_grad_(k not in (3, 4))
        yield attempt(f, rows(k)), model


@case("freezing")
def what_takes_part_by_autograd_grad(jit):
    a, b = param(1, 2), param(3, 4)

    def f(x):
        (g,) = tg.autograd.grad((a**3 * b * x).sum(), a, create_graph=True)
        g.sum().backward()
        return g.detach()

    f = jit(f)
    for k in range(9):
        b.requires_grad_(k not in (3, 4, 5))
        if k == 7:
            b.data = t(9, 9)
        yield f(t(k, 1)), a, b


@case("hooks on tensors", over={"halved": 0.5, "of another dtype's number": np.float64(0.1)})
def that_come_and_go(jit, factor):
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    step, handle = jit(training(model, optimizer)), None
    for k in range(10):
        if k in (3, 8):
            handle = model[0].weight.register_hook(lambda g: (g * factor).float())
        if k == 6:
            handle.remove()
        yield step(rows(k), labels(k)).detach(), model


@case("hooks on tensors")
def that_write_down_what_they_see(jit):
    model, seen = mlp(), []
    model[0].weight.register_hook(lambda g: seen.append(g))
    step = jit(training(model, optim.SGD(model.parameters(), lr=0.1)))
    for k in range(7):
        yield step(rows(k), labels(k)).detach(), model, seen


@case("hooks on tensors")
def registered_in_every_call(jit):
    w, seen = param(1, 2), []

    def f(x):
        y = w * x
        y.register_hook(lambda g: seen.append((len(seen), g)))
        z = y.exp()
        z.register_hook(lambda g: g * len(seen))
        z.sum().backward()

    f = jit(f)
    for k in range(7):
        yield f(t(k / 4, 1)), w, seen


@case("hooks on tensors")
def whose_closure_changes(jit):
    w, factor = param(1, 2), [1.0]
    w.register_hook(lambda g: g * factor[0])
    f = jit(lambda x: (w * x).sum().backward())
    for k in range(7):
        factor[0] = k
        yield f(t(k, 1)), w


@case("hooks on tensors")
def that_write_the_gradient_in_place(jit):
    w = param(1, 2)
    w.register_hook(lambda g: g.mul_(3))

    def f(x):
        y = w * x
        y.register_hook(lambda g: g.add_(1) and None)
        (y * y).sum().backward()

    f = jit(f)
    for k in range(7):
        yield attempt(f, t(k, 1)), w


@case("hooks on tensors")
def that_raise_on_some_calls(jit):
    model, calls = mlp(), []

    def hook(g):
        calls.append(0)
        if len(calls) in (3, 5):
            raise ValueError(f"no {len(calls)}")

    model[0].bias.register_hook(hook)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    step = jit(training(model, optimizer))
    for k in range(9):
        yield attempt(step, rows(k), labels(k)), model, calls


@case("hooks on tensors")
def that_call_the_jitted_function_again(jit):
    w, depth = param(1, 2), [0]

    def hook(g):
        if depth[0] < 1:
            depth[0] += 1
            f(g)
            depth[0] -= 1

    def f(x):
        (w * x).sum().backward()

    f = jit(f)
    w.register_hook(hook)
    for k in range(7):
        yield f(t(k, 1)), w


@case("hooks on tensors")
def that_read_other_gradients(jit):
    a, b, seen = param(1, 2), param(3, 4), []

    def look(g):
        seen.append([None if p.grad is None else p.grad.tolist() for p in (a, b)])

    a.register_hook(look), b.register_hook(look)
    f = jit(lambda x: (a * x * b).sum().backward())
    for k in range(7):
        yield f(t(k, 1)), seen


@case("clipping", over={"norm": 2.0, "largest": float("inf"), "sum": 1.0})
def of_the_norm(jit, kind):
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.5)

    def step(x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 0.3, norm_type=kind)
        optimizer.step()
        return norm

    step, norms = jit(step), []
    for k in range(7):
        norms.append(step(rows(k) * k, labels(k)))
        yield norms, model


@case("clipping")
def of_the_values(jit):
    model = mlp()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    limit = [0.05]

    def step(x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        nn.utils.clip_grad_value_(model.parameters(), limit[0])
        optimizer.step()

    step = jit(step)
    for k in range(8):
        limit[0] = 0.05 if k < 4 else 0.01
        yield step(rows(k) * 3, labels(k)), model


@case("clipping")
def on_some_calls_by_the_norm_read(jit):
    model, value_now = mlp(), []
    optimizer = optim.SGD(model.parameters(), lr=0.5)

    def step(x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        norm = nn.utils.get_total_norm([p.grad for p in model.parameters()])
        if norm > 1:
            value_now.append(float(norm))
            for p in model.parameters():
                p.grad.div_(norm)
        optimizer.step()

    step = jit(step)
    for k in range(9):
        yield step(rows(k) * (1 + k % 3 * 3), labels(k)), model, value_now


@case("clipping")
def between_the_call_and_an_eager_step(jit):
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def add(x, y):
        F.cross_entropy(model(x), y).backward()

    add = jit(add)
    for k in range(8):
        optimizer.zero_grad()
        add(*batch_for(model, k))
        norm = nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        yield norm, model, optimizer


@case("several losses")
def generator_and_critic_with_two_optimizers(jit):
    maker = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 3))
    critic = nn.Sequential(nn.Linear(3, 4), nn.LeakyReLU(0.2), nn.Linear(4, 1))
    makes, judges = optim.Adam(maker.parameters(), 0.01), optim.Adam(critic.parameters(), 0.01)
    score = F.binary_cross_entropy_with_logits

    def judge(real, noise):
        judges.zero_grad()
        fake = maker(noise).detach()
        loss = score(critic(real), tg.ones(4, 1)) + score(critic(fake), tg.zeros(4, 1))
        loss.backward()
        judges.step()
        return loss.detach()

    def make(noise):
        makes.zero_grad()
        loss = score(critic(maker(noise)), tg.ones(4, 1))
        loss.backward()
        makes.step()
        return loss.detach()

    judge, make = jit(judge), jit(make)
    for k in range(8):
        yield judge(rows(k), tg.randn(4, 2)), make(tg.randn(4, 2)), maker, critic, makes, judges


@case("several losses")
def two_jitted_steps_on_one_model_and_optimizer(jit):
    model = mlp()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    first = jit(training(model, optimizer))
    second = jit(training(model, optimizer, lambda out, y: out.square().mean()))
    for k in range(9):
        step = second if k % 3 == 2 else first
        yield step(rows(k), labels(k)).detach(), model, optimizer


@case("several losses")
def weighed_and_added_into_one_backward_or_two(jit):
    model = mlp()

    def step(x, y, at_once):
        model.zero_grad()
        out = model(x)
        a, b = F.cross_entropy(out, y), out.square().mean()
        if at_once:
            (a + 0.1 * b).backward()
        else:
            a.backward(retain_graph=True)
            (0.1 * b).backward()

    step = jit(step)
    for k in range(9):
        yield step(rows(k), labels(k), k % 3 > 0), model


@case("several losses")
def backward_of_several_roots_at_once(jit):
    w = param(1, 2)

    def step(x):
        y, z = w * x, (w * w).sum()
        tg.autograd.backward([y, z], [x, None])

    step = jit(step)
    for k in range(7):
        yield step(t(k, 1)), w


@case("several losses")
def backward_for_some_inputs_alone(jit):
    a, b, which = param(1, 2), param(3, 4), [0]

    def step(x):
        (a * b * x).sum().backward(inputs=[(a, b)[which[0]]])

    step = jit(step)
    for k in range(8):
        which[0] = k % 3 == 2
        yield step(t(k, 1)), a, b
