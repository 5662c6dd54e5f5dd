"""The pad: the page computes what the library does, and reads what a person draws."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.report.conftest import ALL
from tests.report.pad import SETTLED, draw, seen, shares
from tests.report.strokes import DIGITS
from tinygrad_mnist.data import Mnist
from tinygrad_mnist.report import Run
from tinygrad_mnist.train import predict

Reports = Callable[[str], Path]
Runs = Callable[[str], Run]
Open = Callable[..., Any]


@pytest.mark.parametrize("name", ALL)
def test_the_page_computes_what_the_library_does(
    name: str, report_of: Reports, run_of: Runs, embedded: Mnist, open_page: Open
) -> None:
    path = report_of(name)
    assert path.stat().st_size < 3_000_000
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (10, 28, 28)).astype(np.uint8)
    flat = np.stack([np.full((28, 28), shade, np.uint8) for shade in (0, 33, 255)])
    images = np.concatenate([embedded.test_images[::25], noise, flat])
    page = open_page(path)
    script = "images => images.map(pixels => Array.from(Pad.network.probabilities(pixels)))"
    got = np.array(page.evaluate(script, images.reshape(len(images), -1).tolist()))
    expected = predict(run_of(name).model, images)
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() < 1e-5


def shapes() -> list[np.ndarray]:
    """Masks of all that may be drawn: thin, thick, tiny, wide, tall, filled, at the edge."""
    y, x = np.mgrid[:280, :280]
    radius = np.hypot(x - 140, y - 150)
    return [
        np.abs(radius - 80) < 3,
        np.abs(radius - 80) < 30,
        np.abs(radius - 20) < 4,
        radius < 120,
        (np.abs(y - 140) < 6) & (x > 20) & (x < 270),
        np.abs(x - y / 3 - 40) < 10,
        x < 1,
        (x == 5) & (y == 7),
        (x % 40 < 12) & (y % 56 < 30),
    ]


def test_the_page_prepares_a_drawing_as_the_command_does(
    report_of: Reports, embedded: Mnist, open_page: Open
) -> None:
    pytest.importorskip("PIL")
    from tinygrad_mnist.cli.ink import as_mnist

    digits = [image.repeat(10, 0).repeat(10, 1) > 100 for image in embedded.test_images[::40]]
    page = open_page(report_of("neuron"))
    script = (
        "bits => Array.from(Prepare.asMnist({width: 280, height: 280, "
        "data: Uint8Array.from(bits, Number)}))"
    )
    for mask in [*shapes(), *digits]:
        bits = "".join(map(str, mask.reshape(-1).astype(int)))
        got = np.array(page.evaluate(script, bits)).reshape(28, 28)
        assert np.abs(got - as_mnist(mask).astype(int)).max() <= 1
    assert page.evaluate(f"(({script.replace('Array.from(Prepare', '(Prepare')})('0'))") is None


def slanted(strokes: list[list[tuple[float, float]]], slant: float, size: float, right: float):
    """The same strokes as another hand might draw them."""
    return [
        [(140 + right + size * (x - 140 - slant * (y - 140)), 140 + size * (y - 140)) for x, y in s]
        for s in strokes
    ]


HANDS = {
    "upright": (0.0, 1.0, 0.0, 20),
    "slanted": (0.2, 0.9, 10.0, 26),
    "small": (0.0, 0.55, 50.0, 12),
}


@pytest.mark.parametrize(
    ("name", "hand"), [("deep", "upright"), ("deep", "small"), ("cnn", "slanted")]
)
def test_strokes_of_a_person_are_read(
    name: str, hand: str, report_of: Reports, run_of: Runs, open_page: Open
) -> None:
    slant, size, right, width = HANDS[hand]
    page = open_page(report_of(name))
    page.locator("#pen-width").fill(str(width))
    page.locator("#draw").scroll_into_view_if_needed()
    read = []
    for strokes in DIGITS.values():
        draw(page, slanted(strokes, slant, size, right))
        got = shares(page)
        assert np.abs(got - predict(run_of(name).model, seen(page))[0]).max() < 1e-5
        assert page.locator("#answer").inner_text().startswith(f"{got.argmax()}, with ")
        read.append(int(got.argmax()))
        page.keyboard.press("Delete")
    assert sum(answer == digit for answer, digit in zip(read, DIGITS, strict=True)) >= 9, read


# Paints an image as a patient person would: each pixel of the grid in its shade.
PAINT = """async pixels => {
  const pad = document.getElementById("pad"), shade = document.getElementById("shade");
  document.getElementById("clear").click();
  const { left, top, width } = pad.getBoundingClientRect();
  const event = (kind, at) => pad.dispatchEvent(new PointerEvent(kind, {
    pointerId: 1, button: 0, bubbles: true,
    clientX: left + (at % 28 + 0.5) * width / 28,
    clientY: top + (Math.floor(at / 28) + 0.5) * width / 28 }));
  pixels.forEach((value, at) => {
    if (!value) return;
    shade.value = value;
    event("pointerdown", at);
    event("pointerup", at);
  });
  await new Promise(done => requestAnimationFrame(done));
  return [...document.querySelectorAll("#shares li")].map(row => Number(row.dataset.share));
}"""

# With the pen, row by row: a stroke for each run of pixels that are more ink than paper.
PAINT_WITH_PEN = """async pixels => {
  const pad = document.getElementById("pad"), width = document.getElementById("pen-width");
  document.getElementById("clear").click();
  width.value = 10;
  const box = pad.getBoundingClientRect();
  const event = (kind, column, row) => pad.dispatchEvent(new PointerEvent(kind, {
    pointerId: 1, button: 0, bubbles: true,
    clientX: box.left + (column + 0.5) * box.width / 28,
    clientY: box.top + (row + 0.5) * box.width / 28 }));
  for (let row = 0; row < 28; row++)
    for (let column = 0; column < 28; column++) {
      if (pixels[28 * row + column] <= 100) continue;
      event("pointerdown", column, row);
      while (column < 27 && pixels[28 * row + column + 1] > 100) column++;
      event("pointermove", column, row);
      event("pointerup", column, row);
    }
  await new Promise(done => requestAnimationFrame(done));
  return [...document.querySelectorAll("#shares li")].map(row => Number(row.dataset.share));
}"""


@pytest.mark.parametrize("tool", ["pixels", "pen"])
@pytest.mark.parametrize("name", ["deep", "cnn"])
def test_painted_test_digits_are_read_as_the_model_reads_them(
    name: str, tool: str, report_of: Reports, run_of: Runs, embedded: Mnist, open_page: Open
) -> None:
    images = embedded.test_images[::10]
    expected = predict(run_of(name).model, images).argmax(1)
    page = open_page(report_of(name))
    page.get_by_label(tool.capitalize(), exact=True).check()
    script = PAINT if tool == "pixels" else PAINT_WITH_PEN
    got = [np.argmax(page.evaluate(script, image.reshape(-1).tolist())) for image in images]
    assert len(images) == 100
    assert np.sum(np.array(got) == expected) >= (100 if tool == "pixels" else 95)


def test_pixels_that_are_painted_are_what_the_model_sees(
    report_of: Reports, open_page: Open
) -> None:
    page = open_page(report_of("deep"))
    page.get_by_label("Pixels").check()
    page.locator("#shade").fill("90")
    draw(page, [[(5, 5), (25, 5)], [(275, 275)]])
    page.evaluate(SETTLED)
    image = np.zeros((28, 28), np.uint8)
    image[0, :3], image[27, 27] = 90, 90
    assert np.array_equal(seen(page)[0], image)
    page.locator("#undo").click()
    page.evaluate(SETTLED)
    assert seen(page)[0, 27, 27] == 0 and seen(page)[0, 0, 0] == 90
    page.locator("#clear").click()
    page.evaluate(SETTLED)
    assert not seen(page).any()
    assert page.locator("#answer").inner_text() == "Draw, or choose a digit below."
    draw(page, [[(5, 145), (275, 145)]])  # in one leap
    page.evaluate(SETTLED)
    assert (seen(page)[0, 14] == 90).all()


def test_undo_takes_back_a_stroke_and_a_clear(report_of: Reports, open_page: Open) -> None:
    page = open_page(report_of("deep"))
    draw(page, DIGITS[1])
    one = shares(page)
    draw(page, [[(60, 60), (220, 60)]])
    assert not np.array_equal(shares(page), one)
    page.locator("#undo").click()
    assert np.array_equal(shares(page), one)
    for _ in range(2):
        page.locator("#clear").click()
    page.evaluate(SETTLED)
    assert not seen(page).any()
    page.locator("#undo").click()
    assert np.array_equal(shares(page), one)


def test_a_test_digit_goes_onto_the_pad_as_it_is(
    report_of: Reports, run_of: Runs, embedded: Mnist, open_page: Open
) -> None:
    page = open_page(report_of("cnn"), reduced_motion="reduce")
    page.locator("#digits .tile").nth(7).click()
    page.locator("#answer", has_text="with").wait_for()
    assert np.array_equal(seen(page)[0], embedded.test_images[7])
    expected = run_of("cnn").evaluation.probabilities[7]
    assert np.abs(shares(page) - expected).max() < 1e-5
    draw(page, DIGITS[1])  # a stroke begins a drawing of its own
    assert np.argmax(shares(page)) == 1
