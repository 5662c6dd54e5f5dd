"""Transforms of Tensors, with their inverses and the logarithms of their slopes.

`base.py` has Transform, inverses and compositions; `elementwise.py` functions of one number,
`vectors.py` those of vectors and matrices, `joined.py` several transforms side by side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_mnist.lazy import page

if TYPE_CHECKING:
    from tinygrad_mnist.distributions.transforms.base import ComposeTransform as ComposeTransform
    from tinygrad_mnist.distributions.transforms.base import (
        IndependentTransform as IndependentTransform,
    )
    from tinygrad_mnist.distributions.transforms.base import ReshapeTransform as ReshapeTransform
    from tinygrad_mnist.distributions.transforms.base import Transform as Transform
    from tinygrad_mnist.distributions.transforms.base import (
        identity_transform as identity_transform,
    )
    from tinygrad_mnist.distributions.transforms.elementwise import AbsTransform as AbsTransform
    from tinygrad_mnist.distributions.transforms.elementwise import (
        AffineTransform as AffineTransform,
    )
    from tinygrad_mnist.distributions.transforms.elementwise import (
        CumulativeDistributionTransform as CumulativeDistributionTransform,
    )
    from tinygrad_mnist.distributions.transforms.elementwise import ExpTransform as ExpTransform
    from tinygrad_mnist.distributions.transforms.elementwise import PowerTransform as PowerTransform
    from tinygrad_mnist.distributions.transforms.elementwise import (
        SigmoidTransform as SigmoidTransform,
    )
    from tinygrad_mnist.distributions.transforms.elementwise import (
        SoftplusTransform as SoftplusTransform,
    )
    from tinygrad_mnist.distributions.transforms.elementwise import TanhTransform as TanhTransform
    from tinygrad_mnist.distributions.transforms.joined import CatTransform as CatTransform
    from tinygrad_mnist.distributions.transforms.joined import StackTransform as StackTransform
    from tinygrad_mnist.distributions.transforms.vectors import (
        CorrCholeskyTransform as CorrCholeskyTransform,
    )
    from tinygrad_mnist.distributions.transforms.vectors import (
        LowerCholeskyTransform as LowerCholeskyTransform,
    )
    from tinygrad_mnist.distributions.transforms.vectors import (
        PositiveDefiniteTransform as PositiveDefiniteTransform,
    )
    from tinygrad_mnist.distributions.transforms.vectors import SoftmaxTransform as SoftmaxTransform
    from tinygrad_mnist.distributions.transforms.vectors import (
        StickBreakingTransform as StickBreakingTransform,
    )
else:
    __getattr__, __dir__, __all__ = page(
        __name__,
        {
            "base": "ComposeTransform IndependentTransform ReshapeTransform Transform "
            "identity_transform",
            "elementwise": "AbsTransform AffineTransform CumulativeDistributionTransform "
            "ExpTransform PowerTransform SigmoidTransform SoftplusTransform TanhTransform",
            "joined": "CatTransform StackTransform",
            "vectors": "CorrCholeskyTransform LowerCholeskyTransform PositiveDefiniteTransform "
            "SoftmaxTransform StickBreakingTransform",
        },
    )
