"""`torchvision.transforms`: from images to Tensors, and a few changes to images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.compat.vision.datasets import picture
from tinygrad_mnist.ops.create import from_numpy, tensor
from tinygrad_mnist.ops.random import rng_of

__all__ = [
    "CenterCrop", "Compose", "ConvertImageDtype", "Grayscale", "Lambda", "Normalize", "PILToTensor",
    "Pad", "RandomApply", "RandomCrop", "RandomHorizontalFlip", "RandomVerticalFlip", "Resize",
    "ToPILImage", "ToTensor",
]  # fmt: skip


def pixels(image: Any) -> Any:
    """Return an image as an array: (H, W), (H, W, C), or (C, H, W) of a Tensor."""
    return image.detach().numpy() if isinstance(image, Tensor) else np.asarray(image)


def in_form_of(array: Any, image: Any) -> Any:
    """Return the array in the form of the original image."""
    array = np.ascontiguousarray(array)
    if isinstance(image, Tensor):
        return from_numpy(array)
    return array if isinstance(image, np.ndarray) else picture(array)


def axes(image: Any) -> tuple[int, int]:
    """Return the axes of height and width."""
    return (-2, -1) if isinstance(image, Tensor) else (0, 1)


def pair(size: Any) -> tuple[int, int]:
    """Return a size, one number or two, as two."""
    return (int(size), int(size)) if np.ndim(size) == 0 else (int(size[0]), int(size[-1]))


class Transform:
    """The base of all transforms, which return a changed image."""

    def __call__(self, image: Any) -> Any:
        """Change the image."""
        raise NotImplementedError

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value}" for name, value in vars(self).items())
        return f"{type(self).__name__}({settings})"


class Compose:
    """One transform after the other.

    >>> image = np.full((2, 2), 255, np.uint8)
    >>> Compose([ToTensor(), Normalize((0.5,), (0.5,))])(image)
    tensor([[[1., 1.],
             [1., 1.]]])
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, image: Any) -> Any:
        """Call each transform on the result of the one before."""
        for transform in self.transforms:
            image = transform(image)
        return image


class PILToTensor(Transform):
    """The image as a Tensor (C, H, W) of its dtype."""

    def __call__(self, image: Any) -> Tensor:
        """Move the channels to the front."""
        array = np.asarray(image)
        array = array[..., None] if array.ndim == 2 else array
        return from_numpy(np.array(array.transpose(2, 0, 1), order="C"))


class ToTensor(PILToTensor):
    """The image as a Tensor (C, H, W); bytes become float32 in [0, 1]."""

    def __call__(self, image: Any) -> Tensor:
        """Move the channels to the front, and scale bytes."""
        raw = super().__call__(image)
        return raw.float().div(255) if raw.dtype == np.uint8 else raw


class Normalize(Transform):
    """(x - mean) / std, for each channel of a float Tensor."""

    def __init__(self, mean: Any, std: Any, inplace: bool = False) -> None:
        self.mean, self.std, self.inplace = mean, std, inplace

    def __call__(self, image: Tensor) -> Tensor:
        """Shift and scale."""
        if image.dtype.kind != "f":
            raise TypeError(f"Input tensor should be a float tensor. Got {image.dtype}.")
        mean, std = (
            tensor(np.asarray(v, image.dtype).reshape(-1, 1, 1)) for v in (self.mean, self.std)
        )
        if (std == 0).any():
            raise ValueError("std evaluated to zero, leading to division by zero.")
        changed = (image - mean) / std
        return image.copy_(changed) if self.inplace else changed


class Lambda(Transform):
    """A function as a transform."""

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        self.lambd = lambd

    def __call__(self, image: Any) -> Any:
        """Call the function."""
        return self.lambd(image)


class ToPILImage(Transform):
    """A Tensor (C, H, W), of bytes or of floats in [0, 1], as an image."""

    def __init__(self, mode: Any = None) -> None:
        self.mode = mode

    def __call__(self, image: Any) -> Any:
        """Move the channels to the end."""
        array = pixels(image)
        if array.dtype.kind == "f":
            array = (array * 255).astype(np.uint8)
        if isinstance(image, Tensor) and array.ndim == 3:
            array = array.transpose(1, 2, 0)
        return picture(array[..., 0] if array.ndim == 3 and array.shape[-1] == 1 else array)


class ConvertImageDtype(Transform):
    """A Tensor of bytes as floats in [0, 1]."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype

    def __call__(self, image: Tensor) -> Tensor:
        """Cast, and scale bytes."""
        scaled = image.to(self.dtype)
        return scaled / 255 if image.dtype == np.uint8 and scaled.dtype.kind == "f" else scaled


class Resize(Transform):
    """The image in another size, by Pillow; one number is the shorter side."""

    def __init__(self, size: Any, interpolation: Any = None, *args: Any, **kw: Any) -> None:
        self.size, self.interpolation = size, interpolation

    def __call__(self, image: Any) -> Any:
        """Resample; Pillow is needed."""
        try:
            from PIL import Image
        except ImportError:
            raise RuntimeError("Resize needs Pillow: pip install 'tinygrad-mnist[cli]'") from None
        original = image
        if not isinstance(image, Image.Image):
            image = ToPILImage()(image)
        width, height = image.size
        if np.ndim(self.size) == 0:
            scale = int(self.size) / min(width, height)
            new = (int(width * scale), int(height * scale))
        else:
            new = pair(self.size)[::-1]
        image = image.resize(new, Image.Resampling.BILINEAR)
        if isinstance(original, Tensor):
            return ToTensor()(image) if original.dtype.kind == "f" else PILToTensor()(image)
        return image if isinstance(original, Image.Image) else np.asarray(image)


class Pad(Transform):
    """`fill` around the image: one width, (sides, top and bottom), or left, top, right, bottom."""

    def __init__(self, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> None:
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def __call__(self, image: Any) -> Any:
        """Put the border around the image."""
        p = [int(v) for v in np.ravel(self.padding)]
        left, top, right, bottom = p * 4 if len(p) == 1 else p * 2 if len(p) == 2 else p
        array, (h, w) = pixels(image), axes(image)
        widths = [(0, 0)] * array.ndim
        widths[h], widths[w] = (top, bottom), (left, right)
        mode: Any = {"constant": "constant", "edge": "edge"}.get(self.padding_mode, "reflect")
        more = {"constant_values": self.fill} if mode == "constant" else {}
        return in_form_of(np.pad(array, widths, mode, **more), image)


class CenterCrop(Transform):
    """The middle of the image."""

    def __init__(self, size: Any) -> None:
        self.size = size

    def corner(self, room: tuple[int, int]) -> tuple[int, int]:
        """Return the corner of the cut, if the window can move `slack` pixels down and across."""
        return round(room[0] / 2), round(room[1] / 2)

    def __call__(self, image: Any) -> Any:
        """Cut the image. Raises ValueError if it is smaller than the window."""
        array, (h, w) = pixels(image), axes(image)
        high, wide = pair(self.size)
        slack = array.shape[h] - high, array.shape[w] - wide
        if min(slack) < 0:
            raise ValueError(f"required crop size {(high, wide)} is larger than the image")
        top, left = self.corner(slack)
        cut = [slice(None)] * array.ndim
        cut[h], cut[w] = slice(top, top + high), slice(left, left + wide)
        return in_form_of(array[tuple(cut)], image)


class RandomCrop(CenterCrop):
    """A window of the image at a random position, after padding."""

    def __init__(self, size: Any, padding: Any = None, *args: Any, **kw: Any) -> None:
        super().__init__(size)
        self.padding = padding

    def corner(self, slack: tuple[int, int]) -> tuple[int, int]:
        """Draw the position at random."""
        top, left = (int(rng_of(None).integers(n + 1)) for n in slack)
        return top, left

    def __call__(self, image: Any) -> Any:
        """Pad and cut."""
        return super().__call__(Pad(self.padding)(image) if self.padding else image)


class RandomHorizontalFlip(Transform):
    """The image mirrored, with probability p."""

    axis = 1

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def __call__(self, image: Any) -> Any:
        """Mirror the image with probability p."""
        if rng_of(None).random() >= self.p:
            return image
        return in_form_of(np.flip(pixels(image), axes(image)[self.axis]), image)


class RandomVerticalFlip(RandomHorizontalFlip):
    """The image upside down, with probability p."""

    axis = 0


class RandomApply(Transform):
    """Several transforms, all or none, with probability p."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]], p: float = 0.5) -> None:
        self.transforms, self.p = transforms, p

    def __call__(self, image: Any) -> Any:
        """Call all transforms, with probability p."""
        return Compose(self.transforms)(image) if rng_of(None).random() < self.p else image


class Grayscale(Transform):
    """One channel of brightness (ITU-R 601-2), or three equal ones."""

    def __init__(self, num_output_channels: int = 1) -> None:
        self.num_output_channels = num_output_channels

    def __call__(self, image: Any) -> Any:
        """Weigh the channels."""
        array = pixels(image)
        weights = np.array([0.299, 0.587, 0.114])
        if isinstance(image, Tensor):
            gray = array if len(array) == 1 else np.tensordot(weights, array, 1)[None]
            gray = np.repeat(gray, self.num_output_channels, 0)
        else:
            gray = array if array.ndim == 2 else array[..., :3] @ weights
            if self.num_output_channels == 3:
                gray = np.stack([gray] * 3, -1)
        return in_form_of(gray.astype(array.dtype), image)


def __getattr__(name: str) -> Any:
    raise AttributeError(
        f"torchvision.transforms has no {name!r} here; use a function of an image, "
        f"or one of {', '.join(__all__)}"
    )
