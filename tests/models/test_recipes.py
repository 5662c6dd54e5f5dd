"""The recipes are the systems that were promised, and nonsense in one is refused by name."""

import json

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import models
from tinygrad_mnist.models import RECIPES, Recipe, RecipeError, build


@pytest.mark.parametrize(
    ("name", "layers", "optimizer", "floor"),
    [
        ("neuron", (784, 1), "SGD", 0.97),
        ("mlp-10", (784, 10, 10), "SGD", 0.92),
        ("mlp-128", (784, 128, 10), "SGD", 0.975),
        ("mlp-532", (784, 532, 10), "SGD", 0.89),
        ("mlp-532-minibatch", (784, 532, 10), "SGD", 0.98),
        ("mlp-100-adam", (784, 100, 10), "Adam", 0.975),
        ("deep", (784, 256, 128, 64, 10), "Adam", 0.982),
    ],
)
def test_each_promised_model_has_a_recipe(
    name: str, layers: tuple[int, ...], optimizer: str, floor: float
) -> None:
    recipe = RECIPES[name]
    weights = [p for p in build(recipe).parameters() if p.ndim == 2]
    assert recipe.layers == layers
    assert [w.shape for w in weights] == list(zip(layers[1:], layers, strict=False))
    assert (recipe.name, recipe.optimizer, recipe.floor) == (name, optimizer, floor)


def test_mlp_532_is_trained_as_its_source_did() -> None:
    recipe = RECIPES["mlp-532"]
    assert (recipe.lr, recipe.epochs, recipe.batch_size) == (0.03, 250, None)
    assert (recipe.momentum, recipe.schedule) == (0, "constant")


def test_the_cnn_has_two_convolutions_pooling_dropout_and_adam() -> None:
    recipe = RECIPES["cnn"]
    kinds = [type(layer).__name__ for layer in build(recipe)]
    assert kinds.count("Conv2d") == 2 and "MaxPool2d" in kinds and "Dropout" in kinds
    assert recipe.optimizer == "Adam" and recipe.epochs <= 12


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_model_takes_rows_of_pixels_and_gives_a_number_for_each_answer(recipe: Recipe) -> None:
    assert build(recipe)(tg.zeros(3, 784)).shape == (3, recipe.outputs)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_survives_being_written_as_json(recipe: Recipe) -> None:
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_each_model_is_built_by_its_name() -> None:
    assert [p.shape for p in models.neuron().parameters()] == [(1, 784), (1,)]
    assert [p.shape[0] for p in models.shallow(16).parameters()] == [16, 16, 10, 10]
    assert sum(isinstance(layer, tg.nn.ReLU) for layer in models.deep()) == 3
    assert any(isinstance(layer, tg.nn.Tanh) for layer in models.shallow(8, "tanh"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hidden", (0,)),
        ("hidden", (10**9,)),
        ("channels", (8, 8, 8)),
        ("activation", "relo"),
        ("optimizer", "sgd"),
        ("schedule", "sometimes"),
        ("dropout", 0.5),
        ("digit", 10),
        ("lr", 0),
        ("lr", float("nan")),
        ("lr", float("inf")),
        ("momentum", 1),
        ("batch_size", 0),
        ("epochs", 0),
        ("validation", 1),
        ("seed", -1),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(RecipeError, match=f"^{field} must be [^\n]+, not [^\n]+$"):
        RECIPES["mlp-128"].replace(**{field: value})


@pytest.mark.parametrize("fields", [None, [], {"name": "x"}, {"colour": "red"}, {1: 2}])
def test_fields_that_are_no_recipe_are_refused(fields: object) -> None:
    with pytest.raises(RecipeError, match="^holds (no|a) recipe[^\n]*$"):
        Recipe.from_dict(fields)


def test_first_weights_come_from_the_seed() -> None:
    def first(seed: int) -> np.ndarray:
        tg.manual_seed(seed)
        return next(iter(build(RECIPES["mlp-10"]).parameters())).detach().numpy()

    assert np.array_equal(first(0), first(0))
    assert not np.array_equal(first(0), first(1))
