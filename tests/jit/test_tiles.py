"""jit(f, tile_rows=n): equal to eager within rounding, the same from run to run, or refused."""

import copy
import gc
import itertools
import re
import tracemalloc
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist import nn, optim
from tinygrad_mnist.jit import threads, tile_program, tiles
from tinygrad_mnist.jit.liveness import gradients_early
from tinygrad_mnist.jit.tape import Call
from tinygrad_mnist.jit.views import map_arrays
from tinygrad_mnist.kernels import blocks, parallel
from tinygrad_mnist.optim import Optimizer
from tinygrad_mnist.optim import blocks as optim_blocks
from tinygrad_mnist.testing import modules
from tinygrad_mnist.threads import blas

RNG = np.random.default_rng(0)
X = RNG.standard_normal((53, 1, 8, 8), dtype=np.float32)
Y = RNG.integers(0, 5, 53)

MODELS = {
    "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 5)),
    "deep": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(64, 32), nn.Tanh(), nn.LayerNorm(32), nn.Linear(32, 5)
    ),
    "dropout": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 5)
    ),
    "cnn": lambda: nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout2d(0.3), nn.Flatten(),
        nn.Linear(36, 5),
    ),
}  # fmt: skip


class Descent(Optimizer):
    """An optimizer that is not elementwise: its gradients cannot lie in one buffer."""

    def update(self, group, p, g, state):
        p -= 0.1 * g / (1 + np.abs(g).max())


OPTIMIZERS = {
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "adam": lambda p: optim.Adam(p, lr=1e-2),
    "a user's": lambda p: Descent(p, {}),
}


@pytest.fixture(params=[1, 2, 3])
def workers(request, monkeypatch):
    monkeypatch.setattr(threads, "count", lambda: request.param)


def update_in_blocks(monkeypatch, size):
    """Let three threads share an update of more than one block."""
    monkeypatch.setattr(parallel, "count", lambda: 3)
    monkeypatch.setattr(threads, "count", lambda: 3)
    monkeypatch.setattr(blocks, "MANY", 0)
    monkeypatch.setattr(blocks, "SHARED", size)
    monkeypatch.setattr(optim_blocks, "FEW", size)


def step_of(model, optimizer, criterion=F.cross_entropy):
    def step(x, y):
        optimizer.zero_grad()
        outputs = model(x)
        loss = criterion(outputs, y)
        loss.backward()
        optimizer.step()
        return loss, {"outputs": outputs.detach()}

    return step


def run(make_model, make_optimizer, tile_rows=None, calls=4, x=X, y=Y):
    """Return loss, outputs, weights and gradients of some steps."""
    tg.manual_seed(1)
    model = make_model()
    step = step_of(model, make_optimizer(model.parameters()))
    step = tg.jit(step, tile_rows=tile_rows) if tile_rows else step
    x, y, arrays = tg.from_numpy(x), tg.from_numpy(y), []
    for _ in range(calls):
        loss, more = step(x, y)
        arrays += [loss.detach().numpy(), more["outputs"].numpy()]
    arrays += [p.detach().numpy().copy() for p in model.parameters()]
    return arrays + [p.grad.numpy() for p in model.parameters()], step


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_training_is_that_of_eager_within_rounding(model, optimizer, workers):
    eager, _ = run(MODELS[model], OPTIMIZERS[optimizer])
    tiled, step = run(MODELS[model], OPTIMIZERS[optimizer], tile_rows=10)
    assert "6 tiles of at most 9 rows" in step.report()
    for a, b in zip(eager, tiled, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4)


def test_the_arrays_of_the_traces_are_let_go(monkeypatch):
    """Otherwise a captured step would hold its memory twice."""
    traced = []

    class Watched(tiles.TileTrace):
        def __init__(self, *args, **kw):
            super().__init__(*args, **kw)
            calls = [call for call in self.tape.entries if isinstance(call, Call)]
            traced.extend(
                weakref.ref(out) for call in calls for out in call.outs if out.size > 1000
            )

    monkeypatch.setattr(tiles, "TileTrace", Watched)
    model = MODELS["cnn"]()
    step = tg.jit(step_of(model, optim.SGD(model.parameters(), lr=0.1)), tile_rows=20)
    step(tg.from_numpy(X), tg.from_numpy(Y))
    gc.collect()  # a trace and its tape hold each other
    assert len(traced) > 10 and not any(one() is not None for one in traced)


@pytest.mark.parametrize("model", MODELS)
def test_threads_share_no_memory_but_what_comes_from_outside(model, monkeypatch):
    monkeypatch.setattr(threads, "count", lambda: 3)
    network = MODELS[model]()
    step = tg.jit(step_of(network, optim.Adam(network.parameters(), lr=0.1)), tile_rows=10)
    step(tg.from_numpy(X), tg.from_numpy(Y))
    (tiled,) = step.programs()
    used = []
    for worker in tiled._workers:
        program = worker.tiles[0][1].program
        outside = program._outside
        arrays = [buffer for _, buffer in program.feeds]
        map_arrays([*program.steps, program.drawn, program.outputs], arrays.append)
        used.append(
            [a for a in arrays if a.size and not any(np.may_share_memory(a, o) for o in outside)]
        )
    assert len(used) == 3 and min(map(len, used)) > 10
    for some, others in itertools.combinations(used, 2):
        assert not any(np.may_share_memory(a, b) for a in some for b in others)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_capture_takes_little_more_memory_than_the_step(workers, monkeypatch):
    """A network whose parameters are most of the memory: each may be there a few times."""
    monkeypatch.setattr(threads, "count", lambda: workers)
    x, y = tg.from_numpy(X.reshape(-1, 64)[:, :50]), tg.from_numpy(Y)
    network = nn.Sequential(
        nn.Linear(50, 1000), nn.ReLU(), nn.Linear(1000, 1000), nn.Linear(1000, 5)
    )
    each = sum(p.nbytes for p in network.parameters())
    step = tg.jit(step_of(network, optim.Adam(network.parameters(), lr=0.1)), tile_rows=30)
    run(MODELS["linear"], OPTIMIZERS["adam"], tile_rows=30)  # so that all is imported
    tracemalloc.start()
    try:
        step(x, y)
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Parameters, their gradients, the sums of two threads or of tiles, the two means of Adam
    assert 6 * each < now < 6.5 * each and peak < 9 * each


def test_gradients_come_as_soon_as_they_can():
    """The arrays that they are computed from are then free."""
    names = "x w d a da dw late other"
    x, w, d, a, da, dw, late, other = (np.zeros(3) for _ in names.split())

    def call(reads, out, draws=False):
        op = SimpleNamespace(view=False, draws=draws, name="op", row="op")
        return Call(op, reads, {}, (out,))

    makes_a, makes_da, makes_dw = call((x,), a), call((d, w), da), call((a, d), dw)
    makes_late, draws = call((da,), late), call((x,), other, draws=True)
    gradients = {id(dw), id(late)}
    entries = [makes_a, makes_da, makes_dw, makes_late]
    assert gradients_early(entries, gradients) == [makes_a, makes_dw, makes_da, makes_late]
    entries = [makes_a, draws, makes_da, makes_dw]
    assert gradients_early(entries, gradients) == [makes_a, draws, makes_dw, makes_da]


def test_a_tile_needs_no_memory_for_an_array_that_only_a_gradient_reads(monkeypatch):
    """The activations of a layer make room for the gradients of the layer below."""

    def report():
        network = nn.Sequential(*(nn.Linear(64, 64) for _ in range(4)), nn.Linear(64, 5))
        step = tg.jit(step_of(network, optim.SGD(network.parameters(), lr=0.1)), tile_rows=30)
        step(tg.from_numpy(X.reshape(-1, 64)[:53]), tg.from_numpy(Y))
        (tiled,) = step.programs()
        return int(re.search(r"([\d,]+) bytes of buffers", tiled.summary())[1].replace(",", ""))

    early = report()
    monkeypatch.setattr(tile_program, "gradients_early", lambda entries, gradients: entries)
    assert early + 27 * 64 * 4 <= report()


def test_an_update_on_threads_is_noticed_by_a_stale_graph(monkeypatch):
    update_in_blocks(monkeypatch, 50)
    model = MODELS["deep"]()
    step = tg.jit(step_of(model, optim.SGD(model.parameters(), lr=0.1)), tile_rows=20)
    step(tg.from_numpy(X), tg.from_numpy(Y))
    loss = model(tg.from_numpy(X)).sum()
    step(tg.from_numpy(X), tg.from_numpy(Y))
    with pytest.raises(RuntimeError, match="inplace"):
        loss.backward()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_an_update_on_threads_is_that_of_one_thread(optimizer, monkeypatch):
    """This holds too where a smaller batch, which is not tiled, takes turns with the large one."""

    def weights(block):
        update_in_blocks(monkeypatch, block)
        tg.manual_seed(1)
        model = MODELS["deep"]()
        step = step_of(model, OPTIMIZERS[optimizer](model.parameters()))
        step = tg.jit(step, tile_rows=20)
        for call in range(15):
            rows = 10 if call % 3 == 2 else 53
            step(tg.from_numpy(X[:rows]), tg.from_numpy(Y[:rows]))
        return [p.detach().numpy().tobytes() for p in model.parameters()]

    assert weights(50) == weights(10**9)


@pytest.mark.parametrize("model", MODELS)
def test_runs_are_the_same_to_the_bit(model, monkeypatch):
    monkeypatch.setattr(threads, "count", lambda: 2)
    first, _ = run(MODELS[model], OPTIMIZERS["adam"], tile_rows=7)
    again, _ = run(MODELS[model], OPTIMIZERS["adam"], tile_rows=7)
    assert [a.tobytes() for a in first] == [a.tobytes() for a in again]


def test_a_later_start_makes_no_difference(monkeypatch):
    """The first call is tiled as well: a resumed run rounds as one that never stopped."""
    monkeypatch.setattr(threads, "count", lambda: 2)
    tg.manual_seed(1)
    model = MODELS["deep"]()
    optimizer = optim.Adam(model.parameters())
    step = step_of(model, optimizer)
    jitted = tg.jit(step, tile_rows=20)
    for call in range(6):
        if call == 3:
            jitted = tg.jit(step, tile_rows=20)
        jitted(tg.from_numpy(X), tg.from_numpy(Y))
    resumed = [p.detach().numpy().tobytes() for p in model.parameters()]
    whole, _ = run(MODELS["deep"], optim.Adam, tile_rows=20, calls=6)
    assert resumed == [a.tobytes() for a in whole[12:-4][: len(resumed)]]


def test_few_rows_are_one_tile_and_keep_the_bits_of_eager():
    eager, _ = run(MODELS["deep"], OPTIMIZERS["adam"])
    jitted, step = run(MODELS["deep"], OPTIMIZERS["adam"], tile_rows=53)
    assert [a.tobytes() for a in eager] == [a.tobytes() for a in jitted]
    assert "tiles" not in step.report()


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(rows=st.integers(2, 40), tile_rows=st.integers(1, 39), workers=st.integers(1, 4))
def test_any_cut_of_any_batch(rows, tile_rows, workers):
    def gradients(step):
        model.zero_grad()
        loss = step(tg.from_numpy(X[:rows]), tg.from_numpy(Y[:rows]))
        return [loss.detach().numpy(), *(p.grad.numpy() for p in model.parameters())]

    def step(x, y):
        model.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    tg.manual_seed(rows)
    model = MODELS["deep"]()
    expected = gradients(step)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "count", lambda: workers)
        jitted = tg.jit(step, tile_rows=tile_rows)
        for _ in range(3):
            for a, b in zip(gradients(jitted), expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@given(rows=st.integers(1, 500), tile_rows=st.integers(1, 500))
def test_cuts_are_even_and_leave_nothing_out(rows, tile_rows):
    made = tiles.cuts(rows, tile_rows)
    assert [row for cut in made for row in range(cut.start, cut.stop)] == list(range(rows))
    lengths = [tiles.row_count(cut) for cut in made]
    assert max(lengths) <= tile_rows and max(lengths) - min(lengths) <= 1


def batch_norm():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.BatchNorm1d(5))


def without_statistics():
    layer = nn.BatchNorm1d(5, track_running_stats=False)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 5), layer)


def summed(outputs, y):
    return F.cross_entropy(outputs, y, reduction="sum")


def spread(outputs, y):
    return F.cross_entropy(outputs, y) + outputs.std()


@pytest.mark.parametrize(
    ("model", "criterion", "why"),
    [
        (batch_norm, F.cross_entropy, "outlives it, as batch norm does"),
        (without_statistics, F.cross_entropy, "no row may depend on others"),
        (MODELS["linear"], summed, "mean over the rows"),
        (MODELS["linear"], spread, "mean over the rows"),
    ],
)
def test_what_mixes_rows_is_refused_and_changes_nothing(model, criterion, why):
    model = model()
    before = {k: v.numpy().copy() for k, v in model.state_dict().items()}
    step = tg.jit(step_of(model, optim.SGD(model.parameters(), lr=1), criterion), tile_rows=20)
    for _ in range(2):
        with pytest.raises(RuntimeError, match=f"cannot be cut into tiles.*{why}"):
            step(tg.from_numpy(X), tg.from_numpy(Y))
    for name, value in model.state_dict().items():
        assert np.array_equal(value.numpy(), before[name])


def refusal(body, *inputs):
    with pytest.raises(RuntimeError) as raised:
        tg.jit(body, tile_rows=2)(*(inputs or (tg.ones(6, 3),)))
    assert "Leave tile_rows out" in str(raised.value)
    return str(raised.value)


def test_other_refusals():
    w = tg.ones(3, requires_grad=True)
    optimizer = optim.SGD([w], lr=1)
    generator = tg.Generator()

    def no_gradients(x):
        return (x * w).mean()

    def adds_to_old_gradients(x):
        (x * w).mean().backward()

    def uses_what_it_stepped(x):
        w.grad = None
        (x * w).mean().backward()
        optimizer.step()
        return w * 2

    def draws_by_itself(x):
        w.grad = None
        ((x * w).mean() * tg.rand(())).backward()

    def draws_elsewhere(x):
        w.grad = None
        (x * w * tg.rand(len(x), 3, generator=generator)).mean().backward()

    def returns_a_sum(x):
        w.grad = None
        (x * w).mean().backward()
        return x.sum()

    def returns_a_pair_of_rows(x):
        w.grad = None
        (x * w).mean().backward()
        return tg.cat([x, x])

    assert "no gradients" in refusal(no_gradients)
    w.grad = tg.ones(3)
    assert "call zero_grad()" in refusal(adds_to_old_gradients)
    assert "after the optimizer's step" in refusal(uses_what_it_stepped)
    assert "not one for each row" in refusal(draws_by_itself)
    assert "generator of its own" in refusal(draws_elsewhere)
    assert "result of shape [] changes" in refusal(returns_a_sum)
    assert "cat puts rows behind rows" in refusal(returns_a_pair_of_rows)
    assert w.tolist() == [1, 1, 1]


@pytest.mark.parametrize("args", [(np.ones((6, 3)), np.ones(5)), (np.ones(()),), ()], ids=str)
def test_arguments_need_a_row_for_each_example(args):
    with pytest.raises(TypeError, match="a row for each example"):
        tg.jit(lambda *a: None, tile_rows=2)(*args)


@pytest.mark.parametrize("tile_rows", [0, -1, 2.5, "all"])
def test_tile_rows_must_be_a_count(tile_rows):
    with pytest.raises(ValueError, match="tile_rows must be a whole number above 0"):
        tg.jit(lambda x: x, tile_rows=tile_rows)


def test_as_a_decorator():
    w = tg.ones(3, requires_grad=True)

    @tg.jit(tile_rows=2)
    def step(x):
        w.grad = None
        loss = (x * w).mean()
        loss.backward()
        return loss

    assert step(tg.ones(6, 3)).item() == 1
    assert "3 tiles" in step.report() and "for each of 3 tiles" in repr(step)
    assert "np.multiply" in repr(step)


def test_a_bad_row_in_any_tile_is_the_error_of_eager_and_nothing_is_stepped(workers):
    model = MODELS["linear"]()
    step = tg.jit(step_of(model, optim.SGD(model.parameters(), lr=1)), tile_rows=10)
    x, y = tg.from_numpy(X), tg.from_numpy(Y.copy())
    step(x, y)
    before = model[1].weight.detach().numpy().copy()
    for row in (3, 52):
        bad = Y.copy()
        bad[row] = 77
        with pytest.raises(IndexError, match="Target 77 is out of bounds"):
            step(x, tg.from_numpy(bad))
    assert np.array_equal(model[1].weight.detach().numpy(), before)
    step(x, y)


def test_large_inputs_are_read_where_they_are_until_others_come(monkeypatch):
    monkeypatch.setattr(threads, "count", lambda: 2)
    x = RNG.standard_normal((1024, 512), dtype=np.float32)  # 2 MB
    w = tg.from_numpy(np.ones((512, 1), np.float32)).requires_grad_()

    def body(x):
        w.grad = None
        loss = (x @ w).square().mean()
        loss.backward()
        return loss

    step = tg.jit(body, tile_rows=100)
    ours = tg.from_numpy(x)
    for factor in (1.0, 2.0, 3.0):
        x *= factor
        assert step(ours).item() == pytest.approx(body(ours).item(), rel=1e-5)
    for seed in range(3):
        other = tg.from_numpy(np.random.default_rng(seed).random((1024, 512), np.float32))
        assert step(other).item() == pytest.approx(body(other).item(), rel=1e-5)
    assert len(step.programs()) == 2, "and then one program stands for all"


@pytest.fixture
def threads_of_blas():
    """Two threads of NumPy's BLAS, where it can be told how many; as many as before afterwards."""
    before = tg.get_num_threads()
    if not blas().is_known:
        pytest.skip("NumPy's BLAS cannot be told how many threads to use")
    tg.set_num_threads(2)
    yield
    tg.set_num_threads(before)


def test_threads_leave_the_blas_as_it_was(threads_of_blas):
    seen = []
    look = lambda: seen.append(blas().get())  # noqa: E731

    def fail():
        raise KeyError("inside")

    threads.together([look, look])
    with pytest.raises(KeyError, match="inside"):
        threads.together([look, fail, look])
    with pytest.raises(KeyError, match="inside"):
        threads.together([fail, look])
    assert seen == [1] * 5 and tg.get_num_threads() == 2


def test_threads_see_the_callers_error_state():
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        threads.together([lambda: None, lambda: np.float32(1) / np.zeros(1, np.float32)])


def test_there_are_as_many_threads_as_the_blas_has(threads_of_blas):
    assert threads.count() == 2
    tg.set_num_threads(1)
    assert threads.count() == 1


@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(modules(), st.integers(1, 2))
def test_a_random_network_is_tiled_exactly_or_refused(drawn, tile_rows):
    def train(tile_rows):
        model, x = copy.deepcopy(drawn[0]).double(), drawn[1].detach().double()
        optimizer = optim.SGD(list(model.parameters()), lr=1e-2)

        def step(x):
            optimizer.zero_grad()
            loss = (model(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        step = tg.jit(step, tile_rows=tile_rows) if tile_rows else step
        losses = [step(x).item() for _ in range(3)]
        return losses, [t.detach().numpy() for t in model.parameters()]

    mixes = any("BatchNorm" in type(layer).__name__ for layer in drawn[0])
    assume(list(drawn[0].parameters()))
    with np.errstate(all="ignore"):
        if mixes and tile_rows < len(drawn[1]):
            with pytest.raises((RuntimeError, ValueError), match=r"tiles|more than 1 value"):
                train(tile_rows)
            return
        (losses, weights), (expected, right) = train(tile_rows), train(None)
    np.testing.assert_allclose(losses, expected, rtol=1e-9)
    for a, b in zip(weights, right, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def weighted(y, t):
    return F.cross_entropy(y, t, weight=tg.tensor([1.0, 2.0, 3.0, 4.0, 5.0]))


def with_ignored(y, t):
    return F.cross_entropy(y, t, ignore_index=3)


def balanced(y, t):
    each = F.cross_entropy(y, t, reduction="none")
    rare = (t == 0).float()
    return (each * rare).sum() / rare.sum().clamp(min=1) + (each * (1 - rare)).mean()


def clamped(y, t):
    return F.cross_entropy(y, t).clamp(max=100.0)


def numbered(y, t):
    return (F.cross_entropy(y, t, reduction="none") * tg.linspace(1.0, 1.0, len(y))).mean()


def running(y, t):
    return y.cumsum(0).mean()


def sorted_rows(y, t):
    return (y.sort(dim=0).values * y).mean()


def largest(y, t):
    return F.cross_entropy(y, t) + y.amax() * 0


def pairs(y, t):
    return (y[:, None] - y[None]).square().mean()


def perplexity(y, t):
    return F.cross_entropy(y, t).exp()


def product(y, t):
    return F.cross_entropy(y, t) * y.mean()


REFUSED = {
    weighted: "div", with_ignored: "div", balanced: "", clamped: "clip", numbered: "mul",
    running: "cumsum", sorted_rows: "", largest: "amax", pairs: "", perplexity: "exp",
    product: "mul",
}  # fmt: skip


@pytest.mark.parametrize("criterion", REFUSED)
def test_a_loss_that_looks_like_a_mean_on_this_data_is_refused_by_its_ops(criterion):
    """With one class in all rows, each of these losses would pass a trial."""
    model = MODELS["linear"]()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    step = tg.jit(step_of(model, optimizer, criterion), tile_rows=10)
    one = np.zeros(53, np.int64)
    with pytest.raises(RuntimeError, match=f"cannot be cut into tiles: .*{REFUSED[criterion]}"):
        step(tg.from_numpy(X), tg.from_numpy(one))


def smoothed(y, t):
    return F.cross_entropy(y, t, reduction="none").sum() / len(y) + 0.1 * y.square().mean()


def of_rows(y, t):
    picked = F.log_softmax(y, dim=1).gather(1, t.reshape(-1, 1))
    return -(picked * picked.exp().detach()).mean() + (y * F.one_hot(t, 5)).sum(1).mean()


def with_penalty(model):
    return lambda y, t: F.cross_entropy(y, t) + 0.01 * model[1].weight.square().sum()


@pytest.mark.parametrize("criterion", [smoothed, of_rows, with_penalty], ids=lambda f: f.__name__)
def test_other_means_over_rows_are_cut(criterion):
    def go(tile_rows):
        tg.manual_seed(1)
        model = MODELS["linear"]()
        loss = criterion(model) if criterion is with_penalty else criterion
        step = step_of(model, optim.SGD(model.parameters(), lr=0.1), loss)
        step = tg.jit(step, tile_rows=tile_rows) if tile_rows else step
        for _ in range(3):
            step(tg.from_numpy(X), tg.from_numpy(Y))
        return [p.detach().numpy() for p in model.parameters()]

    for a, b in zip(go(10), go(None), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_look_at_a_part_of_a_gradient_is_refused():
    def clips(x):
        w.grad = None
        (x * w).mean().backward()
        nn.utils.clip_grad_norm_([w], 1e9)

    w = tg.ones(3, requires_grad=True)
    assert "looks at a gradient" in refusal(clips)

    def plain(x):
        w.grad = None
        (x * w).mean().backward()

    with w.register_hook(lambda g: g.clamp(max=1e9)):
        assert "hook" in refusal(plain)


def test_labels_to_ignore_that_appear_later_are_ignored():
    model = MODELS["linear"]()
    step = step_of(model, optim.SGD(model.parameters(), lr=0.1))
    jitted = tg.jit(step, tile_rows=10)
    x, y = tg.from_numpy(X), Y.copy()
    jitted(x, tg.from_numpy(y))
    y[17] = -100
    twin = copy.deepcopy(model)
    expected = step_of(twin, optim.SGD(twin.parameters(), lr=0.1))(x, tg.from_numpy(y))[0].item()
    assert jitted(x, tg.from_numpy(y))[0].item() == pytest.approx(expected, rel=1e-5)
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("loss_of", [F.cross_entropy, lambda out, y: F.cross_entropy(out, y) ** 2])
def test_a_refusal_changes_nothing_and_an_error_is_that_of_eager(loss_of):
    def world():
        tg.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.3), nn.Linear(4, 3)).double()
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        model(tg.ones(2, 3).double()).sum().backward()

        def step(x, y):
            optimizer.zero_grad()
            loss_of(model(x), y).backward()
            optimizer.step()

        return model, optimizer, step

    def seen(model, optimizer):
        grads = [None if p.grad is None else p.grad.tolist() for p in model.parameters()]
        return grads, optimizer.stepped, repr(tg.get_rng_state())

    x, y = tg.ones(9, 3).double(), tg.tensor([0, 1, 2] * 3)
    bad = loss_of is F.cross_entropy
    y[0] = 7 if bad else 0
    model, optimizer, step = world()
    if bad:
        with pytest.raises(IndexError):
            step(x, y)
    expected = seen(model, optimizer)
    model, optimizer, step = world()
    with pytest.raises(IndexError if bad else RuntimeError):
        tg.jit(step, tile_rows=4)(x, y)
    assert seen(model, optimizer) == expected
