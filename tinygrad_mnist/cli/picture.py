"""Turn a picture file into an image like MNIST's: 28x28, white on black, centred."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from tinygrad_mnist.cli.main import UsageError
from tinygrad_mnist.files import open_without_waiting

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 28
LARGEST = 1200  # pixels of the longer side; larger pictures are reduced first
MOST = 300_000_000  # the most pixels that are decoded: they take up to 1.2 GB


def read_picture(path: str) -> NDArray[np.uint8]:
    """Read a picture file as a 28x28 uint8 image, white on black: the first of its views."""
    upright: NDArray[np.uint8] = read_views(path, (0,))[0]
    return upright


def read_views(path: str, tilts: tuple[float, ...] | None = None) -> NDArray[np.uint8]:
    """Read a picture file as uint8 images (N, 28, 28), white on black, upright and a little turned.

    `tilts`, in degrees, are those of ink.py where they are None.
    "-" stands for standard input. Any paper, light and pen: see ink.py. A picture of 28x28 pixels
    on black, or on white, is taken as it is, and is the only view. Raises `UsageError`, naming the
    file, for what cannot be read as a picture of one digit.
    """
    try:
        from PIL import Image
    except ImportError:
        raise UsageError("reading pictures needs pip install 'tinygrad-mnist[cli]'") from None
    from tinygrad_mnist.cli.ink import TILTS, NoDigit, views_of

    picture = _opened(Image, path)
    if picture.size == (SIDE, SIDE):
        ready = _as_it_is(np.asarray(picture.convert("L")))
        if ready is not None:
            return ready[None]
    try:
        return views_of(picture, TILTS if tilts is None else tilts)
    except NoDigit as error:
        raise UsageError(f"{path}: {error}") from None


def _as_it_is(pixels: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return a 28x28 image with a black or a white border as white on black; None for any other.

    Up to four pixels of a frame, as wide as the margin of MNIST's images, become paper.
    """
    if np.ptp(pixels) < 32:
        return None
    border = _ring(pixels, 0)
    frame = next((k for k in range(1, 5) if abs(_ring(pixels, k) - border) > 128), 0)
    paper, inner = _ring(pixels, frame), slice(frame, SIDE - frame)
    if 8 <= paper <= 247:
        return None
    core = pixels[inner, inner]
    return np.pad(core if paper < 8 else 255 - core, frame)


def _ring(pixels: NDArray[np.uint8], depth: int) -> float:
    """Return the median shade of the pixels that are `depth` pixels away from the border."""
    inner = slice(depth, len(pixels) - depth)
    core = pixels[inner, inner]
    return float(np.median(np.concatenate([core[0], core[-1], core[:, 0], core[:, -1]])))


def _opened(image: Any, path: str) -> Any:
    """Open the picture: upright, on opaque paper, in L or RGB, and reduced if it is very large."""
    from PIL import ImageOps, UnidentifiedImageError

    before = image.MAX_IMAGE_PIXELS
    image.MAX_IMAGE_PIXELS = None  # a bound of our own, without a warning at half of it
    try:
        silent = warnings.catch_warnings(action="ignore")  # of damage that does not matter
        with silent, _content(path) as file, image.open(file) as opened:
            if opened.width * opened.height > MOST:
                raise UsageError(
                    f"{path}: {opened.width:,} x {opened.height:,} pixels; scale it down to at "
                    f"most {MOST:,}"
                )
            opened.draft("RGB", (LARGEST, LARGEST))  # JPEG alone can leave details out at once
            picture = ImageOps.exif_transpose(_reduced(_plain(image, opened)))
    except (UsageError, MemoryError, KeyboardInterrupt):
        raise
    except UnidentifiedImageError:
        raise UsageError(f"{path}: no picture that can be read; PNG is best") from None
    except OSError as error:
        if error.filename is not None:
            raise
        raise UsageError(f"{path}: a damaged picture: {error}") from None
    except Exception as error:  # Pillow raises almost anything for damaged files
        raise UsageError(f"{path}: a damaged picture: {error}") from None
    finally:
        image.MAX_IMAGE_PIXELS = before
    return _on_paper(image, picture) if picture.mode == "RGBA" else picture


@contextlib.contextmanager
def _content(path: str) -> Iterator[BinaryIO]:
    """Open a file, or standard input for "-"; what comes through a pipe is read whole.

    Raises UsageError for what is empty, and for a device. Does not wait for a pipe's writer.
    """
    if path == "-":
        yield _whole(sys.stdin.buffer if sys.stdin else io.BytesIO(), "standard input")
        return
    with open(path, "rb", opener=open_without_waiting) as file:
        kind = os.fstat(file.fileno())
        if stat.S_ISREG(kind.st_mode) and kind.st_size:
            yield file
            return
        if not stat.S_ISREG(kind.st_mode) and not stat.S_ISFIFO(kind.st_mode):
            raise UsageError(f"{path}: neither a file nor a pipe")
        if hasattr(os, "set_blocking"):  # from here on, wait for a writer that has opened the pipe
            os.set_blocking(file.fileno(), True)
        yield _whole(file, path)


def _whole(file: BinaryIO, name: str) -> BinaryIO:
    """Read a picture from a pipe. Raises UsageError if it is empty, or a terminal."""
    if file.isatty():
        raise UsageError(f"{name}: a terminal; send a picture through a pipe")
    content = file.read(MOST + 1)
    if not content:
        raise UsageError(f"{name}: empty: 0 bytes")
    if len(content) > MOST:
        raise UsageError(f"{name}: more than {MOST:,} bytes")
    return io.BytesIO(content)


def _plain(image: Any, picture: Any) -> Any:
    """Return the picture in L, RGB or RGBA."""
    mode = picture.mode
    if mode in ("L", "RGB", "RGBA"):
        return picture.convert("RGBA") if "transparency" in picture.info else picture
    if mode == "1":
        return picture.convert("L")
    if mode.startswith(("I", "F")):
        return image.fromarray(_eight_bits(np.asarray(picture)))
    if mode in ("LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        return picture.convert("RGBA")
    return picture.convert("RGB")


def _eight_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale numbers of any range to shades from 0 to 255."""
    values = pixels.astype(np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(values.shape, np.uint8)
    low, high = values[finite].min(), values[finite].max()
    values[~finite] = np.median(values[finite])
    return np.asarray((values - low) * (255 / max(high - low, 1e-300)), np.uint8)


def _reduced(picture: Any) -> Any:
    """Merge pixels of a picture that is very large."""
    factor = max(picture.size) // LARGEST
    if factor < 2:
        return picture
    exif = picture.getexif()
    small = picture.reduce(factor)
    small.getexif().update(exif)
    return small


def _on_paper(image: Any, picture: Any) -> Any:
    """Put a partly transparent picture on paper of a shade that shows its ink."""
    pixels = np.asarray(picture, np.float32)
    alpha = pixels[..., 3] / 255
    if alpha.min() > 0.95:
        return picture.convert("RGB")
    solid = alpha > 0.5
    if not solid.any():
        return image.new("RGB", picture.size, "white")
    grey = picture.convert("RGB").convert("L")
    shades = np.asarray(grey)[solid]
    common = float(np.median(shades))
    # Either paper and ink, with transparent corners; or ink alone
    written = np.percentile(np.abs(shades - common), 97) > 48
    paper = common if written else (0.0 if common > 127 else 255.0)
    shown = pixels[..., :3] * alpha[..., None] + paper * (1 - alpha[..., None])
    return image.fromarray(shown.round().astype(np.uint8))
