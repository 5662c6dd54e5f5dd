"""safetensors files, as the real library writes and reads them."""

from pathlib import Path

import numpy as np
import pytest

from tests.serialize.exchange_models import arrays, filled, outputs, with_batch_norm
from tests.serialize.same import assert_same
from tinygrad_mnist.serialize import FormatError
from tinygrad_mnist.serialize.exchange import load_safetensors, save_safetensors
from tinygrad_mnist.serialize.guard import DTYPES

library = pytest.importorskip("safetensors")
theirs = pytest.importorskip("safetensors.numpy")


def test_safetensors_and_this_library_read_each_others_files(tmp_path: Path) -> None:
    model = with_batch_norm()
    save_safetensors(model.state_dict(), tmp_path / "m.safetensors", {"recipe": "mine"})
    read = theirs.load_file(tmp_path / "m.safetensors")
    assert_same({name: read[name] for name in arrays(model)}, arrays(model))
    with library.safe_open(tmp_path / "m.safetensors", "numpy") as file:
        assert file.metadata() == {"recipe": "mine"}

    theirs.save_file(read, tmp_path / "their.safetensors")
    again = filled(with_batch_norm(), load_safetensors(tmp_path / "their.safetensors"))
    assert np.array_equal(outputs(again), outputs(model))


def test_dtypes_and_memory_orders_survive(tmp_path: Path) -> None:
    state = {name: np.arange(6).reshape(2, 3).astype(name).T for name in sorted(DTYPES)}
    state |= {"big": np.ones(2, ">f4"), "scalar": np.array(3), "none": np.zeros((0, 4))}
    save_safetensors(state, tmp_path / "m.safetensors")
    read = load_safetensors(tmp_path / "m.safetensors")
    assert_same({name: read[name] for name in state}, state)


def test_files_that_pytorch_wrote_are_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    save = pytest.importorskip("safetensors.torch").save_file
    state = {"w": torch.rand(3, 2), "count": torch.tensor(7)}
    save(state, tmp_path / "m.safetensors")
    read = load_safetensors(tmp_path / "m.safetensors")
    assert_same({k: read[k] for k in state}, {k: v.numpy() for k, v in state.items()})
    save({"w": torch.ones(2, dtype=torch.bfloat16)}, tmp_path / "m.safetensors")
    with pytest.raises(FormatError, match="bfloat16"):
        load_safetensors(tmp_path / "m.safetensors")


def test_damaged_and_missing_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_safetensors({"w": np.ones(3, np.float32)}, path)
    whole = path.read_bytes()
    for cut in (*range(len(whole)), None):
        path.write_bytes(whole[:cut] if cut is not None else whole + b"more")
        with pytest.raises(FormatError, match=r"m\.safetensors: not a safetensors file"):
            load_safetensors(path)
    with pytest.raises(FileNotFoundError):
        load_safetensors(tmp_path / "none.safetensors")


@pytest.mark.parametrize("state", [{"w": [1.0]}, {"w": np.array(["a"])}, {3: np.ones(2)}])
def test_anything_but_a_state_dict_is_refused(state: dict, tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        save_safetensors(state, tmp_path / "m.safetensors")
    assert list(tmp_path.iterdir()) == []
