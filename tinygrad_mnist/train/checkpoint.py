"""Model files: the weights, with the recipe of the model that they belong to.

A checkpoint is a model file that also holds what a resumed run needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinygrad_mnist import __version__, nn
from tinygrad_mnist.data import Mnist
from tinygrad_mnist.models import Recipe, RecipeError, build
from tinygrad_mnist.serialize import FormatError, load, save
from tinygrad_mnist.serialize.files import File, name_of
from tinygrad_mnist.train.loop import Trainer
from tinygrad_mnist.train.stream import trainer_for


@dataclass(frozen=True)
class Saved:
    """The content of a model file."""

    model: nn.Sequential
    recipe: Recipe
    data: dict[str, Any]
    """The data it was trained on: name, train, test (counts), and given, as the user named it."""
    results: dict[str, Any] | None
    """The results on the test images, with the name of the data; None in a checkpoint."""
    training: dict[str, Any] | None
    """In a checkpoint, `Trainer.state_dict()`."""


def save_model(
    path: File,
    trainer: Trainer,
    results: dict[str, Any] | None = None,
    *,
    checkpoint: bool = False,
    data_option: str | None = None,
) -> None:
    """Write the model and its recipe; as a checkpoint, also all that a resumed run needs.

    `data_option` is the --data that the user named, so that a resumed run finds it again. The
    file appears whole or not at all; raises OSError when it cannot be written.
    """
    data = trainer.data
    content = {
        "tinygrad_mnist": __version__,
        "recipe": trainer.recipe.to_dict(),
        "data": {**data_summary(data), "given": data_option},
        "model": trainer.model.state_dict(),
        "results": results,
        "training": trainer.state_dict() if checkpoint else None,
    }
    save(content, path)


def load_model(path: File) -> Saved:
    """Read a model file and build its model. No code in the file can run.

    Raises FormatError, naming the file, when it is damaged or no model file; OSError when it
    cannot be read.
    """
    content = load(path)
    try:
        recipe = Recipe.from_dict(content["recipe"])
        model = build(recipe)
        model.load_state_dict(content["model"])
        return Saved(model, recipe, content["data"], content["results"], content["training"])
    except (KeyError, TypeError):
        raise FormatError(f"{name_of(path)}: not a model file: `train` writes model.pkl") from None
    except (RecipeError, RuntimeError) as error:
        raise FormatError(f"{name_of(path)}: {' '.join(str(error).split())}") from None


def resume(saved: Saved, data: Mnist, eager: bool = False) -> Trainer:
    """Return the trainer of a checkpoint where it stopped; it continues to the same bits.

    Raises FormatError when `saved` is no checkpoint, or was trained on other data.
    """
    if saved.training is None:
        raise FormatError("a model whose training is complete: there is nothing to resume")
    trained_on = {key: saved.data[key] for key in data_summary(data)}
    if trained_on != data_summary(data):
        raise FormatError(
            "the run was trained on {name} ({train:,} + {test:,} images)".format(**trained_on)
            + ", the data is {name} ({train:,} + {test:,} images)".format(**data_summary(data))
        )
    trainer = trainer_for(saved.recipe, data, eager, window=saved.training.get("window"))
    trainer.model.load_state_dict(saved.model.state_dict())
    trainer.load_state_dict(saved.training)
    return trainer


def data_summary(data: Mnist) -> dict[str, Any]:
    """Return the name of the data and its numbers of images."""
    return {"name": data.name, "train": len(data.train_labels), "test": len(data.test_labels)}
