"""The pad of a report in a browser: draw on it, and read what it shows."""

from typing import Any

import numpy as np

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
        for number, (x, y) in enumerate(stroke):
            page.mouse.move(box["x"] + x * scale, box["y"] + y * scale)
            if number == 0:
                page.mouse.down()
        page.mouse.up()
