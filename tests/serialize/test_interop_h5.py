"""Keras's .h5 weights: the layout byte for byte of names, and real Keras where it is installed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.serialize.exchange_models import arrays, filled, outputs, rows, seeded
from tests.serialize.same import assert_same
from tinygrad_mnist import nn
from tinygrad_mnist.serialize import FormatError
from tinygrad_mnist.serialize.exchange import Unsupported, load_h5, save_h5

h5py = pytest.importorskip("h5py")
SYSTEM = "mlp-100-adam"

KERAS = """
import sys, numpy as np, keras
from keras import Input, Sequential, layers
import logging; logging.disable(logging.ERROR)
folder = sys.argv[1]
rows = np.load(folder + "/rows.npy")
def made():
    return Sequential([Input((784,)), layers.Dense(100, activation="relu"), layers.Dense(10)])
def outputs(model):
    return np.asarray(keras.ops.convert_to_numpy(model(rows)))
expected = {}
for name in ("ours.weights.h5", "ours.h5"):
    model = made()
    model.load_weights(folder + "/" + name)
    expected[name] = outputs(model)
keras.utils.set_random_seed(1)
model = made()
model.save_weights(folder + "/theirs.weights.h5")
model.save(folder + "/theirs.h5")
expected["theirs.weights.h5"] = expected["theirs.h5"] = outputs(model)
np.savez(folder + "/keras.npz", **expected)
"""


def test_keras_and_this_library_read_each_others_files(tmp_path: Path) -> None:
    """In a process of its own: which backend Keras has, and what it warns of, is its affair."""
    pytest.importorskip("keras", exc_type=ImportError)
    model = seeded(SYSTEM)
    for name in ("ours.weights.h5", "ours.h5"):
        save_h5(model.state_dict(), tmp_path / name)
    np.save(tmp_path / "rows.npy", rows())
    ran = subprocess.run(
        [sys.executable, "-c", KERAS, str(tmp_path)], capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    expected = np.load(tmp_path / "keras.npz")
    for name in ("ours.weights.h5", "ours.h5"):
        assert np.abs(expected[name] - outputs(model)).max() < 1e-5
    for name in ("theirs.weights.h5", "theirs.h5"):
        other = filled(seeded(SYSTEM, 9), load_h5(tmp_path / name, model.state_dict()))
        assert np.abs(expected[name] - outputs(other)).max() < 1e-5


def test_both_layouts_of_keras_are_in_the_file(tmp_path: Path) -> None:
    """The names under which Keras 3 and Keras 2 look for weights, kernels transposed."""
    state = arrays(seeded(SYSTEM))
    save_h5(state, tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as file:
        for k, dense in ((0, "dense"), (2, "dense_1")):
            for where in (f"layers/{dense}/vars/0", f"{dense}/{dense}/kernel:0"):
                assert np.array_equal(file[where], state[f"{k}.weight"].T)
            for where in (f"layers/{dense}/vars/1", f"{dense}/{dense}/bias:0"):
                assert np.array_equal(file[where], state[f"{k}.bias"])
        assert list(file.attrs["layer_names"]) == ["dense", "dense_1"]
        assert list(file["dense"].attrs["weight_names"]) == ["dense/kernel:0", "dense/bias:0"]


def test_many_layers_come_back_in_order(tmp_path: Path) -> None:
    """dense_10 comes after dense_9, and a layer may be without bias; both layouts."""
    model = nn.Sequential(*(nn.Linear(3 + k, 4 + k, bias=k % 2 == 0) for k in range(12)))
    save_h5(model.state_dict(), tmp_path / "m.h5")
    assert_same(load_h5(tmp_path / "m.h5", model.state_dict()), arrays(model))
    with h5py.File(tmp_path / "m.h5", "a") as file:
        del file["layers"]
    assert_same(load_h5(tmp_path / "m.h5", model.state_dict()), arrays(model))


def test_weights_that_do_not_fit_are_refused_by_name(tmp_path: Path) -> None:
    path, state = tmp_path / "m.h5", arrays(seeded("mlp-10"))
    save_h5(state, path)
    with pytest.raises(FormatError, match=r"m\.h5: 0\.weight is \(100, 784\).*not its reverse"):
        load_h5(path, arrays(seeded(SYSTEM)))
    with pytest.raises(FormatError, match=r"m\.h5: holds layers of \[2, 2\] arrays"):
        load_h5(path, arrays(seeded("neuron")))
    with pytest.raises(Unsupported, match=r"'1\.weight' is not a weight of a Linear"):
        save_h5(seeded("cnn").state_dict(), path)
    with pytest.raises(FileNotFoundError):
        load_h5(tmp_path / "none.h5", state)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path, state = tmp_path / "m.h5", arrays(seeded("mlp-10"))
    save_h5(state, path)
    whole = path.read_bytes()
    for content in (b"", b"text", whole[:100], whole[: len(whole) // 2], whole[:-100]):
        path.write_bytes(content)
        with pytest.raises(FormatError, match=r"m\.h5"):
            load_h5(path, state)
    with h5py.File(path, "w") as file:
        file["notes"] = 1
    with pytest.raises(FormatError, match=r"m\.h5"):
        load_h5(path, state)


def test_data_elsewhere_is_not_fetched(tmp_path: Path) -> None:
    """A file that names another as the place of its weights would read it into the model."""
    path = tmp_path / "m.h5"
    state = {"weight": np.ones((2, 3), np.float32)}
    save_h5(state, tmp_path / "other.h5")
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(24))
    layout = h5py.VirtualLayout((3, 2), np.float32)
    layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "layers/dense/vars/0", (3, 2))

    def link(group: h5py.Group) -> None:
        group["0"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "layers/dense/vars/0")

    def external(group: h5py.Group) -> None:
        group.create_dataset("0", (3, 2), np.float32, external=[(str(secret), 0, 24)])

    def virtual(group: h5py.Group) -> None:
        group.create_virtual_dataset("0", layout)

    reasons = "not in the file itself|too many links"
    for plant in (link, external, virtual):
        with h5py.File(path, "w") as file:
            plant(file.create_group("layers/dense/vars"))
        with pytest.raises(FormatError, match=f"(?i){reasons}"):
            load_h5(path, state)


def test_a_shape_that_would_fill_the_memory_is_refused_unread(tmp_path: Path) -> None:
    """Declared and never written, so the file is small; nothing is read, as it does not fit."""
    with h5py.File(tmp_path / "m.h5", "w") as file:
        shape = (10**6, 10**6)
        file.create_dataset("layers/dense/vars/0", shape, np.float32, chunks=(1000, 1000))
    with pytest.raises(FormatError, match="not its reverse"):
        load_h5(tmp_path / "m.h5", {"weight": np.ones((2, 3), np.float32)})
