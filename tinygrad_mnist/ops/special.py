"""The functions of `tinygrad_mnist.special`: gamma and its relatives, erf's inverses, Bessel's I.

The kernels work in float64 and round once; the derivatives are in the table.
"""

from __future__ import annotations

import math
from typing import Any

from tinygrad_mnist.autograd.tensor import Tensor
from tinygrad_mnist.ops import further, table
from tinygrad_mnist.ops.arguments import composed, floating, named, public
from tinygrad_mnist.ops.create import arange
from tinygrad_mnist.ops.elementwise import erf, erfc, exp2, expm1, log1p, logit, sinc, xlogy
from tinygrad_mnist.ops.elementwise import round as round
from tinygrad_mnist.ops.elementwise import sigmoid as expit
from tinygrad_mnist.ops.reduce import log_softmax as log_softmax
from tinygrad_mnist.ops.reduce import logsumexp, softmax

__all__ = [
    "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1", "gammainc",
    "gammaincc", "gammaln", "i0", "i0e", "i1", "i1e", "igamma", "igammac", "lgamma", "log1p",
    "log_ndtr", "log_softmax", "logit", "logsumexp", "multigammaln", "mvlgamma", "ndtr", "ndtri",
    "polygamma", "psi", "round", "sinc", "softmax", "xlog1py", "xlogy", "zeta",
]  # fmt: skip

lgamma = gammaln = composed(
    "The logarithm of |gamma(input)|.", lambda input: further.lgamma(floating(input))
)
digamma = psi = composed(
    "The derivative of `lgamma`.", lambda input: further.digamma(floating(input))
)
erfcx = composed(
    "exp(input^2) erfc(input), which neither over- nor underflows for large numbers.",
    lambda input: further.erfcx(floating(input)),
)
erfinv = composed("The inverse of `erf`.", lambda input: further.erfinv(floating(input)))
ndtr = composed(
    "The standard normal distribution function.", lambda input: further.ndtr(floating(input))
)
ndtri = composed("The inverse of `ndtr`.", lambda input: further.ndtri(floating(input)))
log_ndtr = composed(
    "The logarithm of `ndtr`, precise far below 0.", lambda input: further.log_ndtr(floating(input))
)
i0 = composed(
    "The modified Bessel function of the first kind, of order 0.",
    lambda input: further.bessel_i(floating(input), n=0),
)
i1 = composed(
    "The modified Bessel function of the first kind, of order 1.",
    lambda input: further.bessel_i(floating(input), n=1),
)
i0e = composed("`i0` times exp(-|input|).", lambda input: further.bessel_ie(floating(input), n=0))
i1e = composed("`i1` times exp(-|input|).", lambda input: further.bessel_ie(floating(input), n=1))
entr = composed(
    "-input log(input), 0 at 0 and -inf below.", lambda input: further.entr(floating(input))
)
xlog1py = composed(
    "input log(1 + other), 0 where input is 0.",
    lambda input, other: further.xlog1py(input, other),
)


def without_derivative(name: str, argument: str, x: Any) -> Any:
    """Return x, which has no derivative here; RuntimeError if it requires grad."""
    if isinstance(x, Tensor) and x.requires_grad:
        raise RuntimeError(
            f"the derivative for '{argument}' of '{name}' is not implemented; detach() it first"
        )
    return x


@public
def zeta(input: Any, other: Any) -> Tensor:
    """Hurwitz's zeta function, the sum of (other + k)^-input over k = 0, 1, ...

    RuntimeError for an input that requires grad: as in PyTorch, only `other` has a derivative.
    """
    return further.zeta(without_derivative("zeta", "self", input), other)


@public
def gammainc(input: Tensor, other: Tensor) -> Tensor:
    """The regularized lower incomplete gamma function of `input`, up to `other`.

    Its derivative by `input`, which PyTorch lacks, cannot be differentiated once more.
    """
    return further.gammainc(input, other)


@public
def gammaincc(input: Tensor, other: Tensor) -> Tensor:
    """1 - `gammainc`, without cancellation."""
    return further.gammaincc(input, other)


igamma, igammac = gammainc, gammaincc


@public
def polygamma(n: int, input: Tensor) -> Tensor:
    """The derivative of order n of `digamma`."""
    if isinstance(n, Tensor):  # x.polygamma(n)
        n, input = int(input), n
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return digamma(input) if n == 0 else further.polygamma(floating(input), n=int(n))


@public
def multigammaln(input: Tensor, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension p."""
    if p < 1:
        raise RuntimeError("mvlgamma: p has to be greater than or equal to 1")
    x = floating(input)
    steps = arange(p, dtype=x.dtype) / -2
    terms = further.lgamma(table.reshape(x, shape=(*x.shape, 1)) + steps)
    return table.sum(terms, axis=(x.ndim,)) + p * (p - 1) / 4 * math.log(math.pi)


mvlgamma = multigammaln

_LAMBDAS = [name for name in __all__ if globals()[name].__name__ == "<lambda>"]
named(globals(), _LAMBDAS)
