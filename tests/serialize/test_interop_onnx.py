"""Exported models say in onnxruntime what they say here, of real images."""

from pathlib import Path

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.serialize.exchange_models import outputs, rows, seeded, with_batch_norm
from tinygrad_mnist import nn
from tinygrad_mnist.models import RECIPES
from tinygrad_mnist.serialize.exchange import Unsupported, save_onnx

onnx = pytest.importorskip("onnx")


def run(path: Path, inputs: np.ndarray) -> np.ndarray:
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (result,) = session.run(["output"], {"input": inputs})
    return result


def largest_difference(model: nn.Module, path: Path, inputs: np.ndarray | None = None) -> float:
    inputs = rows() if inputs is None else inputs
    save_onnx(model, path, inputs.shape[1:])
    expected = outputs(model, inputs)
    assert np.ptp(expected) > 1e-3, "outputs that are all alike would prove nothing"
    got = run(path, inputs)
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
    return float(np.abs(got - expected).max())


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_computes_the_same_in_onnxruntime(recipe: str, tmp_path: Path) -> None:
    assert largest_difference(seeded(recipe), tmp_path / "m.onnx") < 1e-5


def test_batch_norm_pooling_and_softmax_compute_the_same(tmp_path: Path) -> None:
    assert largest_difference(with_batch_norm(), tmp_path / "m.onnx") < 1e-5


ROW_LAYERS = [
    nn.ELU(0.7), nn.GELU(), nn.GELU("tanh"), nn.Identity(), nn.LeakyReLU(0.2), nn.LogSoftmax(1),
    nn.ReLU(), nn.SELU(), nn.Sigmoid(), nn.Softmax(0), nn.Softplus(),
    nn.Softsign(), nn.Tanh(), nn.BatchNorm1d(784), nn.BatchNorm1d(784, eps=0.1, affine=False),
    nn.Dropout(0.5), nn.Linear(784, 3, bias=False),
]  # fmt: skip
IMAGE_LAYERS = [
    nn.Conv2d(1, 3, 3, padding="same", dilation=2),
    nn.Conv2d(1, 2, (2, 4), padding="same"),
    nn.Conv2d(1, 2, (3, 5), stride=(2, 1), padding=(1, 0), bias=False),
    nn.Conv2d(1, 2, 3, padding="valid"),
    nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, groups=2)),
    nn.MaxPool2d((2, 3)),
    nn.MaxPool2d(3, stride=2, padding=1, dilation=2),
    nn.Dropout2d(0.5),
    nn.Softmax(-1),
    nn.Flatten(2),
    nn.Sequential(nn.Flatten(2), nn.Softmax(2)),
    nn.Sequential(nn.Flatten(2), nn.Conv1d(1, 2, 5, stride=3)),
]


@pytest.mark.parametrize("layer", ROW_LAYERS, ids=str)
def test_each_layer_of_rows_computes_the_same(layer: nn.Module, tmp_path: Path) -> None:
    assert largest_difference(nn.Sequential(layer), tmp_path / "m.onnx") < 1e-5


@pytest.mark.parametrize("layer", IMAGE_LAYERS, ids=lambda layer: " ".join(str(layer).split()))
def test_each_layer_of_images_computes_the_same(layer: nn.Module, tmp_path: Path) -> None:
    images = rows()[:50].reshape(-1, 1, 28, 28)
    assert largest_difference(nn.Sequential(layer), tmp_path / "m.onnx", images) < 1e-5


def test_float64_models_stay_float64(tmp_path: Path) -> None:
    model = seeded("mlp-10").double()
    assert largest_difference(model, tmp_path / "m.onnx", rows().astype(np.float64)) < 1e-12


def test_parameters_keep_their_names_shapes_and_bits(tmp_path: Path) -> None:
    model = seeded("cnn")
    save_onnx(model, tmp_path / "m.onnx", (784,), {"recipe": "cnn"})
    read = onnx.load(tmp_path / "m.onnx")
    stored = {each.name: onnx.numpy_helper.to_array(each) for each in read.graph.initializer}
    for name, tensor in model.state_dict().items():
        assert stored[name].shape == tensor.shape
        assert stored[name].tobytes() == tensor.numpy().tobytes()
    assert [(each.key, each.value) for each in read.metadata_props] == [("recipe", "cnn")]


def test_the_model_is_left_as_it_was_and_the_file_is_the_same_again(tmp_path: Path) -> None:
    model = with_batch_norm()
    model[2].eval()
    before = {k: v.numpy().tobytes() for k, v in model.state_dict().items()}
    save_onnx(model, tmp_path / "a.onnx", (784,))
    save_onnx(model, tmp_path / "b.onnx", (784,))
    assert {k: v.numpy().tobytes() for k, v in model.state_dict().items()} == before
    assert [layer.training for layer in model] == [i != 2 for i in range(len(model))]
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


class Linear(nn.Linear):
    """Of a known name, and with a meaning of its own."""

    def forward(self, input: tg.Tensor) -> tg.Tensor:
        return super().forward(input) * 2


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (nn.Linear(4, 2), "Linear is not an nn.Sequential"),
        (nn.Sequential(), "no layers"),
        (nn.Sequential(nn.ReLU(), Linear(4, 2)), "layer 1, Linear: not supported"),
        (nn.Sequential(nn.Sequential(nn.Mish())), "layer 0.0, Mish: not supported"),
        (nn.Sequential(nn.Softplus(2)), "layer 0, Softplus: beta=2"),
        (nn.Sequential(nn.Flatten(0)), "layer 0, Flatten: it mixes the batch"),
        (
            nn.Sequential(nn.Unflatten(1, (2, 2)), nn.Linear(2, 2)),
            "layer 1, Linear: its input has 3 dimensions",
        ),
        (
            nn.Sequential(nn.BatchNorm1d(4, track_running_stats=False)),
            "layer 0, BatchNorm1d: it keeps no running mean",
        ),
        (
            nn.Sequential(nn.Unflatten(1, (1, 2, 2)), nn.MaxPool2d(2, ceil_mode=True)),
            "layer 1, MaxPool2d: return_indices and ceil_mode",
        ),
        (
            nn.Sequential(
                nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 1, 2, padding=1, padding_mode="circular")
            ),
            "layer 1, Conv2d: padding_mode='circular'",
        ),
    ],
)
def test_a_model_that_onnx_cannot_express_is_refused_by_layer(
    model: nn.Module, says: str, tmp_path: Path
) -> None:
    with pytest.raises(Unsupported, match=says):
        save_onnx(model, tmp_path / "m.onnx", (4,))
    assert list(tmp_path.iterdir()) == []
    assert model.training
