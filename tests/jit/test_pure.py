"""jit(f, pure=True): the bits of eager, whatever happens between calls, or a refusal."""

import contextlib
from functools import partial

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist import nn, optim

pure = partial(tg.jit, pure=True)
WORLD = {"k": 1.0}
FACTOR = 1.0


def bits(t):
    return None if t is None else t.detach().numpy().tobytes()


def contents(parameters):
    return [(bits(p), bits(p.grad)) for p in parameters]


def trained(model, optimizer, loss=lambda y: (y * y).mean()):
    def step(x):
        optimizer.zero_grad()
        value = loss(model(x))
        value.backward()
        optimizer.step()
        return value

    return step


def network():
    tg.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def inputs(count):
    return [tg.full((2, 3), 0.1 * i - 0.5) for i in range(count)]


# Each takes the compiler (or none), and yields all that can be seen afterwards


def accumulation(maybe):
    model = network()
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    add = maybe(lambda x: (model(x) ** 2).mean().backward())
    for i, x in enumerate(inputs(12)):
        add(x)
        if i % 3 == 2:
            optimizer.step()
            optimizer.zero_grad()
        yield contents(model.parameters())


def gradients_that_somebody_holds(maybe):
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    add = maybe(lambda x: (w * x).sum().backward())
    for _ in range(4):
        add(tg.ones(2))
    holder = w.grad
    for i in range(3):
        add(tg.full((2,), float(i)))
        yield holder.tolist(), holder is w.grad


def gradients_that_go_and_come(maybe):
    w, x = tg.tensor(1.0, requires_grad=True), tg.tensor(2.0)
    add = maybe(lambda x: (w * x).sum().backward())
    for i in range(12):
        if i % 5 == 1:
            w.grad = None
        if i == 7:
            w.grad = tg.tensor(10.0)
        if i == 9:
            (w * x).backward()
        add(x)
        yield w.grad.item()


def two_losses_in_changing_order(maybe):
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    one, other = (maybe(f) for f in (
        lambda x: model(x).mean().backward(), lambda x: (model(x) ** 2).sum().backward()
    ))  # fmt: skip
    step = maybe(lambda: optimizer.step())
    for i, x in enumerate(inputs(16)):
        (one if i // 2 % 2 else other)(x)
        (other if i % 3 else one)(x)
        step()
        if i % 2:
            optimizer.zero_grad()
        yield contents(model.parameters())


def freezing_and_thawing(maybe):
    model = network()
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    step = maybe(trained(model, optimizer))
    for i, x in enumerate(inputs(24)):
        if i in (6, 12):
            model[0].weight.requires_grad_(i == 12)
        if i == 16:
            model[2].bias.data = tg.zeros(2)
        if i == 19:
            optimizer.state.clear()
        if i == 21:
            optimizer.param_groups[0]["lr"] = 0.01
        yield bits(step(x)), contents(model.parameters()), repr(optimizer.state_dict())


def groups_that_change(maybe):
    model, more = network(), nn.Linear(2, 2)
    more.weight.data.fill_(0.5)
    more.bias.data.fill_(0.1)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    step = maybe(trained(nn.Sequential(model, more), optimizer))
    for i, x in enumerate(inputs(15)):
        if i == 5:
            optimizer.add_param_group({"params": more.parameters(), "lr": 0.5})
        if i == 9:
            optimizer.param_groups[0]["params"].pop()
        if i == 12:
            next(iter(optimizer.state.values()))["momentum_buffer"] += 1
        yield bits(step(x)), contents([*model.parameters(), *more.parameters()])


def momentum_turned_on(maybe):
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    plain = trained(model, optimizer)
    step = maybe(plain)
    for i, x in enumerate(inputs(14)):
        if i == 5:
            optimizer.param_groups[0]["momentum"] = 0.9
        if i == 10:
            plain(x)
        yield bits(step(x)), contents(model.parameters()), repr(optimizer.state_dict())


def a_global_number(maybe):
    global FACTOR
    multiply = maybe(lambda x: x * FACTOR)
    for value in (
        2.0,
        2.0,
        2.0,
        3.0,
        3.0,
        3.0,
        -0.0,
        -0.0,
        -0.0,
        0.0,
        0.0,
        True,
        True,
        True,
        1,
        1,
        1,
    ):
        FACTOR = value
        y = multiply(tg.tensor([1, 2]))
        yield str(y.dtype), bits(y)


def numbers_as_arguments(maybe):
    multiply = maybe(lambda x, k: x * k)
    for value in (0.0, -0.0, True, 1, 1.0) * 4:
        y = multiply(tg.tensor([1, 2]), value)
        yield str(y.dtype), bits(y)


def entries_and_attributes(maybe):
    class Settings:
        shift = 1.0

    settings, factors = Settings(), [1.0]

    def scale(x, power=2.0):
        return x**power * WORLD["k"] + factors[0] - settings.shift

    step = maybe(lambda x: scale(x))
    for i in range(12):
        WORLD["k"] = 1.0 + i // 4
        factors[0] = 1.0 + i // 6
        settings.shift = 1.0 + i // 8
        if i == 10:
            scale.__defaults__ = (3.0,)
        yield step(tg.tensor([3.0])).tolist()


def names_bound_anew(maybe):
    model, batch = nn.Linear(2, 2), tg.ones(1, 2)
    step = maybe(lambda x: (model(x) + batch).detach())
    for i in range(12):
        if i % 4 == 0:
            model = nn.Linear(2, 2)
            model.weight.data.fill_(float(i))
            model.bias.data.fill_(0.0)
        if i == 6:
            batch = tg.zeros(1, 2)
        yield step(tg.ones(1, 2)).tolist()


def parameters_bound_anew(maybe):
    model = nn.Linear(2, 2)
    model.weight.data.fill_(1.0)
    model.bias.data.fill_(0.0)
    step = maybe(lambda x: model.forward(x).detach())
    for i in range(10):
        if i == 4:
            model.weight = nn.Parameter(tg.full((2, 2), 3.0))
        if i == 7:
            model.bias = None
        yield step(tg.ones(1, 2)).tolist()


def a_detached_parameter_that_is_swapped(maybe):
    w = tg.tensor([1.0], requires_grad=True)
    step = maybe(lambda x: x * w.detach())
    for i in range(8):
        if i == 4:
            w.data = tg.tensor([5.0])
        yield step(tg.ones(1)).tolist()


def what_is_returned(maybe):
    w = tg.tensor([1.0, 2.0], requires_grad=True)

    def step(x):
        y = x * 2
        return y, y, y[0], y.T, w, w.detach(), x, x[0], x.T

    step = maybe(step)
    for i in range(5):
        x = tg.full((2, 3), float(i))
        y, again, row, turned, same_w, cut, same_x, first, other = step(x)
        shares = [
            np.shares_memory(a.detach().numpy(), b.detach().numpy())
            for a, b in ((y, row), (y, turned), (w, cut), (x, first), (x, other), (x, y))
        ]
        yield y is again, same_w is w, cut is w, same_x is x, shares, turned.numpy().strides


def a_gradient_that_is_returned(maybe):
    w = tg.tensor([1.0, 2.0], requires_grad=True)

    def step(x):
        w.grad = None
        (w * x).sum().backward()
        return w.grad

    step, results = maybe(step), []
    for i in range(5):
        results.append(step(tg.full((2,), float(i))))
        yield results[-1] is w.grad, [g.tolist() for g in results]


def writes(maybe):
    x, buffer = tg.ones(2), tg.zeros(2, 1)
    double, add = maybe(lambda x: x.mul_(2)), maybe(lambda x: buffer[0].add_(x))
    for _ in range(5):
        double(x)
        add(tg.ones(1))
        overlapping = tg.arange(5).float()
        maybe_add(maybe)(overlapping[1:], overlapping[:4])
        yield x.tolist(), buffer.tolist(), overlapping.tolist()


def maybe_add(maybe, memo={}):  # noqa: B006
    return memo.setdefault(maybe, maybe(lambda a, b: a.add_(b)))


def layouts(maybe):
    total = maybe(lambda x: x.sum())
    x = np.random.default_rng(0).random((64, 65), np.float32)
    for _ in range(4):
        for view in (x, x.T.copy().T, x[:, ::2], x[::-1], np.broadcast_to(x[:1], x.shape)):
            yield bits(total(tg.from_numpy(view)))


def labels(maybe):
    model = nn.Sequential(network(), nn.Dropout(0.5))
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    step = maybe(step)
    for i, x in enumerate(inputs(12)):
        y = tg.tensor([0, {5: -100, 7: 9, 8: -100}.get(i, 1)])
        try:
            result = bits(step(x, y))
        except IndexError as error:
            result = str(error)
        yield result, contents(model.parameters()), tg.rand(1).item()


def an_overflow_that_is_an_error(maybe):
    w = [nn.Parameter(tg.tensor([1.0, 2.0])), nn.Parameter(tg.tensor([1e30, 3.0]))]
    optimizer = optim.SGD(w, lr=1.0, momentum=0.5)
    step = maybe(trained(lambda x: sum((p * x).sum() for p in w), optimizer, lambda y: y))
    for i in range(8):
        optimizer.param_groups[0]["lr"] = 3e38 if i > 4 else 1.0
        treated = np.errstate(over="raise") if i % 2 else contextlib.nullcontext()
        try:
            with treated:
                step(tg.tensor([2.0, 1.0]))
            raised = None
        except (FloatingPointError, RuntimeWarning) as error:
            raised = str(error)
        yield raised, contents(w), repr(optimizer.state_dict())


def clipping_and_zeros(maybe):
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.5)

    def step(x):
        optimizer.zero_grad(set_to_none=False)
        (model(x) ** 2).sum().backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
        return norm

    step = maybe(step)
    for x in inputs(8):
        yield bits(step(x)), contents(model.parameters())


def gradient_penalty(maybe, norm=nn.BatchNorm1d):
    tg.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), norm(16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = optim.Adam(model.parameters(), lr=1e-2)

    def step(x):
        optimizer.zero_grad()
        x = (x * 1).detach().requires_grad_()
        out = model(x)
        (g,) = tg.autograd.grad(out.sum(), x, create_graph=True)
        loss = (out**2).mean() + 0.1 * ((g.norm(dim=1) - 1) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    step, rng = maybe(step), np.random.default_rng(0)
    for i in range(12):
        if i == 6:
            model[0].bias.requires_grad_(False)
        x = tg.from_numpy(rng.standard_normal((32, 6)).astype(np.float32))
        yield bits(step(x)), contents(model.parameters())


def default_dtypes(maybe):
    step = maybe(lambda x: x + tg.ones(2))
    try:
        for dtype in (tg.float32,) * 3 + (tg.float64,) * 3 + (tg.float32,) * 2:
            tg.set_default_dtype(dtype)
            yield str(
                step(
                    np.ones(2, np.float32) if maybe is pure else tg.ones(2, dtype=tg.float32)
                ).dtype
            )
    finally:
        tg.set_default_dtype(tg.float32)


class Scale:
    def __init__(self):
        self.factor = 2.0

    def __call__(self, x):
        return x * self.factor


class Listing(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers, self.settings = [lambda x: x * 2], {"factor": 3.0}

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x * self.settings["factor"]


def what_functions_and_modules_hold(maybe):
    """A callable object, keyword defaults, the code itself, a module's plain list and dict."""

    def keyword(x, *, factor=2.0):
        return x * factor

    def replaced(x):
        return x * 2

    def other(x):
        return x * 7

    scale, module, x = Scale(), Listing(), tg.tensor([1.0, 2.0])
    for function, change in (
        (scale, lambda: setattr(scale, "factor", 5.0)),
        (keyword, lambda: setattr(keyword, "__kwdefaults__", {"factor": 5.0})),
        (replaced, lambda: setattr(replaced, "__code__", other.__code__)),
        (lambda x: module(x), lambda: module.layers.append(lambda x: x * 3)),
        (lambda x: module(x), lambda: module.settings.update(factor=4.0)),
    ):
        step = maybe(function)
        yield [bits(step(x)) for _ in range(4)]
        change()
        yield bits(step(x))


CASES = [
    what_functions_and_modules_hold, accumulation, gradients_that_somebody_holds,
    gradients_that_go_and_come,
    two_losses_in_changing_order, freezing_and_thawing, groups_that_change, momentum_turned_on,
    a_global_number, numbers_as_arguments, entries_and_attributes, names_bound_anew,
    parameters_bound_anew, a_detached_parameter_that_is_swapped, what_is_returned,
    a_gradient_that_is_returned, writes, layouts, labels, an_overflow_that_is_an_error,
    clipping_and_zeros, gradient_penalty, partial(gradient_penalty, norm=nn.LayerNorm),
    default_dtypes,
]  # fmt: skip


def name_of(case):
    return getattr(case, "__name__", "gradient_penalty_with_layer_norm")


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_it_is_as_in_eager(case):
    def eager(function):
        return function

    assert list(case(pure)) == list(case(eager))


@pytest.mark.parametrize(
    "read",
    [
        lambda x: tg.tensor(x), lambda x: tg.tensor([x[0], x[1]]), lambda x: x.new_tensor(x),
        lambda x: tg.linspace(0, x[0], 3), lambda x: __import__("copy").deepcopy(x), repr,
        lambda x: tg.manual_seed(0), lambda x: setattr(W, "data", tg.ones(1)),
        lambda x: W.requires_grad_(False), lambda x: nn.init.zeros_(W),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_refused(read):
    def step(x):
        if tg.is_grad_enabled():
            read(x)
        return x * 2

    step = pure(step)
    with tg.no_grad():
        step(tg.ones(2)), step(tg.ones(2))
    x = tg.ones(2)
    try:
        step(x)
        W.requires_grad_(True)
        with pytest.raises(RuntimeError, match="while a program is being captured"):
            step(x)
    finally:
        W.data, _ = tg.ones(1), W.requires_grad_(True)
    assert tg.ones(1).item() == 1.0  # no tape is on any more


W = tg.ones(1, requires_grad=True)


def test_anomalies_are_looked_for():
    x = tg.tensor([4.0, 0.0], requires_grad=True)
    step = pure(lambda: (x.sqrt() * 0).sum().backward())
    for _ in range(4):
        x.grad = None
        step()
    with tg.autograd.detect_anomaly(), pytest.raises(RuntimeError, match="nan"):
        step()


@pytest.mark.parametrize("at", range(1, 8))
def test_an_interrupt_at_any_op_of_a_capture_leaves_what_eager_leaves(at, monkeypatch):
    def run(maybe):
        model = network()
        optimizer = optim.Adam(model.parameters(), lr=0.1)
        left = [0]

        def count(y):
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt
            return (y * y).mean()

        for layer in model:
            layer.register_forward_hook(lambda *_: (count(tg.ones(1)), None)[1])
        step = maybe(trained(model, optimizer, count))
        for i, x in enumerate(inputs(8)):
            left[0] = at if i in (1, 4) else 0
            try:
                step(x)
            except KeyboardInterrupt:
                yield "interrupted"
            yield contents(model.parameters())

    assert list(run(pure))[:5] == list(run(lambda f: f))[:5]
    assert tg.ones(1).item() == 1.0


def test_numbers_without_end_make_no_programs_without_end():
    step = pure(lambda x, k: x * k)
    for i in range(1000):
        step(tg.ones(2), float(i))
    assert len(step._seen) <= 256 and not step.programs()
    for i in range(200):
        for _ in range(2):
            step(tg.ones(2), float(i))
    assert len(step.programs()) <= 64


def test_a_gradient_that_takes_no_part_is_zeroed_at_each_call():
    used, unused = (tg.tensor([1.0], requires_grad=True) for _ in range(2))
    optimizer = optim.SGD([used, unused], lr=0.1)

    def step(x):
        optimizer.zero_grad(set_to_none=False)
        (used * x).sum().backward()
        optimizer.step()

    step = tg.jit(step, pure=True)
    for _ in range(4):
        unused.grad = tg.tensor([5.0])
        step(tg.tensor([2.0]))
        assert unused.grad.item() == 0.0
        assert unused.item() == 1.0


@pytest.mark.parametrize("form", [{"pure": True}, {"tile_rows": 2}])
@pytest.mark.parametrize("make", [optim.SGD, optim.Adam])
def test_a_gradient_that_is_cleared_and_takes_no_part_makes_no_step(form, make):
    """The optimizer finds it there between a replay's clearing and its end, or should not."""
    used, unused = (tg.tensor([1.0], requires_grad=True) for _ in range(2))
    optimizer = make([used, unused], lr=0.1)

    @partial(tg.jit, **form)
    def step(x):
        optimizer.zero_grad()
        (used * x).mean().backward()
        optimizer.step()

    for _ in range(5):
        unused.grad = tg.tensor([5.0])
        step(tg.ones(4, 1))
        assert unused.grad is None
        assert unused.item() == 1.0
        assert unused not in optimizer.state


def test_a_gradient_that_is_the_argument_is_added_to():
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    step = tg.jit(lambda x: (w * x).sum().backward(), pure=True)
    for _ in range(5):
        x = tg.tensor([3.0, 4.0])
        w.grad = x
        step(x)
        assert x.tolist() == [6.0, 8.0]


def test_a_write_in_place_takes_part_in_a_gradient():
    w = tg.tensor([1.0, 2.0], requires_grad=True)

    def doubled(x):
        y = w * x
        y.mul_(2)
        (y * y).sum().backward()
        return y.detach()

    doubled = tg.jit(doubled, pure=True)
    for k in range(5):
        assert doubled(tg.tensor([float(k), 1.0])).tolist() == [2.0 * k, 4.0]


@pytest.mark.parametrize("target", [-100, 7])
@pytest.mark.parametrize("to_none", [True, False])
def test_a_label_to_ignore_behind_batch_norm_is_left_to_the_function(target, to_none):
    def train(jit):
        tg.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.2), nn.Linear(4, 3))
        optimizer = optim.SGD(model.parameters(), lr=0.1)

        def step(x, y):
            optimizer.zero_grad(set_to_none=to_none)
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss.detach()

        step, seen = jit(step), []
        for k in range(5):
            labels = tg.tensor([0, 1, 2, target if k == 3 else 0])
            try:
                seen.append(step(tg.arange(12.0).reshape(4, 3) * (k - 2), labels).item())
            except IndexError:
                seen.append("refused")
            seen += [
                [p.tolist(), None if p.grad is None else p.grad.tolist()]
                for p in model.parameters()
            ]
            seen += [b.tolist() for b in model.buffers()]
        return seen

    assert train(lambda f: f) == train(lambda f: tg.jit(f, pure=True))


@pytest.mark.parametrize("kind", ["a closure's", "a buffer", "an optimizer's"])
def test_an_argument_that_the_function_also_finds_around_it_is_told_from_others(kind):
    def called(jit):
        model = nn.BatchNorm1d(2)
        state = {
            "a closure's": tg.tensor([1.0, 2.0]),
            "a buffer": model.running_mean,
            "an optimizer's": nn.Parameter(tg.tensor([1.0, 2.0]), requires_grad=False),
        }[kind]
        optimizer = optim.SGD([state], lr=0.1)

        def add(x):
            written = (
                model.running_mean if kind == "a buffer" else optimizer.param_groups[0]["params"][0]
            )
            written.add_(0.5)
            return x * 2

        add, seen = jit(add), []
        for x in (*[state] * 4, tg.zeros(2), state, tg.ones(2), tg.ones(2), tg.ones(2), state):
            seen.append([add(x).tolist(), x.tolist(), state.tolist()])
        return seen

    assert called(lambda f: f) == called(tg.jit(pure=True))


@pytest.mark.parametrize(
    "pick",
    [
        lambda x, i: x[i],
        lambda x, i: x[i, i],
        lambda x, i: x.gather(1, i[:, None]),
        lambda x, i: x.index_select(1, i),
        lambda x, i: F.embedding(i, x),
        lambda x, i: F.cross_entropy(x, i),
        lambda x, i: F.nll_loss(x, i),
        lambda x, i: x.index_add(0, i, x),
        lambda x, i: x.scatter(0, i[:, None], 1.0),
    ],
)
def test_an_index_out_of_bounds_is_refused_where_nobody_uses_the_result(pick):
    index = tg.tensor([0, 2, 1])

    @tg.jit(pure=True)
    def step(x):
        pick(x, index)
        return x * 2

    for _ in range(4):
        step(tg.ones(3, 3))
    index[1] = 7
    for _ in range(2):
        with pytest.raises(IndexError):
            step(tg.ones(3, 3))


@pytest.mark.parametrize("shape", [(0,), (2, 0)], ids=str)
def test_a_write_into_an_argument_without_elements(shape):
    step = tg.jit(lambda x: x.mul_(2.0), pure=True)
    for _ in range(4):
        assert step(tg.zeros(shape)).shape == shape
