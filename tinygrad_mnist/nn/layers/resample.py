"""Layers that resize images, cut them into windows, or trade channels for pixels."""

from __future__ import annotations

from typing import Any

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn.layers.functional import Functional
from tinygrad_mnist.nn.module import Module

__all__ = [
    "ChannelShuffle", "Fold", "PixelShuffle", "PixelUnshuffle", "Unfold", "Upsample",
    "UpsamplingBilinear2d", "UpsamplingNearest2d",
]  # fmt: skip


class Upsample(Module):
    """(n, c, ...) resized to `size`, or by `scale_factor`, in a `mode` of `F.interpolate`.

    >>> import tinygrad_mnist as tg
    >>> tg.nn.Upsample(scale_factor=2)(tg.tensor([[[1.0, 2.0]]]))
    tensor([[[1., 1., 2., 2.]]])
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        if isinstance(scale_factor, tuple):
            scale_factor = tuple(map(float, scale_factor))
        elif scale_factor:
            scale_factor = float(scale_factor)
        self.name = type(self).__name__
        self.size, self.scale_factor, self.mode = size, scale_factor, mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        settings = (self.mode, self.align_corners, self.recompute_scale_factor)
        return F.interpolate(input, self.size, self.scale_factor, *settings)

    def extra_repr(self) -> str:
        scaled = self.scale_factor is not None
        to = f"scale_factor={self.scale_factor!r}" if scaled else f"size={self.size!r}"
        return f"{to}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Images resized by repeating their pixels."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, "nearest")


class UpsamplingBilinear2d(Upsample):
    """Images resized by linear interpolation between their pixels, corners aligned."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, "bilinear", align_corners=True)


class Unfold(Functional, function=F.unfold):
    """The windows of (n, c, h, w) as columns (n, c * kernel elements, windows); see `F.unfold`."""


class Fold(Functional, function=F.fold):
    """The columns of `Unfold`, added up into an image of `output_size`; see `F.fold`."""


class PixelShuffle(Functional, function=F.pixel_shuffle):
    """(n, c r^2, h, w) to (n, c, h r, w r), r being `upscale_factor`; Shi et al., 2016."""


class PixelUnshuffle(Functional, function=F.pixel_unshuffle):
    """`PixelShuffle` undone: (n, c, h r, w r) to (n, c r^2, h, w)."""


class ChannelShuffle(Functional, function=F.channel_shuffle):
    """The channels of `groups` groups dealt out in turn; Zhang et al., 2018."""
