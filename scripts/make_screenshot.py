"""Draw a 5 on the pad of a report, and write what a browser shows of it: docs/report.png.

Usage: python scripts/make_screenshot.py runs/deep/report.html docs/report.png
Needs Playwright, Pillow and Chromium.
"""

from __future__ import annotations

import io
import math
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

BOW = [(136 + 52 * math.cos(a / 10), 172 + 46 * math.sin(a / 10)) for a in range(-20, 25)]
STROKES = ([(112, 64), (106, 96), (102, 132), *BOW], [(112, 64), (150, 66), (196, 58)])


def main(report: str, target: str) -> None:
    """Open the report, draw, and write the part above the facts of the run."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1000, "height": 900}, reduced_motion="reduce")
        page.goto(Path(report).resolve().as_uri())
        box = page.locator("#pad").bounding_box()
        assert box is not None
        for (x, y), *rest in STROKES:
            page.mouse.move(box["x"] + x, box["y"] + y)
            page.mouse.down()
            for x, y in rest:
                page.mouse.move(box["x"] + x, box["y"] + y, steps=5)
            page.mouse.up()
        page.mouse.move(0, 0)
        page.wait_for_timeout(200)
        below = page.locator("#run").bounding_box()
        assert below is not None
        clip = {"x": 0, "y": 0, "width": 1000, "height": below["y"]}
        picture = Image.open(io.BytesIO(page.screenshot(clip=clip)))  # type: ignore[arg-type]
        browser.close()
    picture.convert("RGB").quantize(64).save(target, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
