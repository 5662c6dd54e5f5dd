"""Normalisation, by its formula in NumPy."""

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.ops import norm

rng = np.random.default_rng(0)
X, W, B = rng.normal(size=(2, 4, 3)), rng.normal(size=4), rng.normal(size=4)
SHIFT = [W.tolist(), B.tolist()]
EPS = 1e-5


def standard(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + EPS)


def shifted(x: np.ndarray) -> list[object]:
    return (x * W[:, None] + B[:, None]).tolist()


MEAN, VAR = rng.normal(size=4), rng.uniform(1, 2, size=4)
RUNNING = [MEAN.tolist(), VAR.tolist()]
FROZEN = (X - MEAN[:, None]) / np.sqrt(VAR[:, None] + EPS)
GROUPS = standard(X.reshape(2, 2, 6), (2,)).reshape(X.shape)
RMS = X / np.sqrt((X**2).mean(2, keepdims=True) + 1e-3)
CASES = [
    Case("batch_norm", lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
         [X.tolist(), *SHIFT], shifted(standard(X, (0, 2)))),
    Case("batch_norm", lambda x: F.batch_norm(x, None, None), [X.tolist()],
         standard(X, (0, 2)).tolist()),
    Case("batch_norm", F.batch_norm, [X.tolist(), *RUNNING], FROZEN.tolist()),
    Case("batch_norm", F.batch_norm, [X.tolist(), *RUNNING, *SHIFT], shifted(FROZEN)),
    Case("batch_norm", lambda x: F.batch_norm(x, None, None), [X[:, :, 0].tolist()],
         standard(X[:, :, 0], (0,)).tolist()),
    Case("layer_norm", lambda x: F.layer_norm(x, 3), [X.tolist()], standard(X, (2,)).tolist()),
    Case("layer_norm", lambda x, w, b: F.layer_norm(x, [3], w, b),
         [X.tolist(), W[:3].tolist(), B[:3].tolist()],
         (standard(X, (2,)) * W[:3] + B[:3]).tolist()),
    Case("layer_norm", lambda x: F.layer_norm(x, (4, 3)), [X.tolist()],
         standard(X, (1, 2)).tolist()),
    Case("rms_norm", lambda x: F.rms_norm(x, (3,), eps=1e-3), [X.tolist()], RMS.tolist()),
    Case("rms_norm", lambda x, w: F.rms_norm(x, 3, w, 1e-3), [X.tolist(), W[:3].tolist()],
         (RMS * W[:3]).tolist()),
    Case("group_norm", lambda x, w, b: F.group_norm(x, 2, w, b), [X.tolist(), *SHIFT],
         shifted(GROUPS)),
    Case("instance_norm", lambda x, w, b: F.instance_norm(x, None, None, w, b),
         [X.tolist(), *SHIFT], shifted(standard(X, (2,)))),
    Case("instance_norm", lambda x, m, v: F.instance_norm(x, m, v, use_input_stats=False),
         [X.tolist(), *RUNNING], FROZEN.tolist()),
    Case("local_response_norm", lambda x: F.local_response_norm(x, 2, alpha=2.0, beta=1.0, k=1.0),
         [[[[1.0], [2.0], [3.0]]]], [[[1 / 2], [2 / 6], [3 / 14]]]),
]  # fmt: skip
PLAIN = [
    Plain("batch_norm", lambda: F.batch_norm(tg.zeros(0), None, None), [], []),
    Plain("rms_norm", lambda x: F.rms_norm(x, 2), [[[3.0, -3.0]]], [[1, -1]]),
]
ONES = tg.ones(2, 4, 3)
REFUSALS = [
    Refusal("batch_norm of a vector", lambda: F.batch_norm(tg.ones(2), None, None), ShapeError,
            "input needs 2 dimensions or more, not [2]"),
    Refusal("weights", lambda: F.batch_norm(ONES, None, None, tg.ones(3)), ShapeError,
            "3 weights for input [2, 4, 3], whose dimension 1 has 4 channels"),
    Refusal("one value", lambda: F.batch_norm(tg.ones(1, 2), None, None, training=True),
            ValueError, "1 value per channel when training, got input size torch.Size([1, 2])"),
    Refusal("layer_norm", lambda: F.layer_norm(ONES, 4), ShapeError,
            "normalized_shape=[4] must be the last dimensions of the input, which has shape [2, 4"),
    Refusal("group_norm", lambda: F.group_norm(ONES, 3), ShapeError, "do not divide into 3 groups"),
    Refusal("instance_norm", lambda: F.instance_norm(tg.ones(2, 3, 1)), ValueError,
            "more than 1 spatial element when training, got input size torch.Size([2, 3, 1])"),
]  # fmt: skip
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    norm, CASES, PLAIN, REFUSALS
)


@pytest.mark.parametrize("dtype", [tg.float32, tg.float16])
@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
def test_running_moments_move_towards_the_batchs(name: str, dtype: object) -> None:
    mean, var = tg.zeros(4), tg.ones(4)
    x = tg.tensor(X, dtype=dtype)
    settings = {"training": True} if name == "batch_norm" else {}
    getattr(F, name)(x, mean, var, momentum=0.25, **settings)
    if name == "batch_norm":
        want = X.mean((0, 2)), X.var((0, 2), ddof=1)
    else:
        want = X.mean(2).mean(0), X.var(2, ddof=1).mean(0)
    assert np.allclose(mean.numpy(), 0.25 * want[0], atol=1e-3)
    assert np.allclose(var.numpy(), 0.75 + 0.25 * want[1], atol=1e-3)
