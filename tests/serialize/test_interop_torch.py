"""PyTorch's files and ours hold the same models: equal names, shapes, bits and outputs."""

import io
import os
from pathlib import Path

import numpy as np
import pytest

from tests.serialize.exchange_models import (
    arrays,
    filled,
    outputs,
    rows,
    seeded,
    with_batch_norm,
)
from tests.serialize.same import assert_same
from tinygrad_mnist.serialize import FormatError, UnsafeFileError, load, save
from tinygrad_mnist.serialize.exchange import load_torch, save_torch

torch = pytest.importorskip("torch")


def theirs() -> "torch.nn.Module":
    """The model of `with_batch_norm`, in PyTorch."""
    nn = torch.nn
    return nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 6, 3, stride=2, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, padding=1),
        nn.Flatten(),
        nn.Linear(6 * 7 * 7, 20),
        nn.BatchNorm1d(20),
        nn.Tanh(),
        nn.Linear(20, 10),
        nn.Softmax(1),
    )


def torch_outputs(model: "torch.nn.Module") -> np.ndarray:
    model.eval()
    with torch.no_grad():
        return model(torch.from_numpy(rows())).numpy()


def trained_theirs() -> "torch.nn.Module":
    torch.manual_seed(5)
    model = theirs()
    for _ in range(5):
        model(torch.from_numpy(rows()))
    return model


def test_pytorch_reads_our_file(tmp_path: Path) -> None:
    ours, model = with_batch_norm(), theirs()
    save(ours.state_dict(), tmp_path / "m.pkl")
    save_torch(load(tmp_path / "m.pkl"), tmp_path / "m.pt")
    state = torch.load(tmp_path / "m.pt", weights_only=True)
    assert {k: tuple(v.shape) for k, v in state.items()} == {
        k: v.shape for k, v in ours.state_dict().items()
    }
    model.load_state_dict(state)
    assert np.abs(torch_outputs(model) - outputs(ours)).max() < 1e-5
    assert_same(load_torch(tmp_path / "m.pt"), arrays(ours))


def test_we_read_a_file_of_pytorch(tmp_path: Path) -> None:
    model = trained_theirs()
    torch.save(model.state_dict(), tmp_path / "m.pt")
    state = load_torch(tmp_path / "m.pt")
    ours = filled(with_batch_norm(), state)
    assert np.abs(outputs(ours) - torch_outputs(model)).max() < 1e-5
    assert_same(state, {k: v.numpy() for k, v in model.state_dict().items()})


def test_a_state_dict_in_memory_is_copied(tmp_path: Path) -> None:
    model = trained_theirs()
    ours = filled(with_batch_norm(), load_torch(model.state_dict()))
    direct = filled(with_batch_norm(), model.state_dict())
    assert np.array_equal(outputs(ours), outputs(direct))
    state = load_torch(model.state_dict())
    state["1.weight"][:] = 7
    assert not (model[1].weight == 7).any()


def test_dtypes_and_memory_orders_survive(tmp_path: Path) -> None:
    values = torch.arange(6).reshape(2, 3)
    state = {str(dtype): values.to(dtype).T for dtype in (torch.float16, torch.bool, torch.int8)}
    assert_same(load_torch(state), {k: v.numpy() for k, v in state.items()})
    (array,) = load_torch({"w": torch.tensor([1.5], dtype=torch.bfloat16)}).values()
    assert array.dtype == np.float32 and array == 1.5
    save_torch({"w": np.arange(6, dtype=">i4").reshape(2, 3).T}, tmp_path / "m.pt")
    assert_same(load_torch(tmp_path / "m.pt"), {"w": values.T.int().numpy()})


class Evil:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        return os.mkdir, (str(self.canary),)


def test_anything_but_a_state_dict_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"

    def refused(content: object, error: type[Exception] = FormatError) -> str:
        torch.save(content, path)
        with pytest.raises(error) as raised:
            load_torch(path)
        assert "\n" not in str(raised.value)
        return str(raised.value)

    assert "refused" in refused({"w": Evil(tmp_path / "canary")}, UnsafeFileError)
    assert not (tmp_path / "canary").exists()
    assert "holds a list" in refused([torch.ones(1)])
    assert "'model' is a dict" in refused({"model": {"w": torch.ones(1)}})
    assert "dtype complex64" in refused({"w": torch.ones(1, dtype=torch.complex64)})
    assert "more than" in refused({"w": torch.zeros(1).expand(10**11)}, UnsafeFileError)
    assert "no plain array" in refused({"w": torch.eye(2).to_sparse()})


def test_damaged_and_missing_files_are_named(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"w": torch.ones(100)}, buffer)
    for content in (b"", b"no file of torch's", buffer.getvalue()[:-60]):
        (tmp_path / "m.pt").write_bytes(content)
        with pytest.raises(FormatError, match=r"m\.pt"):
            load_torch(tmp_path / "m.pt")
    with pytest.raises(FileNotFoundError):
        load_torch(tmp_path / "none.pt")


@pytest.mark.parametrize("recipe", ["mlp-100-adam", "deep"])
def test_a_recipe_computes_the_same_in_pytorch(recipe: str, tmp_path: Path) -> None:
    ours = seeded(recipe)
    save_torch(ours.state_dict(), tmp_path / "m.pt")
    state = torch.load(tmp_path / "m.pt", weights_only=True)
    layers = [
        torch.nn.Linear(*layer.weight.shape[::-1]) if hasattr(layer, "weight")
        else getattr(torch.nn, type(layer).__name__)()
        for layer in ours
    ]  # fmt: skip
    model = torch.nn.Sequential(*layers)
    model.load_state_dict(state)
    assert np.abs(torch_outputs(model) - outputs(ours)).max() < 1e-5
