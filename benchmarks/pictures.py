"""Count the photos of digits that are read as their MNIST images are.

`python -m benchmarks.pictures RUN --data DIR`

Each picture is made from a test image of its own, as a camera, scanner or drawing program would
show it: another pen, tilted on paper of another shade, under uneven light, blurred, noisy, packed
as JPEG, inverted, on transparency. Only digits that the model reads right as MNIST images are
drawn, so that the count is of the reader of pictures and not of the model.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from tinygrad_mnist.cli.main import UsageError
from tinygrad_mnist.cli.picture import read_views
from tinygrad_mnist.cli.predict import ask
from tinygrad_mnist.data import load_mnist
from tinygrad_mnist.train import load_model, predict

PEN = 12  # pixels of a drawing for one of the digit's


def pen(digit: np.ndarray, width: float) -> np.ndarray:
    """Draw a 28x28 digit large, with strokes `width` pixels thicker: (336, 336), 0 to 1."""
    size = (digit.shape[1] * PEN, digit.shape[0] * PEN)
    large = Image.fromarray(digit).resize(size, Image.Resampling.BICUBIC)
    large = large.filter(ImageFilter.GaussianBlur(PEN / 3)).point(lambda v: 255 if v > 110 else 0)
    for _ in range(round(abs(width) * PEN / 4)):
        large = large.filter(ImageFilter.MaxFilter(5) if width > 0 else ImageFilter.MinFilter(5))
    return np.asarray(large, np.float32) / 255


def draw(digit: np.ndarray, rng: np.random.Generator) -> tuple[Image.Image, dict[str, Any]]:
    """Make a picture of a digit; also return the conditions that the reading may depend on."""
    style = rng.choice(["photo", "photo", "photo", "scan", "board", "drawing", "sticker"])
    how: dict[str, Any] = {"style": str(style)}
    how["pen"] = float(rng.uniform(-0.7, 1.2))
    ink = pen(digit, how["pen"])
    ink = ink[np.ix_(ink.any(1), ink.any(0))]
    side = int(rng.integers(90, 900))
    how["share"] = float(rng.uniform(0.25, 0.9))  # of the page's shorter side
    wide = side * rng.uniform(1.0, 1.5)
    page = (int(wide), side) if rng.random() < 0.5 else (side, int(wide))
    how["tilt"] = float(rng.uniform(-12, 12))
    stamp = Image.fromarray((ink * 255).astype(np.uint8))
    room = how["share"] * side
    scale = room / max(stamp.size)
    stamp = stamp.resize([max(2, round(n * scale)) for n in stamp.size], Image.Resampling.LANCZOS)
    stamp = stamp.rotate(how["tilt"], Image.Resampling.BICUBIC, expand=True)
    while stamp.width > page[0] - 4 or stamp.height > page[1] - 4:
        stamp = stamp.resize([max(2, int(n * 0.9)) for n in stamp.size])
    sheet = Image.new("L", page, 0)
    free = page[0] - stamp.width, page[1] - stamp.height
    sheet.paste(stamp, (int(rng.integers(2, free[0] - 1)), int(rng.integers(2, free[1] - 1))))
    amount = np.asarray(sheet, np.float32) / 255
    if style == "sticker":
        return _sticker(amount, rng, how)
    return _photo(amount, room, rng, how)


def _sticker(
    amount: np.ndarray, rng: np.random.Generator, how: dict[str, Any]
) -> tuple[Image.Image, dict[str, Any]]:
    """Draw ink of any shade on transparency."""
    shade = int(rng.choice([0, 30, 128, 200, 255]))
    how |= {"ink": shade, "paper": "none", "kind": "png"}
    grey = np.full(amount.shape, shade, np.uint8)
    alpha = (amount * 255).astype(np.uint8)
    return Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)]), how


def _photo(
    amount: np.ndarray, room: float, rng: np.random.Generator, how: dict[str, Any]
) -> tuple[Image.Image, dict[str, Any]]:
    """Draw ink on paper, or chalk on a board, as a camera sees it."""
    style, shape = how["style"], amount.shape
    blank = style == "drawing"
    paper = 255.0 if blank else float(rng.uniform(110, 250))
    shade = float(rng.uniform(0, 40)) if blank else float(rng.uniform(5, paper - 70))
    how |= {"paper": round(paper), "ink": round(shade)}
    colour = np.array([1.0, 1.0, 1.0]) if blank else rng.uniform(0.85, 1.0, 3)
    ink = np.clip(shade * rng.uniform(0.7, 1.3, 3), 0, paper - 50)
    sharp = 0.0 if blank else float(rng.uniform(0, 0.02)) * room
    how["blur"] = round(sharp, 1)
    soft = Image.fromarray((amount * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(sharp))
    cover = (np.asarray(soft, np.float32) / 255)[..., None]
    light = np.ones(shape, np.float32)
    if style == "photo":
        y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
        angle, how["gradient"] = rng.uniform(0, 2 * np.pi), float(rng.uniform(0, 0.45))
        slope = (x * np.cos(angle) + y * np.sin(angle)) / 2
        light = 1 - how["gradient"] * (0.5 + slope) - 0.15 * rng.random() * (x**2 + y**2) / 2
    photo = (paper * colour * (1 - cover) + ink * cover) * light[..., None]
    how["noise"] = 0.0 if blank else float(rng.uniform(0, 14))
    photo = photo + rng.normal(0, max(how["noise"], 1e-6), photo.shape)
    if style == "board":
        photo = 255 - photo
    picture = Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8))
    if rng.random() < 0.3:
        picture = picture.convert("L")
    how["kind"] = "png" if blank else str(rng.choice(["png", "jpeg", "jpeg"]))
    how["quality"] = int(rng.integers(30, 95)) if how["kind"] == "jpeg" else 100
    return picture, how


def main() -> None:
    """Draw, read, classify, count, and print the errors by the conditions of the pictures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("model", help="model.pkl, or the folder that holds it")
    arguments.add_argument("--data", help="as for the command line")
    arguments.add_argument("--pictures", type=int, default=250)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--keep", type=Path, help="where to keep the pictures that are misread")
    args = arguments.parse_args()
    file = Path(args.model)
    saved = load_model(file / "model.pkl" if file.is_dir() else file)
    data = load_mnist(args.data)
    shares = predict(saved.model, data.test_images)
    rng = np.random.default_rng(args.seed)
    order = rng.permutation(np.flatnonzero(shares.argmax(1) == data.test_labels))
    outcome: Counter[str] = Counter()
    by_style: defaultdict[str, Counter[str]] = defaultdict(Counter)
    with tempfile.TemporaryDirectory() as folder:
        for k, index in enumerate(order[: args.pictures]):
            picture, how = draw(data.test_images[index], rng)
            path = Path(folder) / f"{k}.{how['kind']}"
            picture.save(path, quality=how.get("quality"), compress_level=1)  # of JPEG, PNG
            result = _read(path, saved.model, int(data.test_labels[index]))
            outcome[result] += 1
            by_style[how["style"]][result] += 1
            if result != "right" and args.keep:
                args.keep.mkdir(parents=True, exist_ok=True)
                picture.save(args.keep / f"{k}-{data.test_labels[index]}.png")
            if result != "right":
                conditions = ", ".join(
                    f"{n} {v:.2g}" if isinstance(v, float) else f"{n} {v}" for n, v in how.items()
                )
                print(f"{k}: a {data.test_labels[index]}: {result} ({conditions})")
    for style, counts in [*sorted(by_style.items()), ("all", outcome)]:
        print(f"{style:8} {counts['right']} of {counts.total()} read right")
    print(f"{outcome['right'] / outcome.total():.1%} of {saved.recipe.name}'s")


def _read(path: Path, model: Any, truth: int) -> str:
    try:
        views = read_views(str(path))
    except UsageError as error:
        return str(error).split(": ", 1)[-1]
    _, shares, answer = ask(model, views)
    if answer is None:
        return f"not sure, perhaps {shares.argmax()}"
    return "right" if answer == truth else f"read as {answer}"


if __name__ == "__main__":
    main()
