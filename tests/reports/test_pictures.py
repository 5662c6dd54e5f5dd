"""Pictures of digits: on any paper, in any light, in any file; and what is no digit."""

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.ahead import ahead
from tests.cli.conftest import WITHOUT_PLOTS, Shell
from tinygrad_mnist.cli import main
from tinygrad_mnist.cli.main import UsageError
from tinygrad_mnist.cli.picture import read_picture, read_views
from tinygrad_mnist.data import load_embedded

Image = pytest.importorskip("PIL.Image")
pictures = pytest.importorskip("benchmarks.pictures")

DATA = load_embedded()
DIGIT = DATA.test_images[500]


@ahead
def reader(folder: Path) -> str:
    """A network that reads nine of ten digits."""
    args = ("train", "mlp-128", "--data", "embedded", "--out", "run")
    assert Shell(folder, WITHOUT_PLOTS)(*args).code == 0
    return str(folder / "run")


def on_page(digit: np.ndarray = DIGIT, paper: float = 255, ink: float = 0) -> np.ndarray:
    """A digit in the middle of a page of 200 x 260 pixels."""
    cover = np.zeros((200, 260), np.float32)
    cover[30:170, 60:200] = digit.repeat(5, 0).repeat(5, 1) / 255
    return paper + (ink - paper) * cover


def saved(pixels: np.ndarray, path: Path, **options: object) -> str:
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, **options)
    return str(path)


def likeness(image: np.ndarray, digit: np.ndarray = DIGIT) -> float:
    """The correlation of an image with the digit that it should show."""
    return float(np.corrcoef(image.reshape(-1), digit.reshape(-1))[0, 1])


@cache
def pages() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-1:1:200j, -1:1:260j]
    on_desk = np.full((400, 520), 45.0)
    on_desk[100:300, 130:390] = on_page(paper=220, ink=50)
    colours = np.stack([on_page(paper=p, ink=i) for p, i in ((230, 40), (225, 60), (140, 150))], -1)
    framed, shaded, lined = (on_page(paper=220, ink=40) for _ in range(3))
    framed[[4, 5, -5, -6]] = framed[:, [4, 5, -5, -6]] = 20
    shaded[:, :45] *= 0.5
    lined[8::20] -= 30
    return {
        **{
            f"paper of {shade}": on_page(paper=shade, ink=shade / 4)
            for shade in (60, 120, 180, 224)
        },
        "pale ink": on_page(paper=160, ink=125),
        "chalk": on_page(paper=40, ink=190),
        "light from one side": on_page(paper=230, ink=40) * (0.7 + 0.3 * x),
        "a lamp": on_page(paper=230, ink=40) * (0.4 + 0.6 * np.exp(-((x - 0.4) ** 2 + y**2))),
        "noise": on_page(paper=180, ink=60) + rng.normal(0, 25, (200, 260)),
        "dust": np.where(rng.random((200, 260)) < 0.01, 0, on_page(paper=180, ink=60)),
        "a desk around the sheet": on_desk,
        "a frame": framed,
        "a shadow along the edge": shaded,
        "lined paper": lined,
        "coloured ink": colours,
        "tiny": on_page(paper=180, ink=60)[::4, ::4],
    }


@pytest.mark.parametrize("page", pages())
def test_the_digit_is_found(page: str, tmp_path: Path) -> None:
    """Seen in makeyourownneuralnetwork/makeyourownneuralnetwork#34: grey paper is read as ink."""
    image = read_picture(saved(pages()[page], tmp_path / "page.jpg", quality=60))
    assert image.shape == (28, 28) and image.dtype == np.uint8
    assert likeness(image) > 0.8


@pytest.mark.parametrize("width", [-1, 0, 1, 2])
def test_thin_and_thick_pens(width: int, tmp_path: Path) -> None:
    from PIL import ImageFilter

    large = Image.fromarray(DIGIT).resize((224, 224), Image.Resampling.BICUBIC)
    for _ in range(abs(width) * 4):
        large = large.filter(ImageFilter.MaxFilter(3) if width > 0 else ImageFilter.MinFilter(3))
    assert likeness(read_picture(saved(255 - np.asarray(large), tmp_path / "pen.png"))) > 0.75


def test_every_kind_of_file(tmp_path: Path) -> None:
    page = on_page(paper=180, ink=60)
    grey = Image.fromarray(page.astype(np.uint8))
    cover = Image.fromarray((255 - on_page()).astype(np.uint8))
    kinds = {
        "l.png": grey,
        "rgb.bmp": grey.convert("RGB"),
        "cmyk.tif": grey.convert("RGB").convert("CMYK"),
        "palette.gif": grey.convert("P"),
        "bits.png": grey.convert("1", dither=Image.Dither.NONE),
        "16.png": Image.fromarray((page * 257).astype(np.uint16)),
        "32.tif": Image.fromarray((page * 1000).astype(np.int32)),
        "float.tif": Image.fromarray((page / 255).astype(np.float32)),
        "white.png": Image.merge("LA", [Image.new("L", grey.size, 255), cover]),
        "black.png": Image.merge("LA", [Image.new("L", grey.size, 0), cover]),
        "clear.webp": Image.merge("RGBA", [Image.new("L", grey.size, 200)] * 3 + [cover]),
        "corners.png": Image.merge("LA", [grey, grey.point(lambda v: 255).transform(
            grey.size, Image.Transform.AFFINE, (1, 0.05, -8, 0.05, 1, -8))]),
    }  # fmt: skip
    for name, picture in kinds.items():
        picture.save(tmp_path / name)
        assert likeness(read_picture(str(tmp_path / name))) > 0.8, name


def test_a_gap_between_the_pieces_of_a_digit_stays() -> None:
    from tinygrad_mnist.cli.ink import as_mnist

    mask = np.zeros((200, 200), bool)
    mask[40:52, 60:140] = mask[90:160, 60:72] = True  # the bar of a 5, apart from the rest
    rows = as_mnist(mask).any(1)
    inside = rows[np.flatnonzero(rows)[0] : np.flatnonzero(rows)[-1]]
    assert np.count_nonzero(~inside) >= 4


def test_numbers_that_are_not_finite(tmp_path: Path) -> None:
    page = on_page().astype(np.float32)
    page[0, :3] = np.nan, np.inf, -np.inf
    Image.fromarray(page).save(tmp_path / "f.tif")
    assert likeness(read_picture(str(tmp_path / "f.tif"))) > 0.8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_camera_held_sideways(orientation: int, tmp_path: Path) -> None:
    from PIL import ImageOps

    page = Image.fromarray(on_page(paper=180, ink=60).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    back = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)
    undo = Image.Exif()
    undo[0x0112] = back
    turned = page.copy()
    turned.info["exif"] = undo.tobytes()
    ImageOps.exif_transpose(turned).save(tmp_path / "p.jpg", exif=exif.tobytes())
    assert likeness(read_picture(str(tmp_path / "p.jpg"))) > 0.8


def test_an_image_of_mnist_is_taken_as_it_is(tmp_path: Path) -> None:
    for pixels in (DIGIT, 255 - DIGIT):
        (image,) = read_views(saved(pixels, tmp_path / "m.png"))
        assert np.array_equal(image, DIGIT)
    grey = read_picture(saved(180 - DIGIT * 0.6, tmp_path / "m.png"))
    assert likeness(grey) > 0.8


NOTHING = {
    "white": np.full((90, 90), 255.0),
    "black": np.zeros((28, 28)),
    "noise": np.random.default_rng(0).normal(150, 20, (300, 200)),
    "a slope of light": np.tile(np.linspace(60, 220, 300), (200, 1)),
    "one pixel": np.zeros((1, 1)),
    "a line": np.full((1, 500), 90.0),
}


@pytest.mark.parametrize("name", NOTHING)
def test_no_digit(name: str, reader: str, tmp_path: Path, capsys) -> None:
    path = saved(NOTHING[name], tmp_path / "nothing.png")
    assert main(["predict", reader, path]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"tinygrad-mnist: {path}: there is no digit") and err.count("\n") == 1


def test_several_digits(reader: str, tmp_path: Path, capsys) -> None:
    for count in (2, 3):
        row = np.hstack([on_page(DATA.test_images[k])[:, 50:210] for k in range(count)])
        assert main(["predict", reader, saved(row, tmp_path / "several.png")]) == 2
        assert f"there are {count} digits or more: crop" in capsys.readouterr().err


def test_what_the_views_do_not_bear_out_is_not_answered(
    reader: str, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that sees another digit in each view of a picture knows none."""

    def undecided(network: object, images: np.ndarray) -> np.ndarray:
        return np.eye(10, dtype=np.float32)[np.arange(len(images)) % 10]

    monkeypatch.setattr("tinygrad_mnist.train.predict", undecided)
    path = saved(on_page(paper=180, ink=60), tmp_path / "digit.png")
    assert main(["predict", reader, path]) == 0
    assert "  not sure  " in capsys.readouterr().out


def test_one_that_cannot_be_read_does_not_cost_the_others(
    reader: str, tmp_path: Path, capsys
) -> None:
    good = saved(on_page(paper=180, ink=60), tmp_path / "good.png")
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "folder.png").mkdir()
    bad = [str(tmp_path / name) for name in ("cut.png", "folder.png", "none.png")]
    assert main(["predict", reader, good, *bad]) == 2
    captured = capsys.readouterr()
    assert good in captured.out and "█" in captured.out
    assert [line.split(": ")[1] for line in captured.err.splitlines()] == bad


def test_every_cut_of_a_picture_names_the_file(tmp_path: Path) -> None:
    page = on_page(paper=180, ink=60)
    for kind in ("png", "jpg", "gif", "bmp", "tif", "webp"):
        whole = Path(saved(page, tmp_path / f"whole.{kind}")).read_bytes()
        path = tmp_path / f"cut.{kind}"
        for cut in range(0, len(whole), max(1, len(whole) // 8)):
            path.write_bytes(whole[:cut])
            said = f"{path}: "
            try:
                read_picture(str(path))
            except UsageError as error:
                said = str(error)
            assert said.startswith(f"{path}: ") and "\n" not in said


def test_what_the_model_saw_is_drawn(reader: str, tmp_path: Path, capsys) -> None:
    path = saved(on_page(paper=180, ink=60), tmp_path / "digit.png")
    assert main(["predict", reader, path]) == 0
    table, _, drawn = capsys.readouterr().out.partition(f"\n\n{path}: ")
    answer = table.splitlines()[1].split()[1]
    assert answer == str(DATA.test_labels[500])
    assert 9 <= len([line for line in drawn.splitlines()[1:] if line[:28].strip()]) <= 14


LARGE = 2592  # pixels of a side


def test_a_picture_that_is_too_large_for_pillow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow refuses it as a bomb, and warns of half of it; nothing of it is needed in full."""
    large = np.full((LARGE, LARGE), 200, np.uint8)
    large[400:2192, 400:2192] -= (DIGIT // 2).repeat(64, 0).repeat(64, 1)
    path = saved(large, tmp_path / "large.png", compress_level=1)
    for bound in (LARGE**2 // 3, LARGE**2 * 2 // 3):  # Pillow's own is 89 million
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", bound)
        assert likeness(read_picture(path)) > 0.8
        assert bound == Image.MAX_IMAGE_PIXELS


def test_a_picture_larger_than_memory_is_refused_unread(tmp_path: Path) -> None:
    header = b"BM" + bytes(8) + (54).to_bytes(4, "little") + (40).to_bytes(4, "little")
    header += (60_000).to_bytes(4, "little") * 2 + b"\1\0\x18\0" + bytes(24)
    (tmp_path / "huge.bmp").write_bytes(header)
    with pytest.raises(UsageError, match=r"huge\.bmp: 60,000 x 60,000 pixels; scale it down"):
        read_picture(str(tmp_path / "huge.bmp"))


def test_photos_are_read_as_the_images_are(
    reader: str, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The benchmark itself, on a few."""
    monkeypatch.setattr(sys, "argv", ["pictures", reader, "--data=embedded", "--pictures=12"])
    pictures.main()
    out = capsys.readouterr().out
    assert float(out.splitlines()[-1].split("%")[0]) >= 90, out
