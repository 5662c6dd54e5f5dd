"""kl_divergence and register_kl, with all pairs of the package registered."""

from tinygrad_mnist.distributions import kl_cross as kl_cross  # registers its pairs
from tinygrad_mnist.distributions import kl_same as kl_same  # as well
from tinygrad_mnist.distributions.kl_registry import kl_divergence, register_kl

__all__ = ["kl_divergence", "register_kl"]
