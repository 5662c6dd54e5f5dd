"""In-place writes to arguments, buffers, parameters and what is computed; and NumPy's writes."""

import numpy as np

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.jit.catalogue import TWO_OPTIMIZERS, case, labels, mlp, param, rows, t, training
from tests.jit.observe import attempt
from tinygrad_mnist import nn, optim

IN_PLACE = {
    "mul_": lambda x: x.mul_(2),
    "add_ of itself": lambda x: x.add_(x),
    "sub_ of a view": lambda x: x.sub_(x[:1]),
    "+=": lambda x: x.__iadd__(1.5),
    "zero_": lambda x: x.zero_(),
    "fill_": lambda x: x.fill_(2.5),
    "clamp_": lambda x: x.clamp_(0, 1),
    "exp_": lambda x: x.exp_(),
    "relu_": lambda x: x.sub_(2).relu_(),
    "copy_ reversed": lambda x: x.copy_(x.flip(0)),
    "x[0] =": lambda x: x.__setitem__(0, x.sum()),
    "x[1:] =": lambda x: x.__setitem__(slice(1, None), x[:-1]),
    "x[[1, 0]] =": lambda x: x.__setitem__([1, 0], x),
    "x[mask] =": lambda x: x.__setitem__(x > 1, -1.0),
    "masked_fill_": lambda x: x.masked_fill_(x > 3, 0.5),
    "index_add_": lambda x: x.index_add_(0, tg.tensor([0, 0]), tg.ones(2)),
    "scatter_": lambda x: x.scatter_(0, tg.tensor([1]), 7.0),
    "normal_": lambda x: x.normal_(),
    "uniform_": lambda x: x.uniform_(),
    "bernoulli_": lambda x: x.bernoulli_(0.5),
    "a view's": lambda x: x[1:].mul_(3),
    "a transposed view's": lambda x: x.reshape(2, 1).T.add_(1),
    "a detached one's": lambda x: x.detach().add_(1),
    "the numpy array's": lambda x: np.add(x.numpy(), 1, out=x.numpy()),
    "one item of the array": lambda x: x.numpy().__setitem__(0, 9),
    "np out=": lambda x: np.multiply(x, 2, out=x),
    "np.copyto": lambda x: np.copyto(x.numpy(), 3),
    "x.data =": lambda x: setattr(x, "data", x * 2),
    "by assignment to .data[...]": lambda x: x.data.__setitem__(0, 4.0),
}


@case("writes", over=IN_PLACE)
def to_an_argument(jit, write):
    def f(x):
        write(x)
        return x + 1

    f, same = jit(f), t(1, 2)
    view = same.numpy()
    for k in range(8):
        fresh = t(k, 1)
        yield f(same) if k % 3 else None, f(fresh), same, fresh, view


@case("writes", over=IN_PLACE)
def to_a_buffer_around_it(jit, write):
    buffer = t(1, 2)
    view, turned = buffer[:1], buffer.reshape(2, 1).T

    def f(x):
        write(buffer)
        return buffer * x

    f = jit(f)
    for k in range(8):
        if k == 5:
            buffer.add_(1)
        yield f(t(k, 1)), buffer, view, turned


@case("writes", over=IN_PLACE)
def to_what_is_computed_on_the_way(jit, write):
    def f(x):
        y = x * 2
        z = y + 1
        write(y)
        return y, z, y * z

    f = jit(f)
    for k in range(8):
        x = t(k, 1)
        yield f(x), x


GRADIENT_WRITES = {
    name: IN_PLACE[name]
    for name in ("mul_", "add_ of itself", "clamp_", "exp_", "x[0] =", "x[[1, 0]] =", "x[mask] =")
} | {"masked_fill_": IN_PLACE["masked_fill_"], "index_add_": IN_PLACE["index_add_"]}


@case("writes", over=GRADIENT_WRITES)
def that_are_differentiated(jit, write):
    w = param(1, 2)

    def f(x):
        y = w * x
        write(y)
        (y * y).sum().backward()
        return y.detach()

    f = jit(f)
    for k in range(7):
        yield attempt(f, t(k, 1) / 4), w


@case("writes")
def broadcast_into_a_row(jit):
    b = tg.zeros(2, 1)
    f = jit(lambda x: b[0].add_(x))
    for _ in range(7):
        yield f(t(1)), b


@case("writes")
def a_running_mean_by_hand(jit):
    mean = tg.zeros(3)

    def f(x):
        with tg.no_grad():
            mean.mul_(0.9).add_(0.1 * x.mean(0))
        return x - mean

    f = jit(f)
    for k in range(7):
        yield f(rows(k)), mean


@case("writes")
def a_buffer_replaced_in_forward(jit):
    class Smoothed(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", tg.zeros(3))
            self.w = param(1, 2, 3)

        def forward(self, x):
            self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
            return (x - self.mean) * self.w

    model, results = Smoothed(), []

    def step(x):
        model.zero_grad()
        model(x).square().sum().backward()

    step = jit(step)
    for k in range(8):
        step(rows(k))
        results.append(model.mean)
        if k == 4:
            model.mean = tg.ones(3)
        yield model, results


@case("writes")
def a_memory_bank_by_slices(jit):
    bank, at = tg.zeros(6, 3), [0]

    def f(x):
        n = len(x)
        bank[at[0] : at[0] + n] = x
        at[0] = (at[0] + n) % 6
        return bank.sum(0), bank[at[0]]

    f = jit(f)
    for k in range(9):
        yield f(rows(k, (2 if k % 2 else 1, 3)) if at[0] < 5 else rows(k, (1, 3))), bank, at


@case("writes")
def by_a_row_that_is_drawn(jit):
    bank = tg.zeros(4, 2)

    def f(x):
        i = int(tg.randint(4, (1,)))
        bank[i] = x
        return bank * 2

    f = jit(f)
    for k in range(8):
        yield f(t(k, 1)), bank


@case("writes")
def weights_under_no_grad(jit):
    w = param(1, 2)

    def f(x):
        (w * x).sum().backward()
        with tg.no_grad():
            w.sub_(0.1 * w.grad)
            w.grad.zero_()
        return w.sum().item()

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1)), w


@case("writes", over={"-": False, "in place": True})
def training_by_data(jit, in_place):
    w = param(1, 2)
    before, old = w.data, w.detach().numpy()

    def f(x):
        w.grad = None
        (w * x).square().sum().backward()
        if in_place:
            w.data.sub_(0.05 * w.grad)
        else:
            w.data = w.data - 0.05 * w.grad

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1)), w, before, old


@case("writes")
def a_new_value_assigned_to_data_between(jit):
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    step = jit(training(model, optimizer))
    for k in range(10):
        if k in (3, 6):
            model[0].weight.data = rows(k, (5, 3))
        if k == 8:
            model[2].bias.data = model[2].bias.data * 2
        yield step(rows(k), labels(k)).detach(), model, optimizer


@case("writes")
def data_of_another_shape_and_dtype(jit):
    w = param(1, 2)
    f = jit(lambda x: (w * x).sum().backward())
    for k in range(9):
        if k == 3:
            w.data = rows(0, (3, 2))
        if k == 6:
            w.data = t(1, 2, dtype="float64")
        yield f(t(k, 1)), w


@case("writes")
def data_swapped_inside(jit):
    a, b = param(1, 2), param(3, 4)

    def f(x):
        a.data, b.data = b.data, a.data
        (a * x + b).sum().backward()
        return a.detach()

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1)), a, b


@case("writes")
def a_moving_average_of_the_weights(jit):
    model, slow = mlp(), mlp()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    train = training(model, optimizer)

    def step(x, y):
        loss = train(x, y)
        with tg.no_grad():
            for p, q in zip(model.parameters(), slow.parameters(), strict=False):
                q.lerp_(p, 0.1)
        return loss.detach()

    step = jit(step)
    for k in range(7):
        yield step(rows(k), labels(k)), model, slow


@case("writes")
def weights_clamped_after_the_step(jit):
    model = mlp()
    train = training(model, optim.SGD(model.parameters(), lr=0.5))

    def step(x, y):
        train(x, y)
        for p in model.parameters():
            p.data.clamp_(-0.3, 0.3)

    step = jit(step)
    for k in range(7):
        yield step(rows(k), labels(k)), model


@case("writes")
def numpys_between_the_forward_and_the_backward(jit):
    """Backward reads the arrays as they are then, for eager saves arrays and not copies."""
    w = param(1, 2)

    def f(x):
        y = w * x
        z = y.tanh()
        u = z * z
        y.detach().numpy()[0] = 5
        z.detach().numpy()[1] = 7
        x.numpy()[0] += 1
        u.sum().backward()
        return u.detach()

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1)), w


@case("writes")
def numpys_between_two_ops(jit):
    def f(x):
        y = x * 2
        y.numpy()[0] += 10
        z = y + 1
        y.numpy()[...] = 0
        return z, z * y, y

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1))


FORWARD = {
    "relu": lambda y: y.relu(),
    "sigmoid": lambda y: y.sigmoid(),
    "max": lambda y: y.max(),
    "softmax": lambda y: y.softmax(0),
    "log_softmax": lambda y: y.log_softmax(0),
    "pow": lambda y: y**3,
    "norm": lambda y: y.norm(),
    "var": lambda y: y.var(),
    "cumprod": lambda y: y.cumprod(0),
    "layer norm": lambda y: F.layer_norm(y, (4,)),
    "clamp": lambda y: y.clamp(0, 1),
    "where": lambda y: tg.where(y > 0, y, -y),
}


@case("writes", over=FORWARD)
def numpys_to_what_an_op_took_and_gave(jit, op):
    w = param(1, -2, 0.5, 0)

    def f(x):
        y = w * x
        z = op(y)
        y.detach().numpy()[:2] *= -1
        z.detach().numpy()[...] += 0.25
        (z * z).sum().backward()
        return z.detach()

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1, -1, 2)), w


@case("writes")
def to_results_by_the_caller(jit):
    f = jit(lambda x: (x * 2, x + 1))
    results = []
    for k in range(8):
        a, b = f(t(k, 1))
        a.mul_(10)
        b.numpy()[0] = -1
        results.append((a, b))
        yield results


@case("writes")
def to_results_by_the_caller_where_a_graph_is_alive(jit):
    w = param(1, 2)
    f = jit(lambda x: w * x)
    for k in range(7):
        y = f(t(k, 1))
        actual = attempt(y.mul_, 2)
        y.sum().backward()
        yield actual, y, w


@case("writes")
def into_a_view_whose_base_is_gone(jit):
    w = param(1, 2, 3)

    def f(x):
        z = w * x
        v = z[1:]
        del z
        v.mul_(2)
        v.sum().backward()
        return v.detach()

    f = jit(f)
    for k in range(7):
        yield attempt(f, t(k, 1, 2)), w


@case("writes")
def into_a_view_whose_base_is_held(jit):
    w = param(1, 2, 3)

    def f(x):
        z = w * x
        v = z[1:]
        v.mul_(2)
        (v.sum() + z.sum()).backward()

    f = jit(f)
    for k in range(7):
        yield attempt(f, t(k, 1, 2)), w


@case("writes")
def to_the_argument_after_it_was_used(jit):
    w = param(1, 2)

    def f(x):
        y = w + x
        x.add_(1)
        y.sum().backward()
        return y.detach(), x * 2

    f, same = jit(f), t(1, 2)
    for _ in range(7):
        yield f(same), same, w


@case("writes")
def to_read_only_memory(jit):
    array = np.ones(2, np.float32)
    array.flags.writeable = False
    x = tg.from_numpy(array)
    f, g = jit(lambda x: x.add_(1)), jit(lambda x: x + 1)
    for _ in range(7):
        yield attempt(f, x), attempt(g, x), x


@case("writes", over=TWO_OPTIMIZERS)
def to_the_weights_between_calls(jit, make):
    model = mlp()
    optimizer = make(model.parameters())
    step = jit(training(model, optimizer))
    for k in range(9):
        if k == 3:
            with tg.no_grad():
                model[0].weight.mul_(0.5)
        if k == 5:
            model[2].weight.detach().numpy()[0] = 1
        if k == 7:
            nn.init.ones_(model[0].bias)
        yield step(rows(k), labels(k)).detach(), model, optimizer


@case("writes")
def a_stale_graph_is_noticed_after_a_jitted_step(jit):
    model = mlp()
    step = jit(training(model, optim.SGD(model.parameters(), lr=0.1)))
    for k in range(8):
        loss = model(rows(50)).sum()
        if k % 3:
            step(rows(k), labels(k))
        yield attempt(loss.backward), model


@case("writes")
def a_stale_graph_is_noticed_after_a_jitted_write(jit):
    buffer = tg.ones(2)
    f = jit(lambda x: buffer.add_(x))
    for k in range(8):
        w = param(1, 2)
        loss = (buffer * w).sum()
        if k % 3:
            f(t(k, 1))
        yield attempt(loss.backward), buffer, w


@case("writes")
def a_jitted_graph_goes_stale_by_an_eager_write(jit):
    w, buffer = param(1, 2), t(1, 1)
    f = jit(lambda x: (w * buffer * x).sum())
    for k in range(8):
        loss = f(t(k, 1))
        if k % 3 == 2:
            buffer.add_(1)
        yield attempt(loss.backward), w, buffer


@case("writes")
def a_jitted_graph_goes_stale_by_the_next_call(jit):
    model = mlp()
    forward = jit(lambda x: model(x).square().mean())
    train = jit(training(model, optim.SGD(model.parameters(), lr=0.1)))
    for k in range(8):
        loss = forward(rows(k))
        if k % 2:
            train(rows(k), labels(k))
        yield attempt(loss.backward), model
