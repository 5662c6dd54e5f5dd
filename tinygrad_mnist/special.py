"""Special functions, with derivatives of every order; PyTorch's `special`.

Computed in float64 whatever the dtype, accurate to (nearly) the last digit, and rounded once.

>>> import tinygrad_mnist as tg
>>> x = tg.tensor([0.5, 1.0], requires_grad=True)
>>> tg.special.gammaln(x).sum().backward()
>>> x.grad
tensor([-1.9635, -0.5772])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_mnist.lazy import page, refusing

if TYPE_CHECKING:
    from tinygrad_mnist.ops.special import *  # noqa: F403
else:
    __getattr__, __dir__, __all__ = page(
        __name__,
        {
            ".ops.special": "digamma entr erf erfc erfcx erfinv exp2 expit expm1 gammainc "
            "gammaincc gammaln i0 i0e i1 i1e igamma igammac lgamma log1p log_ndtr log_softmax "
            "logit logsumexp multigammaln mvlgamma ndtr ndtri polygamma psi round sinc softmax "
            "xlog1py xlogy zeta",
        },
    )
    _NONE = "is not there: PyTorch's has no derivative either; scipy.special has it for ndarrays"
    _NAMES = (
        "airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 chebyshev_polynomial_t "
        "chebyshev_polynomial_u chebyshev_polynomial_v chebyshev_polynomial_w "
        "hermite_polynomial_h hermite_polynomial_he laguerre_polynomial_l legendre_polynomial_p "
        "modified_bessel_k0 modified_bessel_k1 scaled_modified_bessel_k0 "
        "scaled_modified_bessel_k1 shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_u "
        "shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w spherical_bessel_j0"
    )
    _SAME = {f"modified_bessel_i{n}": f"is not there; write special.i{n}" for n in (0, 1)}
    __getattr__ = refusing(__getattr__, "special", dict.fromkeys(_NAMES.split(), _NONE) | _SAME)
