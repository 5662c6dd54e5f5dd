"""The results of one step: the textbook's numbers, and the same bits joined or resumed."""

import copy
import tracemalloc

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.optim.every import CASES, NAMES, textbook
from tinygrad_mnist import optim
from tinygrad_mnist.jit import joint as joint_module
from tinygrad_mnist.jit.joint import Joint
from tinygrad_mnist.kernels import axpby, parallel
from tinygrad_mnist.kernels import blocks as kernel_blocks
from tinygrad_mnist.optim import blocks as optim_blocks
from tinygrad_mnist.optim import pieces

every = pytest.mark.parametrize("cls, options", CASES, ids=NAMES)
both = pytest.mark.parametrize("dtype", [np.float32, np.float64])

SHAPES = [(5, 7), (4, 9), (3,), (), (3, 3)]


def parameters(dtype, seed=0):
    """One in C order, one in Fortran order, a vector, a number, and a larger one again."""
    rng = np.random.default_rng(seed)
    arrays = [np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES]
    arrays[1] = np.asfortranarray(arrays[1])
    return [tg.from_numpy(array).requires_grad_() for array in arrays]


def gradients(dtype, seed):
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES]


def step(optimizer, grads):
    for p, g in zip(optimizer.param_groups[0]["params"], grads, strict=True):
        p.grad = None if g is None else tg.from_numpy(np.asarray(g))
    optimizer.step()


def values(params):
    return [p.detach().numpy().copy() for p in params]


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(values(a), values(b), strict=True))


# The BLAS is called for large ones, and rounds otherwise: for none, for some of them, for all
SOME_LARGE = [100, 7, 1]


def cut(buffer):
    """The parameters' views of one buffer, each in its own memory order."""
    views, start = [], 0
    for index, shape in enumerate(SHAPES):
        stop = start + int(np.prod(shape))
        piece = buffer[start:stop]
        views.append(piece.reshape(shape[::-1]).T if index == 1 else piece.reshape(shape))
        start = stop
    return views


@every
def test_the_values_are_the_textbooks(cls, options):
    rng = np.random.default_rng(1)
    start = rng.standard_normal(6)
    p = tg.tensor(start, requires_grad=True)
    optimizer = cls([p], **options)
    books = [textbook(optimizer, float(x)) for x in start]
    for book in books:
        next(book)
    for _ in range(30):
        g = rng.standard_normal(6) * (rng.random(6) > 0.2)
        step(optimizer, [g])
        wanted = [book.send(float(x)) for book, x in zip(books, g, strict=True)]
        np.testing.assert_allclose(p.detach().numpy(), wanted, rtol=1e-9, atol=1e-12)


@every
@both
@pytest.mark.parametrize(
    "history, large",
    [*(pytest.param(1, large, id=f"later-{large}") for large in SOME_LARGE),
     pytest.param(0, 7, id="from the start")],
)  # fmt: skip
def test_joined_parameters_get_the_same_bits(cls, options, dtype, history, large, monkeypatch):
    monkeypatch.setattr(joint_module, "BLOCK", 16)
    monkeypatch.setattr(pieces, "LARGE", large)
    alone, joined = parameters(dtype), parameters(dtype)
    one, other = cls(alone, **options), cls(joined, **options)
    for optimizer in (one, other) * history:
        step(optimizer, gradients(dtype, 1))
    flat, flat_grads = (np.empty(sum(p.numel() for p in alone), dtype) for _ in range(2))
    for p, view in zip(joined, cut(flat), strict=True):
        view[...] = p._data
        p._data = view
    joint = Joint(other, other.param_groups[0], joined, flat, cut)
    for seed in range(2, 8):
        step(one, gradients(dtype, seed))
        if seed == 5:  # a step outside, between joint ones
            step(other, gradients(dtype, seed))
            continue
        if seed == 7:  # a saved and loaded state, between joint ones
            other.load_state_dict(other.state_dict())
        for view, g in zip(cut(flat_grads), gradients(dtype, seed), strict=True):
            view[...] = g
        joint.update(flat_grads)
        assert same(alone, joined)
    ours, theirs = one.state_dict()["state"], other.state_dict()["state"]
    assert ours.keys() == theirs.keys()
    for number in ours:
        assert ours[number].keys() == theirs[number].keys()
        for key, value in ours[number].items():
            assert np.array_equal(value.numpy(), theirs[number][key].numpy())


@every
@both
@pytest.mark.parametrize("threads, large", [(1, 7), *((3, large) for large in SOME_LARGE)])
def test_blocks_get_the_same_bits(cls, options, dtype, threads, large, monkeypatch):
    """Also where a gradient lies otherwise than its parameter, which is then one block."""
    monkeypatch.setattr(pieces, "LARGE", large)
    whole, cut_up = parameters(dtype), parameters(dtype)
    one, other = cls(whole, **options), cls(cut_up, **options)
    for seed in range(6):
        grads = gradients(dtype, seed)
        if seed % 3:
            grads[1] = np.asfortranarray(grads[1])
        step(one, grads)
        with monkeypatch.context() as patch:
            patch.setattr(parallel, "count", lambda: threads)
            patch.setattr(optim_blocks, "FEW", 8)
            patch.setattr(kernel_blocks, "MANY", 0)
            patch.setattr(kernel_blocks, "SHARED", 6)
            step(other, grads)
        assert same(whole, cut_up)
    ours, theirs = one.state_dict()["state"], other.state_dict()["state"]
    for number, state in ours.items():
        assert state.keys() == theirs[number].keys()
        for key, value in state.items():
            assert np.array_equal(value.numpy(), theirs[number][key].numpy())


def test_blocks_take_up_momentum_that_is_turned_on_later(monkeypatch):
    monkeypatch.setattr(optim_blocks, "FEW", 8)
    monkeypatch.setattr(kernel_blocks, "BLOCK", 8)
    p, q = (tg.from_numpy(np.ones(20)).requires_grad_() for _ in range(2))
    late = optim.SGD([p], lr=0.1)
    step(late, [np.full(20, 2.0)])
    late.param_groups[0]["momentum"] = 0.9
    q._data[...] = p._data
    for grad in (1.0, 3.0):
        step(late, [np.full(20, grad)])
    momentum = optim.SGD([q], lr=0.1, momentum=0.9)
    for grad in (1.0, 3.0):
        step(momentum, [np.full(20, grad)])
    assert same([p], [q])


@every
def test_a_copy_of_joined_parameters_goes_on_alone(cls, options):
    params = parameters(np.float32)
    optimizer = cls(params, **options)
    flat = np.zeros(sum(p.numel() for p in params), np.float32)
    for p, view in zip(params, cut(flat), strict=True):
        view[...] = p._data
        p._data = view
    Joint(optimizer, optimizer.param_groups[0], params, flat, cut).update(np.ones_like(flat))
    copied, other = copy.deepcopy((params, optimizer))
    for one in (optimizer, other):
        step(one, gradients(np.float32, 1))
    assert same(params, copied)
    step(other, gradients(np.float32, 2))
    assert not same(params, copied)


def test_parameters_that_were_skipped_differently_cannot_be_joined():
    params = parameters(np.float32)
    optimizer = optim.Adam(params)
    step(optimizer, gradients(np.float32, 0))
    step(optimizer, [*gradients(np.float32, 0)[:-1], None])
    flat = np.empty(sum(p.numel() for p in params), np.float32)
    joint = Joint(optimizer, optimizer.param_groups[0], params, flat, cut)
    with pytest.raises(ValueError, match="'step' differs"):
        joint.update(np.zeros_like(flat))


def test_only_an_elementwise_optimizer_can_join():
    params = parameters(np.float32)
    optimizer = optim.LBFGS(params)
    with pytest.raises(ValueError, match="LBFGS is not elementwise"):
        Joint(optimizer, optimizer.param_groups[0], params, np.zeros(1), cut)


@every
@both
def test_a_resumed_run_has_the_bits_of_one_that_never_stopped(cls, options, dtype):
    params = parameters(dtype)
    optimizer = cls(params, **options)
    for seed in range(4):
        step(optimizer, gradients(dtype, seed))
    again = [tg.from_numpy(x).requires_grad_() for x in values(params)]
    resumed = cls(again, lr=7.0)
    resumed.load_state_dict(optimizer.state_dict())
    for seed in range(4, 9):
        step(optimizer, gradients(dtype, seed))
        step(resumed, gradients(dtype, seed))
    assert same(params, again)


@pytest.mark.parametrize("cls", [optim.Adam, optim.AdamW])
def test_changed_betas_scale_the_kept_means(cls):
    narrow, wide = parameters(np.float32), parameters(np.float64, seed=0)
    for p, q in zip(narrow, wide, strict=True):
        q._data[...] = p._data
    optimizers = [cls(narrow, lr=0.1), cls(wide, lr=0.1)]
    for seed in range(6):
        for optimizer, dtype in zip(optimizers, (np.float32, np.float64), strict=True):
            optimizer.param_groups[0]["betas"] = (0.9 - 0.05 * seed, 0.999 - 0.01 * seed)
            step(optimizer, [g.astype(dtype) for g in gradients(np.float32, seed)])
    for p, q in zip(values(narrow), values(wide), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-5, atol=1e-6)
    saved = optimizers[0].state_dict()["state"][0]["exp_avg"].numpy()
    wanted = optimizers[1].state_dict()["state"][0]["exp_avg"].numpy()
    np.testing.assert_allclose(saved, wanted, rtol=1e-4, atol=1e-6)


@every
def test_maximizing_is_minimizing_the_negative(cls, options):
    up, down = parameters(np.float64), parameters(np.float64)
    turned = {**options, "maximize": not options.get("maximize", False)}
    one, other = cls(up, **options), cls(down, **turned)
    for seed in range(5):
        step(one, gradients(np.float64, seed))
        step(other, [-g for g in gradients(np.float64, seed)])
    assert same(up, down)


@every
def test_gradients_are_left_as_they_are(cls, options):
    optimizer = cls(parameters(np.float32), **options)
    for seed in range(3):
        grads = gradients(np.float32, seed)
        step(optimizer, grads)
        for g, untouched in zip(grads, gradients(np.float32, seed), strict=True):
            assert np.array_equal(g, untouched)


@every
def test_a_step_allocates_next_to_nothing(cls, options):
    p = tg.zeros(100_000, requires_grad=True)
    p.grad = tg.ones(100_000)
    optimizer = cls([p], **options)
    for _ in range(2):
        optimizer.step()
    tracemalloc.start()
    optimizer.step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    masks = 2 * 100_000 if cls is optim.Rprop else 0  # two arrays of bools
    assert peak < masks + 50_000


@every
def test_it_goes_downhill(cls, options):
    p = tg.tensor([3.0, -2.0], requires_grad=True)
    optimizer = cls([p], **{**options, "maximize": False})
    losses = []
    for _ in range(50):
        optimizer.zero_grad()
        loss = ((p - 1.0) ** 2).sum()
        loss.backward()
        losses.append(loss.item())
        optimizer.step()
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(("cls", "options"), CASES, ids=NAMES)
def test_scratch_memory_follows_a_parameter_to_another_dtype(cls, options):
    """A step of float32 before must not round the float64 steps that come after."""
    start = np.linspace(0.1, 1.0, 7)
    stepped, loaded = (tg.tensor(start.astype("f4"), requires_grad=True) for _ in range(2))
    optimizers = [cls([p], **options) for p in (stepped, loaded)]
    for p, optimizer in zip((stepped, loaded), optimizers, strict=True):
        p.grad = tg.tensor(start.astype("f4"))
        optimizer.step()
        p.data = p.data.double()
        p.grad = tg.tensor(start)
    for state in optimizers[1].state.values():  # as after loading: without scratch
        for key in [k for k in state if k.startswith("_") and k not in optimizers[1].counters]:
            del state[key]
    for optimizer in optimizers:
        optimizer.step()
    assert stepped.dtype == np.float64
    assert stepped.tolist() == loaded.tolist()


def test_states_begin_as_one_without_being_there_twice():
    flat = np.zeros(1 << 20, np.float32)
    params = [tg.from_numpy(part).requires_grad_() for part in np.split(flat, 2)]
    optimizer = optim.Adam(params, lr=0.1)
    joint = Joint(optimizer, optimizer.param_groups[0], params, flat, lambda a: np.split(a, 2))
    tracemalloc.start()
    try:
        joint.joined()
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 2 * flat.nbytes < now and peak < 2.3 * flat.nbytes


def test_an_update_of_ones_own_is_not_cut_into_blocks(monkeypatch):
    class ByNorm(optim.SGD):
        def update(self, group, p, g, state):
            super().update(group, p, g / np.linalg.norm(g), state)

    monkeypatch.setattr(optim_blocks, "FEW", 8)
    monkeypatch.setattr(kernel_blocks, "BLOCK", 4)
    p = tg.zeros(16, requires_grad=True)
    p.grad = tg.ones(16)
    ByNorm([p], lr=1.0).step()
    assert p.tolist() == [-0.25] * 16


@pytest.mark.skipif(not axpby.is_one_pass(np.dtype(np.float32)), reason="NumPy takes two passes")
def test_plain_descent_is_one_call_however_large_the_parameter(monkeypatch):
    """So an interrupt comes before it or after it."""
    monkeypatch.setattr(optim_blocks, "in_blocks", None)
    p = tg.zeros(optim_blocks.FEW + 1, requires_grad=True)
    p.grad = tg.ones(optim_blocks.FEW + 1)
    optim.SGD([p], lr=1.0).step()
    assert set(p.tolist()) == {-1.0}


def test_adafactor_takes_a_number():
    p = tg.tensor(1.0, requires_grad=True)
    p.grad = tg.tensor(0.5)
    optim.Adafactor([p]).step()
    assert p.item() == pytest.approx(0.99)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adafactor_does_not_depend_on_the_number_of_threads(dtype):
    results = []
    before = tg.get_num_threads()
    for threads in (1, 2):
        tg.set_num_threads(threads)
        rng = np.random.default_rng(0)
        p = tg.from_numpy(rng.standard_normal(70_001).astype(dtype)).requires_grad_()
        p.grad = tg.from_numpy(rng.standard_normal(70_001).astype(dtype))
        optim.Adafactor([p]).step()
        results.append(p.detach().numpy().tobytes())
    tg.set_num_threads(before)
    assert results[0] == results[1]


def test_rprop_rests_where_a_gradient_is_nan():
    p = tg.tensor([1.0, 2.0], requires_grad=True)
    optimizer = optim.Rprop([p], lr=0.01)
    seen = []
    for g in (1.0, np.nan, 1.0, 1.0):
        p.grad = tg.tensor([g, 1.0])
        optimizer.step()
        seen.append(p[0].item())
    assert seen == pytest.approx([0.99, 0.99, 0.98, 0.968])


def test_an_unaligned_parameter_is_updated_as_an_aligned_one():
    rng = np.random.default_rng(0)
    start, g = rng.standard_normal(10_001).astype("f4"), rng.standard_normal(10_001).astype("f4")
    results = []
    for offset in (0, 1):
        array = np.zeros(start.nbytes + offset, np.uint8)[offset:].view("f4")
        array[...] = start
        p = tg.from_numpy(array).requires_grad_()
        p.grad = tg.from_numpy(g)
        optim.SGD([p], lr=0.1).step()
        results.append(p.detach().numpy().tobytes())
    assert results[0] == results[1]
