"""step.over(batches): each result, and all that is left behind, as by single calls."""

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist import nn, optim

RNG = np.random.default_rng(0)
X = tg.from_numpy(RNG.standard_normal((100, 6), dtype=np.float32))
Y = tg.from_numpy(RNG.integers(0, 4, 100))
ROWS = RNG.integers(0, 100, (9, 16))
FORMS = {"default": {}, "pure": {"pure": True}, "tiles": {"tile_rows": 8}}


class Run:
    """A model, its optimizer, and a jitted step on rows by number."""

    def __init__(self, options, make_optimizer=lambda p: optim.Adam(p, lr=0.01)):
        tg.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 4))
        self.optimizer = optimizer = make_optimizer(self.model.parameters())

        def step(rows, scale=1.0):
            optimizer.zero_grad()
            loss = F.cross_entropy(self.model(X[rows]), Y[rows]) * scale
            loss.backward()
            optimizer.step()
            return loss.detach()

        self.step = tg.jit(step, **options)

    def left(self):
        arrays = [a for p in self.model.parameters() for a in (p.detach().numpy(), p.grad.numpy())]
        return [a.copy() for a in arrays]


def assert_same(a, b):
    assert len(a) == len(b)
    for mine, its in zip(a, b, strict=True):
        np.testing.assert_array_equal(mine, its)


def one_by_one(run, batches):
    calls = (b if isinstance(b, (tuple, list)) else (b,) for b in batches)
    return [run.step(*call).item() for call in calls]


def together(run, batches):
    return [loss.item() for loss in run.step.over(batches)]


def assert_same_as_single_calls(make_run, batches):
    runs, losses = [], []
    for way in (one_by_one, together):
        run = make_run()
        losses.append(way(run, batches(run)))
        runs.append(run)
    assert losses[0] == losses[1]
    assert_same(runs[0].left(), runs[1].left())
    return runs


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "batches",
    [
        lambda _: ROWS,
        lambda _: [tg.from_numpy(rows) for rows in ROWS],
        lambda _: tuple((rows,) for rows in ROWS),
        lambda _: iter([[rows] for rows in ROWS]),
        lambda _: (rows for rows in ROWS),
        lambda _: [*ROWS[:4], *(rows[:5] for rows in ROWS[4:7]), *ROWS[7:]],
        lambda _: [*((rows, 2.0) for rows in ROWS[:4]), *((rows, 3.0) for rows in ROWS[4:])],
    ],
    ids=["array", "tensors", "tuples", "iterator", "generator", "other shapes", "other numbers"],
)
def test_results_and_what_is_left_are_those_of_single_calls(form, batches):
    assert_same_as_single_calls(lambda: Run(FORMS[form]), batches)


def test_the_calls_after_the_first_ones_are_replayed_without_looking_around(monkeypatch):
    run = Run({"pure": True})
    run.step.over(ROWS[:3])
    calls = []
    monkeypatch.setattr(run.step, "_captured", Watched(run.step._captured, calls))
    run.step.over(ROWS)
    assert len(calls) < len(ROWS)


class Watched(list):
    """A list that counts how often somebody goes through it, as each single call does."""

    def __init__(self, items, calls):
        super().__init__(items)
        self.calls = calls

    def __iter__(self):
        self.calls.append(1)
        return super().__iter__()


def test_what_an_iterator_changes_counts_from_the_next_call_on():
    def batches(run):
        for number, rows in enumerate(ROWS):
            if number == 4:
                run.optimizer.param_groups[0]["lr"] = 0.5
            if number == 6:
                run.model.eval()
            yield rows

    assert_same_as_single_calls(lambda: Run({"pure": True}), batches)


def test_an_optimizer_of_the_users_may_change_what_comes_next():
    """Its update is Python, and runs in the middle of a replay."""

    class Descent(optim.Optimizer):
        steps = 0

        def update(self, group, p, g, state):
            p -= group["lr"] * g
            self.steps += 1
            if self.steps == 20:
                self.model.eval()

    def make_run():
        run = Run({"pure": True}, lambda p: Descent(p, {"lr": 0.1}))
        run.optimizer.model = run.model
        return run

    runs = assert_same_as_single_calls(make_run, lambda _: ROWS)
    assert [run.optimizer.steps for run in runs] == [36, 36]


def test_an_error_ends_the_loop_after_the_calls_before_it():
    wrong, weights = [*ROWS[:5], np.full(16, 1000), *ROWS[5:]], []
    for way in (one_by_one, together):
        run = Run({"pure": True})
        with pytest.raises(IndexError):
            way(run, wrong)
        weights.append([p.detach().numpy().copy() for p in run.model.parameters()])
        weights[-1].append(run.step(ROWS[6]).numpy())
    assert_same(*weights)


def test_results_do_not_share_memory():
    double = tg.jit(lambda x: x * 2, pure=True)
    doubled = double.over([tg.tensor([float(i)]) for i in range(5)])
    assert [y.item() for y in doubled] == [0.0, 2.0, 4.0, 6.0, 8.0]


def test_no_batches_make_no_results():
    assert Run({"pure": True}).step.over([]) == []
