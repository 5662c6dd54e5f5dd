"""Options that several commands share, and the types of their values."""

from __future__ import annotations

import argparse
import re
import textwrap
from typing import TYPE_CHECKING

from tinygrad_mnist.cli.main import UsageError
from tinygrad_mnist.cli.show import say
from tinygrad_mnist.hints import did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

    from tinygrad_mnist.data import Mnist
    from tinygrad_mnist.models import Recipe
    from tinygrad_mnist.train import Saved


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the option --data."""
    parser.add_argument(
        "--data",
        metavar="DIR",
        help="folder with the four MNIST files, or 'embedded' for the 5,000 digits in the package "
        "(default: $TINYGRAD_MNIST_DATA, the cache, a download unless $TINYGRAD_MNIST_OFFLINE is "
        "set, embedded)",
    )


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """Add the option --quiet, which `main` obeys."""
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="print nothing but errors; files tell the rest"
    )


def load_data(named: str | None, stream: bool | None = None) -> Mnist:
    """Load the data that --data names; print which it is and, when not MNIST, why."""
    from tinygrad_mnist.data import load_mnist

    data = load_mnist(named, stream=stream)
    where, _, why = data.source.partition("; ")
    if data.name == "mnist-5k-embedded":
        where = "in the package"
    say("data", f"{data.name}: {image_counts(data)} ({where})")
    if why:
        hint = " (see tinygrad-mnist data)"
        reason = re.sub(r"https?://\S+: ", "", why.partition(";")[0])
        say("why", textwrap.shorten(reason, 71 - len(hint), placeholder="...") + hint)
    return data


def image_counts(data: Mnist) -> str:
    """Return the numbers of training and test images as text.

    >>> from tinygrad_mnist.data import load_embedded
    >>> image_counts(load_embedded())
    '4,000 train / 1,000 test images'
    """
    return f"{len(data.train_labels):,} train / {len(data.test_labels):,} test images"


def recipe_of(name: str) -> Recipe:
    """Return the recipe of a name. Raises UsageError with the nearest name."""
    from tinygrad_mnist.models import RECIPES

    if name not in RECIPES:
        every = f"; there are {', '.join(RECIPES)}"
        hint = did_you_mean(name, RECIPES, spelled=str, otherwise=every)
        raise UsageError(f"no recipe {name!r}{hint}")
    return RECIPES[name]


def load_saved(path: str, *, quiet: bool = False) -> Saved:
    """Load the model in the file that `path` stands for, and print on one line which it is.

    When `quiet`, print the line for a checkpoint only: its training has not ended.
    """
    from tinygrad_mnist.train import load_model

    file = model_file(path)
    saved = load_model(file)
    if saved.training is not None or not quiet:
        describe_model(file, saved)
    return saved


def model_file(path: str) -> Path:
    """Return `path`, or the model.pkl of a folder, or its checkpoint.pkl if there is no other.

    Raises UsageError for a folder with both, which belong to different runs, or with neither, and
    for an empty file.
    """
    from pathlib import Path

    from tinygrad_mnist.cli.folder import CHECKPOINT, MODEL

    file = Path(path)
    if file.is_dir():
        names = [name for name in (MODEL, CHECKPOINT) if (file / name).is_file()]
        if not names:
            raise UsageError(f"{path}: holds neither model.pkl nor checkpoint.pkl")
        if len(names) == 2:
            raise UsageError(
                f"{path}: holds {MODEL} of one run and {CHECKPOINT} of an interrupted one; "
                "name the file"
            )
        file = file / names[0]
    if file.exists() and not file.is_file():
        raise UsageError(f"{file}: neither a file nor a folder")
    if file.exists() and not file.stat().st_size:
        raise UsageError(f"{file}: empty: 0 bytes; its writing was cut off, or it is not a model")
    return file


def describe_model(path: Path, saved: Saved) -> None:
    """Print which file is used, what it is, and how far its training came."""
    from tinygrad_mnist.cli.folder import is_claimed

    what = f"{saved.recipe.name}, trained on {saved.data['name']}"
    if saved.training is not None:
        run = "a run in progress" if is_claimed(path.parent) else "an interrupted run"
        epochs = f"{saved.training['epoch']} of {saved.recipe.epochs} epochs"
        what += f"; a checkpoint of {run}, after {epochs}"
    say("model", f"{path}: {what}")


def describe_recipe(recipe: Recipe) -> str:
    """Return a recipe in a line."""
    batch = "full batch" if recipe.batch_size is None else f"batch {recipe.batch_size}"
    network = "-".join(map(str, recipe.layers))
    epochs = "1 epoch" if recipe.epochs == 1 else f"{recipe.epochs} epochs"
    return (
        f"{recipe.name}: {network}, {recipe.optimizer}, learning rate {recipe.lr:g}, {batch}, "
        f"{epochs}, seed {recipe.seed}"
    )


def hidden_sizes(text: str) -> tuple[int, ...]:
    """Parse --hidden: "256,128,64".

    >>> hidden_sizes("256,128")
    (256, 128)
    """
    try:
        return tuple(int(size) for size in text.split(",") if size.strip())
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not sizes like 256,128,64") from None


def batch_size(text: str) -> int | None:
    """Parse --batch-size: a number, or "full" for all images at once."""
    if text == "full":
        return None
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor 'full'") from None
