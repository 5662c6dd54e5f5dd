"""`torchvision.utils`: tile many images into one, and write it to a file."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.ops.create import from_numpy


def make_grid(
    tensor: Any, nrow: int = 8, padding: int = 2, normalize: bool = False, value_range: Any = None,
    scale_each: bool = False, pad_value: float = 0.0, **old: Any,
) -> Tensor:  # fmt: skip
    """Tile images (n, C, H, W), or a list of (C, H, W), in rows of `nrow`: (3, H', W').

    `normalize` moves them into [0, 1], all by one range or `scale_each` by its own. One channel
    becomes three.

    >>> import tinygrad_mnist as tg
    >>> make_grid(tg.zeros(5, 1, 28, 28), nrow=3).shape
    torch.Size([3, 62, 92])
    """
    images = [np.asarray(pixels) for pixels in _image_arrays(tensor)]
    batch = np.stack([image[None] if image.ndim == 2 else image for image in images])
    batch = np.repeat(batch, 3, 1) if batch.shape[1] == 1 else batch
    if normalize:
        batch = np.stack([_scaled(image, batch, value_range, scale_each) for image in batch])
    n, channels, high, wide = batch.shape
    if n == 1:
        return from_numpy(batch[0])
    across = min(nrow, n)
    down = -(-n // across)
    size = down * (high + padding) + padding, across * (wide + padding) + padding
    grid = np.full((channels, *size), pad_value, batch.dtype)
    for i, image in enumerate(batch):
        top = padding + i // across * (high + padding)
        left = padding + i % across * (wide + padding)
        grid[:, top : top + high, left : left + wide] = image
    return from_numpy(grid)


def _image_arrays(tensor: Any) -> list[Any]:
    """Return the images as arrays (C, H, W) or (H, W)."""
    if not isinstance(tensor, Tensor):
        return [image.detach().numpy() for image in tensor]
    array = tensor.detach().numpy()
    return list(array) if array.ndim == 4 else [array]


def _scaled(image: Any, batch: Any, value_range: Any, scale_each: bool) -> Any:
    of = image if scale_each else batch
    low, high = value_range or (of.min(), of.max())
    scaled = (np.clip(image, low, high) - low) / max(high - low, 1e-5)
    return scaled.astype(batch.dtype, copy=False)


def save_image(tensor: Any, fp: Any, format: str | None = None, **kw: Any) -> None:
    """Write a `make_grid` of images with values in [0, 1] as a picture; needs Pillow."""
    try:
        from PIL import Image
    except ImportError:
        raise RuntimeError("save_image needs Pillow: pip install 'tinygrad-mnist[cli]'") from None
    grid = make_grid(tensor, **kw).numpy()
    values = np.clip(grid * 255 + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0)
    Image.fromarray(values).save(fp, format=format)
