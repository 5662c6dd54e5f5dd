"""gradcheck: compare the gradients of any function, of any library, with numerical ones.

The numerical derivative comes with an estimate of its own error (`numeric.py`), and the tolerance
follows it: a derivative that is wrong by a factor of 1.00001 fails. The steps are in `examine.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tinygrad_mnist.testing.gradients.error import GradcheckError

if TYPE_CHECKING:
    from tinygrad_mnist.testing.gradients.examine import Report
    from tinygrad_mnist.testing.libraries.door import Named

_REVERSE_ONLY = "gradients here are reverse-mode and unbatched: nothing else can be checked"


def gradcheck(
    func: Callable[..., Any] | tuple[Callable[..., Any], Callable[..., Any]],
    inputs: Any,
    *,
    eps: float | None = None,
    atol: float = 0.0,
    rtol: float = 0.0,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
    fast: bool = False,
    library: Named = None,
) -> bool:
    """Check that the gradients of `func(*inputs)` are its derivatives; PyTorch's signature.

    `inputs` is a Tensor or a tuple; those that require grad are checked, in float64 copies. `func`
    may be a Module: then every parameter is checked by name, in a copy. `eps` is the first step of
    the differences; `atol` and `rtol` are added to a tolerance that follows the estimated error
    of the numerical derivative. `fast` (or `fast_mode`) compares along random directions: a few
    calls, however many elements. `check_grad_dtypes` runs in float32 too and fails if something
    turns float64. Each output is also differentiated without the others, so
    `check_undefined_grad` has nothing to add. Points without a derivative, and casts, are logged.

    Tensors of this library, of PyTorch and of MyGrad, and JAX's arrays show which library
    differentiates `func`; for ndarrays alone it is autograd, or the `library` that is named
    ("torch", "jax", "autograd", "mygrad", an Adapter). A pair (f, vjp) or (f, grad) of NumPy
    functions takes ndarrays: `vjp(g, *inputs)` and `grad(*inputs)` return one array for each input.

    Raises GradcheckError (or returns False, unless `raise_exception`), ValueError where nothing
    requires grad or no float comes out, TypeError for inputs of several libraries or of none, and
    NotImplementedError for forward or batched checks.

    >>> import tinygrad_mnist as tg
    >>> x = tg.tensor([0.5, 2.0], dtype=tg.float64, requires_grad=True)
    >>> tg.autograd.gradcheck(lambda x: (x * x).sum(), x)
    True
    >>> import numpy as np
    >>> tg.autograd.gradcheck((np.exp, lambda g, x: g * np.exp(x)), np.array([0.5, 2.0]))
    True
    """
    from tinygrad_mnist.testing.gradients.examine import examine  # not needed to train
    from tinygrad_mnist.testing.gradients.ruler import How

    if check_forward_ad or check_batched_grad or check_batched_forward_grad:
        raise NotImplementedError(_REVERSE_ONLY)
    fast = fast or fast_mode
    how = How(
        eps, atol, rtol, nondet_tol, check_grad_dtypes, fast, brief=True, locate=raise_exception
    )
    return conclude(examine(func, inputs, how, library=library), raise_exception=raise_exception)


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float | None = None,
    atol: float = 0.0,
    rtol: float = 0.0,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
    fast: bool = False,
    library: Named = None,
) -> bool:
    """Check the gradients of the gradients: `gradcheck` of func's own backward.

    `grad_outputs` are the incoming gradients, random numbers of the outputs' shapes unless given;
    the derivative by them is checked as well. Everything else is as for `gradcheck`.

    >>> import tinygrad_mnist as tg
    >>> x = tg.tensor([0.5, 2.0], dtype=tg.float64, requires_grad=True)
    >>> tg.autograd.gradgradcheck(lambda x: x * x * x, x)
    True
    """
    from tinygrad_mnist.testing.gradients.examine import examine
    from tinygrad_mnist.testing.gradients.ruler import How

    if check_fwd_over_rev or check_batched_grad:
        raise NotImplementedError(_REVERSE_ONLY)
    fast = fast or fast_mode
    how = How(
        eps, atol, rtol, nondet_tol, check_grad_dtypes, fast, brief=True, locate=raise_exception
    )
    return conclude(
        examine(func, inputs, how, 2, grad_outputs, library), raise_exception=raise_exception
    )


def conclude(report: Report, *, raise_exception: bool) -> bool:
    """Log kinks and notes; return True, or for failures raise GradcheckError or return False."""
    import logging

    for line in (*report.kinks, *report.notes):
        logging.getLogger("tinygrad_mnist.gradcheck").warning("%s", line)
    if report.failures and raise_exception:
        raise GradcheckError("\n\n".join([*report.failures, *report.notes]))
    return bool(report)
