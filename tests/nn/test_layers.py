"""Layers: what they compute beside loops and formulas, their traps, and what they refuse."""

import copy
import math
import warnings

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist import nn
from tinygrad_mnist.autograd.op import DTypeError, ShapeError

RNG = np.random.default_rng(0)


def real(*shape: int) -> tg.Tensor:
    return tg.tensor(RNG.standard_normal(shape), requires_grad=True)


# Linear


def test_linear_is_one_node_and_takes_any_leading_dimensions() -> None:
    layer = nn.Linear(4, 3).double()
    y = layer(real(5, 4))
    assert y.grad_fn.op.name == "linear"
    x = real(2, 5, 4)
    wanted = x.detach().numpy() @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
    np.testing.assert_allclose(layer(x).detach().numpy(), wanted)
    np.testing.assert_allclose(layer(x[0, 0]).detach().numpy(), wanted[0, 0])
    assert layer(tg.zeros(0, 4, dtype=tg.float64)).shape == (0, 3)


def test_a_wide_weight_lies_in_memory_column_by_column_and_so_does_its_gradient() -> None:
    tg.manual_seed(3)
    wide = nn.Linear(5, 16).double()
    tg.manual_seed(3)
    rows = nn.Linear(5, 16).double()
    rows.weight.data = tg.tensor(np.ascontiguousarray(rows.weight.detach().numpy()))
    x = real(7, 5)
    grads = []
    for layer, by_row in ((wide, False), (rows, True), (nn.Linear(5, 15).double(), True)):
        (layer(x) ** 2).sum().backward()
        for tensor in (layer.weight, layer.weight.grad, copy.deepcopy(layer).weight):
            assert tensor._data.flags.c_contiguous is by_row and tensor.is_contiguous()
        grads.append(layer.weight.grad.numpy())
    np.testing.assert_allclose(grads[0], grads[1], rtol=1e-12)
    assert (wide.weight == rows.weight).all()
    assert (wide.weight.view(-1) == rows.weight.view(-1)).all()


def test_initial_values_are_pytorchs_distribution() -> None:
    tg.manual_seed(0)
    for layer, fan in ((nn.Linear(400, 300), 400), (nn.Conv2d(20, 30, 5), 500)):
        bound = 1 / math.sqrt(fan)
        for param in (layer.weight, layer.bias):
            values = param.detach().numpy()
            assert bound * 0.9 < np.abs(values).max() <= bound
        assert layer.weight.detach().numpy().std() == pytest.approx(bound / math.sqrt(3), rel=0.02)
    tg.manual_seed(5)
    first = nn.Linear(3, 3).weight
    tg.manual_seed(5)
    assert (nn.Linear(3, 3).weight == first).all()


# Convolution


def loops(x: np.ndarray, w: np.ndarray, stride: int, dilation: int) -> np.ndarray:
    """A convolution by its definition."""
    kh, kw = ((k - 1) * dilation + 1 for k in w.shape[2:])
    rows = range(0, x.shape[2] - kh + 1, stride)
    columns = range(0, x.shape[3] - kw + 1, stride)
    return np.array([
        [[[(image[:, i : i + kh : dilation, j : j + kw : dilation] * kernel).sum()
           for j in columns] for i in rows] for kernel in w] for image in x
    ])  # fmt: skip


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("channels", [1, 9])  # few channels take another path through memory
def test_a_convolution_equals_its_definition(stride: int, dilation: int, channels: int) -> None:
    x, w = real(2, channels, 7, 6), real(3, channels, 3, 2)
    y = F.conv2d(x, w, stride=stride, dilation=dilation)
    wanted = loops(x.detach().numpy(), w.detach().numpy(), stride, dilation)
    np.testing.assert_allclose(y.detach().numpy(), wanted, atol=1e-12)
    padded = F.conv2d(x, w, stride=stride, dilation=dilation, padding=(1, 2))
    by_hand = F.conv2d(F.pad(x, (2, 2, 1, 1)), w, stride=stride, dilation=dilation)
    b = tg.tensor([1.0, 2.0, 3.0], dtype=tg.float64)
    biased = F.conv2d(x, w, b, stride=stride, dilation=dilation)
    np.testing.assert_allclose((biased - y).detach()[0, :, 0, 0], b)
    np.testing.assert_allclose(padded.detach().numpy(), by_hand.detach().numpy(), atol=1e-12)


def test_many_images_give_the_result_of_a_few_at_a_time() -> None:
    x, w = real(9, 8, 34, 34), real(4, 8, 5, 5)  # 1.4 MB of columns an image: two at a time
    y, one_by_one = F.conv2d(x, w), [F.conv2d(x[i : i + 1], w) for i in range(9)]
    np.testing.assert_allclose(y.detach(), tg.cat(one_by_one).detach(), atol=1e-11)
    y.sum().backward()
    whole = x.grad, w.grad
    x.grad = w.grad = None
    tg.cat(one_by_one).sum().backward()
    for a, b in zip(whole, (x.grad, w.grad), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_groups_are_separate_convolutions() -> None:
    x, w = real(2, 4, 5, 5), real(6, 2, 3, 3)
    halves = [F.conv2d(x[:, :2], w[:3]), F.conv2d(x[:, 2:], w[3:])]
    np.testing.assert_allclose(
        F.conv2d(x, w, groups=2).detach(), tg.cat(halves, 1).detach(), atol=1e-12
    )


def test_a_transposed_convolution_is_the_adjoint() -> None:
    """<conv(x), y> = <x, conv_transpose(y)> for all x and y."""
    x, w, y = real(2, 3, 7, 9), real(4, 3, 3, 2), real(2, 4, 4, 5)
    settings = {"stride": 2, "padding": 1}
    back = F.conv_transpose2d(y, w, output_padding=(0, 1), **settings)
    assert back.shape == x.shape
    left, right = (F.conv2d(x, w, **settings) * y).sum(), (x * back).sum()
    assert left.item() == pytest.approx(right.item())
    with pytest.raises(RuntimeError, match="output padding"):
        F.conv_transpose2d(y, w, output_padding=2, **settings)
    layer = nn.ConvTranspose2d(4, 3, 3, stride=2).double()
    assert layer(y, output_size=(10, 12)).shape == (2, 3, 10, 12)
    with pytest.raises(ValueError, match="13"):
        layer(y, output_size=(10, 13))


def test_a_result_is_channels_last_in_memory_for_the_next_layer() -> None:
    y = F.conv2d(real(2, 3, 8, 8), real(5, 3, 3, 3))
    assert y._data.transpose(0, 2, 3, 1).flags.c_contiguous
    pooled = F.max_pool2d(y.relu(), 2)
    assert pooled._data.transpose(0, 2, 3, 1).flags.c_contiguous


def test_same_padding_keeps_the_size_and_unbatched_images_stay_so() -> None:
    x, w = real(1, 2, 6, 5), real(3, 2, 4, 3)
    assert F.conv2d(x, w, padding="same").shape == (1, 3, 6, 5)
    assert F.conv2d(x[0], w, padding="valid").shape == (3, 3, 3)
    assert F.conv1d(real(2, 7), real(3, 2, 4), padding="same").shape == (3, 7)
    with pytest.raises(RuntimeError, match="strided"):
        F.conv2d(x, w, padding="same", stride=2)


@pytest.mark.parametrize(
    ("x", "w", "settings", "parts"),
    [
        ((1, 3, 5, 5), (2, 1, 3, 3), {}, ["[2, 1, 3, 3]", "1 channels", "has 3"]),
        ((1, 1, 2, 2), (2, 1, 3, 3), {}, ["[3, 3]", "[2, 2]", "larger"]),
        ((5, 5), (2, 1, 3, 3), {}, ["[5, 5]", "3 or 4"]),
        ((1, 3, 5, 5), (2, 1, 3, 3), {"groups": 3}, ["3 groups"]),
    ],
    ids=["channels", "small", "rank", "groups"],
)
def test_convolutions_refuse_what_does_not_fit(x, w, settings, parts) -> None:
    with pytest.raises(ShapeError) as caught:
        F.conv2d(tg.ones(*x), tg.ones(*w), **settings)
    for part in parts:
        assert part in str(caught.value)


def test_images_of_bytes_are_refused_with_a_hint() -> None:
    with pytest.raises(DTypeError, match=r"uint8.*float32.*\.float\(\)"):
        nn.Conv2d(1, 2, 3)(tg.ones(1, 1, 5, 5).to(tg.uint8))


# Pooling


def test_ties_in_max_pool_go_to_the_first() -> None:
    """As in PyTorch: blank backgrounds tie all the time, and sharing would change training."""
    x = tg.zeros(1, 1, 4, 4, requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    assert x.grad[0, 0].tolist() == [[1, 0, 1, 0], [0] * 4, [1, 0, 1, 0], [0] * 4]
    x.grad = None
    F.max_pool2d(x, 3, stride=1).sum().backward()  # windows that share elements
    assert x.grad[0, 0].tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0] * 4, [0] * 4]


def test_padding_never_wins_in_max_pool_and_indices_name_the_winners() -> None:
    x = tg.tensor([[[[-3.0, -1.0], [-2.0, -4.0]]]], requires_grad=True)
    y, index = F.max_pool2d(x, 2, stride=1, padding=1, return_indices=True)
    assert y[0, 0].tolist() == [[-3, -1, -1], [-2, -1, -1], [-2, -2, -4]]
    assert index[0, 0].tolist() == [[0, 1, 1], [2, 1, 1], [2, 2, 3]]
    y.sum().backward()
    assert x.grad[0, 0].tolist() == [[1, 4], [3, 1]]


def test_nan_wins_in_max_pool() -> None:
    x = tg.tensor([[[[1.0, float("nan")], [3.0, 2.0]]]], requires_grad=True)
    y = F.max_pool2d(x, 2)
    assert math.isnan(y.item())
    y.sum().backward()
    assert x.grad[0, 0].tolist() == [[0, 1], [0, 0]]


def test_average_pools_count_what_is_there() -> None:
    x = tg.ones(1, 1, 3, 3)
    padded = F.avg_pool2d(x, 2, padding=1)
    assert padded[0, 0].tolist() == [[0.25, 0.5], [0.5, 1.0]]
    assert F.avg_pool2d(x, 2, padding=1, count_include_pad=False).tolist() == [[[[1, 1], [1, 1]]]]
    assert F.avg_pool2d(x, 2, ceil_mode=True).tolist() == [[[[1, 1], [1, 1]]]]
    assert F.avg_pool2d(x, 2, divisor_override=1).item() == 4.0
    # A window that would begin beyond the image is no window.
    assert F.avg_pool2d(tg.ones(1, 1, 2, 2), 1, stride=3, ceil_mode=True).shape == (1, 1, 1, 1)
    assert F.max_pool1d(tg.ones(1, 4), 2, stride=2, padding=1, ceil_mode=True).shape == (1, 3)
    assert F.adaptive_avg_pool2d(tg.arange(5.0).reshape(1, 1, 5), (None, 2)).tolist() == [[[1, 3]]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: F.max_pool2d(x, 5), r"\[5, 5\].*\[1, 1, 4, 4\]"),
        (lambda x: F.max_pool2d(x, 2, padding=2), "half of the kernel size"),
        (lambda x: F.avg_pool2d(x[0, 0], 2), "3 or 4 dimensions"),
        (lambda x: F.max_pool2d(x, 2, stride=0), "positive"),
    ],
)
def test_pools_refuse_what_does_not_fit(call, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        call(tg.ones(1, 1, 4, 4))


# Normalisation


def test_batch_norm_moves_its_running_moments_and_uses_them_in_evaluation() -> None:
    layer, x = nn.BatchNorm1d(3, momentum=0.25).double(), real(8, 3)
    y, values = layer(x).detach().numpy(), x.detach().numpy()
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-12)
    expected = np.sqrt(values.var(0) / (values.var(0) + layer.eps))
    np.testing.assert_allclose(y.std(0), expected, rtol=1e-12)
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.25 * values.mean(0))
    np.testing.assert_allclose(layer.running_var.numpy(), 0.75 + 0.25 * values.var(0, ddof=1))
    assert layer.num_batches_tracked.item() == 1
    before = layer.running_mean.numpy().copy()
    scaled = (values - before) / np.sqrt(layer.running_var.numpy() + layer.eps)
    np.testing.assert_allclose(layer.eval()(x).detach().numpy(), scaled)
    assert (layer.running_mean.numpy() == before).all()


def test_batch_norm_without_momentum_averages_all_batches_alike() -> None:
    layer = nn.BatchNorm1d(1, momentum=None)
    for value in (1.0, 2.0, 6.0):
        layer(tg.tensor([[value], [value]]))
    assert layer.running_mean.item() == pytest.approx(3.0)
    layer.reset_running_stats()
    assert (layer.running_mean.item(), layer.num_batches_tracked.item()) == (0.0, 0)


def test_batch_norm_refuses_a_lone_value_and_other_ranks() -> None:
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        nn.BatchNorm1d(3)(tg.ones(1, 3))
    with pytest.raises(ShapeError, match="4D input"):
        nn.Sequential(nn.BatchNorm2d(3))(tg.ones(2, 3))
    with pytest.raises(ShapeError, match="3 weights"):
        nn.BatchNorm1d(3)(tg.ones(2, 4))


def test_a_constant_channel_is_normalised_to_zero_with_a_finite_gradient() -> None:
    x = tg.ones(4, 2, requires_grad=True)
    y = nn.BatchNorm1d(2)(x)
    assert (y == 0).all()
    (y * tg.arange(8.0).reshape(4, 2)).sum().backward()
    assert np.isfinite(x.grad.numpy()).all()


def test_layer_norms_refuse_other_shapes() -> None:
    for layer in (nn.LayerNorm(3), nn.RMSNorm((3,))):
        with pytest.raises(ShapeError, match=r"\[3\].*\[2, 4\]"):
            layer(tg.ones(2, 4))
    with pytest.raises(ShapeError, match="5 channels"):
        F.group_norm(tg.ones(1, 5, 2), 2)


# Dropout


@pytest.mark.parametrize("p", [0.25, 0.3])  # decided by one byte, and by a float
def test_dropout_keeps_the_mean_and_follows_the_seed(p: float) -> None:
    x = tg.ones(200, 500, requires_grad=True)
    tg.manual_seed(1)
    y = F.dropout(x, p)
    assert set(np.unique(y.detach())) == {np.float32(0), np.float32(1 / (1 - p))}
    assert (y == 0).float().mean().item() == pytest.approx(p, abs=0.01)
    y.sum().backward()
    assert (x.grad == y).all()
    assert not (F.dropout(x, p) == y).all()
    tg.manual_seed(1)
    assert (F.dropout(x, p) == y).all()


def test_dropout_at_its_ends_and_in_evaluation() -> None:
    x = tg.ones(4)
    assert nn.Dropout(0.5).eval()(x) is x and F.dropout(x, 0.0) is x
    assert (F.dropout(x, 1.0) == 0).all()
    for p in (-0.1, 1.1):
        with pytest.raises(ValueError, match="between 0 and 1"):
            nn.Dropout(p)


def test_dropout2d_drops_whole_channels() -> None:
    y = F.dropout2d(tg.ones(10, 20, 3, 3), 0.5).reshape(200, 9)
    assert ((y == 0).all(1) | (y == 2).all(1)).all() and 50 < (y[:, 0] == 0).sum().item() < 150


# Embedding, recurrence, attention


def test_embedding_gathers_rows_and_adds_their_gradients() -> None:
    layer = nn.Embedding(4, 2, padding_idx=0)
    assert (layer.weight[0] == 0).all()
    layer(tg.tensor([[1, 1], [0, 3]])).sum().backward()
    assert layer.weight.grad[:, 0].tolist() == [0, 2, 0, 1]
    rows = tg.arange(6.0).reshape(3, 2)
    frozen = nn.Embedding.from_pretrained(rows)
    assert frozen(tg.tensor(2)).tolist() == [4, 5] and not frozen.weight.requires_grad
    with pytest.raises(DTypeError, match="integers"):
        layer(tg.ones(2))
    for index in (4, -1):
        with pytest.raises(IndexError, match=f"index {index} is out of range for 4 rows"):
            layer(tg.tensor([1, index]))


def test_embedding_shrinks_the_long_rows_it_uses() -> None:
    weight = tg.tensor([[3.0, 4.0], [30.0, 40.0], [0.3, 0.4]])
    F.embedding(tg.tensor([0, 2]), weight, max_norm=1.0)
    np.testing.assert_allclose(weight.numpy(), [[0.6, 0.8], [30, 40], [0.3, 0.4]], rtol=1e-5)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_recurrent_layer_is_its_cell_step_by_step(kind: str) -> None:
    layer, cell = getattr(nn, kind)(3, 2), getattr(nn, kind + "Cell")(3, 2)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    x, state = tg.randn(4, 5, 3), None
    outputs, final = layer(x)
    for t in range(4):
        state = cell(x[t], state)
        h = state[0] if kind == "LSTM" else state
        np.testing.assert_allclose(outputs[t].detach(), h.detach(), rtol=1e-5, atol=1e-6)
    last = final[0] if kind == "LSTM" else final
    assert (last[0] == outputs[-1]).all()


def test_gated_cells_are_their_formulas() -> None:
    x, h, c = tg.randn(2, 3), tg.randn(2, 4), tg.randn(2, 4)
    lstm, gru = nn.LSTMCell(3, 4), nn.GRUCell(3, 4)
    i, f, g, o = (x @ lstm.weight_ih.T + h @ lstm.weight_hh.T + lstm.bias_ih + lstm.bias_hh).chunk(
        4, 1
    )
    c2 = f.sigmoid() * c + i.sigmoid() * g.tanh()
    got_h, got_c = lstm(x, (h, c))
    np.testing.assert_allclose(got_c.detach(), c2.detach(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        got_h.detach(), (o.sigmoid() * c2.tanh()).detach(), rtol=1e-5, atol=1e-6
    )
    ar, az, an = (x @ gru.weight_ih.T + gru.bias_ih).chunk(3, 1)
    br, bz, bn = (h @ gru.weight_hh.T + gru.bias_hh).chunk(3, 1)
    z, n = (az + bz).sigmoid(), (an + (ar + br).sigmoid() * bn).tanh()
    np.testing.assert_allclose(
        gru(x, h).detach(), ((1 - z) * n + z * h).detach(), rtol=1e-5, atol=1e-6
    )


def test_attention_looks_only_where_it_may() -> None:
    q, k, v = (real(2, 3, 4) for _ in range(3))
    causal = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    np.testing.assert_allclose(causal[:, 0].detach(), v[:, 0].detach())
    mask = tg.tensor(np.tri(3, dtype=np.bool_))
    masked = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    np.testing.assert_allclose(masked.detach(), causal.detach())
    layer = nn.MultiheadAttention(4, 2, batch_first=True).double()
    _, weights = layer(q, k, v, key_padding_mask=tg.tensor([[False, False, True]] * 2))
    assert (weights[..., 2] == 0).all()
    np.testing.assert_allclose(weights.sum(-1).detach(), 1.0)
    with pytest.raises(ValueError, match="divisible"):
        nn.MultiheadAttention(5, 2)


# Activations


def test_softmax_without_a_dimension_warns() -> None:
    with pytest.warns(UserWarning, match="dim=1"):
        F.softmax(tg.ones(2, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        F.softmax(tg.ones(2, 3), dim=-1)


def test_softmax_of_minus_infinity_is_zero() -> None:
    x = tg.tensor([0.0, -math.inf], requires_grad=True)
    y = F.softmax(x, 0)
    assert y.tolist() == [1.0, 0.0]
    y[0].backward()
    assert x.grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("name", ["elu", "selu", "celu", "softplus", "logsigmoid", "mish", "gelu"])
def test_activations_are_finite_far_out(name: str) -> None:
    x = tg.tensor([-1e4, -100.0, 0.0, 100.0, 1e4], requires_grad=True)
    y = getattr(F, name)(x)
    y.sum().backward()
    assert np.isfinite(y.detach().numpy()).all() and np.isfinite(x.grad.numpy()).all()


def test_kinks_have_pytorchs_slopes() -> None:
    for function, wanted in [
        (F.relu, 0.0), (F.relu6, 0.0), (F.leaky_relu, 0.01), (F.elu, 1.0), (F.hardshrink, 0.0),
    ]:  # fmt: skip
        x = tg.zeros(1, requires_grad=True)
        function(x).sum().backward()
        assert x.grad.item() == pytest.approx(wanted), function.__name__
    ends = tg.tensor([-1.0, 1.0, 6.0], requires_grad=True)
    (F.hardtanh(ends)[:2].sum() + F.relu6(ends)[2]).backward()
    assert ends.grad.tolist() == [0, 0, 0]


def test_pads_continue_images() -> None:
    x = tg.tensor([[1, 2, 3]])
    assert F.pad(x, (2, 1)).tolist() == [[0, 0, 1, 2, 3, 0]]
    assert F.pad(x, (-1, 1), value=9).tolist() == [[2, 3, 9]]
    assert F.pad(x, (2, 2), mode="reflect").tolist() == [[3, 2, 1, 2, 3, 2, 1]]
    assert F.pad(x, (2, 1), mode="replicate").tolist() == [[1, 1, 1, 2, 3, 3]]
    assert F.pad(x, (2, 1), mode="circular").tolist() == [[2, 3, 1, 2, 3, 1]]
    with pytest.raises(RuntimeError, match=r"3 must be at most 2.*reflect"):
        F.pad(x, (3, 0), mode="reflect")
