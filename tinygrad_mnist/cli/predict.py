"""Ask a model which digits images show; draw each beside the probabilities.

IMAGE is a picture file of one digit (a photo, a scan, a drawing), or the number of a test image,
counted from 0; - reads a picture from standard input. A picture is drawn as the model saw it.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygrad_mnist.cli.main import UsageError, complain, words
from tinygrad_mnist.cli.options import add_data, load_data, load_saved
from tinygrad_mnist.cli.terminal import width

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tinygrad_mnist.data import Mnist
    from tinygrad_mnist.nn import Module

HELP = "ask a model which digits images show"
BAR, LONGEST_BAR = 6, 40  # characters: shorter than BAR, bars are left out
SURE = 0.4  # an answer needs at least this probability, as a mean over a picture's views


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the model, the images, and the data that numbers refer to."""
    parser.add_argument("model", metavar="MODEL", help="model.pkl, or the folder that holds it")
    parser.add_argument(
        "images", metavar="IMAGE", nargs="+", help="a picture, or a test image's number"
    )
    add_data(parser)


class Answer(NamedTuple):
    """The answer of a model to one image."""

    name: str
    image: NDArray[np.uint8]
    shares: NDArray[np.float32]
    text: str
    """The class, or "not sure"."""
    truth: str
    """The digit of a test image; "" for a picture."""


def run(args: argparse.Namespace) -> int:
    """Print each answer and the probabilities; return 2 when a picture could not be read."""
    from tinygrad_mnist.cli.show import percentage, show_table
    from tinygrad_mnist.cli.terminal import on_terminal

    saved = load_saved(args.model, quiet=True)
    classes = saved.recipe.classes
    numbered = any(map(is_number, args.images))
    data = load_data(args.data) if numbered else None
    code, answers = 0, []
    for name in args.images:
        try:
            views, truth = _images(name, data)
        except (UsageError, OSError) as error:
            code = complain(words(error), 2)
            continue
        image, shares, best = ask(saved.model, views)
        unsure = best is None and not truth
        text = "not sure" if unsure else classes[int(shares.argmax())]
        answers.append(Answer(name, image, shares, text, truth))
    if answers and not on_terminal():  # a row per image is what a program can read
        truth_column = ["truth"] if numbered else []
        rows = [
            [a.name, a.text, *([a.truth] if numbered else []), *map(percentage, a.shares)]
            for a in answers
        ]
        show_table(["image", "answer", *truth_column, *classes], rows)
        print()
    for i, answer in enumerate(answers):
        print("\n" * (i > 0) + "\n".join(card(answer, classes, width())))
    return code


def card(answer: Answer, classes: tuple[str, ...], room: int) -> list[str]:
    """Return lines that show an answer: the image beside a bar per class, or above, or no image.

    >>> image = np.zeros((28, 28), np.uint8)
    >>> lines = card(Answer("1.png", image, np.array([0.25, 0.75]), "yes", ""), ("no", "yes"), 60)
    >>> print("\\n".join(line.strip() for line in lines if line.strip()))
    1.png: yes (75.00 %)
    no    25.00 %  ███▎
    yes   75.00 %  █████████▊
    """
    from tinygrad_mnist.cli.draw import bar, image_lines
    from tinygrad_mnist.cli.show import percentage
    from tinygrad_mnist.cli.terminal import BOLD, styled

    best = int(answer.shares.argmax())
    title = f"{answer.name}: {answer.text} ({percentage(answer.shares[best])})"
    if answer.text != classes[best]:
        title = f"{answer.name}: {answer.text} ({classes[best]}: {percentage(answer.shares[best])})"
    if answer.truth:
        title = f"test image {title}, truth {answer.truth}"
    picture = image_lines(answer.image)
    across = len(picture[0])
    names = max(map(len, classes))
    beside = room >= across + 3 + names + 12 + BAR
    cells = min(room - names - 12 - (across + 3) * beside - 1, LONGEST_BAR)
    bars = []
    for k, (name, share) in enumerate(zip(classes, answer.shares, strict=True)):
        line = f"{name:{names}}  {percentage(share):>8}"
        if cells >= BAR:
            line += f"  {bar(float(share), cells)}"
        bars.append(styled(line.rstrip(), BOLD if k == best else ""))
    if not beside:
        stacked = [line.rstrip() for line in picture if line.strip() and room > across]
        return [title, *stacked, *bars]
    above = (len(picture) - len(bars)) // 2
    bars = [""] * above + bars + [""] * len(picture)
    return [title, *(f"{pixels}   {bars[i]}".rstrip() for i, pixels in enumerate(picture))]


def ask(
    model: Module, views: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.float32], int | None]:
    """Return the view (28, 28) of which the model is surest, its probabilities and its answer.

    The answer is None when the mean over all views does not support it.
    """
    from tinygrad_mnist.train import predict

    shares = predict(model, views)
    surest = int(shares.max(1).argmax())
    answer = int(shares[surest].argmax())
    sure = float(shares[:, answer].mean()) >= SURE
    return views[surest], shares[surest], answer if sure else None


def is_number(name: str) -> bool:
    """Tell whether an argument is a test image's number: ASCII digits."""
    return name.isascii() and name.isdecimal()


def _images(name: str, data: Mnist | None) -> tuple[NDArray[Any], str]:
    """Return the images that an argument stands for and, for a test image, its digit."""
    from tinygrad_mnist.cli.picture import read_views

    if data is None or not is_number(name):
        return read_views(name), ""
    index = int(name)
    if index >= len(data.test_labels):
        raise UsageError(f"there are test images 0 to {len(data.test_labels) - 1:,}, not {index:,}")
    return data.test_images[index][None], str(data.test_labels[index])
