"""Distributions by what they must satisfy; beside PyTorch's they stand in tests/conformance."""

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import distributions as D
from tinygrad_mnist.distributions import constraints

ONE = tg.tensor([0.7, 1.3], dtype=tg.float64)
TWO = tg.tensor([1.9, 0.6], dtype=tg.float64)
CONTINUOUS = {
    "Normal": D.Normal(ONE, TWO), "Laplace": D.Laplace(ONE, TWO),
    "StudentT": D.StudentT(9, ONE, TWO), "Gumbel": D.Gumbel(ONE, TWO),
    "Gamma": D.Gamma(ONE, TWO), "Exponential": D.Exponential(ONE), "HalfNormal": D.HalfNormal(TWO),
    "LogNormal": D.LogNormal(ONE, TWO / 4), "Weibull": D.Weibull(ONE, TWO + 1),
    "Beta": D.Beta(ONE + 1, TWO + 1), "Kumaraswamy": D.Kumaraswamy(ONE + 1, TWO + 1),
    "ContinuousBernoulli": D.ContinuousBernoulli(ONE / 2), "VonMises": D.VonMises(ONE, TWO),
    "Uniform": D.Uniform(-ONE, TWO), "Chi2": D.Chi2(ONE + 2),
    "FisherSnedecor": D.FisherSnedecor(ONE + 3, 20.0),
}  # fmt: skip
ENDS = {
    "Beta": (0, 1), "Kumaraswamy": (0, 1), "ContinuousBernoulli": (0, 1),
    "VonMises": (-math.pi, math.pi), "Uniform": (-1.3, 1.9),
    "Gamma": (0, 80), "Exponential": (0, 80), "LogNormal": (0, 80), "HalfNormal": (0, 80),
    "Weibull": (0, 80), "Chi2": (0, 80), "FisherSnedecor": (0, 80),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTINUOUS)
def test_densities_are_the_slope_of_cdf_and_have_the_entropy(name: str) -> None:
    d = CONTINUOUS[name]
    low, high = ENDS.get(name, (-80, 80))
    t = np.linspace(0, 1, 40_001)
    t = t * t * (3 - 2 * t)  # more points near the ends
    x = tg.tensor(low + (high - low) * t[1:-1]).reshape(-1, 1)
    inside = d.support.check(x)
    log_p = tg.where(inside, d.log_prob(tg.where(inside, x, float(x.mean()))), -math.inf)
    p = log_p.exp().detach().numpy()
    assert np.trapezoid(p, x.numpy(), axis=0) == pytest.approx([1, 1], abs=2e-3)
    try:
        entropy = d.entropy().detach().numpy()
    except NotImplementedError:
        return
    terms = np.where(p > 0, -p * np.where(p > 0, log_p.detach().numpy(), 0), 0)
    assert np.trapezoid(terms, x.numpy(), axis=0) == pytest.approx(entropy, abs=2e-2)


@pytest.mark.parametrize("name", ["Normal", "Laplace", "Gumbel", "Weibull", "LogNormal", "Uniform"])
def test_icdf_undoes_cdf(name: str) -> None:
    d, p = CONTINUOUS[name], tg.tensor([[0.01], [0.5], [0.9]], dtype=tg.float64)
    x = d.icdf(p).detach().requires_grad_()
    np.testing.assert_allclose(d.cdf(x).detach(), np.broadcast_to(p, (3, 2)), rtol=1e-12)
    (slope,) = tg.autograd.grad(d.cdf(x).sum(), x)
    np.testing.assert_allclose(slope, d.log_prob(x).exp().detach(), rtol=1e-9)


@pytest.mark.parametrize(
    "d",
    [
        D.Bernoulli(ONE / 2), D.Binomial(4, ONE / 2), D.Categorical(tg.stack([ONE, TWO])),
        D.OneHotCategorical(logits=tg.stack([ONE, TWO])),
    ],
    ids=lambda d: type(d).__name__,
)  # fmt: skip
def test_probabilities_add_up(d: Any) -> None:
    log_p = d.log_prob(d.enumerate_support())
    np.testing.assert_allclose(log_p.exp().sum(0), [1, 1])
    np.testing.assert_allclose(d.entropy(), -(log_p.exp() * log_p).sum(0), rtol=1e-6)


def test_inverses_undo_transforms_and_log_determinants_are_slopes() -> None:
    x = tg.tensor(np.random.default_rng(0).normal(size=(2, 3)), requires_grad=True)
    exp, turned, cube = D.ExpTransform(), D.AffineTransform(1.0, -2.0), D.PowerTransform(3.0)
    sigmoids = D.SigmoidTransform(), D.TanhTransform(), D.SoftplusTransform()
    for t in (exp, turned, cube, exp.inv, *sigmoids):
        at = x.exp() if t.domain is constraints.positive else x
        at = at.detach().requires_grad_()
        y = t(at)
        (slope,) = tg.autograd.grad(y.sum(), at, retain_graph=True)
        np.testing.assert_allclose(t.inv(y).detach(), at.detach(), rtol=1e-9)
        np.testing.assert_allclose(
            t.log_abs_det_jacobian(at, y).detach(), slope.abs().log(), rtol=1e-8, atol=1e-12
        )
        assert t.inv.inv is t and t == t and t.forward_shape((2, 3)) == (2, 3)


@pytest.mark.parametrize("t", [D.StickBreakingTransform(), D.CorrCholeskyTransform()], ids=repr)
def test_log_determinants_of_vector_transforms_are_those_of_the_jacobian(t: Any) -> None:
    x = tg.tensor([0.3, -0.8, 1.1], dtype=tg.float64)
    rows, columns = map(tg.tensor, np.tril_indices(3, -1))

    def free(x: tg.Tensor) -> tg.Tensor:
        """The elements of t(x) that determine the others."""
        return t(x)[:3] if t.codomain.event_dim == 1 else t(x)[rows, columns]

    jacobian = tg.autograd.functional.jacobian(free, x)
    y = t(x)
    assert t.codomain.check(y) and y.shape == t.forward_shape((3,))
    assert t.inverse_shape(y.shape) == (3,)
    np.testing.assert_allclose(t.inv(y), x, rtol=1e-9)
    np.testing.assert_allclose(
        t.log_abs_det_jacobian(x, y), tg.linalg.slogdet(jacobian).logabsdet, rtol=1e-9
    )


@pytest.mark.parametrize(
    "name",
    ["real", "positive", "nonnegative", "unit_interval", "simplex", "lower_cholesky",
     "positive_definite", "corr_cholesky", "real_vector"],
)  # fmt: skip
def test_real_numbers_are_mapped_into_the_region_of_a_constraint(name: str) -> None:
    constraint = getattr(constraints, name)
    x = tg.tensor(np.random.default_rng(1).normal(size=(2, 3, 3)))
    y = D.transform_to(constraint)(x)
    assert constraint.check(y).all()
    np.testing.assert_allclose(D.transform_to(constraint)(D.transform_to(constraint).inv(y)), y)
    bounds = constraints.interval(-2.0, 5.0), constraints.less_than(-1.0)
    assert all(c.check(D.biject_to(c)(x)).all() for c in bounds)


def test_arguments_are_checked_with_pytorchs_words() -> None:
    with pytest.raises(ValueError, match=r"Expected parameter scale \(Tensor of shape \(2,\)\) of"):
        D.Normal(tg.zeros(2), tg.tensor([1.0, -1.0]))
    with pytest.raises(ValueError, match=r"satisfy the constraint GreaterThan\(lower_bound=0.0\)"):
        D.Exponential(-1.0)
    with pytest.raises(ValueError, match="Either `probs` or `logits` must be specified, but not"):
        D.Bernoulli()
    with pytest.raises(
        ValueError, match=r"within the support \(IntegerInterval\(lower_bound=0, up"
    ):
        D.Categorical(tg.ones(3)).log_prob(tg.tensor(3))
    with pytest.raises(ValueError, match="Value is not broadcastable with batch_shape"):
        D.Normal(tg.zeros(3), 1.0).log_prob(tg.zeros(2))
    with pytest.raises(ValueError, match="The value argument to log_prob must be a Tensor"):
        D.Normal(0.0, 1.0).log_prob(1.0)
    with pytest.raises(NotImplementedError, match="Poisson has no rsample: use sample"):
        D.Poisson(1.0).rsample()
    with pytest.raises(NotImplementedError, match="No KL"):
        D.kl_divergence(D.Poisson(1.0), D.Cauchy(0.0, 1.0))
    assert D.Normal(0.0, -1.0, validate_args=False).scale.item() == -1


def test_mixtures_and_independent_distributions_equal_their_formulas() -> None:
    weights = tg.tensor([0.3, 0.7], dtype=tg.float64)
    parts = D.Independent(D.Normal(tg.stack([ONE, TWO]), tg.stack([TWO, ONE])), 1)
    mixture = D.MixtureSameFamily(D.Categorical(weights), parts)
    x = tg.tensor([0.2, 0.4], dtype=tg.float64)
    each = (weights.log() + parts.log_prob(x)).exp().sum()
    assert mixture.log_prob(x).exp().item() == pytest.approx(each.item())
    tg.manual_seed(0)
    drawn = mixture.sample((20_000,))
    np.testing.assert_allclose(drawn.mean(0), mixture.mean, atol=0.05)
    np.testing.assert_allclose(drawn.var(0), mixture.variance, rtol=0.05)
    assert mixture.expand((4,)).sample((3,)).shape == (3, 4, 2)


def test_samples_are_those_of_the_seed() -> None:
    def draw() -> list[Any]:
        tg.manual_seed(3)
        kinds = (D.Normal(0.0, 1.0), D.Gamma(2.0, 1.0), D.Beta(2.0, 1.0), D.Poisson(3.0),
                 D.Binomial(9, 0.3), D.Categorical(tg.ones(5)), D.VonMises(0.0, 2.0))  # fmt: skip
        return [d.sample((3,)).tolist() for d in kinds]

    assert draw() == draw()


def test_a_users_own_distribution_and_divergence_are_used() -> None:
    class Point(D.Distribution):
        arg_constraints = {"at": constraints.real}
        support = constraints.real

        def __init__(self, at: tg.Tensor) -> None:
            self.at = at
            super().__init__(at.shape)

        def rsample(self, sample_shape: Any = ()) -> tg.Tensor:
            return self.at.expand(self._extended_shape(sample_shape))

    @D.register_kl(Point, D.Normal)
    def to_normal(p: Point, q: D.Normal) -> tg.Tensor:
        return -q.log_prob(p.at)

    point = Point(tg.zeros(2))
    assert point.expand((3, 2)).sample((4,)).shape == (4, 3, 2)
    assert D.kl_divergence(point, D.Normal(0.0, 1.0)).tolist() == pytest.approx([0.9189385] * 2)


def test_distributions_are_imported_only_when_used() -> None:
    import subprocess
    import sys

    code = (
        "import sys, tinygrad_mnist as tg; "
        "names = ('distributions', 'linalg', 'special', 'fft', 'ops.linalg.solve', 'ops.special'); "
        "assert not {f'tinygrad_mnist.{n}' for n in names} & set(sys.modules); "
        "tg.linalg.inv; assert 'tinygrad_mnist.distributions' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


CHECKED = [
    constraints.simplex, constraints.real, constraints.real_vector, constraints.boolean,
    constraints.unit_interval, constraints.positive, constraints.nonnegative_integer,
    constraints.less_than(0.5), constraints.integer_interval(0, 2), constraints.square,
    constraints.interval(tg.tensor([0.0, 0.0]), tg.tensor([1.0, 2.0])),
]  # fmt: skip
VALUES = [[0.25, 0.75], [1.0, 0.0], [0.5, 0.6], [math.nan, 1.0], [-math.inf, 1.0], [2.0, -1.0]]


@pytest.mark.parametrize("constraint", CHECKED, ids=repr)
@pytest.mark.parametrize("dtype", [tg.float16, tg.float32, tg.float64, tg.int64])
def test_a_constraint_holds_where_its_check_does(constraint: Any, dtype: Any) -> None:
    """With a bare array as with a Tensor: one is not taken for the other."""
    for row in VALUES:
        if dtype == tg.int64 and not np.isfinite(row).all():
            continue
        value = tg.tensor([row, [0.5, 0.5]], dtype=dtype)
        expected = bool(constraint.check(value).all())
        assert constraint.holds(value) is expected  # without a warning
        with tg.no_grad():
            assert constraint.holds(value) is expected


def test_a_constraint_of_ones_own_is_given_tensors() -> None:
    class Even(type(constraints.positive)):
        def check(self, value: tg.Tensor) -> tg.Tensor:
            assert isinstance(value, tg.Tensor)
            return value.remainder(2).eq(0)

    assert Even(0.0).holds(tg.tensor([2.0, 4.0]))
    assert constraints.independent(Even(0.0), 1).holds(tg.tensor([2.0, 4.0]))
    assert not Even(0.0).holds(tg.tensor([2.0, 3.0]))
