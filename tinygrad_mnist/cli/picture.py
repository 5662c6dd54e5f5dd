"""From a picture of a digit to an image as MNIST has them: 28x28, white on black, centred."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_mnist.cli.main import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE, BOX = 28, 20
INK = 32  # what is darker than this counts as paper


def read_picture(path: str) -> NDArray[np.uint8]:
    """Read a picture file as a 28x28 uint8 image.

    A picture on light paper is inverted. One of another size than 28x28 is treated as MNIST's
    digits were: the ink is scaled into a box of 20x20 and its centre of mass put in the middle
    (http://yann.lecun.com/exdb/mnist/). Raises `UsageError` for what cannot be read as a picture.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise UsageError("reading pictures needs pip install 'tinygrad-mnist[cli]'") from None
    try:
        with Image.open(path) as opened:
            rgba = opened.convert("RGBA")
    except UnidentifiedImageError:
        raise UsageError(f"{path}: no picture that can be read; PNG is best") from None
    paper = Image.new("RGBA", rgba.size, "white")  # what is transparent is taken for paper
    picture = Image.alpha_composite(paper, rgba).convert("L")
    pixels = np.asarray(picture)
    if _border(pixels).mean() > 127:
        picture = Image.fromarray(255 - pixels)
    if picture.size == (SIDE, SIDE):
        return np.asarray(picture)
    return _centred(picture, path)


def _border(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])


def _centred(picture: Any, path: str) -> NDArray[np.uint8]:
    ink = picture.point(lambda value: value if value > INK else 0).getbbox()
    if ink is None:
        raise UsageError(f"{path}: there is no digit: all of it is of one shade")
    picture = picture.crop(ink)
    scale = BOX / max(picture.size)
    digit = np.asarray(picture.resize([max(1, round(side * scale)) for side in picture.size]))
    weights = digit / digit.sum()
    centre = [(np.arange(n) * weights.sum(1 - axis)).sum() for axis, n in enumerate(digit.shape)]
    corner = [
        int(np.clip(round(SIDE / 2 - c), 0, SIDE - n))
        for c, n in zip(centre, digit.shape, strict=True)
    ]
    image = np.zeros((SIDE, SIDE), np.uint8)
    image[corner[0] : corner[0] + digit.shape[0], corner[1] : corner[1] + digit.shape[1]] = digit
    return image
