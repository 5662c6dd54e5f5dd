"""Ranges and lists of a sweep: what they mean, and one line for what means nothing."""

import pytest

from tinygrad_mnist.models import RECIPES, RecipeError
from tinygrad_mnist.train.space import FIELDS, Choices, Range, Space, parse_axis


class Lowest:
    """A trial that chooses the lowest number and the last choice."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def suggest_float(self, name, low, high, *, step, log):
        self.names.append(name)
        return low

    suggest_int = suggest_float

    def suggest_categorical(self, name, choices):
        self.names.append(name)
        return choices[-1]


@pytest.mark.parametrize(
    ("field", "text", "axis"),
    [
        ("lr", "1e-4:1e-1:log", Range(1e-4, 1e-1, log=True)),
        ("lr", "0.1:0.5", Range(0.1, 0.5)),
        ("lr", "0.1:0.5:0.1", Range(0.1, 0.5, step=0.1)),
        ("hidden", "32:512", Range(32, 512)),
        ("hidden", "32:512:32", Range(32, 512, step=32)),
        ("hidden", "64,256x128", Choices(((64,), (256, 128)))),
        ("batch_size", "32,64,full", Choices((32, 64, None))),
        ("optimizer", "adam,SGD", Choices(("Adam", "SGD"))),
        ("schedule", "cosine", Choices(("cosine",))),
        ("epochs", "3", Choices((3,))),
    ],
)
def test_what_a_flag_means(field: str, text: str, axis: Range | Choices) -> None:
    assert parse_axis(field, text) == axis
    assert parse_axis(field, str(axis)) == axis


@pytest.mark.parametrize(
    ("field", "text", "says"),
    [
        ("lr", "0.1:0.01", "inverted range"),
        ("lr", "0.1:0.1", "empty range; for one value write --lr 0.1"),
        ("lr", "0:1:log", "starts above 0"),
        ("lr", "-1:1:log", "starts above 0"),
        ("lr", "0:1", "lr must be above 0"),
        ("lr", "0.1:inf", "not finite"),
        ("lr", "nan:1", "not finite"),
        ("lr", "a:b", "'a' is not a number"),
        ("lr", "0.1:", "'' is not a number"),
        ("lr", "", "'' is not a number"),
        ("lr", "0.1:0.2:0.3", "the step"),
        ("lr", "0.1:0.2:0", "the step"),
        ("lr", "0.1:0.2:log:3", "low:high"),
        ("lr", "0.1,0.1", "twice"),
        ("lr", "0.1,,0.2", "'' is not a number"),
        ("hidden", "1.5:3", "'1.5' is not a whole number"),
        ("hidden", "0:32", "hidden must be sizes"),
        ("hidden", "32x", "not a whole number"),
        ("batch_size", "0:64", "batch_size must be at least 1"),
        ("optimizer", "adam:sgd", "optimizer has no range; list some of SGD, Adam"),
        ("optimizer", "adam,lion", "'lion' is none of SGD, Adam"),
        ("momentum", "0.5:1", "momentum must be at least 0 and below 1"),
        ("dropout", "0:0.9", "dropout must be"),
        ("weight_decay", "-1:1", "weight_decay must be"),
        ("epochs", "0", "epochs must be at least 1"),
    ],
)
def test_what_means_nothing_is_one_line(field: str, text: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says) as error:
        Space(RECIPES["mlp-128"], {field: text})
    message = str(error.value)
    assert message.startswith(f"--{field.replace('_', '-')} {text}") and "\n" not in message


def test_what_a_recipe_does_not_have() -> None:
    with pytest.raises(RecipeError, match="neuron has no hidden layer"):
        Space(RECIPES["neuron"], {"hidden": "8:16"})
    with pytest.raises(RecipeError, match="--momentum: Adam has none"):
        Space(RECIPES["mlp-100-adam"], {"momentum": "0:0.9"})
    with pytest.raises(RecipeError, match="momentum must be 0 for Adam"):
        Space(RECIPES["mlp-532-minibatch"], {"optimizer": "adam"})


def test_each_layer_has_a_width_of_its_own() -> None:
    trial = Lowest()
    recipe = Space(RECIPES["deep"], {"hidden": "8:16", "lr": "0.1:0.2"}).suggest(trial)
    assert (recipe.hidden, recipe.lr) == ((8, 8, 8), 0.1)
    assert trial.names == ["hidden-1", "hidden-2", "hidden-3", "lr"]


def test_momentum_is_chosen_for_sgd_alone() -> None:
    texts = {"momentum": "0.5:0.9", "optimizer": "adam,sgd"}
    assert Space(RECIPES["mlp-128"], texts).suggest(Lowest()).momentum == 0.5
    texts["optimizer"] = "sgd,adam"
    trial = Lowest()
    assert Space(RECIPES["mlp-128"], texts).suggest(trial).momentum == 0.0
    assert trial.names == ["optimizer"]


def test_every_field_can_be_swept() -> None:
    texts = {
        "lr": "0.1:1", "momentum": "0:0.9", "weight_decay": "0:1", "dropout": "0:0.4",
        "hidden": "8:9", "batch_size": "8:9", "epochs": "1:2", "seed": "0:3",
        "optimizer": "sgd,adam", "schedule": "cosine,constant", "activation": "tanh,relu",
    }  # fmt: skip
    assert set(texts) == set(FIELDS) == set(Space(RECIPES["mlp-128"], texts).axes)
