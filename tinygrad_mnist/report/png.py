"""Write small PNG files without a library: shades of grey, or colours of a palette."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def data_uri(pixels: Pixels, palette: NDArray[np.uint8] | None = None) -> str:
    """Write pixels (rows, columns) of uint8 as a PNG in a data: address.

    The pixels are shades of grey, or indices into a palette (at most 256, 3) of red, green, blue.

    >>> data_uri(np.zeros((2, 2), np.uint8))[:30]
    'data:image/png;base64,iVBORw0K'
    """
    rows, columns = pixels.shape
    lines = np.zeros((rows, columns + 1), np.uint8)  # each line begins with its filter: none
    lines[:, 1:] = pixels
    # Repeats of one value are all there is to find in digits and in weights: searching for longer
    # patterns takes 40 times as long, and makes the file no smaller.
    deflate = zlib.compressobj(strategy=zlib.Z_RLE)
    kind = 0 if palette is None else 3
    parts = [
        b"\x89PNG\r\n\x1a\n",
        _chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, kind, 0, 0, 0)),
        b"" if palette is None else _chunk(b"PLTE", palette.astype(np.uint8).tobytes()),
        _chunk(b"IDAT", deflate.compress(lines.tobytes()) + deflate.flush()),
        _chunk(b"IEND", b""),
    ]
    return "data:image/png;base64," + base64.b64encode(b"".join(parts)).decode("ascii")


def sheet(images: NDArray[Any], columns: int, fill: int = 0, gap: int = 0) -> Pixels:
    """Lay images (N, height, width) out in a grid, `gap` pixels of `fill` between them.

    >>> sheet(np.ones((3, 2, 2), np.uint8), columns=2).shape
    (4, 4)
    """
    count, height, width = images.shape
    columns = max(1, min(columns, count))
    rows = max(1, -(-count // columns))
    pixels = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), fill, np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        pixels[top : top + height, left : left + width] = image
    return pixels


def _chunk(name: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )
