"""Model files carry all that is needed, and say what is wrong with them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_mnist.data import Mnist
from tinygrad_mnist.models import RECIPES
from tinygrad_mnist.serialize import FormatError, load, save
from tinygrad_mnist.train import Trainer, fit, load_model, predict, resume, save_model

RECIPE = RECIPES["mlp-100-adam"].replace(hidden=(8,), epochs=2)


@pytest.fixture(scope="module")
def trained(few: Mnist) -> Trainer:
    return fit(RECIPE, few)


def test_a_model_file_needs_nothing_else(tmp_path: Path, trained: Trainer, few: Mnist) -> None:
    save_model(tmp_path / "model.pkl", trained, {"accuracy": 0.5})
    saved = load_model(tmp_path / "model.pkl")
    assert saved.recipe == RECIPE
    assert saved.results == {"accuracy": 0.5}
    assert saved.data == {"name": "custom", "train": 400, "test": 100, "given": None}
    assert np.array_equal(
        predict(saved.model, few.test_images), predict(trained.model, few.test_images)
    )


def test_a_checkpoint_goes_on_from_disk(tmp_path: Path, trained: Trainer, few: Mnist) -> None:
    stopped = Trainer(RECIPE, few)
    steps = stopped.steps()
    for _ in range(3):
        next(steps)
    save_model(tmp_path / "checkpoint.pkl", stopped, checkpoint=True)
    resumed = resume(load_model(tmp_path / "checkpoint.pkl"), few)
    assert (resumed.epoch, resumed.batch) == (1, 1)
    for _ in resumed.steps():
        pass
    for a, b in zip(resumed.model.parameters(), trained.model.parameters(), strict=True):
        assert np.array_equal(a.detach().numpy(), b.detach().numpy())


def test_a_finished_model_cannot_be_resumed(tmp_path: Path, trained: Trainer, few: Mnist) -> None:
    save_model(tmp_path / "model.pkl", trained)
    with pytest.raises(FormatError, match="nothing to resume"):
        resume(load_model(tmp_path / "model.pkl"), few)


def test_a_run_is_not_resumed_on_other_data(
    tmp_path: Path, trained: Trainer, embedded: Mnist
) -> None:
    save_model(tmp_path / "checkpoint.pkl", trained, checkpoint=True)
    with pytest.raises(FormatError, match=r"custom \(400 \+ 100 .*mnist-5k-embedded \(4,000"):
        resume(load_model(tmp_path / "checkpoint.pkl"), embedded)


def lose_the_recipe(content: dict[str, Any]) -> None:
    del content["recipe"]


def from_the_future(content: dict[str, Any]) -> None:
    content["recipe"]["warp"] = 9


def another_network(content: dict[str, Any]) -> None:
    content["recipe"]["hidden"] = (9,)


def impossible(content: dict[str, Any]) -> None:
    content["recipe"]["lr"] = -1.0


def a_recipe_of_nonsense(content: dict[str, Any]) -> None:
    content["recipe"]["hidden"] = "abc"


def weights_of_nonsense(content: dict[str, Any]) -> None:
    content["model"] = 5


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lose_the_recipe, "not a model file"),
        (from_the_future, "another release, with warp"),
        (another_network, "size mismatch|shape"),
        (impossible, "lr must be above 0"),
        (a_recipe_of_nonsense, "hidden|recipe"),
        (weights_of_nonsense, "not a model file|state"),
    ],
)
def test_a_file_that_is_no_good_is_named(
    tmp_path: Path, trained: Trainer, damage: Any, says: str
) -> None:
    path = tmp_path / "model.pkl"
    save_model(path, trained)
    content = load(path)
    damage(content)
    save(content, path)
    with pytest.raises(FormatError, match=says) as raised:
        load_model(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


def test_plain_data_is_no_model(tmp_path: Path) -> None:
    for content in ({"weights": [1, 2]}, [1, 2], None):
        save(content, tmp_path / "data.pkl")
        with pytest.raises(FormatError, match="not a model file"):
            load_model(tmp_path / "data.pkl")
