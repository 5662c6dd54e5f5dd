"""Losses: by their formulas, at huge logits, and what they refuse."""

import math

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist.autograd.op import DTypeError, ShapeError

Z = np.array([[1.0, 2.0, -1.0], [0.5, -3.0, 2.0], [0.0, 0.0, 4.0], [2.0, 1.0, 1.0]])
T = np.array([1, 2, 0, 2])
LOGP = Z - np.log(np.exp(Z).sum(1, keepdims=True))
EACH = -LOGP[np.arange(4), T]


def logits() -> tg.Tensor:
    return tg.tensor(Z, requires_grad=True)


def close(got: tg.Tensor, wanted: object) -> None:
    np.testing.assert_allclose(got.detach().numpy(), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("reduction", "wanted"), [("mean", EACH.mean()), ("sum", EACH.sum()), ("none", EACH)]
)
def test_cross_entropy_is_its_formula(reduction: str, wanted: object) -> None:
    close(F.cross_entropy(logits(), tg.tensor(T), reduction=reduction), wanted)
    close(F.nll_loss(tg.tensor(LOGP), tg.tensor(T), reduction=reduction), wanted)


def test_cross_entropy_of_the_hot_path_is_two_nodes() -> None:
    z = logits()
    node, names = F.cross_entropy(z, tg.tensor(T)).grad_fn, []
    while node.op is not None:
        names.append(node.op.name)
        node = node.next_functions[0][0]
    assert names == ["mean", "cross_entropy"] and node is z._node


def test_weights_scale_each_class_and_its_share_of_the_mean() -> None:
    w = np.array([1.0, 2.0, 5.0])
    close(
        F.cross_entropy(logits(), tg.tensor(T), weight=tg.tensor(w)),
        (EACH * w[T]).sum() / w[T].sum(),
    )
    with pytest.raises(ShapeError, match=r"3 classes.*\[2\]"):
        F.cross_entropy(logits(), tg.tensor(T), weight=tg.ones(2))


@pytest.mark.parametrize("ignored", [-100, -1, 2, 77])
def test_an_ignored_target_counts_for_nothing(ignored: int) -> None:
    target = np.array([1, ignored, 0, ignored])
    z = logits()
    loss = F.cross_entropy(z, tg.tensor(target), ignore_index=ignored)
    close(loss, EACH[[0, 2]].mean())
    loss.backward()
    assert (z.grad.numpy()[[1, 3]] == 0).all() and (z.grad.numpy()[[0, 2]] != 0).all()
    close(F.nll_loss(tg.tensor(LOGP), tg.tensor(target), ignore_index=ignored), EACH[[0, 2]].mean())


def test_class_probabilities_and_smoothing_are_mixtures_of_targets() -> None:
    hot = np.eye(3)[T]
    close(F.cross_entropy(logits(), tg.tensor(hot)), EACH.mean())
    mixed = 0.7 * hot + 0.3 / 3
    wanted = -(mixed * LOGP).sum(1)
    for target in (tg.tensor(T), tg.tensor(hot)):
        loss = F.cross_entropy(logits(), target, label_smoothing=0.3, reduction="none")
        close(loss, wanted)
    with pytest.raises(RuntimeError, match="label_smoothing"):
        F.cross_entropy(logits(), tg.tensor(T), label_smoothing=1.5)


def test_classes_may_be_followed_by_more_dimensions() -> None:
    images = np.stack([Z, Z[::-1]]).transpose(0, 2, 1)  # (2, classes, 4)
    targets = np.stack([T, T[::-1]])
    got = F.cross_entropy(tg.tensor(images), tg.tensor(targets), reduction="none")
    close(got, np.stack([EACH, EACH[::-1]]))


@pytest.mark.parametrize(
    ("target", "error", "parts"),
    [
        (np.array([0, 1, 3, 0]), IndexError, ["3", "out of bounds"]),
        (np.array([0, 1, -1, 0]), IndexError, ["-1", "out of bounds"]),
        (np.array([0, 1]), ShapeError, ["[4]", "[2]"]),
        (np.array([0.0, 1.0, 1.0, 1.0]), DTypeError, ["integers", "float64"]),
    ],
    ids=["too large", "negative", "too few", "floats"],
)
def test_wrong_class_targets_are_named(target, error, parts) -> None:
    with pytest.raises(error) as caught:
        F.cross_entropy(logits(), tg.tensor(target))
    for part in parts:
        assert part in str(caught.value)


def test_a_negative_class_is_refused_by_nll_too() -> None:
    with pytest.raises(IndexError, match="-1"):
        F.nll_loss(tg.tensor(LOGP), tg.tensor([0, 1, -1, 0]))


@pytest.mark.parametrize("scale", [1e4, -1e4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_logits_neither_overflow_nor_warn(scale: float, dtype: type) -> None:
    z = tg.tensor(np.array([[scale, 0.0], [0.0, scale]], dtype), requires_grad=True)
    loss = F.cross_entropy(z, tg.tensor([0, 0]), reduction="none")
    assert loss.tolist() == [max(0.0, -scale), max(0.0, scale)]
    loss.sum().backward()
    assert np.isfinite(z.grad.numpy()).all()
    assert F.softmax(z, 1).sum(1).tolist() == [1.0, 1.0]
    assert np.isfinite(F.log_softmax(z, 1).detach().numpy()).all()
    z.grad = None
    bce = F.binary_cross_entropy_with_logits(z, tg.zeros_like(z), reduction="none")
    assert bce[0, 0].item() == max(0.0, scale) and bce[0, 1].item() == pytest.approx(math.log(2))
    bce.sum().backward()
    assert np.isfinite(z.grad.numpy()).all()


def test_probabilities_of_zero_and_one_have_finite_losses_and_gradients() -> None:
    p = tg.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    loss = F.binary_cross_entropy(p, tg.tensor([1.0, 0.0, 0.0, 1.0]), reduction="none")
    assert loss.tolist() == [100.0, 100.0, 0.0, 0.0]
    loss.sum().backward()
    assert np.isfinite(p.grad.numpy()).all() and p.grad.tolist()[0] < 0 < p.grad.tolist()[1]


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_values_that_are_no_probabilities_are_refused(value: float) -> None:
    with pytest.raises(ShapeError, match="between 0 and 1"):
        F.binary_cross_entropy(tg.tensor([value]), tg.tensor([1.0]))


def test_bce_agrees_with_its_logits_form_and_weighs_positives() -> None:
    t = tg.tensor(np.array([[1.0, 0.0, 0.3]] * 4))
    both = [
        F.binary_cross_entropy(logits().sigmoid(), t),
        F.binary_cross_entropy_with_logits(logits(), t),
        F.binary_cross_entropy_with_logits(logits(), t, pos_weight=tg.ones(3, dtype=tg.float64)),
    ]
    for loss in both:
        close(loss, both[0].item())
    p = 1 / (1 + np.exp(-Z))
    wanted = -(3 * t.numpy() * np.log(p) + (1 - t.numpy()) * np.log(1 - p)).mean()
    close(
        F.binary_cross_entropy_with_logits(
            logits(), t, pos_weight=tg.full((3,), 3.0, dtype=tg.float64)
        ),
        wanted,
    )
    for loss in (F.binary_cross_entropy, F.binary_cross_entropy_with_logits):
        with pytest.raises(ShapeError, match=r"\[3\].*\[3, 1\]"):
            loss(tg.zeros(3, 1), tg.zeros(3))


def test_regression_losses_are_their_formulas() -> None:
    x, t = tg.tensor([0.0, 1.0, 5.0]), tg.tensor([0.5, 1.0, 2.0])
    cases = {
        F.mse_loss: [0.25, 0.0, 9.0],
        F.l1_loss: [0.5, 0.0, 3.0],
        F.smooth_l1_loss: [0.125, 0.0, 2.5],
        F.huber_loss: [0.125, 0.0, 2.5],
    }
    for loss, wanted in cases.items():
        close(loss(x, t, reduction="none"), wanted)
        assert loss(x, t).item() == pytest.approx(sum(wanted) / 3)
        assert loss(x, t, reduction="sum").item() == pytest.approx(sum(wanted))
    assert F.huber_loss(x, t, delta=2.0, reduction="none").tolist() == [0.125, 0.0, 4.0]
    assert F.smooth_l1_loss(x, t, beta=0.0, reduction="none").tolist() == [0.5, 0.0, 3.0]
    assert F.kl_div(tg.log(t), t, reduction="sum").item() == pytest.approx(0, abs=1e-6)
    assert F.kl_div(tg.zeros(2, 1), tg.zeros(2, 1), reduction="batchmean").item() == 0.0


def test_a_target_of_another_shape_is_warned_of() -> None:
    with pytest.warns(UserWarning, match=r"target size \(\[3\]\).*input size \(\[3, 1\]\)"):
        F.mse_loss(tg.zeros(3, 1), tg.zeros(3))


def test_wrong_reductions_are_refused_and_older_arguments_accepted() -> None:
    x, t = tg.tensor([1.0, 3.0]), tg.tensor([0.0, 0.0])
    assert F.mse_loss(x, t, size_average=False).item() == 10.0
    assert F.mse_loss(x, t, reduce=False).tolist() == [1.0, 9.0]
    with pytest.raises(ValueError, match="avg"):
        F.mse_loss(x, t, reduction="avg")


def test_one_hot_vectors_have_a_one_at_each_class() -> None:
    assert F.one_hot(tg.tensor([[0], [2]])).tolist() == [[[1, 0, 0]], [[0, 0, 1]]]
    assert F.one_hot(tg.tensor([0]), 2).dtype == tg.int64
    for bad, message in ((tg.tensor([2]), "from 0 to 1"), (tg.tensor([0.0]), "index")):
        with pytest.raises(RuntimeError, match=message):
            F.one_hot(bad, 2)
