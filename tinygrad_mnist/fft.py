"""PyTorch's `fft`, as far as results are real: the transforms themselves return complex numbers.

A Tensor holds real numbers, so `fft`, `rfft` and the others are not there. What ends in real
numbers can be written with products of cosines and sines, which are differentiable:

>>> import math
>>> import tinygrad_mnist as tg
>>> x = tg.tensor([1.0, 0.0, 0.0, 0.0], requires_grad=True)
>>> angle = 2 * math.pi * tg.outer(tg.fft.rfftfreq(4), tg.arange(4.0))
>>> (angle.cos() @ x) ** 2 + (angle.sin() @ x) ** 2  # the power spectrum
tensor([1., 1., 1.], grad_fn=<AddBackward0>)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_mnist.lazy import page, refusing

if TYPE_CHECKING:
    from tinygrad_mnist.ops.fft import fftfreq as fftfreq
    from tinygrad_mnist.ops.fft import fftshift as fftshift
    from tinygrad_mnist.ops.fft import ifftshift as ifftshift
    from tinygrad_mnist.ops.fft import rfftfreq as rfftfreq
else:
    __getattr__, __dir__, __all__ = page(
        __name__, {".ops.fft": "fftfreq fftshift ifftshift rfftfreq"}
    )
    _COMPLEX = (
        "works with complex numbers, and a Tensor holds real ones: transform ndarrays with "
        "numpy.fft, or write the transform's real and imaginary part as products with the cosines "
        "and sines of 2 * pi * outer(fft.rfftfreq(n), arange(n))"
    )
    __getattr__ = refusing(
        __getattr__,
        "fft",
        dict.fromkeys(
            [
                "fft",
                "fft2",
                "fftn",
                "hfft",
                "hfft2",
                "hfftn",
                "ifft",
                "ifft2",
                "ifftn",
                "ihfft",
                "ihfft2",
                "ihfftn",
                "irfft",
                "irfft2",
                "irfftn",
                "rfft",
                "rfft2",
                "rfftn",
            ],
            _COMPLEX,
        ),
    )
