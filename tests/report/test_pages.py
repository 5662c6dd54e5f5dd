"""The content of the pages, and the errors where there is no run to make one of."""

import base64
import io
import itertools
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from tinygrad_mnist.cli import main
from tinygrad_mnist.data import Mnist, load_embedded
from tinygrad_mnist.models import RECIPES, Recipe, build
from tinygrad_mnist.ops.random import get_rng_state
from tinygrad_mnist.report import RecordError, Run, read_record, render_comparison, render_report
from tinygrad_mnist.report.charts import Line, line_chart, ticks
from tinygrad_mnist.report.graph import step_graph
from tinygrad_mnist.report.page import MARK, command_of
from tinygrad_mnist.report.png import data_uri
from tinygrad_mnist.serialize import load, save
from tinygrad_mnist.train import evaluate

pytest.importorskip("jinja2")
Runs = Callable[[str], Run]


@pytest.fixture(scope="module")
def page(run_of: Runs) -> str:
    return render_report(run_of("mlp-128"))


def test_a_page_shows_the_facts_of_the_run(page: str, run_of: Runs) -> None:
    run = run_of("mlp-128")
    assert MARK in page[:1000]
    assert run.record is not None
    for text in (
        f"{run.evaluation.accuracy * 100:.2f} %",
        "784-128-10",
        run.record["environment"]["numpy"],
        run.record["environment"]["blas"]["version"],
        "embedded subset",
        "3,667 images",
        "101,770",
        "tinygrad-mnist train mlp-128 --epochs 1 --seed 0 --data embedded",
    ):
        assert text in page, text


def test_a_page_refers_to_nothing_outside_itself(page: str) -> None:
    assert re.findall(r"""(?:src|href)=["']?(?!data:|#)[^"'> ]+""", page) == []
    assert re.findall(r"https?://(?!www\.w3\.org)[^\s\"']+|@import|fetch\(", page) == []


def test_every_mistake_is_in_a_cell(page: str, run_of: Runs) -> None:
    """As many as a cell shows."""
    data = re.search(r'id="digits-data">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    shown = json.loads(data[1])
    confusion = run_of("mlp-128").evaluation.confusion
    for cell, positions in shown["cells"].items():
        truth, answer = map(int, cell.split(","))
        assert len(positions) == min(24, confusion[truth, answer])
        for position in positions:
            number, *classes, _ = shown["tiles"][position]
            assert classes == [str(truth), str(answer)]
            assert run_of("mlp-128").evaluation.labels[number] == truth
    assert len(shown["cells"]) == np.count_nonzero(confusion)


def untrained(recipe: Recipe, data: Mnist) -> Run:
    """A run of no step, evaluated on the first test images."""
    model = build(recipe)
    few = replace(data, test_images=data.test_images[:200])
    return Run(model, recipe, few, evaluate(model, recipe, few.test_images, data.test_labels[:200]))


def test_the_graph_names_layers_and_shapes(embedded: Mnist) -> None:
    run = untrained(RECIPES["cnn"], embedded)
    drawn = step_graph(run)
    picture = ElementTree.fromstring(drawn["svg"])

    def texts(kind: str) -> list[str]:
        groups = [g for g in picture.iter() if (g.get("class") or "").split()[-1:] == [kind]]
        return [g.text or g.findtext("{*}text") or "" for g in groups]

    assert texts("frame")[1:4] == ["0 Unflatten", "1 Conv2d", "2 ReLU"]
    assert texts("frame")[-1] == "loss: cross_entropy"
    shapes = {"128 × 784 float32", "128 × 16 × 24 × 24 float32", "32 × 16 × 5 × 5 float32"}
    assert shapes <= set(texts("edge"))
    assert {name for name, _ in run.model.named_parameters()} == set(texts("parameter"))
    assert texts("leaf") == ["images"] and texts("constant").count("labels") == 1
    assert drawn["ops"] == len(texts("op"))


def test_nothing_of_the_run_is_changed(embedded: Mnist) -> None:
    run = untrained(RECIPES["deep"], embedded)  # dropout draws random numbers in training
    run.model.train()
    run.model.zero_grad()
    before, weights = get_rng_state(), run.model.state_dict()
    copies = {name: value.numpy().copy() for name, value in weights.items()}
    render_report(run)
    assert all(np.array_equal(run.model.state_dict()[n].numpy(), v) for n, v in copies.items())
    assert all(parameter.grad is None for parameter in run.model.parameters())
    assert run.model.training
    after = get_rng_state()
    assert repr(after) == repr(before)


def test_text_of_a_run_never_becomes_a_tag(run_of: Runs) -> None:
    evil = "</script><script>alert(1)</script><b>&\"'"
    run = run_of("neuron")
    record = json.loads(json.dumps(run.record))
    record["data"]["source"] = record["environment"]["numpy"] = evil
    recipe = run.recipe.replace(name=evil, what=evil)
    record["recipe"] = recipe.to_dict()
    page = render_report(replace(run, recipe=recipe, record=record))
    assert "alert(1)" in page and "<script>alert" not in page and "<b>" not in page
    both = render_comparison({evil: record, "other": run.record or {}})
    assert "alert(1)" in both and "<script>alert" not in both


@pytest.mark.parametrize("neurons", [700, 1200])  # with which the digits do not fit, or nothing
def test_weights_that_do_not_fit_are_left_out_with_a_notice(neurons: int, embedded: Mnist) -> None:
    page = render_report(untrained(RECIPES["mlp-532"].replace(hidden=(neurons,)), embedded))
    assert len(page.encode()) < 3_000_000
    assert "There is no pad in this report" in page and "There are no curves" in page


def test_a_picture_in_a_page_shows_its_pixels() -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = np.arange(60, dtype=np.uint8).reshape(6, 10)
    palette = np.random.default_rng(0).integers(0, 255, (60, 3), np.uint8)
    for colours, mode, expected in ((None, "L", pixels), (palette, "RGB", palette[pixels])):
        png = base64.b64decode(data_uri(pixels, colours).partition(",")[2])
        shown = image.open(io.BytesIO(png)).convert(mode)
        assert np.array_equal(np.asarray(shown), expected)


def test_a_value_that_is_not_finite_is_a_gap() -> None:
    values = [1.0, float("nan"), 3.0, float("inf"), 1e308]
    chart = line_chart("loss", [Line("a", 0, values)])
    assert chart["lines"][0]["path"].count("M") == 2
    assert chart["hover"] == [["1", None, "3", None, None]]
    for same in (0.0, 5.0, 1.0):
        assert line_chart("x", [Line("a", 0, [same])], shares=same <= 1)["y_ticks"]


@pytest.mark.parametrize(("low", "high"), [(0, 1e-9), (-3.0, 7e8), (0.93, 0.9301), (2.2, 2.4)])
def test_ticks_are_few_and_inside(low: float, high: float) -> None:
    values = ticks(low, high)
    assert 2 <= len(values) <= 6
    assert all(low - 1e-12 <= tick <= high * (1 + 1e-12) for tick in values)


def test_the_command_of_a_run_that_was_changed(run_of: Runs) -> None:
    recipe = RECIPES["mlp-10"].replace(hidden=(20, 12), lr=0.2, batch_size=None, seed=3)
    expected = "tinygrad-mnist train mlp-10 --batch-size full --lr 0.2 --hidden 20,12 --seed 3"
    assert command_of(replace(run_of("mlp-128"), recipe=recipe)).startswith(expected)


# The commands


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """A command line in this process, in a folder of its own."""
    monkeypatch.setenv("TINYGRAD_MNIST_DATA", "embedded")
    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> tuple[int, str, str]:
        code = main(list(args))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture(scope="session")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs of the neuron, a and b, trained as if without matplotlib."""
    folder = tmp_path_factory.mktemp("two-runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tinygrad_mnist.train.plots.can_plot", lambda: False)
        for name, lr in (("a", "0.03"), ("b", "0.1")):
            flags = ("--data", "embedded", "--epochs", "2", "--lr", lr)
            assert main(["train", "neuron", *flags, "--out", str(folder / name)]) == 0
    return folder


@pytest.fixture
def runs(two_runs: Path, run: Any, tmp_path: Path) -> Path:
    """A copy of the two runs, in the present folder."""
    shutil.copytree(two_runs, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_report_makes_the_page_that_train_made(runs: Path, run: Any) -> None:
    made = (runs / "a" / "report.html").read_bytes()
    code, out, _ = run("report", "a")
    assert code == 0 and "wrote   a/report.html: " in out
    assert (runs / "a" / "report.html").read_bytes() == made
    assert run("report", "a/model.pkl", "--out", "elsewhere.html")[0] == 0
    assert (runs / "elsewhere.html").read_bytes() == made


def test_train_replaces_the_report_with_the_run(runs: Path, run: Any) -> None:
    code, _, err = run("train", "neuron", "--epochs", "1", "--out", "a")
    assert code == 2 and "a holds model.pkl of another run" in err
    (runs / "a" / "model.pkl").unlink()
    (runs / "a" / "run.json").unlink()
    assert "a holds report.html of another run" in run("train", "neuron", "--out", "a")[2]


def test_without_a_record_there_are_no_curves(runs: Path, run: Any) -> None:
    (runs / "a" / "run.json").unlink()
    code, out, _ = run("report", "a")
    assert code == 0 and "no run.json beside the model" in out
    assert "There are no curves" in (runs / "a" / "report.html").read_text("utf-8")


def test_without_jinja_training_goes_on_with_a_notice(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tinygrad_mnist.train.plots.can_plot", lambda: False)
    monkeypatch.setattr("tinygrad_mnist.report.can_render", lambda: False)
    code, out, _ = run("train", "neuron", "--epochs", "1", "--out", "a")
    assert code == 0 and "no report: Jinja2 is missing; pip install 'tinygrad-mnist[cli]'" in out
    assert not (tmp_path / "a" / "report.html").exists()
    for command in (("report", "a"), ("compare", "a", "b")):
        assert run(*command)[::2] == (
            2,
            "tinygrad-mnist: a report needs Jinja2; pip install 'tinygrad-mnist[cli]'\n",
        )


DAMAGED = {
    "empty": b"",
    "half": b'{"recipe": {"name": "neu',
    "not utf-8": b"\xff\xfe{}",
    "deep": b"[" * 100_000,
    "a list": b"[]",
    "a number": b"3",
    "nothing in it": b"{}",
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_record_is_one_line(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(DAMAGED[kind])
    with pytest.raises(RecordError, match=re.escape(str(path))) as error:
        read_record(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_record_that_is_no_file_is_not_waited_for(make: Any, tmp_path: Path) -> None:
    make(tmp_path / "run.json")
    with pytest.raises(RecordError, match="not a regular file"):
        read_record(tmp_path / "run.json")


def changes(record: dict[str, Any], step: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the record with a value, at any depth, replaced by another or left out.

    Each `step`-th of all changes: a step without a factor of 9 makes them all kinds of changes.
    """

    def paths_below(value: Any, path: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        inner: list[Any] = []
        if isinstance(value, dict):
            inner = list(value)
        elif isinstance(value, list):
            inner = list(range(len(value)))
        return [(*path, key) for key in inner] + [
            below for key in inner for below in paths_below(value[key], (*path, key))
        ]

    others = ("gone", None, "text", -1, 10**400, [], {}, [[]], float("nan"))
    every_change = itertools.product(paths_below(record, ()), others)
    for path, other in itertools.islice(every_change, 0, None, step):
        copy = json.loads(json.dumps(record))
        holder = copy
        for key in path[:-1]:
            holder = holder[key]
        if other == "gone" and isinstance(holder, dict):
            del holder[path[-1]]
        else:
            holder[path[-1]] = other
        yield f"{path} = {other!r:.20}", copy


def test_whatever_a_record_holds_the_page_is_made_or_the_file_is_named(
    runs: Path,
) -> None:
    record = json.loads((runs / "a" / "run.json").read_text("utf-8"))
    path = runs / "b" / "run.json"
    path.write_text(json.dumps(record), "utf-8")
    for what, changed in changes(record, 7):
        path.write_text(json.dumps(changed), "utf-8")
        refused, page = "", ""
        try:
            both = {"a": record, "b": read_record(path)}
            page = render_comparison(both)
        except RecordError as error:
            refused = str(error)
        except Exception as error:
            raise AssertionError(what) from error
        assert page or (str(path) in refused and "\n" not in refused), what


def test_a_damaged_record_costs_the_report_a_line(runs: Path, run: Any) -> None:
    (runs / "a" / "run.json").write_text('{"recipe"')
    for command in (("report", "a"), ("compare", "a", "b")):
        code, _, err = run(*command)
        assert code == 2 and err.startswith("tinygrad-mnist: a/run.json: damaged or half-written: ")
        assert err.count("\n") == 1


def test_a_record_of_another_run_is_refused(runs: Path, run: Any) -> None:
    (runs / "a" / "run.json").write_bytes((runs / "b" / "run.json").read_bytes())
    code, _, err = run("report", "a")
    assert code == 2 and "a/run.json: the record of another run than model.pkl's" in err


def test_a_damaged_model_is_one_line(runs: Path, run: Any) -> None:
    whole = (runs / "a" / "model.pkl").read_bytes()
    (runs / "a" / "model.pkl").write_bytes(whole[: len(whole) // 2])
    code, _, err = run("report", "a")
    assert code == 2 and "a/model.pkl" in err and err.count("\n") == 1


def test_a_checkpoint_has_a_report_too(runs: Path, run: Any) -> None:
    content = load(runs / "a" / "model.pkl")
    epochs = json.loads((runs / "a" / "run.json").read_text())["epochs"]
    content |= {"results": None, "training": {"epoch": 1, "history": epochs[:1]}}
    (runs / "c").mkdir()
    save(content, runs / "c" / "checkpoint.pkl")
    code, out, _ = run("report", "c")
    assert code == 0 and "an interrupted run, after 1 of 2 epochs" in out
    assert "over 1 epochs" in (runs / "c" / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("report", "nowhere"), "nowhere: No such file"),
        (("report", "a", "--out", "a"), "a: a folder; name a file"),
        (("report", "a", "--out", "x/y.html"), "x: no such folder"),
        (("report", "a", "--out", "a/run.json"), "a/run.json: exists, and is no report"),
        (("report", "a", "--out", "a/model.pkl"), "a/model.pkl: exists, and is no report"),
        (("compare", "a"), "at least two runs"),
        (("compare", "a", "a/../a"), "at least two runs, each once"),
        (("compare", "a", "nowhere"), "nowhere: no folder"),
        (("compare", "a", "a/model.pkl"), "a/model.pkl: no folder"),
        (("compare", "a", "empty"), "empty: has no run.json: holds no run"),
        (("compare", "a", "cut"), "cut: has no run.json: its run is not complete: --resume cut"),
        (("compare", "a", "b", "--out", "a/run.json"), "a/run.json: exists, and is no report"),
    ],
)
def test_a_wrong_call_is_one_line(
    command: tuple[str, ...], said: str, runs: Path, run: Any
) -> None:
    (runs / "empty").mkdir()
    (runs / "cut").mkdir()
    (runs / "cut" / "checkpoint.pkl").touch()
    code, _, err = run(*command)
    assert code == 2 and said in err and err.count("\n") == 1


def test_compare_marks_the_settings_that_differ(runs: Path, run: Any) -> None:
    code, out, _ = run("compare", "a", "b")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["a", "b"]
    (rate,) = [line for line in lines if line.startswith("recipe: learning rate")]
    assert "0.03, constant" in rate and "0.1, constant" in rate
    assert not any("seed" in line for line in lines)
    page = (runs / "comparison.html").read_text("utf-8")
    assert page.count('class="differs"') >= 2
    assert run("compare", "a", "b")[0] == 0  # its own page is replaced


def test_the_embedded_digits_do_not_flatter_unsaid(run_of: Runs) -> None:
    run = run_of("neuron")
    record = json.loads(json.dumps(run.record))
    record["data"]["name"] = "mnist"
    page = render_report(replace(run, data=load_embedded(), record=record))
    assert "among the images that this model was trained on" in page
    assert "among the images that this model" not in render_report(run)
