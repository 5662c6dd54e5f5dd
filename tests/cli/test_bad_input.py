"""Bad pictures, models and run folders: one clear line, exit code 2, and nothing is lost."""

import io
import json
import os
import shutil
import struct
import sys
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Trained
from tinygrad_mnist.cli import main
from tinygrad_mnist.cli.main import UsageError
from tinygrad_mnist.cli.picture import read_picture, read_views
from tinygrad_mnist.data import load_embedded

Image = pytest.importorskip("PIL.Image")
ImageOps = pytest.importorskip("PIL.ImageOps")


@pytest.fixture(scope="module")
def digit() -> np.ndarray:
    return load_embedded().test_images[500]


@pytest.fixture(scope="module")
def large(digit: np.ndarray) -> "Image.Image":
    """A digit of 224x224, white on black, with soft edges."""
    return Image.fromarray(digit).resize((224, 224), Image.Resampling.BICUBIC)


def png(width: int, height: int) -> bytes:
    """A PNG that claims a size, with little in it."""

    def chunk(name: bytes, content: bytes) -> bytes:
        crc = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def saved(picture: "Image.Image", kind: str, **how: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return file.getvalue()


UNREADABLE: dict[str, tuple[Callable[["Image.Image"], bytes], str]] = {
    "empty.png": (lambda large: b"", "empty.png: empty: 0 bytes"),
    "empty.jpg": (lambda large: b"", "empty.jpg: empty: 0 bytes"),
    "empty.gif": (lambda large: b"", "empty.gif: empty: 0 bytes"),
    "text.png": (lambda large: b"not a picture at all", "no picture that can be read"),
    "cut.png": (lambda large: saved(large, "PNG")[:2000], "a damaged picture"),
    "cut-early.png": (lambda large: saved(large, "PNG")[:10], "picture"),
    "cut.jpg": (lambda large: saved(large, "JPEG")[:2000], "a damaged picture"),
    "cut.gif": (lambda large: saved(large, "GIF")[:500], "picture"),
    "short.png": (lambda large: png(9000, 9000), "a damaged picture"),
    "bomb.png": (lambda large: png(60_000, 60_000), "60,000 x 60,000 pixels; scale it down"),
    "bomb-2.png": (lambda large: png(2**31 - 1, 2**31 - 1), "scale it down to at most"),
    "no-width.png": (lambda large: png(0, 10), "no picture that can be read"),
    "one-pixel.png": (lambda large: png(1, 1), "there is no digit"),
    "black.png": (lambda large: saved(Image.new("L", (28, 28)), "PNG"), "of one shade"),
    "clear.png": (lambda large: saved(Image.new("RGBA", (90, 90)), "PNG"), "there is no digit"),
    "noise.png": (
        lambda large: saved(Image.effect_noise((200, 200), 80), "PNG"), "nothing stands out"
    ),
    "vector.svg": (lambda large: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(UNREADABLE))
def test_what_is_no_picture_of_a_digit(name: str, large: "Image.Image", tmp_path: Path) -> None:
    write, reason = UNREADABLE[name]
    path = tmp_path / name
    path.write_bytes(write(large))
    with pytest.raises(UsageError) as caught:
        read_views(str(path))
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and reason in message and "\n" not in message


def dark_on_light(large: "Image.Image") -> "Image.Image":
    return ImageOps.invert(large)


def on_paper(large: "Image.Image", size: tuple[int, int], paper: int) -> "Image.Image":
    picture = Image.new("L", size, paper)
    ink = dark_on_light(large).resize((900, 900)).point(lambda v: v * paper // 255)
    picture.paste(ink, (size[0] // 3, size[1] // 3))
    return picture


def transparent(large: "Image.Image", ink: str) -> "Image.Image":
    picture = Image.new("RGBA", large.size, ink)
    picture.putalpha(large)
    return picture


def framed(large: "Image.Image", *, dark: bool) -> "Image.Image":
    picture = large if dark else dark_on_light(large)
    paper, line = ("black", "white") if dark else ("white", "black")
    return ImageOps.expand(ImageOps.expand(ImageOps.expand(picture, 60, paper), 6, line), 9, paper)


def turned(large: "Image.Image") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # "the camera was turned by 90 degrees"
    return saved(dark_on_light(large).rotate(90), "JPEG", exif=exif)


READABLE: dict[str, Callable[["Image.Image"], bytes]] = {
    "white-on-black.png": lambda large: saved(large, "PNG"),
    "black-on-white.png": lambda large: saved(dark_on_light(large), "PNG"),
    "small-white-on-black.png": lambda large: saved(large.resize((28, 28)), "PNG"),
    "small-black-on-white.png": lambda large: saved(dark_on_light(large).resize((28, 28)), "PNG"),
    "colour.jpg": lambda large: saved(ImageOps.colorize(large, "#fdf6e3", "#20409a"), "JPEG"),
    "cmyk.jpg": lambda large: saved(dark_on_light(large).convert("CMYK"), "JPEG"),
    "palette.png": lambda large: saved(dark_on_light(large).convert("P"), "PNG"),
    "two-colours.png": lambda large: saved(large.convert("1"), "PNG"),
    "sixteen-bits.png": lambda large: saved(
        Image.fromarray(np.asarray(large).astype(np.uint16) * 257), "PNG"
    ),
    "floats.tiff": lambda large: saved(large.convert("F"), "TIFF"),
    "black-ink-alone.png": lambda large: saved(transparent(large, "black"), "PNG"),
    "white-ink-alone.png": lambda large: saved(transparent(large, "white"), "PNG"),
    "moving.gif": lambda large: saved(
        dark_on_light(large), "GIF", save_all=True, append_images=[large]
    ),
    "turned.jpg": turned,
    "photo.jpg": lambda large: saved(on_paper(large, (4000, 3000), 220), "JPEG"),
    "frame.png": lambda large: saved(framed(large, dark=False), "PNG"),
    "frame-on-black.png": lambda large: saved(framed(large, dark=True), "PNG"),
    "without-its-end.png": lambda large: saved(large, "PNG")[:-8],
}


@pytest.mark.parametrize("name", list(READABLE))
def test_the_same_digit_in_any_form(
    name: str, large: "Image.Image", digit: np.ndarray, tmp_path: Path
) -> None:
    """As a model is shown it: MNIST's own pixels, interpolated, and a pixel aside at most."""
    path = tmp_path / name
    path.write_bytes(READABLE[name](large))
    read = read_picture(str(path))
    aside = [np.roll(read, (down - 1, right - 1), (0, 1)) for down, right in np.ndindex(3, 3)]
    assert max(np.corrcoef(each.ravel(), digit.ravel())[0, 1] for each in aside) > 0.93


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("white", [False, True])
def test_a_small_image_in_a_frame(
    width: int, white: bool, digit: np.ndarray, tmp_path: Path
) -> None:
    image = np.pad(digit[4:24, 4:24], 4)
    expected = image.copy()
    image = image if white else 255 - image
    for k in range(width):
        image[[k, -1 - k]] = image[:, [k, -1 - k]] = 255 * white
    Image.fromarray(image).save(tmp_path / "frame.png")
    assert np.array_equal(read_picture(str(tmp_path / "frame.png")), expected)


def test_pillows_warnings_are_not_shown(
    large: "Image.Image", tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    content = bytearray(turned(large))
    start = content.index(b"Exif")
    content[start + 14 : start + 16] = b"\xff\xff"  # more entries than there are
    (tmp_path / "exif.jpg").write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        read_views(str(tmp_path / "exif.jpg"))
    assert not recwarn.list


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes(large: "Image.Image", tmp_path: Path) -> None:
    """Nobody writes into the first, and that does not block; the second has a writer."""
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UsageError, match="empty: 0 bytes"):
        read_views(str(tmp_path / "pipe.png"))
    read, write = os.pipe()
    os.write(write, saved(large.resize((28, 28)), "PNG"))
    os.close(write)
    if Path("/dev/fd").exists():
        assert read_views(f"/dev/fd/{read}").shape == (1, 28, 28)
    os.close(read)


def test_a_picture_from_standard_input(
    large: "Image.Image", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "digit.png"
    large.save(path)
    with open(path) as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert np.array_equal(read_views("-"), read_views(str(path)))
    with open(os.devnull) as file:
        monkeypatch.setattr(sys, "stdin", file)
        with pytest.raises(UsageError, match="standard input: empty"):
            read_views("-")


# Folders of runs


@pytest.fixture
def run_folder(trained: Trained, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained.folder, tmp_path / "run"))


def complaint(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    assert main(list(args)) == 2
    error = capsys.readouterr().err
    assert error.startswith("tinygrad-mnist: ") and error.count("\n") == 1
    return error


def without(record: dict, *names: str) -> dict:
    return {name: value for name, value in record.items() if name not in names}


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda record: b"", "empty"),
    "half": (lambda record: record[: len(record) // 2], "damaged or half-written"),
    "binary": (lambda record: b"\xff\xfe\x00\x01", "damaged or half-written"),
    "nested": (lambda record: b"[" * 100_000, "damaged or half-written"),
    "list": (lambda record: b"[]", "not the record of a run"),
    "null": (lambda record: b"null", "not the record of a run"),
    "older": (
        lambda record: json.dumps(without(json.loads(record), "seconds")).encode(),
        "'seconds' is missing",
    ),
    "other": (
        lambda record: record.replace(b'"SGD"', b'"Bogus"'), "optimizer must be one of"
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(DAMAGE))
def test_a_damaged_record(
    kind: str, run_folder: Path, trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    change, reason = DAMAGE[kind]
    path, page = run_folder / "run.json", (run_folder / "report.html").read_bytes()
    path.write_bytes(change(path.read_bytes()))
    line = complaint(capsys, "report", str(run_folder), "--data", "embedded")
    assert f"{path}: " in line and reason in line and "remove it" in line
    assert (run_folder / "report.html").read_bytes() == page
    out = str(run_folder / "both.html")
    line = complaint(capsys, "compare", str(trained.folder), str(run_folder), "--out", out)
    assert reason in line and not Path(out).exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "model.pkl: empty: 0 bytes"),
        (b"half", "damaged or cut short"),
        (b"text, nothing else", "not a file that save() writes"),
        (None, "neither a file nor a folder"),
    ],
)
@pytest.mark.parametrize("command", ["report", "evaluate", "inspect"])
def test_a_damaged_model(
    command: str, content: bytes | None, reason: str, run_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = run_folder / "model.pkl"
    if content is None:
        if not hasattr(os, "mkfifo"):
            pytest.skip("needs named pipes")
        path.unlink()
        os.mkfifo(path)
    else:
        path.write_bytes(path.read_bytes()[:2000] if content == b"half" else content)
    assert reason in complaint(capsys, command, str(path))


def test_half_of_a_folder(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a machine that lost its power leaves it: no model yet, and a file that is not whole."""
    for path in run_folder.iterdir():
        path.unlink()
    (run_folder / ".model.pkl-00000000.part").write_bytes(b"half")
    name = str(run_folder)
    assert "neither model.pkl nor checkpoint.pkl" in complaint(capsys, "report", name)
    assert "no checkpoint to resume" in complaint(capsys, "train", "--resume", name)
    (run_folder / "model.pkl").mkdir()
    assert "neither model.pkl nor checkpoint.pkl" in complaint(capsys, "evaluate", name)


def test_a_record_and_a_model_of_two_runs(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run_folder / "run.json"
    path.write_text(path.read_text().replace('"seed": 7', '"seed": 8'))
    line = complaint(capsys, "report", str(run_folder), "--data", "embedded")
    assert "the record of another run" in line


def test_a_report_without_plots_or_record(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a run on a machine without matplotlib, and without it here, too."""
    for path in run_folder.glob("*.png"):
        path.unlink()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["report", str(run_folder), "--data", "embedded"]) == 0
    (run_folder / "run.json").unlink()
    assert main(["report", str(run_folder), "--data", "embedded", "--quiet"]) == 0
    captured = capsys.readouterr()
    assert captured.err == "" and captured.out.count("wrote") == 1


@pytest.mark.parametrize(
    "command",
    ["train {}", "train mlp-10 --out {}", "train --resume {}", "evaluate {}", "report {}",
     "report x --out {}", "predict x {}", "evaluate x --data {}"],
)  # fmt: skip
def test_an_unset_variable_of_a_shell(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert "an empty argument" in complaint(capsys, *(w.format("") for w in command.split()))
    assert list(tmp_path.iterdir()) == []
