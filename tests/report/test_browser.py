"""The report in a real browser: what it computes, what is drawn on it, and who can use it."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.report.conftest import ALL
from tests.report.strokes import DIGITS
from tinygrad_mnist.data import Mnist
from tinygrad_mnist.report import Run, render_comparison
from tinygrad_mnist.train import predict

Reports = Callable[[str], Path]
Runs = Callable[[str], Run]
Open = Callable[..., Any]

SETTLED = "() => new Promise(done => requestAnimationFrame(done))"


def shares(page: Any) -> np.ndarray:
    """The probabilities that the bars show, once the page has drawn them."""
    page.evaluate(SETTLED)
    rows = page.eval_on_selector_all("#shares li", "rows => rows.map(row => row.dataset.share)")
    return np.array([float(row) for row in rows])


def seen(page: Any) -> np.ndarray:
    """The image that the page shows as what the model saw."""
    script = (
        "canvas => [...canvas.getContext('2d').getImageData(0, 0, 28, 28).data]"
        ".filter((_, i) => i % 4 === 0)"
    )
    return np.array(page.eval_on_selector("#saw", script), np.uint8).reshape(1, 28, 28)


def draw(page: Any, strokes: list[list[tuple[float, float]]]) -> None:
    """Draw on the pad with the mouse; strokes are in its own 280 x 280."""
    box = page.locator("#pad").bounding_box()
    scale = box["width"] / 280
    for stroke in strokes:
        for place, (x, y) in enumerate(stroke):
            page.mouse.move(box["x"] + x * scale, box["y"] + y * scale)
            if place == 0:
                page.mouse.down()
        page.mouse.up()


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
    image[0, [0, 2]], image[27, 27] = 90, 90
    assert np.array_equal(seen(page)[0], image)
    page.locator("#undo").click()
    page.evaluate(SETTLED)
    assert seen(page)[0, 27, 27] == 0 and seen(page)[0, 0, 0] == 90
    page.locator("#clear").click()
    page.evaluate(SETTLED)
    assert not seen(page).any()
    assert page.locator("#answer").inner_text() == "Draw, or choose a digit below."


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


def test_a_click_on_a_cell_shows_its_digits(
    report_of: Reports, run_of: Runs, open_page: Open
) -> None:
    evaluation = run_of("deep").evaluation
    truth, answer = np.argwhere(evaluation.confusion * (1 - np.eye(10)))[0]
    page = open_page(report_of("deep"))
    page.locator(f"[data-cell='{truth},{answer}']").click()
    count = evaluation.confusion[truth, answer]
    assert page.locator("#cell-title").inner_text() == f"Truth {truth}, answer {answer}: {count}"
    labels = page.eval_on_selector_all("#cell-digits .tile", "all => all.map(b => b.ariaLabel)")
    numbers = [int(label.split()[2].rstrip(":")) for label in labels]
    members = (evaluation.labels == truth) & (evaluation.predicted == answer)
    assert sorted(numbers) == np.flatnonzero(members).tolist()
    page.locator("[data-cell='6,6']").click()
    assert page.locator("#cell-digits .tile").count() == 24
    assert "the least sure 24 of them" in page.locator("#cell-title").inner_text()


def test_the_curves_show_their_values(report_of: Reports, run_of: Runs, open_page: Open) -> None:
    page = open_page(report_of("deep"))
    chart = page.locator(".chart").nth(1)
    svg = chart.locator("[data-chart]")
    svg.scroll_into_view_if_needed()
    box = svg.bounding_box()
    page.mouse.move(box["x"] + box["width"] * (448 / 460), box["y"] + box["height"] / 2)
    last = run_of("deep").epochs[-1]
    text = chart.locator(".legend").inner_text()
    assert f"epoch {last['epoch']}" in text
    assert f"{last['validation_accuracy'] * 100:.2f} %" in text
    assert f"{last['accuracy'] * 100:.2f} %" in text
    page.mouse.move(0, 0)
    assert "epoch" not in chart.locator(".legend").inner_text()


def focus_by_tab(page: Any, selector: str) -> None:
    """Press Tab until the element has the focus, as somebody without a mouse does."""
    script = "selector => document.activeElement.matches(selector)"
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(script, selector):
            return
    raise AssertionError(f"Tab does not lead to {selector}")


def test_the_keyboard_alone(report_of: Reports, open_page: Open) -> None:
    page = open_page(report_of("deep"))
    focus_by_tab(page, "#pad")
    for key in ("ArrowUp",) * 7 + (" ",) + ("ArrowDown",) * 14 + (" ",):
        page.keyboard.press(key)
    assert np.argmax(shares(page)) == 1
    page.keyboard.press("u")
    page.evaluate(SETTLED)
    assert not seen(page).any()
    focus_by_tab(page, "#undo")
    focus_by_tab(page, "[data-chart]")
    page.keyboard.press("End")
    assert "epoch 6" in page.locator(".legend").first.inner_text()
    focus_by_tab(page, "[data-cell='0,0']")
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    assert page.locator("#cell-title").inner_text().startswith("Truth 2, answer 2")
    focus_by_tab(page, "#cell-digits .tile")
    page.keyboard.press("Enter")
    page.locator("#answer", has_text="with").wait_for()


def test_a_phone(report_of: Reports, open_page: Open) -> None:
    page = open_page(
        report_of("cnn"), viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator("#pad").scroll_into_view_if_needed()
    box = page.locator("#pad").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 360 and box["width"] > 250
    before = page.evaluate("scrollY")
    touch = page.context.new_cdp_session(page)
    scale = box["width"] / 280
    for stroke in DIGITS[7]:
        for place, (x, y) in enumerate(stroke):
            point = {"x": box["x"] + x * scale, "y": box["y"] + y * scale}
            kind = "touchMove" if place else "touchStart"
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert np.argmax(shares(page)) == 7
    assert page.evaluate("scrollY") == before  # the finger draws, and does not scroll


# The contrast of each text with what lies behind it, in the formula of WCAG 2.
CONTRAST = """() => {
  const numbers = color => color.match(/[\\d.]+/g).map(Number);
  const over = (top, below) => {
    const [r, g, b, a = 1] = top;
    return [r, g, b].map((v, i) => v * a + below[i] * (1 - a));
  };
  const behind = element => {
    if (!element) return numbers(getComputedStyle(document.body).backgroundColor).slice(0, 3);
    return over(numbers(getComputedStyle(element).backgroundColor), behind(element.parentElement));
  };
  const light = color => color.map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const low = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || element.closest("script, style, noscript, title, .hidden, .skip")) continue;
    const style = getComputedStyle(element), back = behind(element);
    const color = element.closest("svg") ? style.fill : style.color;
    const [a, b] = [light(over(numbers(color), back)), light(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) low.push(`${element.textContent.trim().slice(0, 20)}: ${ratio.toFixed(2)}`);
  }
  return low;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_schemes_are_readable(scheme: str, report_of: Reports, open_page: Open) -> None:
    page = open_page(report_of("deep"), color_scheme=scheme)
    shade = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (shade == "rgb(255, 255, 255)") == (scheme == "light")
    draw(page, DIGITS[3])
    page.locator("[data-cell='3,3']").click()
    page.locator("details summary").click()
    assert page.evaluate(CONTRAST) == []


def test_who_cannot_see_it_is_told_what_is_there(report_of: Reports, open_page: Open) -> None:
    page = open_page(report_of("cnn"))
    nameless = page.evaluate("""() => [...document.querySelectorAll(
        "button, img, input, canvas, svg[role=img], [role=application]")]
        .filter(e => !(e.ariaLabel || e.alt || e.textContent.trim() || e.closest("label")
            || e.getAttribute("aria-labelledby"))).map(e => e.outerHTML.slice(0, 80))""")
    assert nameless == []
    ids = page.eval_on_selector_all("[id]", "all => all.map(e => e.id)")
    assert len(ids) == len(set(ids))
    headings = page.eval_on_selector_all("h1, h2, h3", "all => all.map(e => +e.tagName[1])")
    assert headings[0] == 1 and all(b - a <= 1 for a, b in pairwise(headings))


def test_who_wants_no_motion_gets_none(report_of: Reports, open_page: Open) -> None:
    script = "getComputedStyle(document.querySelector('.shares .bar span')).transitionDuration"
    assert open_page(report_of("neuron")).evaluate(script) != "0s"
    assert open_page(report_of("neuron"), reduced_motion="reduce").evaluate(script) == "0s"


def test_without_javascript_everything_but_the_pad_is_there(
    report_of: Reports, open_page: Open
) -> None:
    page = open_page(report_of("deep"), java_script_enabled=False)
    assert page.locator("#digits .tile").count() == 60
    assert page.locator("svg .line").count() >= 4


def test_runs_side_by_side(run_of: Runs, tmp_path: Path, open_page: Open) -> None:
    pytest.importorskip("jinja2")
    records = {name: run_of(name).record for name in ("deep", "cnn")}
    path = tmp_path / "comparison.html"
    path.write_text(render_comparison(records), "utf-8")
    page = open_page(path, viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    chart = page.locator(".chart").first
    chart.locator("[data-chart]").focus()
    page.keyboard.press("Home")
    for name in records:
        value = records[name]["epochs"][0]["validation_accuracy"]
        assert f"{name}, validation {value * 100:.2f} %" in chart.inner_text().replace("\n", " ")
    rows = page.eval_on_selector_all(".settings tr.differs th", "all => all.map(e => e.innerText)")
    assert "recipe: epochs differs" in rows and "recipe: seed differs" not in rows
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(CONTRAST) == []
