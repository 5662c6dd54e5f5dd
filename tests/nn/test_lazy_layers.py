"""Lazy layers: shapes from the first call, the same objects before and after it, and errors."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn, optim
from tinygrad_mnist.nn.lazy import LazyModuleMixin, is_lazy


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.LazyConv2d(6, 3, padding=1),
        nn.LazyBatchNorm2d(),
        nn.Flatten(),
        nn.LazyLinear(20),
        nn.LazyBatchNorm1d(),
        nn.LazyLinear(3, bias=False),
    )


X = tg.tensor(np.random.default_rng(0).standard_normal((4, 2, 5, 5)).astype(np.float32))


def test_the_first_call_makes_a_lazy_layer_a_plain_one() -> None:
    net = network()
    assert repr(net[3]) == "LazyLinear(in_features=0, out_features=20, bias=True)"
    assert net(X).shape == (4, 3)
    kinds = [nn.Conv2d, nn.BatchNorm2d, nn.Flatten, nn.Linear, nn.BatchNorm1d, nn.Linear]
    assert list(map(type, net)) == kinds
    assert (net[0].in_channels, net[1].num_features, net[3].in_features) == (2, 6, 150)
    assert repr(net[3]) == "Linear(in_features=150, out_features=20, bias=True)"
    assert not any(map(is_lazy, net.state_dict().values())) and net[0]._hooks is None
    assert net[1].num_batches_tracked.item() == 1


def test_an_optimizer_made_before_the_first_call_trains() -> None:
    net = network()
    params = list(net.parameters())
    optimizer = optim.SGD(params, lr=0.1)
    (net(X) ** 2).sum().backward()
    assert all(a is b for a, b in zip(params, net.parameters(), strict=True))
    before = [p.detach().clone() for p in params]
    optimizer.step()
    moved = [bool((a != b).any()) for a, b in zip(before, params, strict=True)]
    assert moved[0] and moved[-1]


@pytest.mark.parametrize(
    ("use", "error"),
    [
        (lambda p: p + 1, ValueError),
        (lambda p: p.sum(), ValueError),
        (lambda p: tg.ones(2) * p, ValueError),
        (lambda p: p.numel(), ValueError),
        (lambda p: nn.init.zeros_(p), ValueError),
        (lambda p: p.shape, RuntimeError),
    ],
)
def test_a_parameter_without_a_shape_cannot_be_used(use, error) -> None:
    with pytest.raises(error, match=r"uninitialized parameter.*`forward`"):
        use(nn.LazyLinear(2).weight)


def test_values_written_before_the_first_call_have_no_effect() -> None:
    """As a book's programs do: `layer.weight.data.normal_(0, 0.01)` before the first call."""
    layer = nn.LazyLinear(2)
    layer.weight.data.normal_(0, 0.01)
    layer.bias.data.fill_(0)
    assert layer.weight.data.shape == (0,) and is_lazy(layer.weight)
    assert layer(tg.ones(1, 3)).shape == (1, 2)


def test_a_cast_before_the_first_call_decides_the_dtype() -> None:
    net = network().double()
    assert net[0].weight.dtype == tg.float64 and is_lazy(net[0].weight)
    net(X.double())
    assert {v.dtype.char for v in net.parameters()} == {"d"}


def test_states_go_between_lazy_and_called_networks() -> None:
    called, lazy = network(), network()
    called(X)
    with pytest.raises(RuntimeError, match="uninitialized"):
        called.load_state_dict(lazy.state_dict())
    assert repr(lazy.state_dict()["0.weight"]) == "<UninitializedParameter>"
    lazy.load_state_dict(network().state_dict())  # nothing to copy
    lazy.load_state_dict(called.state_dict())
    assert lazy[0].weight.shape == (6, 2, 3, 3) and type(lazy[0]) is nn.LazyConv2d
    a, b = called.eval()(X), lazy.eval()(X)
    assert (a == b).all() and type(lazy[0]) is nn.Conv2d and lazy[3].in_features == 150


def test_copies_and_pickles_stay_lazy() -> None:
    net = network()
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert twin(X).shape == (4, 3) and type(twin[0]) is nn.Conv2d
        assert is_lazy(net[0].weight)


@pytest.mark.parametrize(
    ("layer", "size", "wanted"),
    [
        (nn.LazyConv1d(4, 3), (2, 3, 7), (4, 3, 3)),
        (nn.LazyConv3d(4, 2, groups=2), (2, 2, 4, 4, 4), (4, 1, 2, 2, 2)),
        (nn.LazyConv3d(4, 2), (2, 4, 4, 4), (4, 2, 2, 2, 2)),
        (nn.LazyConvTranspose1d(4, 3), (2, 3, 7), (3, 4, 3)),
        (nn.LazyConvTranspose2d(4, 3, groups=2), (2, 6, 7, 7), (6, 2, 3, 3)),
        (nn.LazyConvTranspose3d(4, 3), (2, 3, 5, 5, 5), (3, 4, 3, 3, 3)),
        (nn.LazyBatchNorm3d(), (2, 3, 2, 2, 2), (3,)),
        (nn.LazyInstanceNorm1d(), (2, 3, 4), (3,)),
        (nn.LazyInstanceNorm2d(), (2, 3, 4, 4), (3,)),
        (nn.LazyInstanceNorm3d(affine=True), (2, 3, 2, 2, 2), (3,)),
    ],
)
def test_every_lazy_layer_takes_its_inputs_from_the_input(layer, size, wanted) -> None:
    layer(tg.ones(*size))
    assert layer.weight.shape == wanted
    assert not type(layer).__name__.startswith("Lazy")


def test_inputs_that_do_not_fit_are_refused_with_the_reason() -> None:
    with pytest.raises(RuntimeError, match=r"3D \(unbatched\) or 4D"):
        nn.LazyConv2d(2, 3)(tg.ones(4, 4))
    with pytest.raises(ValueError, match="divisible by groups"):
        nn.LazyConv1d(4, 3, groups=2)(tg.ones(1, 3, 5))


def test_a_users_own_lazy_layer_infers_its_shapes() -> None:
    class Scale(LazyModuleMixin, nn.Module):
        cls_to_become = None

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.UninitializedParameter()
            self.mean = nn.UninitializedBuffer()

        def initialize_parameters(self, x: tg.Tensor) -> None:
            if is_lazy(self.weight):
                self.weight.materialize(x.shape[-1:])
            nn.init.ones_(self.weight)

        def forward(self, x: tg.Tensor) -> tg.Tensor:
            return x * self.weight

    scale = Scale()
    with pytest.raises(RuntimeError, match="not been fully initialized"):
        scale(tg.ones(2, 3))
    scale.mean.materialize((1,))
    assert scale(tg.ones(2, 3)).shape == (2, 3) and type(scale.mean) is tg.Tensor
