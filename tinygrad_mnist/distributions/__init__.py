"""Probability distributions; PyTorch's `distributions`.

`distribution.py` has their common base; each family has a file: `location_scale.py`, `gamma.py`,
`simplex.py`, `discrete.py`, `categorical.py`, `relaxed.py`, `multivariate.py`, `matrices.py`.
`composed.py` builds distributions from others and from `transforms/`, as `pushed.py` does.
`constraints.py` has the regions of values, `registry.py` the transforms to these, `kl.py` the
divergence of two distributions.

>>> import tinygrad_mnist as tg
>>> mean = tg.zeros(2, requires_grad=True)
>>> normal = tg.distributions.Normal(mean, tg.ones(2))
>>> normal.log_prob(tg.tensor([1.0, 2.0])).sum().backward()
>>> mean.grad
tensor([1., 2.])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_mnist.lazy import page

if TYPE_CHECKING:
    from tinygrad_mnist.distributions import constraints as constraints
    from tinygrad_mnist.distributions import transforms as transforms
    from tinygrad_mnist.distributions.categorical import Categorical as Categorical
    from tinygrad_mnist.distributions.categorical import Multinomial as Multinomial
    from tinygrad_mnist.distributions.categorical import OneHotCategorical as OneHotCategorical
    from tinygrad_mnist.distributions.categorical import (
        OneHotCategoricalStraightThrough as OneHotCategoricalStraightThrough,
    )
    from tinygrad_mnist.distributions.composed import Independent as Independent
    from tinygrad_mnist.distributions.composed import MixtureSameFamily as MixtureSameFamily
    from tinygrad_mnist.distributions.composed import (
        TransformedDistribution as TransformedDistribution,
    )
    from tinygrad_mnist.distributions.discrete import Bernoulli as Bernoulli
    from tinygrad_mnist.distributions.discrete import Binomial as Binomial
    from tinygrad_mnist.distributions.discrete import Geometric as Geometric
    from tinygrad_mnist.distributions.discrete import NegativeBinomial as NegativeBinomial
    from tinygrad_mnist.distributions.discrete import Poisson as Poisson
    from tinygrad_mnist.distributions.distribution import Distribution as Distribution
    from tinygrad_mnist.distributions.distribution import ExponentialFamily as ExponentialFamily
    from tinygrad_mnist.distributions.gamma import Chi2 as Chi2
    from tinygrad_mnist.distributions.gamma import Exponential as Exponential
    from tinygrad_mnist.distributions.gamma import FisherSnedecor as FisherSnedecor
    from tinygrad_mnist.distributions.gamma import Gamma as Gamma
    from tinygrad_mnist.distributions.kl import kl_divergence as kl_divergence
    from tinygrad_mnist.distributions.kl import register_kl as register_kl
    from tinygrad_mnist.distributions.location_scale import Cauchy as Cauchy
    from tinygrad_mnist.distributions.location_scale import GeneralizedPareto as GeneralizedPareto
    from tinygrad_mnist.distributions.location_scale import Laplace as Laplace
    from tinygrad_mnist.distributions.location_scale import Normal as Normal
    from tinygrad_mnist.distributions.location_scale import StudentT as StudentT
    from tinygrad_mnist.distributions.location_scale import Uniform as Uniform
    from tinygrad_mnist.distributions.location_scale import VonMises as VonMises
    from tinygrad_mnist.distributions.matrices import LKJCholesky as LKJCholesky
    from tinygrad_mnist.distributions.matrices import Wishart as Wishart
    from tinygrad_mnist.distributions.multivariate import (
        LowRankMultivariateNormal as LowRankMultivariateNormal,
    )
    from tinygrad_mnist.distributions.multivariate import MultivariateNormal as MultivariateNormal
    from tinygrad_mnist.distributions.pushed import Gumbel as Gumbel
    from tinygrad_mnist.distributions.pushed import HalfCauchy as HalfCauchy
    from tinygrad_mnist.distributions.pushed import HalfNormal as HalfNormal
    from tinygrad_mnist.distributions.pushed import InverseGamma as InverseGamma
    from tinygrad_mnist.distributions.pushed import Kumaraswamy as Kumaraswamy
    from tinygrad_mnist.distributions.pushed import LogisticNormal as LogisticNormal
    from tinygrad_mnist.distributions.pushed import LogNormal as LogNormal
    from tinygrad_mnist.distributions.pushed import Pareto as Pareto
    from tinygrad_mnist.distributions.pushed import Weibull as Weibull
    from tinygrad_mnist.distributions.registry import biject_to as biject_to
    from tinygrad_mnist.distributions.registry import transform_to as transform_to
    from tinygrad_mnist.distributions.relaxed import LogitRelaxedBernoulli as LogitRelaxedBernoulli
    from tinygrad_mnist.distributions.relaxed import RelaxedBernoulli as RelaxedBernoulli
    from tinygrad_mnist.distributions.relaxed import (
        RelaxedOneHotCategorical as RelaxedOneHotCategorical,
    )
    from tinygrad_mnist.distributions.simplex import Beta as Beta
    from tinygrad_mnist.distributions.simplex import ContinuousBernoulli as ContinuousBernoulli
    from tinygrad_mnist.distributions.simplex import Dirichlet as Dirichlet
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
            "": "constraints transforms",
            "categorical": "Categorical Multinomial OneHotCategorical "
            "OneHotCategoricalStraightThrough",
            "composed": "Independent MixtureSameFamily TransformedDistribution",
            "discrete": "Bernoulli Binomial Geometric NegativeBinomial Poisson",
            "distribution": "Distribution ExponentialFamily",
            "gamma": "Chi2 Exponential FisherSnedecor Gamma",
            "kl": "kl_divergence register_kl",
            "location_scale": "Cauchy GeneralizedPareto Laplace Normal StudentT Uniform VonMises",
            "matrices": "LKJCholesky Wishart",
            "multivariate": "LowRankMultivariateNormal MultivariateNormal",
            "pushed": "Gumbel HalfCauchy HalfNormal InverseGamma Kumaraswamy LogNormal "
            "LogisticNormal Pareto Weibull",
            "registry": "biject_to transform_to",
            "relaxed": "LogitRelaxedBernoulli RelaxedBernoulli RelaxedOneHotCategorical",
            "simplex": "Beta ContinuousBernoulli Dirichlet",
            "transforms.base": "ComposeTransform IndependentTransform ReshapeTransform "
            "Transform identity_transform",
            "transforms.elementwise": "AbsTransform AffineTransform "
            "CumulativeDistributionTransform ExpTransform PowerTransform SigmoidTransform "
            "SoftplusTransform TanhTransform",
            "transforms.joined": "CatTransform StackTransform",
            "transforms.vectors": "CorrCholeskyTransform LowerCholeskyTransform "
            "PositiveDefiniteTransform SoftmaxTransform "
            "StickBreakingTransform",
        },
    )
