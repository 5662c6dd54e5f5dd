"""Parameters in one buffer: only where nobody else holds their memory, and none is kept alive."""

import copy
import functools
import gc
import mmap
import pickle
import weakref

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn, optim
from tinygrad_mnist.jit import joint_optimizer
from tinygrad_mnist.optim.pieces import LARGE


def stepped(model, optimizer, calls=5):
    @tg.jit(pure=True)
    def step(x):
        optimizer.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    for i in range(calls):
        step(tg.full((4, 3), 0.1 * i))
    return step


def parts(step):
    return step.programs()[0].steps[-1].parts


def test_parameters_are_moved_where_nobody_else_holds_their_memory():
    model = nn.Linear(3, 2)
    assert len(parts(stepped(model, optim.Adam(model.parameters())))) == 1


def base(model):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    model.weight = nn.Parameter(array)
    return array


def mapped(model):
    memory = mmap.mmap(-1, 24)
    model.weight = nn.Parameter(np.frombuffer(memory, np.float32).reshape(2, 3))
    return memory


HOLDERS = {
    "a state dict": lambda m, o: m.state_dict()["weight"],
    "a detached Tensor": lambda m, o: m.weight.detach(),
    "an array": lambda m, o: m.weight.detach().numpy(),
    "a row": lambda m, o: m.weight.detach()[0],
    "the transposed": lambda m, o: m.weight.detach().T,
    "the array it was made on": lambda m, o: base(m),
    "a memory map": lambda m, o: mapped(m),
    "a memoryview": lambda m, o: memoryview(m.weight.detach().numpy()),
    "a graph": lambda m, o: (m.weight * m.weight).sum(),
}


def seen(holding):
    if isinstance(holding, mmap.mmap):
        return holding[:]
    if isinstance(holding, (np.ndarray, memoryview)):
        return np.asarray(holding).tobytes()
    return holding.detach().numpy().tobytes()


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_view_of_parameters_goes_on_showing_them(holder):
    model = nn.Linear(3, 2)
    holding = HOLDERS[holder](model, None)
    before = seen(holding)
    step = stepped(model, optim.SGD(model.parameters(), lr=0.1))
    assert not parts(step)
    assert holder == "a graph" or seen(holding) != before
    shown = model.weight.detach().numpy()
    if holder not in ("a row", "the transposed", "a graph"):
        assert seen(holding) == shown.tobytes()


def test_tied_weights_stay_tied():
    model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    other.weight.data = model.weight.data
    stepped(model, optim.SGD(model.parameters(), lr=0.1))
    assert np.shares_memory(model.weight.detach().numpy(), other.weight.detach().numpy())


def test_state_that_somebody_holds_is_changed_where_it_is():
    model = nn.Linear(3, 2)
    optimizer = optim.Adam(model.parameters())
    model(tg.ones(4, 3)).sum().backward()
    optimizer.step()
    holding = optimizer.state[model.weight]["exp_avg"]
    before = holding.copy()
    assert not parts(stepped(model, optimizer))
    assert holding is optimizer.state[model.weight]["exp_avg"] and not np.array_equal(
        holding, before
    )


def test_an_update_of_ones_own_is_called_for_each_parameter():
    model, calls = nn.Linear(3, 2), []
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    step = stepped(model, optimizer)
    update = optimizer.update
    optimizer.update = lambda group, p, g, state: (
        calls.append(p.shape),
        update(group, p, g, state),
    )
    step(tg.ones(4, 3))
    assert calls == [(2, 3), (2,)]


def test_a_parameter_outside_the_step_that_has_a_gradient_is_stepped_as_well():
    model, other = nn.Linear(3, 2), nn.Parameter(tg.ones(2))
    optimizer = optim.SGD([*model.parameters(), other], lr=0.1)

    @tg.jit(pure=True)
    def step(x):
        model.zero_grad()
        (model(x) ** 2).mean().backward()
        optimizer.step()

    for i in range(6):
        if i == 4:
            other.grad = tg.ones(2)
        step(tg.ones(4, 3))
    assert np.allclose(other.detach().numpy(), 0.8)


@pytest.mark.parametrize("pure", [False, True])
@pytest.mark.parametrize("first", [True, False])
def test_a_group_outside_the_step_that_has_a_gradient_is_stepped_as_well(pure, first):
    model, other = nn.Linear(3, 2), nn.Parameter(tg.ones(2))
    groups = [{"params": [other]}, {"params": list(model.parameters())}]
    optimizer = optim.SGD(groups if first else groups[::-1], lr=0.1)

    @tg.jit(pure=pure)
    def step(x):
        model.zero_grad()
        (model(x) ** 2).mean().backward()
        optimizer.step()

    for i in range(6):
        if i == 4:
            other.grad = tg.ones(2)
        step(tg.ones(4, 3))
    assert np.allclose(other.detach().numpy(), 0.8)


def test_a_copied_and_a_pickled_optimizer_are_their_own():
    model = nn.Linear(3, 2)
    optimizer = optim.Adam(model.parameters())
    stepped(model, optimizer)
    for twin, its in (
        copy.deepcopy((model, optimizer)),
        pickle.loads(pickle.dumps((model, optimizer))),
    ):
        before = model.weight.detach().numpy().copy()
        stepped(twin, its)
        assert np.array_equal(model.weight.detach().numpy(), before)


def test_nothing_is_kept_alive():
    def made():
        model = nn.Linear(30, 20)
        optimizer = optim.Adam(model.parameters())

        def step(x):
            optimizer.zero_grad()
            model(x).sum().backward()
            optimizer.step()

        step = tg.jit(step, pure=True)
        for _ in range(4):
            step(tg.ones(4, 30))
        assert parts(step)
        return [
            weakref.ref(o) for o in (model, optimizer, step, parts(step)[0], model.weight._data)
        ]

    gc.collect()
    before = len(joint_optimizer._FLATS), len(joint_optimizer._JOINTS)
    references = made()
    gc.collect()
    assert [r() for r in references] == [None] * 5
    assert (len(joint_optimizer._FLATS), len(joint_optimizer._JOINTS)) == before


def test_an_optimizer_that_goes_first_leaves_nothing():
    model = nn.Linear(3, 2)
    optimizer = optim.Adam(model.parameters())
    stepped(model, optimizer)
    reference = weakref.ref(optimizer)
    del optimizer
    gc.collect()
    assert reference() is None


def test_where_a_warning_is_an_error_it_leaves_what_eager_leaves():
    def run(maybe):
        w = [nn.Parameter(tg.ones(2)), nn.Parameter(tg.ones(3))]
        optimizer = optim.SGD(w, lr=1.0, momentum=0.9)

        def step(x):
            optimizer.zero_grad()
            sum((p * x).sum() for p in w).backward()
            optimizer.step()

        step = maybe(step)
        for i in range(5):
            optimizer.param_groups[0]["lr"] = 3e38 if i == 4 else 1.0
            if i < 4:
                step(tg.tensor(2.0))
        with pytest.raises(RuntimeWarning, match="overflow"), np.errstate(over="warn"):
            step(tg.tensor(2.0))
        return [p.tolist() for p in w], repr(optimizer.state_dict())

    assert run(lambda f: tg.jit(f, pure=True)) == run(lambda f: f)


UPDATE = optim.SGD.update


def halved(self, group, p, g, state):
    UPDATE(self, group, p, g * 0.5, state)


class Halved(optim.SGD):
    """It inherits the update as calls, which is not what it does."""

    update = halved


def set_in_place(optimizer, i):
    optimizer.param_groups[0]["lr"].fill_(0.1 / (1 + i))


BETAS = (0.9, 0.999)
IN_ARRAYS = np.array(0.9), np.array(0.999)


def set_betas(i):
    IN_ARRAYS[0][...] = 0.5 + 0.04 * i
    return IN_ARRAYS


def patch_class(optimizer, i):
    if i == 5:
        optimizer.patch.setattr(optim.SGD, "update", halved)


RATES = (0.5, 0.25, 0.1)  # the same objects at several steps
OPTIONS = {
    "as it is": (0.1, lambda o, i: None),
    "another rate at each step": (0.1, lambda o, i: o.param_groups[0].update(lr=0.1 / (1 + i))),
    "another rate after some steps": (0.5, lambda o, i: o.param_groups[0].update(lr=RATES[i // 4])),
    "an equal rate of another kind": (1.0, lambda o, i: o.param_groups[0].update(lr=1)),
    "a Tensor that changes": (tg.tensor(0.1), set_in_place),
    "momentum from now on": (0.1, lambda o, i: o.param_groups[0].update(momentum=0.9 * (i > 4))),
    "decay for a while": (0.1, lambda o, i: o.param_groups[0].update(weight_decay=0.1 * (i == 5))),
    "upwards": (0.1, lambda o, i: o.param_groups[0].update(maximize=i > 5)),
    "no rate": (0.1, lambda o, i: o.param_groups[0].update(lr=0.1 * (i != 5))),
    "loaded": (0.1, lambda o, i: o.load_state_dict(o.state_dict())),
    "saved": (0.1, lambda o, i: o.state_dict()),
    "without its state": (0.1, lambda o, i: i == 5 and o.state.clear()),
    "counted otherwise": (
        0.1,
        lambda o, i: i == 5 and [s["step"].fill(1) for s in o.state.values() if "step" in s],
    ),
    "no mean": (0.1, lambda o, i: o.param_groups[0].update(betas=(0.0, 0.5) if i > 4 else BETAS)),
    "betas in an array": (0.1, lambda o, i: o.param_groups[0].update(betas=set_betas(i))),
    "decoupled": (
        0.1,
        lambda o, i: o.param_groups[0].update(weight_decay=0.1, decoupled_weight_decay=i > 4),
    ),
    "the class is changed": (0.1, patch_class),
}


# AdamW is Adam but for its decay
DECAYS = ("as it is", "decay for a while", "decoupled")
UPDATES = [(change, kind) for change in OPTIONS for kind in (optim.SGD, Halved, optim.Adam)]
UPDATES += [(change, optim.AdamW) for change in DECAYS]


@pytest.mark.parametrize("change, kind", UPDATES)
def test_an_update_as_calls_of_c_is_the_update(change, kind, monkeypatch):
    rate, between = OPTIONS[change]
    weights = []
    for compile_ in (lambda f: f), tg.jit, (lambda f: tg.jit(f, pure=True)):
        with monkeypatch.context() as patch:
            tg.manual_seed(0)
            # The first weight is large: the BLAS updates it
            model = nn.Sequential(
                nn.Linear(3, LARGE // 3 + 1), nn.Tanh(), nn.Linear(LARGE // 3 + 1, 2)
            )
            lr = rate.clone() if isinstance(rate, tg.Tensor) else rate
            optimizer = kind(model.parameters(), lr=lr)
            optimizer.patch = patch

            @compile_
            def step(x, model=model, optimizer=optimizer):
                optimizer.zero_grad()
                loss = (model(x) ** 2).mean() / 1000  # or it grows beyond bounds
                loss.backward()
                optimizer.step()
                return loss

            for i in range(10):
                step(tg.full((4, 3), 0.3 * i))
                between(optimizer, i)
            weights.append([p.detach().numpy().tobytes() for p in model.parameters()])
    assert weights[0] == weights[1] == weights[2]


def test_plain_descent_becomes_calls_of_c():
    model = nn.Linear(3, 2)
    (part,) = parts(stepped(model, optim.SGD(model.parameters(), lr=0.1)))
    calls = part.guarded_usual.__globals__["quick"].calls
    assert [call.func for call in calls] == [np.multiply, np.add]


def test_adam_becomes_calls_of_c_while_its_settings_stay():
    model = nn.Linear(3, 2)
    optimizer = optim.Adam(model.parameters())
    step = stepped(model, optimizer, calls=8)
    (part,) = parts(step)
    prepared = part.guarded_usual.__globals__["quick"]
    assert len(prepared.calls) == 13
    assert [state["step"].item() for state in optimizer.state.values()] == [8, 8]
    optimizer.param_groups[0]["lr"] = 0.1
    step(tg.full((4, 3), 0.1))
    assert prepared.calls is None


def wrapped():
    class Wrapped(optim.SGD):
        @functools.wraps(UPDATE)
        def update(self, group, p, g, state):
            UPDATE(self, group, p, np.clip(g, -0.1, 0.1), state)

    return Wrapped


def by_norm():
    class ByNorm(optim.SGD):
        """It takes all elements of a parameter together, which SGD does not."""

        def update(self, group, p, g, state):
            super().update(group, p, g / np.linalg.norm(g), state)

    return ByNorm


def of_the_instance():
    class Noted(optim.SGD):
        def __init__(self, *args, **kw):
            super().__init__(*args, **kw)
            self.note, self.steps = 1, 0

        def count(self):
            self.steps += 1
            if self.steps == 7:  # as many attributes as before
                del self.note
                self.update = lambda group, p, g, state: UPDATE(self, group, p, 0.5 * g, state)

    return Noted


@pytest.mark.parametrize("make", [wrapped, by_norm, of_the_instance])
@pytest.mark.parametrize("is_pure", [True, False])
def test_an_update_that_is_not_the_class_s_is_called(make, is_pure):
    weights = []
    for compile_ in (lambda f: f), (lambda f: tg.jit(f, pure=is_pure)):
        tg.manual_seed(0)
        model = nn.Linear(3, 2)
        optimizer = make()(model.parameters(), lr=0.1)

        @compile_
        def step(x, model=model, optimizer=optimizer):
            optimizer.zero_grad()
            (model(x) ** 2).mean().backward()
            optimizer.step()

        for i in range(10):
            step(tg.full((4, 3), 0.3 * i))
            getattr(optimizer, "count", bool)()
        weights.append([p.detach().numpy().tobytes() for p in model.parameters()])
    assert weights[0] == weights[1]


def test_parameters_that_are_the_gradients_of_each_other_are_updated_in_turn():
    results = []
    for compile_ in (lambda f: f), tg.jit:
        a, b = tg.full((5,), 1.0, requires_grad=True), tg.full((5,), 10.0, requires_grad=True)
        optimizer = optim.SGD([a, b], lr=0.5)
        step = compile_(optimizer.step)
        for _ in range(5):
            a.grad, b.grad = tg.ones(5), tg.ones(5)
            step()
        for _ in range(3):
            a.grad, b.grad = b.detach(), a.detach()
            step()
        results.append((a.tolist(), b.tolist()))
    assert results[0] == results[1]


@pytest.mark.parametrize("kind", ["pre", "post"])
def test_a_hook_of_an_optimizer_that_is_registered_later_is_refused(kind):
    model = nn.Linear(3, 2)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    step, calls = stepped(model, optimizer), []
    handle = getattr(optimizer, f"register_step_{kind}_hook")(lambda *a: calls.append(1))
    before = model.weight.detach().clone()
    with pytest.raises(RuntimeError, match="a hook of optimizer.step"):
        step(tg.ones(4, 3))
    assert tg.equal(model.weight, before) and not calls
    handle.remove()
    step(tg.ones(4, 3))
    assert not tg.equal(model.weight, before) and not calls
