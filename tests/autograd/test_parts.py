"""Gradients of the parts of one array are added where they belong, and writes erase in place."""

import numpy as np
import pytest

import tinygrad_mnist as tg
from benchmarks import loops
from tinygrad_mnist.jit.pure import PureFunction
from tinygrad_mnist.ops import table
from tinygrad_mnist.testing import gradcheck, gradgradcheck

STEPS = 5


def sliced(x):
    return [x[:, i] for i in range(STEPS)]


def unbound(x):
    return list(x.unbind(1))


def split(x):
    return list(x.split(1, 1))


def overlapping(x):
    return [x[..., : i + 1] for i in range(STEPS)]


def turned(x):
    return [x.t()[i] for i in range(STEPS)]


def diagonals(x):
    return [x.diagonal(i) for i in range(STEPS)]


def embedded(x):
    index = tg.arange(12).reshape(4, 3) % 4
    return [tg.nn.functional.embedding((index + i) % 4, x) for i in range(STEPS)]


def many_rows(x):
    index = tg.arange(80) * 7
    return [x[(index + i) % 4] for i in range(STEPS)]


def gathered(x):
    return [x.gather(1, tg.full((4, 2), i)) for i in range(STEPS)]


def gathered_beside(x):
    return [x.t().gather(0, tg.full((1, 4), i)) for i in range(STEPS)]


def mixed(x):
    return [x[0], x, x[1:, ::2], x[[2, 0]], x.t(), x[:, -1:], x.diagonal(), x * x]


PARTS = [
    sliced, unbound, split, overlapping, turned, diagonals, embedded, many_rows, gathered,
    gathered_beside, mixed,
]  # fmt: skip


def total(parts):
    return sum(((part * part * (i + 1)).sum() for i, part in enumerate(parts)), tg.tensor(0.0))


@pytest.mark.parametrize("parts", PARTS)
def test_gradients_of_the_first_and_second_order_are_right(parts):
    x = tg.tensor(np.random.default_rng(0).normal(size=(4, STEPS)), requires_grad=True)
    assert gradcheck(lambda x: total(parts(x)), [x])
    assert gradgradcheck(lambda x: total(parts(x)), [x])


@pytest.mark.parametrize("pure", [False, True])
@pytest.mark.parametrize("parts", PARTS)
def test_jitted_is_eager(parts, pure):
    x = tg.tensor(np.random.default_rng(0).normal(size=(4, STEPS)), requires_grad=True)

    def step():
        x.grad = None
        total(parts(x)).backward()

    step()
    expected = x.grad.numpy().tobytes()
    jitted = tg.jit(step, pure=pure)
    for _ in range(4):
        jitted()
        assert x.grad.numpy().tobytes() == expected


@pytest.mark.parametrize(
    ("parts", "adjoint"),
    [(sliced, "unslice"), (unbound, "unslice"), (diagonals, "undiagonal"), (embedded, "put"),
     (gathered, "scatter_add")],
)  # fmt: skip
def test_zeros_are_made_once_and_not_for_each_part(parts, adjoint, monkeypatch):
    op, calls = getattr(table, adjoint), []

    def seen(*args, **kw):
        calls.append(args)
        return op(*args, **kw)

    monkeypatch.setattr(table, adjoint, seen)
    x = tg.randn(4, STEPS, requires_grad=True)
    total(parts(x)).backward()
    assert len(calls) == 1


def test_what_a_hook_or_a_user_holds_is_not_added_to():
    x = tg.ones(3, 2, requires_grad=True)
    y, seen = x * 1, []
    y.register_hook(seen.append)
    y.retain_grad()
    rows = [y[i] for i in range(3)]
    for row in rows:
        row.retain_grad()
    seed = tg.ones(3, 2)
    (y * 1).backward(seed, retain_graph=True)
    first = y.grad.clone()
    total(rows).backward()
    assert seed.tolist() == [[1.0, 1.0]] * 3
    assert seen[0].tolist() == first.tolist() == [[1.0, 1.0]] * 3
    assert [row.grad.tolist() for row in rows] == [[2.0, 2.0], [4.0, 4.0], [6.0, 6.0]]
    assert y.grad.tolist() == [[3.0, 3.0], [5.0, 5.0], [7.0, 7.0]]


@pytest.mark.parametrize("leaves", [True, False])
def test_a_gradient_that_goes_to_two_inputs_is_not_added_to(leaves):
    a, b = tg.ones(3, requires_grad=True), tg.ones(3, requires_grad=True)
    x, y = (a, b) if leaves else (a * 1, b * 1)
    parts = [x[0], x[1:], y[2]]
    ((x + y).sum() + total(parts)).backward()
    assert a.grad.tolist() == [3.0, 5.0, 5.0]
    assert b.grad.tolist() == [1.0, 1.0, 7.0]


# Writes


def rows_written(x):
    y = tg.zeros(STEPS, 4, dtype=tg.float64)
    for i in range(STEPS):
        y[i] = x[:, i] * x[:, 0]
    return y


def written_from_the_last(x):
    y = tg.zeros(STEPS + 1, 4, dtype=tg.float64)
    for i in range(STEPS):
        y[i + 1] = y[i].clone() * 0.5 + x[:, i] ** 2
    return y


def rows_added_to(x):
    y = (x * x).t().clone()
    for i in range(STEPS):
        y[i] += x[:, i] * 3
        y[i, :2] *= x[0, i]
    return y


def columns_of_the_transposed(x):
    y = x * x
    for i in range(STEPS):
        y.t()[i] = y.t()[i] * 2 + i
    return y


def numbers_written(x):
    y = x * x * x
    for i in range(4):
        y[i, i:] = 0.5 * i
    return y


WRITES = [
    rows_written, written_from_the_last, rows_added_to, columns_of_the_transposed, numbers_written,
]  # fmt: skip


@pytest.mark.parametrize("write", WRITES)
def test_gradients_through_writes_are_right(write):
    x = tg.tensor(np.random.default_rng(1).normal(size=(4, STEPS)), requires_grad=True)
    assert gradcheck(lambda x: (write(x) ** 2).sum(), [x])
    assert gradgradcheck(lambda x: (write(x) ** 2).sum(), [x])


@pytest.mark.parametrize("pure", [False, True])
@pytest.mark.parametrize("write", WRITES)
def test_jitted_writes_are_those_of_eager(write, pure):
    x = tg.tensor(np.random.default_rng(1).normal(size=(4, STEPS)), requires_grad=True)

    def step(scale):
        x.grad = None
        loss = ((write(x) * scale) ** 2).sum()
        loss.backward()
        return loss.detach()

    jitted = tg.jit(step, pure=pure)
    for k in range(5):
        scale = tg.tensor(float(k), dtype=tg.float64)
        expected = step(scale).item(), x.grad.numpy().tobytes()
        assert (jitted(scale).item(), x.grad.numpy().tobytes()) == expected
    assert jitted.programs()


def test_zeros_are_written_where_the_gradient_lies(monkeypatch):
    op, in_place = table.assign_view.op, []
    kernel = op.kernel

    def seen(x, *args, **kw):
        y = kernel(x, *args, **kw)
        in_place.append(y is x)
        return y

    monkeypatch.setattr(op, "kernel", seen)
    x = tg.ones(4, STEPS, requires_grad=True, dtype=tg.float64)
    (rows_written(x) ** 2).sum().backward()
    assert in_place == [True] * (STEPS - 1)  # before the first one there was nothing


def test_a_gradient_that_was_passed_in_stays_as_it_is():
    x = tg.ones(3, requires_grad=True)
    y = x * 2
    y[1] = 0.0
    seed = tg.ones(3)
    y.backward(seed, retain_graph=True)
    y.backward(seed)
    assert seed.tolist() == [1.0, 1.0, 1.0]
    assert x.grad.tolist() == [4.0, 0.0, 4.0]


def test_a_call_that_no_program_can_stand_for_is_tried_less_and_less_often(monkeypatch):
    x, tries, capture = tg.ones(3, requires_grad=True), [], PureFunction._capture
    monkeypatch.setattr(PureFunction, "_capture", lambda *a: (tries.append(a), capture(*a))[1])

    @tg.jit(pure=True)
    def step(target):
        target.copy_(x * 2)

    for _ in range(20):
        target = tg.zeros(3)
        step(target)
        assert target.requires_grad
    assert 2 <= len(tries) <= 5
    assert "it writes what has a gradient to a Tensor from outside" in repr(step)


@pytest.mark.parametrize("name", loops.CASES)
def test_the_loops_that_are_measured_are_as_in_pytorch(name):
    torch = pytest.importorskip("torch")
    ours, theirs = (loops.seconds(t, loops.CASES[name], 6)[:2] for t in (tg, torch))
    assert ours == pytest.approx(theirs, rel=1e-4)


# What an outsider tried and what broke


def test_a_leaf_that_is_a_view_is_not_written_through_views():
    base = tg.arange(6.0)
    for leaf in (base.reshape(2, 3), tg.ones(3, 2).t(), tg.ones(4, 3)[1:3], tg.ones(3)[None]):
        leaf.requires_grad_()
        for write in (
            lambda x: x[0].mul_(2.0), lambda x: x[0][0].fill_(2.0), lambda x: x[...].zero_(),
            lambda x: x[0].__setitem__(0, x[0, 0] * 2),
        ):  # fmt: skip
            with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad"):
                write(leaf)
        assert leaf.is_leaf
    beside = base.reshape(2, 3)
    beside[0].mul_(2.0)  # which is a view of the base and not of the leaf
    assert beside.tolist() == [[0.0, 2.0, 4.0], [3.0, 4.0, 5.0]]


def test_a_retained_gradient_stays_when_its_tensor_is_written():
    x = tg.ones(3, requires_grad=True)
    h = x * 1.0
    h.retain_grad()
    h.sum().backward(retain_graph=True)
    h += 1.0
    assert h.grad.tolist() == [1.0, 1.0, 1.0]
    h.sum().backward()
    assert h.grad.tolist() == [2.0, 2.0, 2.0]


def test_backward_to_a_computed_tensor_retains_its_gradient():
    x = tg.ones(2, requires_grad=True)
    y = x * 1.0
    (y * 2).sum().backward(inputs=[y])
    assert y.retains_grad
    (y * 2).sum().backward()
    assert y.grad.tolist() == [4.0, 4.0]


@pytest.mark.parametrize("function", [tg.relu, tg.nn.functional.leaky_relu])
def test_slopes_of_rectifiers_are_part_of_a_graph(function):
    x = tg.randn(3, requires_grad=True)
    (slope,) = tg.autograd.grad(function(x).sum(), x, create_graph=True)
    (slope**2).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]


def test_empty_parts_stay_in_the_graph():
    a, b = tg.zeros(0, requires_grad=True), tg.ones(2, requires_grad=True)
    tg.cat([a, b, a]).sum().backward()
    assert (a.grad.shape, b.grad.tolist()) == ((0,), [1.0, 1.0])
    assert tg.cat([a, tg.ones(2)]).requires_grad


@pytest.mark.parametrize(
    "view",
    [
        lambda y: y.diagonal(), lambda y: y.diagonal(1)[1:], lambda y: y.expand(1, 3, 3),
        lambda y: y.diagonal().unsqueeze(0), lambda y: y.expand_as(tg.ones(1, 3, 3))[0, 1],
    ],
)  # fmt: skip
@pytest.mark.parametrize("grad", [False, True])
def test_views_that_numpy_makes_for_reading_are_written_in_pure_functions(view, grad):
    w = tg.ones(3, 3, requires_grad=True)

    def step(x):
        w.grad = None
        y = x * w if grad else x * 1.0
        view(y).mul_(3.0)
        target = view(y)
        target += 1.0
        if grad:
            y.sum().backward()
        return y.detach()

    jitted = tg.jit(step, pure=True)
    for _ in range(4):
        x = tg.randn(3, 3)
        expected = step(x).tolist(), w.grad.tolist() if grad else None
        assert (jitted(x).tolist(), w.grad.tolist() if grad else None) == expected
    assert jitted.programs()


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 4, 3), (1, 1, 5), (2, 2, 3, 8), (3, 3, 3)])
@pytest.mark.parametrize("pure", [False, True])
def test_products_of_stacks_of_two_shapes(shape, pure):
    v, w = (tg.randn(*shape, requires_grad=True) for _ in range(2))

    def step():
        v.grad = w.grad = None
        (v @ w.mT).square().sum().backward()

    step()
    expected = v.grad.tolist(), w.grad.tolist()
    jitted = tg.jit(step, pure=pure)
    for _ in range(4):
        jitted()
        assert (v.grad.tolist(), w.grad.tolist()) == expected


def test_a_part_of_a_leaf_is_not_written_to_itself():
    x = tg.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        x[0] = x[0]


@pytest.mark.parametrize("count", [3, 70, 900])
@pytest.mark.parametrize("low", [0, -500])
def test_rows_are_added_to_those_that_are_there(count, low):
    rng = np.random.default_rng(count)
    x, rows = rng.normal(size=(500, 3)), rng.normal(size=(count, 3))
    index = rng.integers(low, 500, count)
    expected = x.copy()
    np.add.at(expected, index, rows)
    assert np.allclose(table.add_rows(x, rows, index), expected, rtol=1e-12)
    assert table.add_rows.op.kernel(x, rows, index, out=x) is x
    assert np.allclose(x, expected, rtol=1e-12)


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("order", ["C", "F"])
def test_elements_are_added_to_those_that_are_there(count, order):
    rng = np.random.default_rng(count)
    x, part = np.array(rng.normal(size=(3, 5)), order=order), rng.normal(size=(3, count))
    index = rng.integers(0, 5, (3, count))
    expected = x.copy()
    for at in np.ndindex(index.shape):
        expected[at[0], index[at]] += part[at]
    assert np.allclose(table.add_gathered(x, part, index, axis=1), expected, rtol=1e-12)


def factor_of_what_was_written(x, w, u):
    y = (x * 0.3).exp()
    y.mul_(w)
    return y * y


def written_whole_and_in_part(x, w, u):
    y = x.clone()
    view = y[...]
    y.add_(u)
    view[-1] = w[0] * 2
    return y * y + view * view


def copied_from_a_view_and_written(x, w, u):
    y = w - x * 2
    view, copy = y[...], w * 1
    copy.copy_(view)
    view.add_(u, alpha=2)
    return copy * copy + u * u + (view[1:] ** 2).sum()


@pytest.mark.parametrize(
    "function",
    [factor_of_what_was_written, written_whole_and_in_part, copied_from_a_view_and_written],
)
def test_each_call_of_a_pure_function_has_its_own_gradients(function):
    w, u = (tg.tensor([1.0, 2.0, 3.0], requires_grad=True) for _ in range(2))

    def step(x):
        w.grad = u.grad = None
        (function(x, w, u).sum() + u.sum() * 0).backward()

    jitted = tg.jit(step, pure=True)
    for k in range(5):
        x = tg.tensor([0.1 * k, 1.0, 2.0])
        step(x)
        expected = w.grad.tolist(), u.grad.tolist()
        jitted(x)
        assert (w.grad.tolist(), u.grad.tolist()) == expected
    assert jitted.programs()
