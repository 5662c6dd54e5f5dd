"""How `predict` shows an image: in block characters, beside a bar per class."""

import re

import numpy as np
import pytest

from tests.cli.conftest import Trained
from tests.cli.screen import Terminal
from tinygrad_mnist.cli import main
from tinygrad_mnist.cli.draw import image_lines
from tinygrad_mnist.cli.predict import Answer, card
from tinygrad_mnist.data import load_embedded

TEN = tuple("0123456789")
EMBEDDED = ("--data", "embedded")


def answer(shares: np.ndarray, text: str = "7", truth: str = "") -> Answer:
    return Answer("7.png", load_embedded().test_images[0], shares, text, truth)


@pytest.fixture
def seven() -> Answer:
    return answer(np.array([0, 0, 0.001, 0, 0, 0, 0, 0.75, 0, 0.249], np.float32))


def test_the_image_is_the_images_pixels() -> None:
    image = load_embedded().test_images[0]
    lines = image_lines(image)
    assert [len(line) for line in lines] == [28] * 14
    upper = np.array([[mark in "▀█" for mark in line] for line in lines])
    lower = np.array([[mark in "▄█" for mark in line] for line in lines])
    assert np.array_equal(upper, image[::2] > 100) and np.array_equal(lower, image[1::2] > 100)


def test_bars_stand_beside_the_image(seven: Answer) -> None:
    title, *lines = card(seven, TEN, 80)
    assert title == "7.png: 7 (75.00 %)"
    assert len(lines) == 14
    image = image_lines(seven.image)
    assert all(line.startswith(pixels.rstrip()) for line, pixels in zip(lines, image, strict=True))
    bars = [line[31:] for line in lines if line[31:].strip()]
    assert [bar.split()[0] for bar in bars] == list(TEN)
    assert bars[7].startswith("7   75.00 %  ██") and bars[0] == "0    0.00 %"
    assert bars[7].count("█") == pytest.approx(3 * bars[9].count("█"), abs=2)


@pytest.mark.parametrize("room", range(1, 130, 3))
def test_no_line_is_wider_than_the_room(seven: Answer, room: int) -> None:
    """The title and the numbers apart: a terminal wraps them when nothing else helps."""
    _, *lines = card(seven, TEN, room)
    assert max(map(len, lines)) <= max(room, len("7   75.00 %"))
    assert any("▀" in line or "▄" in line for line in lines) == (room > 28)
    assert all(any(line.strip().startswith(name) for name in TEN) for line in lines[-10:]) or (
        room >= 50
    )


def test_what_is_unsure_and_what_is_true_are_said() -> None:
    shares = np.full(10, 0.1, np.float32)
    assert card(answer(shares, "not sure"), TEN, 80)[0] == "7.png: not sure (0: 10.00 %)"
    assert card(answer(shares, "0", "7"), TEN, 80)[0] == "test image 7.png: 0 (10.00 %), truth 7"


def test_colour_marks_the_answer_only_where_it_is_wanted(
    seven: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setenv("FORCE_COLOR", "1")
    marked = [line for line in card(seven, TEN, 80) if "\x1b[" in line]
    assert len(marked) == 1 and re.search(r"\x1b\[1m7   75.00 %", marked[0])
    monkeypatch.setenv("NO_COLOR", "1")
    assert not any("\x1b" in line for line in card(seven, TEN, 80))


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_on_a_terminal_only_the_image_and_its_bars(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLUMNS", raising=False)
    terminal = Terminal(60)
    with terminal.stream(encoding) as stream, monkeypatch.context() as patch:
        patch.setattr("sys.stdout", stream)
        assert main(["predict", str(trained.folder / "model.pkl"), "3", *EMBEDDED]) == 0
    terminal.update()
    lines = terminal.text.splitlines()
    assert sum(line.startswith("test image 3: ") for line in lines) == 1
    assert "answer" not in terminal.text
    assert ("█" in terminal.text) == (encoding == "utf-8")
    assert terminal.raw.isascii() == (encoding == "ascii") and "\\u" not in terminal.text
    terminal.close()
