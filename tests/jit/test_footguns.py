"""Traps of other jits: here each either agrees with eager or raises a clear error."""

import threading
from functools import partial

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist import nn, optim

pure = partial(tg.jit, pure=True)


def calls(function, *inputs):
    """Return the results of calling with each input in turn, as lists."""
    return [function(tg.tensor(x)).tolist() for x in inputs]


ABCD = ([1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [-7.0, 8.0])


@pytest.mark.parametrize(
    ("read", "named"),
    [
        (lambda x: x.sum().item(), "item"),
        (lambda x: float(x.sum()), "item"),
        (lambda x: x.tolist(), "tolist"),
        (lambda x: x.numpy(), "numpy"),
        (lambda x: bool(x.sum() > 0), "item"),
        (lambda x: np.asarray(x), "numpy"),
    ],
)
def test_values_read_out(read, named):
    @pure
    def f(x):
        read(x)
        return x * 2

    f(tg.tensor([1.0, 2.0]))
    with pytest.raises(RuntimeError, match=named):
        f(tg.tensor([3.0, 4.0]))


def test_a_branch_on_data():
    @pure
    def f(x):
        return x * 2 if x.sum() > 0 else x * 3

    f(tg.tensor([1.0]))
    with pytest.raises(RuntimeError, match="frozen"):
        f(tg.tensor([1.0]))


SCALE = 2.0


def test_a_global_number_that_changes(jit):
    global SCALE
    SCALE = 2.0
    f = jit(lambda x: x * SCALE)
    assert calls(f, *ABCD[:3])[-1] == [10.0, 12.0]
    SCALE = 3.0
    assert f(tg.tensor([5.0, 6.0])).tolist() == [15.0, 18.0]


def test_a_closure_number_that_changes(jit):
    scale = 2.0

    @jit
    def f(x):
        return x * scale

    assert calls(f, *ABCD[:3])[-1] == [10.0, 12.0]
    scale = 3.0
    assert f(tg.tensor([5.0, 6.0])).tolist() == [15.0, 18.0]


def test_a_number_as_argument_gets_its_own_program(jit):
    f = jit(lambda x, k: x * k)
    for k in (2.0, 3.0, 2.0, 3.0, 2.0, 3.0):
        assert f(tg.tensor([1.0]), k).tolist() == [k]


def test_training_and_eval_of_dropout(jit):
    layer = nn.Dropout(0.5)
    f = jit(lambda x: layer(x))
    x = tg.ones(1000)
    drawn = [f(x).tolist() for _ in range(5)]
    assert len({tuple(d) for d in drawn}) == 5  # drawn afresh at every call
    layer.eval()
    assert all(f(x).tolist() == x.tolist() for _ in range(4))
    layer.train()
    assert f(x).tolist() != x.tolist()


def test_learning_rate_that_changes(jit):
    w = [nn.Parameter(tg.tensor([1.0])) for _ in range(2)]
    optimizers = [optim.SGD([p], lr=0.1) for p in w]

    def make(p, optimizer):
        def step(x):
            optimizer.zero_grad()
            (p * x).sum().backward()
            optimizer.step()

        return step

    eager, jitted = make(w[0], optimizers[0]), jit(make(w[1], optimizers[1]))
    for call in range(8):
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = 0.1 / (call + 1)
        eager(tg.tensor([1.0]))
        jitted(tg.tensor([1.0]))
    assert w[0].item() == w[1].item()


def test_a_schedule_inside_and_outside(jit):
    def go(jitted, inside):
        p = nn.Parameter(tg.tensor([1.0]))
        optimizer = optim.SGD([p], lr=0.1)
        schedule = optim.lr_scheduler.StepLR(optimizer, 2, 0.5)

        def step(x):
            optimizer.zero_grad()
            (p * x).sum().backward()
            optimizer.step()
            if inside:
                schedule.step()

        step = jit(step) if jitted else step
        for _ in range(8):
            step(tg.tensor([1.0]))
            if not inside:
                schedule.step()
        return p.item(), optimizer.param_groups[0]["lr"]

    assert go(False, False) == go(True, False)
    assert go(False, True) == go(True, True)


def test_requires_grad_that_changes(jit):
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))

    @jit
    def step(x):
        model.zero_grad()
        model(x).sum().backward()

    x = tg.ones(4, 2)
    for _ in range(4):
        step(x)
    assert model[0].weight.grad is not None
    model[0].weight.requires_grad_(False)
    for _ in range(4):
        step(x)
    assert model[0].weight.grad is None
    assert model[1].weight.grad is not None


def test_parameters_swapped_by_data_and_load_state_dict(jit):
    model = nn.Linear(2, 1, bias=False)
    f = jit(lambda x: model(x).detach())
    x = tg.tensor([[1.0, 1.0]])
    for _ in range(4):
        f(x)
    model.weight.data = tg.tensor([[2.0, 3.0]])
    assert f(x).tolist() == [[5.0]]
    model.load_state_dict({"weight": tg.tensor([[4.0, 5.0]])})
    assert [f(x).tolist() for _ in range(3)] == [[[9.0]]] * 3
    with tg.no_grad():
        model.weight.fill_(1.0)
    assert f(x).tolist() == [[2.0]]


def test_outputs_and_gradients_kept_over_calls(jit):
    p = nn.Parameter(tg.tensor([1.0, 1.0]))

    @jit
    def f(x):
        p.grad = None
        loss = (p * x).sum()
        loss.backward()
        return loss, x * 2

    outputs = [(f(tg.tensor(x)), p.grad) for x in ABCD]
    assert [loss.item() for (loss, _), _ in outputs] == [3.0, 7.0, 11.0, 1.0]
    assert [y.tolist() for (_, y), _ in outputs] == [[2 * a, 2 * b] for a, b in ABCD]
    assert [g.tolist() for _, g in outputs] == [list(x) for x in ABCD]


def test_inputs_that_alias(jit):
    f = jit(lambda a, b: a * 2 + b)
    for x in ABCD:
        t = tg.tensor(x)
        assert f(t, t).tolist() == [3 * v for v in x]
    a, b = tg.tensor([1.0, 2.0]), tg.tensor([10.0, 20.0])
    assert f(a, b).tolist() == [12.0, 24.0]


def test_results_in_tuples_dicts_and_named_tuples(jit):
    f = jit(lambda x: {"a": (x + 1, [x * 2]), "b": tg.sort(x), "c": None})
    for x in ABCD:
        out = f(tg.tensor(x))
        assert out["a"][0].tolist() == [v + 1 for v in x]
        assert out["a"][1][0].tolist() == [v * 2 for v in x]
        assert out["b"].values.tolist() == sorted(x)
        assert out["c"] is None


def test_an_input_that_is_returned(jit):
    f = jit(lambda x: x)
    for x in ABCD:
        t = tg.tensor(x)
        assert f(t) is t


def test_an_input_is_never_changed_or_kept(jit):
    f = jit(lambda x: x.exp().log() + 1)
    for x in ABCD:
        array = np.array(x, np.float32)
        before = array.copy()
        f(array)
        np.testing.assert_array_equal(array, before)
        array[:] = 0


def test_two_models_one_function(jit):
    models = [nn.Linear(2, 2, bias=False) for _ in range(2)]
    f = jit(lambda x, i: models[i](x).detach())
    x = tg.ones(1, 2)
    for i in (0, 1, 0, 1, 0, 1):
        assert f(x, i).tolist() == models[i](x).tolist()


def test_jit_inside_jit(jit):
    inner = jit(lambda x: x * 2)
    outer = jit(lambda x: inner(x) + 1)
    assert calls(outer, *ABCD) == [[2 * a + 1, 2 * b + 1] for a, b in ABCD]


def test_recursion(jit):
    @jit
    def f(x, n):
        return x if n == 0 else f(x * 2, n - 1)

    for _ in range(4):
        assert f(tg.tensor([1.0]), 3).tolist() == [8.0]


def test_an_exception_in_the_middle_of_a_capture(jit):
    broken = [True]

    @jit
    def f(x):
        y = x * 2
        if broken[0]:
            raise KeyError("stop")
        return y

    for _ in range(3):
        with pytest.raises(KeyError, match="stop"):
            f(tg.tensor([1.0]))
    broken[0] = False
    assert calls(f, *ABCD) == [[2 * a, 2 * b] for a, b in ABCD]
    assert tg.tensor([1.0]).item() == 1.0  # no tape is on any more


def test_a_live_graph_is_refused():
    model = nn.Linear(2, 1)
    f = pure(lambda x: model(x).sum())
    f(tg.ones(1, 2))
    with pytest.raises(RuntimeError, match="graph is alive"):
        f(tg.ones(1, 2))


@pytest.mark.parametrize("result", [1.5, 3, "text", np.ones(2)])
def test_what_is_not_a_tensor_is_not_returned(result):
    f = pure(lambda x: (x * 2, result))
    f(tg.ones(2))
    with pytest.raises(TypeError, match="returns Tensors"):
        f(tg.ones(2))


def test_labels_out_of_range_are_found_in_a_replay(jit):
    model = nn.Linear(4, 3)
    f = jit(lambda x, t: F.cross_entropy(model(x), t).detach())
    x, good = tg.ones(5, 4), np.array([0, 1, 2, 1, 0])
    for _ in range(4):
        f(x, good)
    for bad in (3, -1):
        wrong = good.copy()
        wrong[2] = bad
        with pytest.raises(IndexError, match=f"Target {bad} is out of bounds"):
            f(x, wrong)
    assert f(x, good).item() > 0


def test_indices_negative_and_out_of_range_in_a_replay(jit):
    table = tg.arange(10000).reshape(1000, 10).float()
    f = jit(lambda i: table[i])
    wide = jit(lambda i: table[i] * 2)
    for index in ([0, 1], [2, 3], [4, 5], [-1, 999]):
        i = np.array(index)
        assert f(i).tolist() == table.numpy()[i].tolist()
        assert wide(i).tolist() == (2 * table.numpy()[i]).tolist()
    with pytest.raises(IndexError):
        f(np.array([0, 1000]))


def test_shapes_and_dtypes_get_their_own_programs():
    f = pure(lambda x: x * 2)
    for _ in range(3):
        assert f(tg.ones(2)).dtype == np.float32
        assert f(tg.ones(3)).shape == (3,)
        assert f(tg.ones(2, dtype=tg.float64)).dtype == np.float64
    assert len(f.programs()) == 3


def test_threads(jit):
    f = jit(lambda x: (x * 2).exp().log() / 2)
    wrong = []

    def work(number):
        for k in range(200):
            x = tg.full((50,), float(number + k % 7))
            if not np.allclose(f(x).numpy(), x.numpy(), rtol=1e-4):
                wrong.append((number, k))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_random_numbers_drawn_inside(jit):
    def go(jitted):
        tg.manual_seed(0)
        f = lambda x: x + tg.rand(3)  # noqa: E731
        f = jit(f) if jitted else f
        return [f(tg.zeros(3)).tolist() for _ in range(6)]

    assert go(False) == go(True)
    assert len({tuple(x) for x in go(True)}) == 6


def test_in_place_writes_inside(jit):
    def go(jitted):
        total = tg.zeros(2)

        def f(x):
            total.add_(x)
            y = x * 1
            y[0] = 5.0
            y.mul_(2)
            return y

        f = jit(f) if jitted else f
        return [f(tg.tensor(x)).tolist() for x in ABCD], total.tolist()

    assert go(False) == go(True)


def test_a_stale_graph_is_still_noticed_after_a_jitted_step(jit):
    model = nn.Linear(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    @jit
    def step(x):
        optimizer.zero_grad()
        model(x).sum().backward()
        optimizer.step()

    x = tg.ones(3, 2, requires_grad=True)
    for _ in range(4):
        step(tg.ones(3, 2))
    y = model(x).sum()
    step(tg.ones(3, 2))
    with pytest.raises(RuntimeError, match="inplace"):
        y.backward()


def test_a_stale_graph_is_still_noticed_after_a_replayed_write(jit):
    buffer = tg.ones(2)

    @jit
    def step(x):
        buffer.add_(x)

    for _ in range(4):
        step(tg.ones(2))
    y = (buffer * tg.ones(2, requires_grad=True)).sum()
    step(tg.ones(2))
    with pytest.raises(RuntimeError, match="inplace"):
        y.backward()


def test_an_optimizer_of_what_two_others_have_stepped(jit):
    def go(maybe):
        tg.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
        parts = [model[0].parameters(), model[2].parameters(), model.parameters()]
        for params in parts:
            optimizer = optim.SGD(params, lr=0.1)

            def step(x, optimizer=optimizer):
                model.zero_grad()
                model(x).square().sum().backward()
                optimizer.step()

            step = maybe(step)
            for k in range(4):
                step(tg.full((2, 3), k + 1.0))
        return [p.detach().numpy().tobytes() for p in model.parameters()]

    assert go(lambda step: step) == go(jit)


def test_clipping_inside(jit):
    def go(jitted):
        tg.manual_seed(0)
        model = nn.Linear(3, 2)
        optimizer = optim.SGD(model.parameters(), lr=0.5)

        def step(x):
            optimizer.zero_grad()
            (model(x) ** 2).sum().backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()

        step = jit(step) if jitted else step
        for k in range(6):
            step(tg.ones(2, 3) * (k + 1))
        return [p.detach().numpy().tobytes() for p in model.parameters()]

    assert go(False) == go(True)


def test_printed_program_and_report():
    f = pure(lambda x: (x * 2).exp())
    assert "nothing captured" in repr(f)
    for _ in range(3):
        f(tg.ones(4))
    assert "np.multiply(" in repr(f) and "np.exp(" in repr(f)
    assert "bytes" in f.report()


def test_hooks_that_come_and_go(jit):
    model = nn.Linear(2, 2)
    weight = model.weight

    def step(x):
        model.zero_grad()
        model(x).square().mean().backward()
        return weight.grad

    f = jit(step)
    x = tg.tensor([[1.0, 2.0]])

    def agrees():
        for _ in range(4):
            got = f(x).tolist()
        return got == step(x).tolist()

    assert agrees()
    double = model.register_forward_hook(lambda module, args, out: out * 2)
    assert agrees()
    triple = model.register_forward_hook(lambda module, args, out: out * 3)
    assert agrees()
    double.remove()
    assert agrees()
    halve = weight.register_hook(lambda g: g / 2)
    assert agrees()
    triple.remove()
    halve.remove()
    assert agrees()
