"""Each benchmark runs, at the smallest size; what it measures is for people to judge."""

import gc
import io
import itertools
import json
from contextlib import redirect_stdout
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_mnist as tg
from benchmarks import (
    beside,
    distributed,
    end_to_end,
    ensemble,
    imports,
    measure,
    memory,
    models,
    ops,
    passes,
    scaling,
    served,
    steps,
    streaming,
)
from benchmarks.by_hand import twin
from benchmarks.by_hand_naive import Naive
from benchmarks.problem import CONFIGS, make, random_data
from benchmarks.training import batches, made
from tests.ahead import ahead
from tinygrad_mnist.data import load_embedded
from tinygrad_mnist.data.idx import write_idx

NUMPY_ALONE = ["--contenders", "jitted,eager,numpy twin,numpy naive", "--seconds", "0.001"]
JITTED_B = ["--configs", "B", "--contenders", "jitted", "--rounds", "1"]


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Without a pause before each measurement, for nobody reads the figures."""
    monkeypatch.setattr(measure, "PAUSE", 0)


def printed(main, *options):
    """Return the text that a benchmark prints, for a job."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as out:
        patch.setattr(measure, "PAUSE", 0)
        main([*options])
    return out.getvalue()


def test_steps_compares_losses_and_writes_what_it_measured(tmp_path, capsys):
    sizes = ["--configs", "A-full,E", "--rows", "300", "--rounds", "2"]
    steps.main([*sizes, *NUMPY_ALONE, "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "Not timed" not in printed
    record = json.loads((tmp_path / "steps.json").read_text())
    assert all(len(r["times"]["jitted"]) == 2 for r in record["results"].values())
    assert (tmp_path / "steps.md").read_text() in printed


def test_steps_puts_runs_into_one_folder_into_one_table(tmp_path, capsys):
    options = ["--contenders", "jitted,numpy naive", "--seconds", "0.001", "--rounds", "2"]
    for key in ("E", "B"):
        steps.main(["--configs", key, "--rows", "300", *options, "--out", str(tmp_path)])
    assert list(json.loads((tmp_path / "steps.json").read_text())["results"]) == ["B", "E"]
    table = (tmp_path / "steps.md").read_text()
    assert table.index("| B: 784-10-10") < table.index("| E: 784-100-10")


@pytest.mark.parametrize("key", ["A-full", "B", "C", "F", "G"])
def test_the_fastest_numpy_trains_as_the_naive_one(key):
    X, Y = random_data(130)
    config = CONFIGS[key]
    if not config.sizes:  # a CNN takes its time
        config = replace(config, batch=16)
    problem = make(config, X, Y)
    fast, naive, batches = twin(problem), Naive(problem), problem.batches(2)
    np.testing.assert_allclose(fast.run(batches), naive.run(batches), rtol=1e-5)
    # Rounding may turn on one of the CNN's millions of rectifiers; a wrong gradient costs far more.
    np.testing.assert_allclose(fast.outputs(X[:30]), naive.outputs(X[:30]), atol=1e-3)
    del fast
    gc.collect()  # ends the threads of the CNN


def test_steps_says_whose_losses_differ(monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.by_hand_naive.Naive.step", lambda self, idx: 1.0)
    steps.main(["--configs", "B", "--rows", "100", "--rounds", "1", *NUMPY_ALONE])
    assert "numpy naive: its losses differ: 1.000000, not " in capsys.readouterr().out


def test_steps_names_unknown_options(capsys):
    with pytest.raises(SystemExit):
        steps.main(["--configs", "Z"])
    assert "unknown: Z; there are A, A-full, B" in capsys.readouterr().err


def test_passes_are_measured_one_by_one_and_change_nothing(capsys):
    passes.main(["--configs", "B", "--rows", "100", "--rounds", "1", "--seconds", "0.001"])
    printed = capsys.readouterr().out
    assert "| unroll |" in printed and "| B: 784-10-10, batch 64, SGD |" in printed
    assert "losses changed" not in printed


def test_a_round_that_others_disturb_is_measured_again(monkeypatch):
    used = iter([0, 0, 0, 9, 9, 9, 9, 9])  # idle; others compute in the first round; idle
    monkeypatch.setattr(measure, "PAUSE", 0.0001)
    monkeypatch.setattr(measure, "cpu_of_others", lambda: next(used))
    figures = iter([7.0, 1.0, 2.0])
    assert measure.interleave({"a": lambda: next(figures)}, 1, patience=9) == {"a": [1.0]}
    monkeypatch.setattr(measure, "cpu_of_others", itertools.count(0, 9).__next__)
    assert measure.interleave({"a": lambda: next(figures)}, 1) == {"a": [2.0]}


def test_ops_and_scaling_print_a_row_for_each_measure(capsys):
    ops.main(["--rounds", "1", "--repeats", "1", "--contenders", "ours"])
    assert capsys.readouterr().out.count("forward+backward") == 3
    scaling.main(["--rounds", "1", "--shrink", "100"])
    assert "| depth | 10 to 1,000 |" in capsys.readouterr().out


@ahead
def measured_imports(folder):
    two = {name: imports.IMPORTS[name] for name in ("numpy", "tinygrad_mnist")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(imports, "IMPORTS", two)
        return printed(imports.main, "--rounds", "1", "--contenders", "tinygrad_mnist")


def test_imports_are_measured_beside_numpy(measured_imports):
    assert "`import tinygrad_mnist`" in measured_imports


@ahead
def measured_memory(folder):
    options = [*JITTED_B, "--steps", "4", "--rows", "100"]
    printed(memory.main, *options, "--out", str(folder))
    return json.loads((folder / "memory.json").read_text())["results"]


def test_memory_is_that_of_a_process_of_its_own(measured_memory):
    (peak,) = measured_memory["B"]["bytes"]["jitted"]
    assert 10e6 < peak < 200e6


@ahead
def trained_end_to_end(folder):
    data = load_embedded()
    for name in ("train", "test"):
        file = "train" if name == "train" else "t10k"
        write_idx(folder / f"{file}-images-idx3-ubyte", getattr(data, f"{name}_images"))
        labels = getattr(data, f"{name}_labels").astype("uint8")
        write_idx(folder / f"{file}-labels-idx1-ubyte", labels)
    options = [*JITTED_B, "--target", "0.5", "--steps", "2000"]
    printed(end_to_end.main, *options, "--data", str(folder), "--out", str(folder))
    return json.loads((folder / "end_to_end.json").read_text())["results"]


def test_end_to_end_trains_until_the_accuracy_is_reached(trained_end_to_end):
    runs = trained_end_to_end["B"]["runs"]["jitted"]
    assert len(runs) == 2  # one of them to warm up
    assert all(0.5 <= run["accuracy"] <= 1 and run["steps"] < 2000 for run in runs)
    assert runs[0]["accuracy"] != runs[1]["accuracy"]


@pytest.fixture
def threads():
    """Put the number of threads back, which these benchmarks set for their process."""
    before = tg.get_num_threads()
    yield
    tg.set_num_threads(before)


@pytest.mark.usefixtures("threads")
def test_an_ensemble_is_measured_beside_one(capsys):
    sizes = ["--sizes", "1,2", "--recipes", "mlp-10"]
    ensemble.main([*sizes, "--rounds", "1", "--seconds", "0.001"])
    printed = capsys.readouterr().out
    assert "| K = 1 | K = 2 |" in printed and printed.count("x)") == 2


@pytest.mark.usefixtures("threads")
def test_waiting_for_batches_is_measured(capsys):
    streaming.main(["--rounds", "1", "--images", "2000", "--recipe", "neuron"])
    printed = capsys.readouterr().out
    rows = ["in memory", "streamed", "streamed, windows", "streamed, no read-ahead"]
    assert all(f"| {row} | " in printed for row in rows)


class InThisProcess(served.Served):
    """A contender without a process of its own, which takes half a second to start."""

    def __init__(self, contender, name):
        self._trained = made(contender, name)
        self.losses = self._run(served.CHECKED).tolist()

    def _run(self, steps):
        return self._trained.run(batches(self._trained.parts, steps))

    def seconds(self, steps, *, cpu=False):
        self._run(steps)
        return 0.001

    def close(self):
        pass


def test_models_train_alike_in_all_forms(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(served, "Served", InThisProcess)
    ours = ["--contenders", "jitted,pure,eager", "--rounds", "1", "--seconds", "0.001"]
    models.main(["--models", "pinn,gan", *ours, "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "Not timed" not in printed and "| PINN 2-32-32-32-1" in printed
    assert list(json.loads((tmp_path / "models.json").read_text())["results"]) == ["gan", "pinn"]
    with pytest.raises(SystemExit):
        models.main(["--models", "bert"])
    assert "unknown: bert; there are mlp, norm" in capsys.readouterr().err


def test_models_say_whose_losses_differ():
    losses = {"eager": [2.0, 1.0], "jitted": [2.0, 1.0005], "torch eager": [2.0, 1.1]}
    contenders = {name: SimpleNamespace(losses=values) for name, values in losses.items()}
    assert models.alike(contenders) == {"torch eager": "its losses differ: 1.100000, not 1.000500"}


@ahead
def served_and_not(folder):
    with served.serving(["no such contender", "jitted"], "pinn") as (running, problems):
        return {name: each.losses for name, each in running.items()}, problems


def test_a_contender_that_does_not_run_says_why(served_and_not):
    losses, problems = served_and_not
    assert list(losses) == ["jitted"] and len(losses["jitted"]) == served.CHECKED
    assert "no such contender" in problems["no such contender"]


@ahead
def measured_beside_loops(folder):
    options = ["--models", "pinn", "--contenders", "jitted", "--seconds", "0.01"]
    return printed(beside.main, *options)


def test_steps_are_measured_beside_busy_loops_that_begin_later(measured_beside_loops):
    row = measured_beside_loops.splitlines()[-1]
    assert row.startswith("| pinn, jitted | ") and row.count("(") == 3


def test_a_step_of_a_rank_is_measured():
    assert distributed.best_of(distributed.prepared(distributed.step_of("mlp-10", 4)), 0.01) > 0
    assert distributed.packing_of("neuron")() is None
