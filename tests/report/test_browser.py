"""The report in a real browser: what it shows when asked, and who can use it."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.report.pad import SETTLED, draw, seen, shares
from tests.report.strokes import DIGITS
from tinygrad_mnist.report import Run, render_comparison

Reports = Callable[[str], Path]
Runs = Callable[[str], Run]
Open = Callable[..., Any]


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


def test_the_keyboard_alone_reaches_everything(report_of: Reports, open_page: Open) -> None:
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


def test_the_page_fits_a_phone(report_of: Reports, open_page: Open) -> None:
    page = open_page(
        report_of("cnn"),
        viewport={"width": 360, "height": 740},
        device_scale_factor=3,
        has_touch=True,
        is_mobile=True,
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator("#pad").scroll_into_view_if_needed()
    box = page.locator("#pad").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 360 and box["width"] > 250
    before = page.evaluate("scrollY")
    touch = page.context.new_cdp_session(page)
    scale = box["width"] / 280
    for stroke in DIGITS[7]:
        for number, (x, y) in enumerate(stroke):
            point = {"x": box["x"] + x * scale, "y": box["y"] + y * scale}
            kind = "touchMove" if number else "touchStart"
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


def test_a_screen_reader_gets_a_name_for_everything(report_of: Reports, open_page: Open) -> None:
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


def test_reduced_motion_is_respected(report_of: Reports, open_page: Open) -> None:
    script = "getComputedStyle(document.querySelector('.shares .bar span')).transitionDuration"
    assert open_page(report_of("neuron")).evaluate(script) != "0s"
    assert open_page(report_of("neuron"), reduced_motion="reduce").evaluate(script) == "0s"


def test_without_javascript_everything_but_the_pad_is_there(
    report_of: Reports, open_page: Open
) -> None:
    page = open_page(report_of("deep"), java_script_enabled=False)
    assert page.locator("#digits .tile").count() == 60
    assert page.locator("svg .line").count() >= 4


def test_a_comparison_shows_runs_side_by_side(
    run_of: Runs, tmp_path: Path, open_page: Open
) -> None:
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
