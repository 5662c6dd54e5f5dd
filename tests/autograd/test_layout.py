"""`view`, `is_contiguous` and `stride` answer as PyTorch's, whatever the layout."""

import gc

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist import nn, optim
from tinygrad_mnist.autograd import layout


@pytest.fixture
def images():
    """The result of a convolution: channel by channel within a pixel, here."""
    tg.manual_seed(0)
    y = F.relu(nn.Conv2d(1, 32, 3)(tg.randn(4, 1, 9, 9)))
    assert not y._data.flags.c_contiguous  # or these tests see nothing
    return y


@pytest.fixture
def weight():
    """A layer's weight: column by column, here."""
    tg.manual_seed(0)
    p = nn.Linear(20, 30).weight
    assert not p._data.flags.c_contiguous
    return p


def test_what_is_no_view_is_contiguous(images, weight):
    assert images.is_contiguous() and images.stride() == (1568, 49, 7, 1)
    assert weight.is_contiguous() and weight.stride() == (20, 1)
    assert images.contiguous() is images


@pytest.mark.parametrize(
    ("view", "stride"),
    [
        (lambda y: y.permute(0, 2, 3, 1), (1568, 7, 1, 49)),
        (lambda y: y.transpose(1, 2), (1568, 7, 49, 1)),
        (lambda y: y[:, :, ::2], (1568, 49, 14, 1)),
        (lambda y: y[1, :, 2], (49, 1)),
        (lambda y: y[:, None].expand(4, 5, 32, 7, 7), (1568, 0, 49, 7, 1)),
    ],
)
def test_a_view_has_the_strides_of_pytorch(images, view, stride):
    viewed = view(images)
    assert viewed.stride() == stride and not viewed.is_contiguous()
    with pytest.raises(RuntimeError, match="use .reshape"):
        viewed.view(-1)
    flat = viewed.contiguous().view(-1)
    assert np.array_equal(flat.detach().numpy(), viewed.detach().numpy().reshape(-1))


def test_rows_of_it_are_contiguous(images):
    assert images[1:3].is_contiguous() and images[1:3].view(2, -1).shape == (2, 1568)


def test_gradients_flow_through_such_a_view(images):
    weights = tg.randn(4, 1568)
    leaf = images.detach().clone().requires_grad_()
    other = tg.from_numpy(np.asfortranarray(leaf.detach().numpy())) * 1.0
    other.requires_grad_()
    (leaf.reshape(4, -1) * weights).sum().backward()
    (other.view(4, -1) * weights).sum().backward()
    assert np.array_equal(leaf.grad.numpy(), other.grad.numpy())


def test_writes_reach_both(weight):
    flat = weight.data.view(-1)
    flat[3] = 7.0
    assert weight[0, 3].item() == 7.0
    with tg.no_grad():
        weight[1, 1] = 5.0
        weight.add_(1.0)
    assert flat[3].item() == 8.0 and flat[21].item() == 6.0
    again = weight.view(600)  # a second one, of the same memory
    flat.zero_()
    assert not again.detach().numpy().any() and not weight.detach().numpy().any()


@pytest.mark.parametrize("jit", [lambda f: f, tg.jit, lambda f: tg.jit(f, pure=True)])
@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
def test_an_optimizer_writes_to_both(weight, kind, jit):
    optimizer, x = kind([weight], lr=0.1), tg.randn(5, 20)

    def step(x):
        optimizer.zero_grad()
        F.linear(x, weight).square().mean().backward()
        optimizer.step()

    step = jit(step)
    step(x)
    flat = weight.data.view(-1)
    for _ in range(5):
        step(x)
        assert np.array_equal(flat.tolist(), weight.flatten().tolist())


def test_a_gradient_can_be_viewed_and_clipped(weight):
    F.linear(tg.randn(5, 20), weight).sum().backward()
    weight.grad.view(-1).clamp_(-0.1, 0.1)
    assert abs(weight.grad.numpy()).max() <= np.float32(0.1)


def test_what_a_node_kept_is_noticed_when_it_is_written_through_the_view(weight):
    loss = (weight * weight).sum()
    weight.data.view(-1).zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_an_array_of_it_cannot_be_written(weight):
    flat = weight.data.view(-1)
    with pytest.raises(ValueError, match="read-only"):
        flat.numpy()[0] = 1
    del flat
    weight.detach().numpy()[0] = 1


def test_a_recorded_write_is_refused_while_both_are_there(images):
    flat = images.view(4, -1)
    with pytest.raises(RuntimeError, match="made a copy"):
        flat.relu_()
    with pytest.raises(RuntimeError, match="made a copy"):
        images.relu_()


def test_a_recorded_write_to_the_view_alone():
    conv, x = nn.Conv2d(1, 32, 3), tg.randn(4, 1, 9, 9)
    conv(x).view(4, -1).relu_().sum().backward()
    grad = conv.weight.grad.numpy().copy()
    conv.zero_grad()
    conv(x).reshape(4, -1).relu().sum().backward()
    assert np.array_equal(grad, conv.weight.grad.numpy())


def test_what_a_user_laid_out_is_as_it_is():
    x = tg.from_numpy(np.asfortranarray(np.ones((3, 4))))
    assert x.stride() == (1, 3) and not x.is_contiguous()
    with pytest.raises(RuntimeError, match="use .reshape"):
        x.view(-1)


def test_nothing_is_left_behind(images, weight):
    views = images.view(-1), weight.view(-1), weight.data.view(-1)
    assert layout.PAIRS
    del views
    gc.collect()
    assert not layout.PAIRS


@pytest.mark.parametrize("form", ["eager", "default", "pure", "tiles"])
def test_the_commonest_line_of_programs_for_mnist(form):
    """x.view(-1, 320) behind a convolution: the bits of reshape, in every form."""

    def losses(flatten):
        tg.manual_seed(0)
        conv, linear = nn.Conv2d(1, 20, 3), nn.Linear(320, 10)
        optimizer = optim.SGD([*conv.parameters(), *linear.parameters()], lr=0.1)
        x, y = tg.randn(8, 1, 10, 10), tg.randint(0, 10, (8,))

        def step(x, y):
            optimizer.zero_grad()
            loss = F.cross_entropy(linear(flatten(F.max_pool2d(conv(x), 2))), y)
            loss.backward()
            optimizer.step()
            return loss

        made = {
            "eager": step,
            "default": tg.jit(step),
            "pure": tg.jit(step, pure=True),
            "tiles": tg.jit(step, tile_rows=4),
        }
        return [made[form](x, y).item() for _ in range(6)]

    assert losses(lambda x: x.view(-1, 320)) == losses(lambda x: x.reshape(-1, 320))


def test_a_pure_function_does_not_lose_a_write_through_the_view(weight):
    """No replay keeps two copies equal: the function runs each time."""

    def shift(x):
        weight.data.view(-1).add_(x)
        return weight.sum()

    pure, before = tg.jit(shift, pure=True), weight.detach().numpy().copy()
    with tg.no_grad():
        for _ in range(4):
            pure(tg.tensor(1.0))
    assert np.allclose(weight.detach().numpy(), before + 4)


def test_reshape_shares_memory_where_pytorch_does_and_only_there(images, weight):
    images = images.detach()
    rows = images.permute(0, 2, 3, 1).reshape(-1, 32)  # which share memory here, but not there
    assert rows.any() and not rows.zero_().any() and images.any()
    images.flatten(1).zero_()
    assert not images.any()
    weight.data.reshape(-1)[1] = 7.0
    assert weight[0, 1].item() == 7.0


def test_a_repetition_is_written_as_all_are(images):
    twice = images.detach().expand(2, *images.shape).view(2, -1)
    twice[0].fill_(3.0)
    assert (twice[1] == 3).all() and (images == 3).all()


@pytest.mark.parametrize("cut", [lambda x: x.detach(), lambda x: x.data])
def test_a_detached_view_keeps_its_strides(images, cut):
    viewed = cut(images.permute(0, 2, 3, 1))
    assert viewed.stride() == (1568, 7, 1, 49) and cut(tg.ones(2, 3).t()).stride() == (1, 3)
    copy = viewed.contiguous()
    assert copy.stride() == (1568, 224, 32, 1) and not copy.zero_().any() and viewed.any()
    with pytest.raises(RuntimeError, match="use .reshape"):
        viewed.view(-1)


def test_strides_and_offsets_count_in_the_layout_of_pytorch(images, weight):
    assert weight.storage_offset() == 0 and weight[2].storage_offset() == 40
    assert nn.Conv2d(1, 4, 2).weight.storage_offset() == 0  # whose buffer is aligned
    square = weight.data.as_strided((2, 2), (20, 3), 41)
    assert square.tolist() == [[weight[2, 1], weight[2, 4]], [weight[3, 1], weight[3, 4]]]
    square.zero_()
    assert weight[3, 4].item() == 0.0
