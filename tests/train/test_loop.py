"""Training learns, repeats to the bit, resumes to the bit, and keeps test images out of it."""

import dataclasses
import functools
import itertools
from collections.abc import Callable

import numpy as np
import pytest

from tinygrad_mnist.data import Mnist
from tinygrad_mnist.models import RECIPES, Recipe, RecipeError
from tinygrad_mnist.train import Diverged, Trainer, evaluate, fit, predict
from tinygrad_mnist.train.loop import chosen, validation_split


def small(name: str, **changes: object) -> Recipe:
    """A recipe whose training takes no time."""
    small = {"hidden": (8,) * len(RECIPES[name].hidden), "epochs": 2}
    if RECIPES[name].channels:
        small["channels"] = (2, 2)
    return RECIPES[name].replace(**{**small, **changes})


def bits(trainer: Trainer) -> list[bytes]:
    return [p.detach().numpy().tobytes() for p in trainer.model.parameters()]


def test_it_learns_real_digits(embedded: Mnist) -> None:
    """The accuracy on 1,000 digits never trained on; the recipe reaches 0.908."""
    recipe = RECIPES["mlp-128"]
    model = fit(recipe, embedded).model
    result = evaluate(model, recipe, embedded.test_images, embedded.test_labels)
    assert result.accuracy >= 0.89


def test_a_neuron_learns_one_digit(embedded: Mnist) -> None:
    recipe = RECIPES["neuron"].replace(digit=0)
    model = fit(recipe, embedded).model
    result = evaluate(model, recipe, embedded.test_images, embedded.test_labels)
    assert result.accuracy > 0.98 and result.recall[1] > 0.9
    assert result.baseline == 0.9


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_lowers_its_loss(name: str, few: Mnist) -> None:
    epochs = 40 if RECIPES[name].batch_size is None else 4
    history = fit(small(name, epochs=epochs), few).history
    assert history[-1]["loss"] < history[0]["loss"]


@pytest.mark.parametrize("name", RECIPES)
def test_the_same_seed_gives_the_same_bits(name: str, few: Mnist) -> None:
    first, again, other = (fit(small(name, seed=seed, epochs=1), few) for seed in (1, 1, 2))
    assert bits(first) == bits(again)
    assert bits(first) != bits(other)


@pytest.fixture(scope="module")
def never_stopped(few: Mnist) -> Callable[[str], Trainer]:
    """The run of a recipe that takes its eight steps or six epochs in one go."""

    def run(name: str) -> Trainer:
        """Batches of 120 make four steps of an epoch; a full batch makes one."""
        if RECIPES[name].batch_size is None:
            return fit(small(name, epochs=6), few)
        return fit(small(name, batch_size=120), few)

    return functools.cache(run)


# Of one recipe every stop; where a run stops, and what its recipe is, meet nowhere else.
STOPS = [("deep", after) for after in (0, 1, 3)]


@pytest.mark.parametrize("name, stop_after", [*STOPS, *((name, 4) for name in RECIPES)])
def test_a_run_that_stopped_anywhere_ends_in_the_same_bits(
    name: str, stop_after: int, few: Mnist, never_stopped: Callable[[str], Trainer]
) -> None:
    whole = never_stopped(name)
    recipe = whole.recipe
    stopped = Trainer(recipe, few)
    for _ in itertools.islice(stopped.steps(), stop_after):
        pass
    state, weights = stopped.state_dict(), stopped.model.state_dict()
    resumed = Trainer(recipe, few)
    resumed.model.load_state_dict(weights)
    resumed.load_state_dict(state)
    for _ in resumed.steps():
        pass
    assert bits(resumed) == bits(whole)

    def timeless(numbers: dict[str, float]) -> dict[str, float]:
        return {key: value for key, value in numbers.items() if "second" not in key}

    assert list(map(timeless, resumed.history)) == list(map(timeless, whole.history))


def test_a_kept_state_does_not_change_while_training_goes_on(few: Mnist) -> None:
    trainer = Trainer(small("deep"), few)
    steps = trainer.steps()
    next(steps)
    state = trainer.state_dict()
    before = repr(state)
    next(steps)
    assert repr(state) == before
    assert trainer.batch == 2


def test_the_test_images_play_no_part(few: Mnist) -> None:
    blank = dataclasses.replace(few, test_images=np.zeros_like(few.test_images))
    assert bits(fit(small("mlp-10"), few)) == bits(fit(small("mlp-10"), blank))


def test_validation_images_are_not_trained_on(few: Mnist) -> None:
    recipe = small("mlp-10")
    training, validation = validation_split(len(few.train_labels), recipe)
    assert sorted([*training, *validation]) == list(range(400))
    assert len(validation) == 33

    images = few.train_images.copy()
    images[validation] = 0
    blank = dataclasses.replace(few, train_images=images)
    assert bits(fit(recipe, few)) == bits(fit(recipe, blank))
    images[training[0]] = 0
    assert bits(fit(recipe, few)) != bits(fit(recipe, blank))


def test_an_epoch_trains_on_each_image_once(few: Mnist) -> None:
    trainer = Trainer(small("mlp-10", batch_size=100, epochs=3), few)
    seen: list[list[int]] = []
    for epoch in range(3):
        trainer.epoch = epoch
        seen.append(
            np.concatenate([rows for rows in trainer._order() if rows is not None]).tolist()
        )
    assert all(sorted(order) == list(range(367)) for order in seen)
    assert len({tuple(order) for order in seen}) == 3


def test_an_epochs_numbers_are_those_of_its_steps(few: Mnist) -> None:
    """With a learning rate of next to nothing the weights stay, and so all can be recomputed."""
    trainer = Trainer(small("mlp-10", lr=1e-30, schedule="constant", epochs=1), few)
    (numbers,) = [numbers for numbers in trainer.steps() if numbers]
    outputs = trainer.outputs(trainer.training.inputs).astype(np.float64)
    labels = trainer.training.labels
    losses = np.log(np.exp(outputs).sum(1)) - outputs[np.arange(len(labels)), labels]
    assert numbers["loss"] == pytest.approx(losses.mean(), rel=1e-5)
    assert numbers["accuracy"] == np.mean(outputs.argmax(1) == labels)
    validation = trainer.validation
    assert numbers["validation_accuracy"] == np.mean(
        trainer.outputs(validation.inputs).argmax(1) == validation.labels
    )
    assert trainer.history == [numbers]


def test_the_cosine_schedule_ends_near_zero(few: Mnist) -> None:
    rates = [numbers["lr"] for numbers in fit(small("deep", epochs=10), few).history]
    assert rates[0] == RECIPES["deep"].lr
    assert rates == sorted(rates, reverse=True) and rates[-1] < 0.05 * rates[0]


@pytest.mark.parametrize("name", ["mlp-128", "neuron"])
def test_a_learning_rate_that_is_too_high_is_named(name: str, few: Mnist) -> None:
    with pytest.raises(Diverged, match="loss became (nan|inf) in epoch .* below 1e"):
        fit(small(name, lr=1e38, epochs=50), few)


def test_too_few_images_to_validate(few: Mnist) -> None:
    one = dataclasses.replace(
        few, train_images=few.train_images[:1], train_labels=few.train_labels[:1]
    )
    with pytest.raises(RecipeError, match="too few"):
        Trainer(small("mlp-10"), one)


@pytest.mark.parametrize("name", ["mlp-10", "neuron"])
def test_predict_gives_probabilities(name: str, few: Mnist) -> None:
    trainer = fit(small(name), few)
    probabilities = predict(trainer.model, few.test_images)
    outputs = trainer.outputs(np.zeros((5, 784), np.float32))
    assert probabilities.shape == (100, len(trainer.recipe.classes))
    assert np.allclose(probabilities.sum(1), 1)
    assert len(chosen(outputs)) == 5


def test_predict_switches_dropout_off_and_on_again(few: Mnist) -> None:
    model = Trainer(small("deep", dropout=0.4), few).model
    first, second = predict(model, few.test_images), predict(model, few.test_images)
    assert np.array_equal(first, second)
    assert model.training


@pytest.mark.parametrize("name", ["neuron", "mlp-128", "deep"])
def test_the_compiled_loop_ends_in_the_eager_loops_bits(name, few):
    def weights(eager):
        trainer = fit(small(name, epochs=2), few, eager)
        state = trainer.model.state_dict()
        return trainer.history[-1]["loss"], {k: v.numpy().tobytes() for k, v in state.items()}

    assert weights(eager=True) == weights(eager=False)
