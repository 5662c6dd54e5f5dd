"""`export` writes files that other libraries read; `inspect` says what a model file holds."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from tests.ahead import ahead
from tests.cli.conftest import Ran, Shell, Trained
from tinygrad_mnist.cli import main
from tinygrad_mnist.data import load_embedded
from tinygrad_mnist.models import RECIPES
from tinygrad_mnist.serialize import exchange, load, save
from tinygrad_mnist.train import load_model
from tinygrad_mnist.train.loop import model_outputs, rows_of


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):
    """A command line in this process: gives exit code, output and errors."""

    def run(*args: object) -> tuple[int, str, str]:
        code = main([str(arg) for arg in args])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def folder(trained: Trained, tmp_path: Path) -> Path:
    """A folder with a trained model.pkl."""
    (tmp_path / "model.pkl").write_bytes((trained.folder / "model.pkl").read_bytes())
    return tmp_path


READERS = {
    "npz": (".npz", exchange.load_npz, "numpy"),
    "safetensors": (".safetensors", exchange.load_safetensors, "safetensors"),
    "torch": (".pt", exchange.load_torch, "torch"),
    "h5": (".weights.h5", exchange.load_h5, "h5py"),
}


@pytest.mark.parametrize("kind", READERS)
def test_the_weights_come_back_bit_for_bit(kind: str, folder: Path, run) -> None:
    suffix, read, library = READERS[kind]
    pytest.importorskip(library)
    code, out, err = run("export", folder, "--to", kind)
    assert (code, err) == (0, "")
    file = folder / f"model{suffix}"
    assert str(file) in out and "mlp-10, 9,550 parameters" in out
    state = load(folder / "model.pkl")["model"]
    got = read(file, state) if kind == "h5" else read(file)
    assert {k: (v.shape, v.tobytes()) for k, v in got.items()} == {
        k: (v.shape, v.numpy().tobytes()) for k, v in state.items()
    }


def test_onnx_says_the_same_of_every_test_image(folder: Path, run) -> None:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    assert run("export", folder, "--to", "onnx", "--out", folder / "net.onnx")[0] == 0
    session = runtime.InferenceSession(folder / "net.onnx", providers=["CPUExecutionProvider"])
    rows = rows_of(load_embedded().test_images)
    (got,) = session.run(None, {"input": rows})
    expected = model_outputs(load_model(folder / "model.pkl").model, rows)
    # float32 logits of a trained model are known to a share of the largest.
    assert np.abs(got - expected).max() < 1e-5 * np.abs(expected).max() < 1e-3
    assert np.array_equal(got.argmax(1), expected.argmax(1))
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["recipe"])["name"] == "mlp-10"
    assert float(about["test_accuracy"]) == load(folder / "model.pkl")["results"]["accuracy"]


@ahead
def exported(folder: Path, trained: Trained) -> Ran:
    """An export in a process of its own."""
    return Shell(folder)("export", str(trained.folder), "--to", "npz", "--out", "model.npz")


def test_a_process_of_its_own_warns_of_nothing(exported: Ran) -> None:
    assert (exported.code, exported.err) == (0, "")


@pytest.mark.parametrize(
    ("kind", "module", "install"),
    [
        ("onnx", "onnx", "tinygrad-mnist[onnx]"),
        ("safetensors", "safetensors", "tinygrad-mnist[safetensors]"),
        ("h5", "h5py", "tinygrad-mnist[h5]"),
        ("torch", "torch", "torch"),
    ],
)
def test_a_missing_extra_is_named_in_one_line(
    kind: str, module: str, install: str, folder: Path, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_module = importlib.import_module

    def missing(name: str, package: str | None = None) -> object:
        if name.partition(".")[0] == module:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)
        return import_module(name, package)

    monkeypatch.setattr(importlib, "import_module", missing)
    code, _, err = run("export", folder, "--to", kind)
    assert (code, err.count("\n")) == (2, 1)
    assert err.endswith(f"needs {module}: pip install '{install}'\n")
    assert [path.name for path in folder.iterdir()] == ["model.pkl"]


def test_mistakes(folder: Path, tmp_path: Path, run) -> None:
    def says(*args: object) -> str:
        code, _, err = run(*args)
        assert (code, err.count("\n")) == (2, 1)
        return err

    before = (folder / "model.pkl").read_bytes()
    assert "the model itself" in says(
        "export", folder, "--to", "npz", "--out", folder / "model.pkl"
    )
    assert (folder / "model.pkl").read_bytes() == before
    assert "invalid choice: 'exe'" in says("export", folder, "--to", "exe")
    assert "required: --to" in says("export", folder)
    nowhere = folder / "none" / "model.npz"
    assert "none" in says("export", folder, "--to", "npz", "--out", nowhere)
    save({"w": np.ones(1)}, tmp_path / "state.pkl")
    for command in (["export", "--to", "npz"], ["inspect"]):
        assert "not a model file" in says(*command, tmp_path / "state.pkl")
        assert "No such file" in says(*command, tmp_path / "none.pkl")
        (tmp_path / "text.pkl").write_text("text")
        assert "not a file that save() writes" in says(*command, tmp_path / "text.pkl")


def test_h5_is_for_dense_layers(folder: Path, run) -> None:
    pytest.importorskip("h5py")
    from tinygrad_mnist.models import build

    content = load(folder / "model.pkl")
    recipe = RECIPES["cnn"]
    content |= {"recipe": recipe.to_dict(), "model": build(recipe).state_dict()}
    save(content, folder / "model.pkl")
    code, _, err = run("export", folder, "--to", "h5")
    assert (code, err.count("\n")) == (2, 1)
    assert "cannot become h5: '1.weight' is not a weight of a Linear" in err


def test_inspect(folder: Path, run, monkeypatch: pytest.MonkeyPatch) -> None:
    def loaded(*args: object) -> None:
        raise AssertionError("inspect loaded the arrays")

    monkeypatch.setattr("tinygrad_mnist.serialize.format.read", loaded)
    monkeypatch.setattr(np, "empty", loaded)
    code, out, err = run("inspect", folder)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    rows = [line.split() for line in lines if line[:2] in ("0.", "2.")]
    assert rows == [
        ["0.weight", "float32", "12", "x", "784", "37,632"],
        ["0.bias", "float32", "12", "48"],
        ["2.weight", "float32", "10", "x", "12", "480"],
        ["2.bias", "float32", "10", "40"],
    ]
    assert lines[-1] == "4 arrays of 9,550 numbers, 38,200 bytes"
    assert "its checksum is right" in lines[0]
    assert "recipe  mlp-10: " in out and "hidden (12,)" in out and "seed 7" in out
    assert "mnist-5k-embedded, 4,000 train / 1,000 test images" in out


def test_inspect_says_the_accuracy_and_what_a_checkpoint_holds(folder: Path, run) -> None:
    content = load(folder / "model.pkl")
    accuracy = f"{content['results']['accuracy']:.2%}".replace("%", " %")
    assert f"test    accuracy {accuracy}, on the 1,000 test images" in run("inspect", folder)[1]
    moments = {"state": {0: {"exp_avg": np.zeros((2, 3))}}}
    training = {"epoch": 1, "optimizer": moments, "history": [{"loss": 1.0}]}
    save(content | {"results": None, "training": training}, folder / "model.pkl")
    out = run("inspect", folder)[1]
    assert "\ntest  " not in out and "a checkpoint, after 1 of 2 epochs" in out
    (row,) = [line.split() for line in out.splitlines() if line.startswith("training.")]
    assert row == ["training.optimizer.state.0.exp_avg", "float64", "2", "x", "3", "48"]


def test_inspect_finds_damage(folder: Path, run) -> None:
    whole = bytearray((folder / "model.pkl").read_bytes())
    whole[-100] ^= 1
    (folder / "model.pkl").write_bytes(whole)
    code, out, err = run("inspect", folder)
    assert (code, out) == (2, "") and "does not match its SHA-256" in err
