"""Each member of an ensemble is the run of its seed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_mnist.data import Mnist, load_mnist, write_idx
from tinygrad_mnist.models import RECIPES, Recipe, RecipeError
from tinygrad_mnist.train import Diverged, Trainer, fit, load_model, resume, save_model
from tinygrad_mnist.train.ensemble import Ensemble

SIZE = 3
SMALL = {
    "neuron": {},
    "mlp-10": {"weight_decay": 0.01},
    "mlp-532-minibatch": {"hidden": (20,), "activation": "tanh"},
    "mlp-100-adam": {"hidden": (20,)},
    "deep": {"hidden": (20, 12, 8)},
}


def trained(ensemble: Ensemble) -> Ensemble:
    for _ in ensemble.steps():
        pass
    return ensemble


@pytest.fixture(scope="module")
def alone(few: Mnist) -> Callable[[Recipe], Trainer]:
    """The run of a recipe by itself, each made once."""
    runs: dict[str, Trainer] = {}

    def run(recipe: Recipe) -> Trainer:
        if repr(recipe) not in runs:
            runs[repr(recipe)] = fit(recipe, few)
        return runs[repr(recipe)]

    return run


# The step is the same function in eager, so that one recipe shows it.
@pytest.mark.parametrize("name, eager", [*((name, False) for name in SMALL), ("deep", True)])
def test_a_member_is_the_run_of_its_seed(
    name: str, eager: bool, few: Mnist, alone: Callable[[Recipe], Trainer]
) -> None:
    recipe = RECIPES[name].replace(epochs=2, batch_size=48, seed=5, **SMALL[name])
    ensemble = trained(Ensemble(recipe, few, SIZE, eager=eager))
    assert [member.recipe.seed for member in ensemble.members] == [5, 6, 7]
    for member in ensemble.members:
        single = alone(member.recipe)
        for a, b in zip(single.model.parameters(), member.model.parameters(), strict=True):
            x, y = a.detach().numpy(), b.detach().numpy()
            assert np.abs(x - y).max() <= 2e-5 * np.abs(x).max()
        for one, other in zip(single.history, member.history, strict=True):
            for key in ("epoch", "lr", "loss", "validation_loss", "accuracy"):
                assert one[key] == pytest.approx(other[key], rel=1e-4), key


@pytest.mark.parametrize("name", ["mlp-10", "mlp-532-minibatch", "deep", "neuron"])
def test_a_member_of_a_stopped_ensemble_goes_on_alone(
    name: str, few: Mnist, tmp_path: Path
) -> None:
    recipe = RECIPES[name].replace(epochs=2, batch_size=48, **SMALL[name])
    if name == "deep":
        recipe = recipe.replace(hidden=(12, 1, 8))  # a weight of the shape of a bias
    ensemble = Ensemble(recipe, few, 2)
    for _, _ in zip(range(11), ensemble.steps(), strict=False):
        pass
    ensemble.hand_over()
    for member in ensemble.members:
        save_model(tmp_path / "checkpoint.pkl", member, checkpoint=True)
        resumed = resume(load_model(tmp_path / "checkpoint.pkl"), few)
        assert (resumed.epoch, resumed.batch) == (1, 3)
        for _ in resumed.steps():
            pass
        single = fit(member.recipe, few)
        for a, b in zip(single.model.parameters(), resumed.model.parameters(), strict=True):
            x, y = a.detach().numpy(), b.detach().numpy()
            assert np.abs(x - y).max() <= 2e-5 * np.abs(x).max()
        assert [e["lr"] for e in single.history] == [e["lr"] for e in resumed.history]


def test_an_ensemble_repeats_to_the_bit(few: Mnist) -> None:
    recipe = RECIPES["deep"].replace(epochs=1, hidden=(8,))
    weights = [
        [p.detach().numpy().tobytes() for m in e.members for p in m.model.parameters()]
        for e in (trained(Ensemble(recipe, few, SIZE)) for _ in range(2))
    ]
    assert weights[0] == weights[1]


def spoil(ensemble: Ensemble, number: int) -> None:
    ensemble.model.weight0.data[number] = float("nan")


def test_a_member_that_diverges_leaves_the_others_alone(few: Mnist) -> None:
    recipe = RECIPES["mlp-10"].replace(epochs=2)
    ensemble = Ensemble(recipe, few, SIZE)
    spoil(ensemble, 1)
    trained(ensemble)
    assert ensemble.diverged == {1: "in epoch 1, step 1"}
    whole = trained(Ensemble(recipe, few, SIZE))
    for number in (0, 2):
        assert (
            ensemble.members[number].history[-1]["loss"]
            == (whole.members[number].history[-1]["loss"])
        )
    for number in (0, 2):
        spoil(ensemble, number)
    ensemble.epoch = 0
    with pytest.raises(Diverged, match="every member"):
        trained(ensemble)


@pytest.mark.parametrize(
    ("name", "changes", "size", "says"),
    [
        ("cnn", {}, 2, "cnn has convolutions; an ensemble is of linear layers alone"),
        ("mlp-532", {}, 2, "--batch-size 64"),
        ("mlp-10", {}, 0, "at least 1 member, not 0"),
    ],
)
def test_what_is_no_ensemble(
    name: str, changes: dict[str, Any], size: int, says: str, few: Mnist
) -> None:
    with pytest.raises(RecipeError, match=says):
        Ensemble(RECIPES[name].replace(**changes), few, size)


def test_images_in_files_are_no_ensemble(few: Mnist, tmp_path) -> None:
    for part, images, labels in (
        ("train", few.train_images, few.train_labels),
        ("t10k", few.test_images, few.test_labels),
    ):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", np.asarray(images))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", np.asarray(labels).astype(np.uint8))
    with pytest.raises(RecipeError, match="in memory"):
        Ensemble(RECIPES["mlp-10"], load_mnist(tmp_path, stream=True), 2)
    assert isinstance(Ensemble(RECIPES["mlp-10"], load_mnist(tmp_path), 1).members[0], Trainer)
