"""Every distribution beside PyTorch's: densities, moments, divergences, gradients, and samples."""

from __future__ import annotations

import importlib.util
import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch not installed"),
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.slow,
]
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _doubles() -> Any:
    """Numbers are float64: PyTorch's GeneralizedPareto compares its parameters with such."""
    import torch

    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def positive(*shape: int) -> np.ndarray:
    return RNG.uniform(0.5, 3.0, shape)


def real(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape)


def chances(*shape: int) -> np.ndarray:
    return RNG.uniform(0.1, 0.9, shape)


def simplex(*shape: int) -> np.ndarray:
    x = RNG.uniform(0.1, 1.0, shape)
    return x / x.sum(-1, keepdims=True)


def covariance(*shape: int) -> np.ndarray:
    x = RNG.normal(size=shape)
    return x @ x.mT + np.eye(shape[-1])


# How each is made, in either library: its class, arguments by name, and settings that are no Tensor
MADE: dict[str, tuple[str, dict[str, Any]]] = {
    "Normal": ("Normal", {"loc": real(3, 2), "scale": positive(2)}),
    "Cauchy": ("Cauchy", {"loc": real(2), "scale": positive(2)}),
    "Laplace": ("Laplace", {"loc": real(2), "scale": positive(2)}),
    "Uniform": ("Uniform", {"low": -positive(2), "high": positive(2)}),
    "StudentT": (
        "StudentT", {"df": np.array([0.7, 1.5, 5.0]), "loc": real(3), "scale": positive(3)}),
    "GeneralizedPareto": (
        "GeneralizedPareto",
        {"loc": real(4), "scale": positive(4), "concentration": np.array([-0.4, 0.0, 0.3, 0.8])}),
    "Wishart": ("Wishart", {"df": positive() + 3, "covariance_matrix": covariance(3, 3)}),
    "Wishart by its factor": (
        "Wishart", {"df": 5.5, "scale_tril": np.tril(real(3, 3), -1) + np.diag(positive(3))}),
    "LKJCholesky": ("LKJCholesky", {"dim": 3, "concentration": positive(2)}),
    "VonMises": ("VonMises", {"loc": real(2), "concentration": positive(2)}),
    "Exponential": ("Exponential", {"rate": positive(2)}),
    "Gamma": ("Gamma", {"concentration": positive(3), "rate": positive(3)}),
    "Chi2": ("Chi2", {"df": positive(3)}),
    "FisherSnedecor": ("FisherSnedecor", {"df1": positive(2), "df2": np.array([1.0, 9.0])}),
    "Beta": ("Beta", {"concentration1": positive(4), "concentration0": positive(4)}),
    "Dirichlet": ("Dirichlet", {"concentration": positive(2, 3)}),
    "ContinuousBernoulli": ("ContinuousBernoulli", {"probs": np.array([0.2, 0.5, 0.9])}),
    "LogNormal": ("LogNormal", {"loc": real(2), "scale": positive(2)}),
    "HalfNormal": ("HalfNormal", {"scale": positive(2)}),
    "HalfCauchy": ("HalfCauchy", {"scale": positive(2)}),
    "Gumbel": ("Gumbel", {"loc": real(2), "scale": positive(2)}),
    "Weibull": ("Weibull", {"scale": positive(2), "concentration": positive(2) + 1}),
    "Pareto": ("Pareto", {"scale": positive(2), "alpha": positive(2)}),
    "InverseGamma": ("InverseGamma", {"concentration": positive(3), "rate": positive(3)}),
    "Kumaraswamy": ("Kumaraswamy", {"concentration1": positive(2), "concentration0": positive(2)}),
    "LogisticNormal": ("LogisticNormal", {"loc": real(2, 3), "scale": positive(2, 3)}),
    "Bernoulli": ("Bernoulli", {"probs": chances(3)}),
    "Bernoulli of logits": ("Bernoulli", {"logits": real(3)}),
    "Binomial": ("Binomial", {"total_count": 5, "probs": chances(3)}),
    "NegativeBinomial": ("NegativeBinomial", {"total_count": positive(3), "logits": real(3)}),
    "Geometric": ("Geometric", {"probs": chances(3)}),
    "Poisson": ("Poisson", {"rate": positive(3)}),
    "Categorical": ("Categorical", {"probs": simplex(2, 4)}),
    "Categorical of logits": ("Categorical", {"logits": real(3, 2, 4)}),
    "OneHotCategorical": ("OneHotCategorical", {"probs": simplex(2, 4)}),
    "Straight through": ("OneHotCategoricalStraightThrough", {"logits": real(2, 4)}),
    "Multinomial": ("Multinomial", {"total_count": 6, "logits": real(2, 4)}),
    "LogitRelaxedBernoulli": (
        "LogitRelaxedBernoulli", {"temperature": positive(), "logits": real(3)}),
    "RelaxedBernoulli": ("RelaxedBernoulli", {"temperature": positive(), "probs": chances(3)}),
    "RelaxedOneHotCategorical": (
        "RelaxedOneHotCategorical", {"temperature": positive(), "logits": real(2, 3)}),
    "MultivariateNormal": (
        "MultivariateNormal", {"loc": real(2, 3), "covariance_matrix": covariance(3, 3)}),
    "MultivariateNormal by precision": (
        "MultivariateNormal", {"loc": real(3), "precision_matrix": covariance(2, 3, 3)}),
    "MultivariateNormal by its factor": (
        "MultivariateNormal",
        {"loc": real(3), "scale_tril": np.tril(real(3, 3), -1) + np.diag(positive(3))}),
    "LowRankMultivariateNormal": (
        "LowRankMultivariateNormal",
        {"loc": real(2, 4), "cov_factor": real(4, 2), "cov_diag": positive(2, 4)}),
}  # fmt: skip

QUANTITIES = (
    "mean", "mode", "variance", "stddev", "batch_shape", "event_shape",
    "has_enumerate_support", "logits", "probs", "covariance_matrix", "precision_matrix",
    "scale_tril", "concentration", "rate",
)  # fmt: skip
# PyTorch's own has 7 digits (approximations of Bessel's functions; a factorial in float32) ...
ROUGH = {"VonMises": 1e-6, "Multinomial": 1e-6}
# ... or no gradient.
NO_GRADIENT = {
    ("Gamma", "cdf"), ("Chi2", "cdf"), ("InverseGamma", "cdf"),
}  # fmt: skip


def made(name: str, library: Any, dtype: Any = None) -> tuple[Any, list[Any]]:
    """The distribution in a library, and its parameters, which require grad."""
    kind, arguments = MADE[name]
    given = {
        key: library.tensor(value, dtype=dtype or library.float64, requires_grad=True)
        if isinstance(value, (np.ndarray, float)) else value
        for key, value in arguments.items()
    }  # fmt: skip
    pages = library.distributions, getattr(library.distributions, "relaxed_bernoulli", None)
    cls = getattr(pages[0], kind, None) or getattr(pages[1], kind)
    leaves = [x for x in given.values() if not isinstance(x, int)]
    return cls(**given), leaves


def same(ours: Any, theirs: Any, what: str, tolerance: float = 1e-9) -> None:
    """AssertionError unless two results agree in shape, dtype and value."""
    import torch

    if not isinstance(theirs, torch.Tensor):
        assert tuple(ours) == tuple(theirs) if isinstance(theirs, tuple) else ours == theirs, what
        return
    a, b = ours.detach().numpy(), theirs.detach().numpy()
    assert a.shape == b.shape, f"{what}: shape {a.shape}, PyTorch has {b.shape}"
    assert a.dtype == b.dtype, f"{what}: {a.dtype}, PyTorch has {b.dtype}"
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=what)


def both(name: str, function: Any, what: str) -> None:
    """Compare a function of the distribution, and its gradients by the parameters."""
    import torch

    (p, ours), (q, theirs) = made(name, tg), made(name, torch)
    try:
        wanted = function(q, torch)
    except (NotImplementedError, AttributeError):
        with pytest.raises((NotImplementedError, AttributeError)):
            function(p, tg)
        return
    found, tolerance = function(p, tg), ROUGH.get(name, 1e-9)
    same(found, wanted, what, tolerance)
    if not isinstance(wanted, torch.Tensor) or not wanted.requires_grad:
        return
    if (name, what) in NO_GRADIENT:
        return
    seed = RNG.normal(size=tuple(wanted.shape))
    finite = np.isfinite(wanted.detach().numpy())
    theirs_g = torch.autograd.grad(
        (wanted.nan_to_num(0, 0, 0) * torch.tensor(seed * finite)).sum(), theirs, allow_unused=True
    )
    ours_g = tg.autograd.grad(
        (found.nan_to_num(0, 0, 0) * tg.tensor(seed * finite)).sum(), ours, allow_unused=True
    )
    for a, b in zip(ours_g, theirs_g, strict=True):
        if b is None or not torch.isfinite(b).all():
            continue
        assert a is not None, f"{what}: no gradient"
        if name.endswith("by its factor") and a.ndim > 1:  # of a triangle, there are two opinions
            a, b = a.tril(), b.tril()
        same(a, b, f"the gradient of {what}", tolerance)


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("name", MADE)
def test_quantities(name: str, quantity: str) -> None:
    both(name, lambda d, library: getattr(d, quantity), quantity)


@pytest.mark.parametrize("name", MADE)
def test_entropy(name: str) -> None:
    both(name, lambda d, library: d.entropy(), "entropy")


def values(name: str) -> np.ndarray:
    """Values that the distribution can give: PyTorch's samples, in float64."""
    import torch

    torch.manual_seed(0)
    return made(name, torch)[0].sample((4,)).numpy()


@pytest.mark.parametrize("function", ["log_prob", "cdf"])
@pytest.mark.parametrize("name", MADE)
def test_functions_of_values(name: str, function: str) -> None:
    x = values(name)
    both(name, lambda d, library: getattr(d, function)(library.tensor(x)), function)


@pytest.mark.parametrize("function", ["log_prob", "cdf"])
@pytest.mark.parametrize("name", MADE)
def test_gradients_by_values(name: str, function: str) -> None:
    import torch

    x = values(name)
    if x.dtype.kind != "f" or MADE[name][0] in ("OneHotCategorical", "Binomial"):
        return
    found = []
    for library in (tg, torch):
        at = library.tensor(x, requires_grad=True)
        try:
            y = getattr(made(name, library)[0], function)(at)
        except NotImplementedError:
            return
        if not y.requires_grad:
            return
        found.append(library.autograd.grad(y.sum(), at, allow_unused=True)[0])
    if found[1] is not None:
        same(*found, function, ROUGH.get(name, 1e-9) * 10)


@pytest.mark.parametrize("name", MADE)
def test_icdf(name: str) -> None:
    p = np.array([0.01, 0.3, 0.5, 0.77, 0.999]).reshape(5, 1, 1)
    both(name, lambda d, library: d.icdf(library.tensor(p)), "icdf")


@pytest.mark.parametrize("name", MADE)
def test_float32_stays(name: str) -> None:
    """The dtypes of all results are those of PyTorch's, for float32 parameters."""
    import torch

    x = values(name)
    torch.set_default_dtype(torch.float32)
    x = x.astype(np.float32) if x.dtype.kind == "f" else x
    for quantity in ("mean", "mode", "variance", "entropy", "log_prob", "cdf", "icdf", "sample",
                     "rsample", "enumerate_support"):  # fmt: skip
        dtypes = []
        for library in (tg, torch):
            d, _ = made(name, library, dtype=library.float32)
            at = library.tensor(x) if quantity in ("log_prob", "cdf") else None
            if quantity == "icdf":
                at = library.tensor(0.25)
            try:
                y = getattr(d, quantity)
                y = y if not callable(y) else y() if at is None else y(at)
            except NotImplementedError:
                continue
            dtypes.append(str(y.dtype).removeprefix("torch."))
        assert len(set(dtypes)) <= 1, f"{quantity}: {dtypes}"


@pytest.mark.parametrize("expand", [True, False])
@pytest.mark.parametrize("name", MADE)
def test_enumerate_support(name: str, expand: bool) -> None:
    both(name, lambda d, library: d.enumerate_support(expand), "enumerate_support")


@pytest.mark.parametrize("name", MADE)
def test_expand(name: str) -> None:
    x = values(name)[:1]

    def wide(d: Any, library: Any) -> Any:
        d.has_enumerate_support, getattr(d, "probs", None)  # a lazy one is there already
        new = d.expand((2, *d.batch_shape))
        assert new.batch_shape == (2, *d.batch_shape) and new.event_shape == d.event_shape
        assert new.sample((3,)).shape == (3, 2, *d.batch_shape, *d.event_shape)
        return new.log_prob(library.tensor(x))

    both(name, wide, "log_prob of the expanded")


@pytest.mark.parametrize("name", MADE)
def test_repr(name: str) -> None:
    import torch

    ours, theirs = repr(made(name, tg)[0]), repr(made(name, torch)[0])
    plain = theirs.replace("torch.Size([", "(").replace("])", ")")
    ours = ours.replace("torch.Size([", "(").replace("])", ")").replace(",)", ")")
    if "tensor" not in plain and "grad" not in plain:
        assert ours == plain


@pytest.mark.parametrize("name", MADE)
def test_samples_have_the_mean_and_the_variance(name: str) -> None:
    tg.manual_seed(1)
    d, _ = made(name, tg)
    x = d.sample((20_000,)).double().numpy()
    assert x.shape == (20_000, *d.batch_shape, *d.event_shape)
    assert not d.sample().requires_grad
    try:
        mean, variance = (m.detach().numpy() for m in (d.mean, d.variance))
    except NotImplementedError:
        return
    if name == "VonMises":
        x = np.sin(x - mean)
        mean = np.zeros_like(mean)
    steady = np.isfinite(variance) & np.isfinite(mean) & (variance < 50)
    if name in ("Pareto", "GeneralizedPareto", "InverseGamma", "FisherSnedecor", "StudentT"):
        return  # the tails are too heavy for moments
    error = np.abs(x.mean(0) - mean) / np.sqrt(variance / len(x))
    assert np.all(error[steady] < 5)
    if name != "VonMises":
        np.testing.assert_allclose(x.var(0)[steady], variance[steady], rtol=0.15)


@pytest.mark.parametrize("name", MADE)
def test_the_gradient_of_samples_is_that_of_their_mean(name: str) -> None:
    """E[x] by its parameters, by many samples: the test of implicit gradients, too."""
    tg.manual_seed(2)
    d, leaves = made(name, tg)
    if not d.has_rsample:
        with pytest.raises(NotImplementedError):
            d.rsample()
        return
    x = d.rsample((40_000,))
    assert x.requires_grad
    heavy = (
        "Pareto",
        "Wishart",
        "Wishart by its factor",
        "GeneralizedPareto",
        "InverseGamma",
        "FisherSnedecor",
        "StudentT",
        "LogNormal",
        "Weibull",
    )
    if name in (*heavy, "ContinuousBernoulli") or "Cauchy" in name:  # at 1/2 it is as uniform
        assert all(np.isfinite(g.numpy()).all() for g in tg.autograd.grad(x.sum(), leaves))
        return
    try:
        mean = d.mean
    except NotImplementedError:
        return
    weights = tg.tensor(RNG.normal(size=mean.shape))
    again, more = made(name, tg)
    made_mean = again.mean
    found = tg.autograd.grad((x.mean(0) * weights).sum(), leaves, allow_unused=True)
    right = tg.autograd.grad((made_mean * weights).sum(), more, allow_unused=True)
    for a, b in zip(found, right, strict=True):
        b = np.zeros(a.shape) if b is None else b.numpy()
        np.testing.assert_allclose(a.numpy(), b, atol=0.06)


@pytest.mark.parametrize("name", ["Gamma", "Chi2", "Beta", "Dirichlet"])
def test_implicit_gradients_are_pytorchs(name: str) -> None:
    """At the same samples; PyTorch's are approximations to some digits."""
    import torch

    from tinygrad_mnist.ops import further

    a = RNG.uniform(0.1, 20.0, (200, 3))
    if name in ("Gamma", "Chi2"):
        x = RNG.gamma(a)
        found, right = (
            further.gamma_slope(a, x),
            torch._standard_gamma_grad(*map(torch.tensor, (a, x))),
        )
    else:
        x = RNG.gamma(a)
        x /= x.sum(-1, keepdims=True)
        total = np.broadcast_to(a.sum(-1, keepdims=True), a.shape)
        found = further.beta_slope(x, a, total)
        right = torch._dirichlet_grad(*map(torch.tensor, (x, a, total.copy())))
    np.testing.assert_allclose(found, right.numpy(), rtol=5e-3)


@pytest.mark.parametrize("name", MADE)
def test_kl_divergence(name: str) -> None:
    """To every other distribution that PyTorch knows a divergence to."""
    import torch

    for other in MADE:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            results = [divergence(name, other, library) for library in (tg, torch)]
        (found, ours), (wanted, theirs) = results
        if wanted is None:
            continue
        what = f"kl to {other}"
        assert found is not None, what
        same(found, wanted, what, ROUGH.get(name, 1e-9))
        if not wanted.requires_grad or not torch.isfinite(wanted).all():
            continue
        ours_g = tg.autograd.grad(found.sum(), ours, allow_unused=True)
        theirs_g = torch.autograd.grad(wanted.sum(), theirs, allow_unused=True)
        for x, y, leaf in zip(ours_g, theirs_g, ours, strict=True):
            if y is not None and torch.isfinite(y).all():
                if leaf.ndim > 1 and tg.equal(leaf, leaf.tril()):  # only its triangle matters
                    x, y = None if x is None else x.tril(), y.tril()
                same(tg.zeros_like(leaf) if x is None else x, y, f"the gradient of {what}", 1e-8)


def divergence(name: str, other: str, library: Any) -> tuple[Any, list[Any]]:
    """kl(name, other) and the parameters of both; None where the library has none."""
    (p, a), (q, b) = (made(n, library) for n in (name, other))
    try:
        return library.distributions.kl_divergence(p, q), [*a, *b]
    except (
        NotImplementedError,
        RuntimeError,
        ValueError,
        TypeError,
        IndexError,
    ):  # shapes that do not fit
        return None, []
