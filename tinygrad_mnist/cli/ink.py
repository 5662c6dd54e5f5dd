"""Find the ink of the one digit in a picture, whatever the paper, light and pen.

All of it is arithmetic on arrays. The paper is a smooth surface, and ink is whatever differs from
the paper, whichever of the two is darker. The picture is read twice: as a whole, to find the digit,
then closely, with the paper around the digit.
"""

from __future__ import annotations

import contextlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

SIDE, BOX = 28, 20  # of an image, and of the digit in it, as MNIST has them
FAR, NEAR = 256, 192  # pixels of the longer side: of the whole picture, of the close view
TILTS = (0, -5, 5, -10, 10, -15, 15)  # degrees
FINE = 8  # pixels of a mask per pixel of the image
THIN, THICK, USUAL = 1.5, 2.3, 1.85  # widths of MNIST's strokes, in pixels of the image


class NoDigit(ValueError):
    """The picture does not show exactly one digit; the message names the reason."""


def views_of(picture: Any, tilts: tuple[float, ...] = TILTS) -> NDArray[np.uint8]:
    """Find the one digit of a picture (a PIL image, L or RGB); return it in MNIST's form.

    White on black, (tilts, 28, 28), turned by each tilt in degrees; the ink is scaled into a box of
    20x20 and its centre of mass put in the middle (http://yann.lecun.com/exdb/mnist/), and strokes
    are as wide as MNIST's. Raises NoDigit.
    """
    from PIL import Image

    strokes = Image.fromarray(strokes_of(picture)).convert("L")
    room = _padded(strokes, max(strokes.size) // 4)  # turning cuts nothing off
    turned = (room.rotate(tilt, Image.Resampling.BICUBIC) for tilt in tilts)
    return np.stack([as_mnist(np.asarray(each) > 127) for each in turned])


def strokes_of(picture: Any) -> Mask:
    """Find the strokes of the one digit of a picture, seen closely. Raises NoDigit."""
    pieces = _pieces(ink_of(_pixels(picture, FAR)))
    scale = max(picture.size) / FAR
    if _is_sheet(pieces[0]):
        left, top, right, bottom = (round(n * scale) for n in pieces[0].box)
        inset = (right - left) // 16, (bottom - top) // 16
        sheet = left + inset[0], top + inset[1], right - inset[0], bottom - inset[1]
        with contextlib.suppress(NoDigit):
            return strokes_of(picture.crop(sheet))
    _check_one(pieces)
    box = _around([piece.box for piece in pieces], scale, picture.size)
    close = _pixels(picture.crop(box), NEAR)
    mask = np.zeros(close.shape[:2], np.bool_)
    for piece in _pieces(ink_of(close)):
        mask |= piece.mask
    return mask


def _pixels(picture: Any, longer: int) -> Floats:
    """Resize the picture so that its longer side has `longer` pixels: (rows, columns, channels)."""
    from PIL import Image

    scale = longer / max(picture.size)
    size = [max(4, round(n * scale)) for n in picture.size]
    way = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    pixels = np.asarray(picture.resize(size, way), np.float32)
    return pixels.reshape(*pixels.shape[:2], -1)


# Ink is what differs from the paper


def ink_of(pixels: Floats) -> Mask:
    """Return the mask of the ink. Raises NoDigit when the whole picture has one shade."""
    soft = _blurred(pixels, 0.8)
    paper = _paper(soft)
    difference = _along_strongest(soft - paper)
    noise = 1.4826 * np.median(np.abs(difference - np.median(difference)))
    floor = max(5 * noise, 12.0)
    beyond = difference > floor
    if beyond.sum() < 12:
        uniform = "all of it is of one shade"
        raise NoDigit(f"there is no digit: {'nothing stands out' if noise > 4 else uniform}")
    full = np.percentile(difference[beyond], 75)
    ink: Mask = difference > max(0.5 * full, floor)
    return ink


def _paper(pixels: Floats) -> Floats:
    """Return the shade of the blank paper at each pixel: a surface that most pixels agree on.

    The start is a plane through three pixels, the best of many such planes; from there a surface
    of second degree is fitted, in which pixels near the surface have more weight.
    """
    rows, columns, channels = pixels.shape
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1).astype(np.float32)
    terms, shades = terms.reshape(-1, 6), pixels.reshape(-1, channels)
    sample, wanted = terms[::7], shades[::7]  # as many as a surface needs
    fit = np.zeros((6, channels), np.float32)
    fit[:3] = _agreed_plane(sample[:, :3], wanted)
    for _ in range(8):
        away = np.abs(wanted - sample @ fit).max(1)
        spread = 1.4826 * float(np.median(away))
        weights = (1 / (1 + (away / (2 * max(spread, 2.0))) ** 4)).astype(np.float32)
        weighted = sample * weights[:, None]
        fit = np.linalg.lstsq(weighted.T @ sample, weighted.T @ wanted, rcond=None)[0]
    return (terms @ fit).reshape(pixels.shape)


def _agreed_plane(terms: Floats, shades: Floats) -> Floats:
    """Return, of 300 planes through three pixels each, the one nearest to half of all pixels."""
    rng = np.random.default_rng(0)
    sample = rng.integers(0, len(terms), 1500)
    seen, wanted = terms[sample], shades[sample]
    threes = rng.integers(0, len(terms), (300, 3))
    threes = threes[np.linalg.det(terms[threes]) != 0]  # without three pixels in a line
    if not len(threes):
        return np.outer([1.0, 0.0, 0.0], np.median(wanted, 0)).astype(np.float32)
    planes = np.linalg.solve(terms[threes], shades[threes])
    first = _typical_distance(planes, seen[::5], wanted[::5])  # sorts out the hopeless ones
    planes = planes[np.argsort(first, kind="stable")[:60]]
    best = _typical_distance(planes, seen, wanted).argmin()
    return np.asarray(planes[best], np.float32)


def _typical_distance(planes: NDArray[Any], seen: Floats, wanted: Floats) -> Floats:
    """Return, for each plane, the distance that half of the pixels seen do not exceed."""
    away = np.zeros((len(planes), len(seen)), np.float32)
    for shade, (level, across, down) in zip(wanted.T, planes.T[..., None], strict=True):
        fitted = across * seen[:, 1] + down * seen[:, 2] + level
        np.maximum(away, np.abs(fitted - shade), out=away)
    middle: Floats = np.partition(away, len(seen) // 2)[:, len(seen) // 2]
    return middle


def _along_strongest(difference: Floats) -> Floats:
    """Project the difference from the paper on the colour in which the ink differs most."""
    size = np.linalg.norm(difference, axis=2)
    strong = difference[size >= np.percentile(size, 98)]
    direction = strong.mean(0)
    length = np.linalg.norm(direction)
    if length < 1e-6:
        return np.zeros(size.shape, np.float32)
    along: Floats = difference @ (direction / length)
    return along


def _blurred(pixels: Floats, radius: float) -> Floats:
    from PIL import Image, ImageFilter

    blur = ImageFilter.GaussianBlur(radius)
    planes = [
        np.asarray(Image.fromarray(plane).filter(blur))
        for plane in np.clip(pixels, 0, 255).astype(np.uint8).transpose(2, 0, 1)
    ]
    return np.stack(planes, -1).astype(np.float32)


# Connected pieces


class Piece(NamedTuple):
    """A connected piece of ink: its mask, its box (left, top, right, bottom) and its area."""

    mask: Mask
    box: tuple[int, int, int, int]
    area: int

    @property
    def height(self) -> int:
        return self.box[3] - self.box[1]


def labelled(mask: Mask) -> tuple[NDArray[np.int32], int]:
    """Number the connected pieces of a mask from 1 (corners connect); 0 is outside.

    >>> labelled(np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0], [1, 1, 0]], bool))[0].tolist()
    [[1, 0, 1], [0, 1, 0], [0, 0, 0], [2, 2, 0]]
    """
    padded = np.pad(mask, ((0, 0), (1, 1))).astype(np.int8)
    step = np.diff(padded, axis=1)
    rows, starts = np.nonzero(step == 1)
    ends = np.nonzero(step == -1)[1]
    parent = list(range(len(rows)))

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    first = np.searchsorted(rows, np.arange(mask.shape[0] + 1))
    for row in range(1, mask.shape[0]):
        above, end = int(first[row - 1]), int(first[row])
        for k in range(end, int(first[row + 1])):
            while above < end and ends[above] < starts[k]:
                above += 1
            j = above
            while j < end and starts[j] <= ends[k]:
                parent[root(j)] = root(k)
                j += 1
    roots = [root(k) for k in range(len(rows))]
    number = {r: n for n, r in enumerate(dict.fromkeys(roots), 1)}
    labels = np.zeros(mask.shape, np.int32)
    for k, r in enumerate(roots):
        labels[rows[k], starts[k] : ends[k]] = number[r]
    return labels, len(number)


def _pieces(mask: Mask) -> list[Piece]:
    """Return the pieces of the digit, the largest first, without paper edges, shadows and specks.

    Strokes of a thin pen count as connected across a gap of two pixels.
    """
    labels, count = labelled(_grown(mask))
    labels *= mask
    areas = np.bincount(labels.reshape(-1), minlength=count + 1)
    areas[0] = 0
    pieces = []
    for k in np.argsort(-areas)[:30]:
        if areas[k] < 8:
            break
        piece = labels == k
        ys, xs = np.flatnonzero(piece.any(1)), np.flatnonzero(piece.any(0))
        box = int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1
        pieces.append(Piece(piece, box, int(areas[k])))
    if not pieces:
        raise NoDigit("there is no digit: nothing in it is large enough")
    pieces = _without_surroundings(pieces)
    main = pieces[0]
    reach = 0.3 * max(main.height, main.box[2] - main.box[0])
    near = [p for p in pieces if _gap(p, main) < reach or p.height > 0.5 * main.height]
    return [p for p in near if p.area > 0.02 * main.area]


def _without_surroundings(pieces: list[Piece]) -> list[Piece]:
    """Drop the pieces that surround the digit: a table's edge, a frame, a shadow."""
    inside = [piece for piece in pieces if not _surrounds(piece)]
    return inside if inside and inside[0].height > 0.06 * inside[0].mask.shape[0] else pieces


def _surrounds(piece: Piece) -> bool:
    """Tell whether a piece lies in two corners of the picture, or along all sides of its box."""
    corners = sum(bool(piece.mask[y, x]) for y in (0, -1) for x in (0, -1))
    left, top, right, bottom = piece.box
    own = piece.mask[top:bottom, left:right]
    rows, columns = max(1, own.shape[0] // 7), max(1, own.shape[1] // 7)
    along = own[:rows].any(0), own[-rows:].any(0), own[:, :columns].any(1), own[:, -columns:].any(1)
    return corners >= 2 or min(float(side.mean()) for side in along) > 0.9


def _is_sheet(piece: Piece) -> bool:
    """Tell whether a piece fills a large box, as a sheet of paper on a darker table does."""
    left, top, right, bottom = piece.box
    size = (right - left) * (bottom - top)
    return piece.area > 0.75 * size and size > 0.15 * piece.mask.size


def _gap(one: Piece, other: Piece) -> float:
    """Return the distance between two boxes."""
    across = max(one.box[0] - other.box[2], other.box[0] - one.box[2], 0)
    down = max(one.box[1] - other.box[3], other.box[1] - one.box[3], 0)
    return float(np.hypot(across, down))


def _check_one(pieces: list[Piece]) -> None:
    """Raise NoDigit for several digits side by side."""
    tall = max(piece.height for piece in pieces)
    ends, count = -np.inf, 0
    for piece in sorted(pieces, key=lambda piece: piece.box[0]):
        if piece.height < 0.5 * tall:
            continue
        if piece.box[0] > ends + 0.1 * tall:
            count += 1
        ends = max(ends, float(piece.box[2]))
    if count > 1:
        raise NoDigit(f"there are {count} digits or more: crop the picture to one")


def _around(
    boxes: list[tuple[int, int, int, int]], scale: float, size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Return the box around all boxes, with a margin, in the picture's own pixels."""
    left, top = min(b[0] for b in boxes), min(b[1] for b in boxes)
    right, bottom = max(b[2] for b in boxes), max(b[3] for b in boxes)
    margin = 0.25 * max(right - left, bottom - top)
    return (
        max(0, int((left - margin) * scale)),
        max(0, int((top - margin) * scale)),
        min(size[0], int((right + margin) * scale) + 1),
        min(size[1], int((bottom + margin) * scale) + 1),
    )


# As MNIST's digits were made


def as_mnist(mask: Mask) -> NDArray[np.uint8]:
    """Return a digit's mask as a 28x28 image: in a box of 20x20, its centre of mass centred."""
    from PIL import Image

    ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    mask = mask[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]  # gaps between its pieces stay
    large = Image.fromarray((mask * 255).astype(np.uint8))
    large = _with_usual_strokes(_fitted(large, BOX * FINE))
    digit = np.asarray(_fitted(large.crop(large.getbbox()), BOX), np.int64)  # sums are exact
    sums = [(np.arange(n) * digit.sum(1 - axis)).sum() for axis, n in enumerate(digit.shape)]
    centre = [each / digit.sum() for each in sums]
    top, left = (
        int(np.clip(round(SIDE / 2 - c), 0, SIDE - n))
        for c, n in zip(centre, digit.shape, strict=True)
    )
    image = np.zeros((SIDE, SIDE), np.uint8)
    image[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return image


def _fitted(picture: Any, longer: int) -> Any:
    from PIL import Image

    scale = longer / max(picture.size)
    size = [max(1, round(n * scale)) for n in picture.size]
    return picture.resize(size, Image.Resampling.BILINEAR)


def _with_usual_strokes(large: Any) -> Any:
    """Bring strokes that are thinner or thicker than MNIST's to the usual width."""
    from PIL import Image

    mask = np.asarray(_padded(large, 2 * FINE)) > 127
    width = stroke_width(mask) / FINE
    change = 0 if THIN <= width <= THICK else round((USUAL - width) * FINE / 2)
    for _ in range(abs(change)):
        mask = _grown(mask) if change > 0 else ~_grown(~mask)
    return Image.fromarray(mask).convert("L")


def _grown(mask: Mask) -> Mask:
    """Return the mask of the pixels that touch it, corners included, and of its own.

    >>> _grown(np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], bool)).all()
    np.True_
    """
    wide = mask.copy()
    wide[:, 1:] |= mask[:, :-1]
    wide[:, :-1] |= mask[:, 1:]
    grown = wide.copy()
    grown[1:] |= wide[:-1]
    grown[:-1] |= wide[1:]
    return grown


def _padded(picture: Any, margin: int) -> Any:
    from PIL import Image

    sheet = Image.new("L", [n + 2 * margin for n in picture.size], 0)
    sheet.paste(picture, (margin, margin))
    return sheet


def stroke_width(mask: Mask) -> float:
    """Return the mean width of strokes: twice their area over the length of their outline."""
    area = int(np.count_nonzero(mask))
    inner = mask.size - int(np.count_nonzero(_grown(~mask)))
    return 2 * area / max(area - inner, 1)
