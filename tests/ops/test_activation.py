"""Activations by their formulas, and dropout by what it promises."""

import math

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist.autograd.op import DTypeError
from tinygrad_mnist.ops import activation

X = [-4.0, -0.25, 0.75, 4.0]
ARRAY = np.array(X)
EXP, SIGMOID = np.exp(ARRAY), 1 / (1 + np.exp(-ARRAY))
SOFTPLUS = np.log1p(np.exp(ARRAY))
PHI = np.array([0.5 * (1 + math.erf(x / math.sqrt(2))) for x in X])
ELU = np.where(ARRAY > 0, ARRAY, EXP - 1)
SOFT = EXP / EXP.sum()
SELU = 1.0507009873554805 * np.where(ARRAY > 0, ARRAY, 1.6732632423543772 * (EXP - 1))
TANH_GELU = 0.5 * ARRAY * (1 + np.tanh(math.sqrt(2 / math.pi) * (ARRAY + 0.044715 * ARRAY**3)))


def by_formula(name: str, want: np.ndarray, **settings: object) -> Case:
    function = getattr(F, name)
    return Case(name, lambda x: function(x, **settings), [X], want.tolist())


def dropped(name: str) -> Plain:
    """In evaluation, and with probability 0, the input itself; with probability 1, zeros."""
    f = getattr(F, name)
    x = tg.ones(1, 2, 3, 3)
    return Plain(name, lambda: f(x, 0.5, training=False) is f(x, 0.0, training=True) is x, [], True)


CASES = [
    by_formula("relu", ARRAY.clip(0)),
    by_formula("relu6", ARRAY.clip(0, 6)),
    by_formula("hardtanh", ARRAY.clip(-1, 1)),
    by_formula("hardtanh", ARRAY.clip(-2, 0.5), min_val=-2.0, max_val=0.5),
    by_formula("leaky_relu", np.where(ARRAY > 0, ARRAY, 0.2 * ARRAY), negative_slope=0.2),
    by_formula("rrelu", np.where(ARRAY > 0, ARRAY, 11 / 48 * ARRAY)),
    by_formula("elu", ELU),
    by_formula("elu", np.where(ARRAY > 0, ARRAY, 2 * (EXP - 1)), alpha=2.0),
    by_formula("celu", np.where(ARRAY > 0, ARRAY, 2 * (np.exp(ARRAY / 2) - 1)), alpha=2.0),
    by_formula("selu", SELU),
    by_formula("gelu", ARRAY * PHI),
    by_formula("gelu", TANH_GELU, approximate="tanh"),
    by_formula("silu", ARRAY * SIGMOID),
    by_formula("mish", ARRAY * np.tanh(SOFTPLUS)),
    by_formula("softplus", SOFTPLUS),
    by_formula("softplus", np.where(ARRAY > 0.5, ARRAY, np.log1p(EXP**2) / 2),
               beta=2, threshold=1),
    by_formula("logsigmoid", np.log(SIGMOID)),
    by_formula("softsign", ARRAY / (1 + abs(ARRAY))),
    by_formula("tanhshrink", ARRAY - np.tanh(ARRAY)),
    by_formula("hardsigmoid", ((ARRAY + 3) / 6).clip(0, 1)),
    by_formula("hardswish", ARRAY * ((ARRAY + 3) / 6).clip(0, 1)),
    by_formula("hardshrink", np.where(abs(ARRAY) > 0.5, ARRAY, 0)),
    by_formula("softshrink", np.sign(ARRAY) * (abs(ARRAY) - 0.5).clip(0)),
    by_formula("threshold", np.where(ARRAY > 0.5, ARRAY, 9), threshold=0.5, value=9.0),
    by_formula("softmax", SOFT, dim=0),
    by_formula("softmin", np.exp(-ARRAY) / np.exp(-ARRAY).sum(), dim=0),
    by_formula("log_softmax", np.log(SOFT), dim=-1),
    by_formula("glu", ARRAY[:2] * SIGMOID[2:]),
    Case("prelu", F.prelu, [X, [0.5]], [-2, -0.125, 0.75, 4]),
    Case("prelu", F.prelu, [[X[:2]], [0.5, 2.0]], [[-2, -0.5]]),
    Case("prelu", lambda x, w: F.prelu(x.sum(), w), [[-1.0, -2.0], [0.5]], -1.5),
    Case("glu", lambda x: F.glu(x, 0), [[[1.0], [0.0]]], [[0.5]]),
]  # fmt: skip
PLAIN = [
    *map(dropped, ["dropout", "dropout1d", "dropout2d", "alpha_dropout"]),
    Plain("dropout3d", lambda x: F.dropout3d(x, 1.0), [[[[[1.0, 2.0]]]]], [[[[0, 0]]]]),
    Plain("feature_alpha_dropout", lambda x: F.feature_alpha_dropout(x, 0.5), [[1.0]], [1]),
    Plain("softplus", F.softplus, [[1000.0, -1000.0]], [1000, 0]),
    Plain("softmax", lambda x: F.softmax(x, 0), [[1000.0, 1000.0]], [0.5, 0.5]),
    Plain("gumbel_softmax", lambda x: F.gumbel_softmax(x).sum(), [[1.0, 2.0]], 1),
]
ONES = tg.ones(2, 3)
REFUSALS = [
    Refusal("prelu", lambda: F.prelu(ONES, tg.ones(2)), RuntimeError, "prelu: 2 weights for input"),
    Refusal("gelu", lambda: F.gelu(ONES, "erf"), RuntimeError, "must be either none or tanh"),
    Refusal("glu", lambda: F.glu(ONES), RuntimeError, "even, but dimension 1 is 3"),
    Refusal("dropout", lambda: F.dropout(ONES, 1.5), ValueError, "between 0 and 1, but got 1.5"),
    Refusal("dropout2d", lambda: F.dropout2d(ONES), RuntimeError, "3 or 4 dimensions is needed"),
    Refusal("feature_alpha_dropout", lambda: F.feature_alpha_dropout(ONES[0], 0.5, training=True),
            RuntimeError, "input needs channels, not [3]"),
    Refusal("elu of integers", lambda: F.elu(tg.tensor([1])), DTypeError, "elu() is not"),
    Refusal("relu of bools", lambda: F.relu(tg.tensor([True])), DTypeError, "relu() is not"),
]  # fmt: skip
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    activation, CASES, PLAIN, REFUSALS
)


@pytest.mark.parametrize(
    ("name", "shape", "alike"),
    [
        ("dropout", (40, 50), ()), ("dropout1d", (40, 50, 6), (2,)),
        ("dropout2d", (9, 99, 2, 2), (2, 3)), ("dropout3d", (9, 99, 1, 2, 2), (2, 3, 4)),
    ],
)  # fmt: skip
def test_dropout_drops_about_p_and_scales_the_rest(
    name: str, shape: tuple[int, ...], alike: tuple[int, ...]
) -> None:
    tg.manual_seed(0)
    x = tg.ones(*shape, requires_grad=True)
    y = getattr(F, name)(x, 0.2)
    not_dropped = y.detach().numpy() != 0
    assert np.unique(y.detach().numpy()).tolist() == [0, 1.25]
    assert abs(not_dropped.mean() - 0.8) < 0.05
    assert (
        not_dropped
        == not_dropped[tuple(slice(1) if i in alike else slice(None) for i in range(x.ndim))]
    ).all()
    y.sum().backward()
    assert np.array_equal(x.grad.numpy(), y.detach().numpy())


def test_alpha_dropout_keeps_mean_and_deviation() -> None:
    tg.manual_seed(0)
    x = tg.randn(200, 200)
    y = F.alpha_dropout(x, 0.3, training=True)
    assert abs(y.mean().item()) < 0.02 and abs(y.std().item() - 1) < 0.02
    assert F.alpha_dropout(x, 1.0, training=True).abs().sum().item() == 0


def test_rrelu_draws_its_slopes_while_training() -> None:
    tg.manual_seed(0)
    slopes = -F.rrelu(tg.full((1000,), -1.0), 0.1, 0.3, training=True)
    assert 0.1 <= slopes.min().item() < 0.11 and 0.29 < slopes.max().item() <= 0.3
    assert F.rrelu(tg.ones(3), training=True).tolist() == [1, 1, 1]


def test_hard_gumbel_softmax_is_one_hot_with_the_soft_gradient() -> None:
    tg.manual_seed(0)
    x = tg.zeros(50, 3, requires_grad=True)
    y = F.gumbel_softmax(x, hard=True)
    assert np.allclose(np.sort(y.detach().numpy(), 1), [0, 0, 1], atol=1e-6)
    y[:, 0].sum().backward()
    assert (x.grad[:, 0] > 0).all()


@pytest.mark.parametrize(("ndim", "dim"), [(1, 0), (2, 1), (3, 0), (4, 1)])
def test_an_implied_dim_is_warned_about(ndim: int, dim: int) -> None:
    x = tg.randn(*[2] * ndim)
    with pytest.warns(UserWarning, match=f"Say dim={dim}"):
        y = F.softmax(x)
    assert y.equal(F.softmax(x, dim))


def test_feature_alpha_dropout_drops_whole_channels_and_keeps_the_moments() -> None:
    tg.manual_seed(0)
    x = tg.randn(100, 100, 3)
    y = F.feature_alpha_dropout(x, 0.5, training=True)
    same = (y == y[..., :1]).all(-1)
    assert 0.4 < same.float().mean().item() < 0.6
    assert y.mean().item() == pytest.approx(0, abs=0.05)
    assert y.std().item() == pytest.approx(1, abs=0.05)
