"""What is done to modules, beside PyTorch: packing, normalizing, parametrizing, pruning, fusing."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg

torch = pytest.importorskip("torch")
pytest.importorskip("torch.nn.utils.prune")

RNG = np.random.default_rng(0)


def both(make: Any) -> tuple[Any, Any]:
    """A module of each library, with the same state, in float64."""
    mine, theirs = make(tg).double(), make(torch).double()
    mine.load_state_dict(theirs.state_dict())
    return mine, theirs


def tensors(array: np.ndarray, grad: bool = False) -> tuple[Any, Any]:
    return tg.tensor(array, requires_grad=grad), torch.tensor(array, requires_grad=grad)


def close(mine: Any, theirs: Any) -> None:
    if isinstance(theirs, (tuple, list)):
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs, strict=True):
            close(a, b)
    elif theirs is None:
        assert mine is None
    else:
        wanted = theirs.detach().numpy()
        assert mine.shape == tuple(wanted.shape)
        np.testing.assert_allclose(mine.detach().numpy(), wanted, rtol=1e-9, atol=1e-12)


def close_gradients(mine: Any, theirs: Any) -> None:
    names = [name for name, _ in mine.named_parameters()]
    assert names == [name for name, _ in theirs.named_parameters()]
    for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
        close(a.grad, b.grad)


def same_state(mine: Any, theirs: Any) -> None:
    assert list(mine.state_dict()) == list(theirs.state_dict())
    for key, value in theirs.state_dict().items():
        close(mine.state_dict()[key], value)


def messages(call: Any) -> list[type]:
    """The kinds of errors that a call raises with each library, ours first."""
    kinds = []
    for lib in (tg, torch):
        with pytest.raises(Exception) as caught:
            call(lib)
        kinds.append(caught.value)
    return kinds


# Sequences

LENGTHS = [[4, 3, 3, 1], [1, 4, 2, 4]]


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_packed_sequences_are_pytorchs(lengths: list[int], batch_first: bool) -> None:
    x = RNG.standard_normal((4, 5, 3) if batch_first else (5, 4, 3))
    found = []
    for lib, t in zip((tg, torch), tensors(x, grad=True), strict=True):
        rnn = lib.nn.utils.rnn
        packed = rnn.pack_padded_sequence(t, lengths, batch_first, enforce_sorted=False)
        padded, sizes = rnn.pad_packed_sequence(packed, not batch_first, -7.0, total_length=6)
        (padded * padded).sum().backward()
        parts = rnn.unpack_sequence(packed)
        again = rnn.pack_sequence(parts, enforce_sorted=False)
        left = rnn.pad_sequence(parts, batch_first, 2.5, padding_side="left")
        found.append([*packed, padded, sizes, t.grad, *parts, *again, left])
        found[-1] += rnn.unpad_sequence(padded.clone(), sizes, not batch_first)
        assert "PackedSequence(data=" in repr(packed)
    close(*found)


@pytest.mark.parametrize("lengths", [[5, 3, 2], [2, 5, 3]])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU", "projected LSTM"])
@pytest.mark.parametrize("with_state", [False, True])
def test_recurrent_layers_take_packed_sequences(
    kind: str, lengths: list[int], with_state: bool
) -> None:
    settings: dict[str, Any] = {"num_layers": 2, "bidirectional": True, "batch_first": True}
    out = 4
    if kind.startswith("projected"):
        settings["proj_size"] = out = 2
    mine, theirs = both(lambda lib: getattr(lib.nn, kind.split()[-1])(3, 4, **settings))
    assert mine._flat_weights_names == theirs._flat_weights_names
    x, h, c = RNG.standard_normal((3, 5, 3)), *RNG.standard_normal((2, 4, 3, 4))
    found = []
    for lib, layer in ((tg, mine), (torch, theirs)):
        t = lib.tensor(x, requires_grad=True)
        pack = lib.nn.utils.rnn.pack_padded_sequence
        packed = pack(t, lengths, batch_first=True, enforce_sorted=False)
        state: Any = lib.tensor(h[..., :out].copy())
        state = (state, lib.tensor(c)) if kind.endswith("LSTM") else state
        layer.flatten_parameters()
        y, last = layer(packed, state if with_state else None)
        finals = last if isinstance(last, tuple) else (last,)
        (y.data.sin().sum() + sum((f * f).sum() for f in finals)).backward()
        found.append([*y, *finals, t.grad])
    close(*found)
    close_gradients(mine, theirs)


@pytest.mark.parametrize(
    "call",
    [
        lambda lib: lib.nn.LSTM(3, 4)(lib.zeros(2, 2, 3, dtype=lib.float64)),
        lambda lib: lib.nn.GRU(3, 4)(lib.zeros(2, 2, 5)),
        lambda lib: lib.nn.RNN(3, 4)(lib.zeros(3)),
        lambda lib: lib.nn.RNN(3, 4)(lib.zeros(2, 3), lib.zeros(1, 1, 4)),
        lambda lib: lib.nn.LSTM(3, 4)(lib.zeros(2, 5, 3), (lib.zeros(1, 2, 4),) * 2),
        lambda lib: lib.nn.RNN(3, 4, nonlinearity="sin"),
        lambda lib: lib.nn.GRU(3, 0),
        lambda lib: lib.nn.LSTM(3, 4, proj_size=4),
        lambda lib: lib.nn.LSTM(3, 4, dropout=2.0),
        lambda lib: lib.nn.GRU(3, 4)(lib.zeros(0, 2, 3)),
        lambda lib: lib.nn.utils.rnn.pack_padded_sequence(lib.zeros(3, 2), [1, 2]),
        lambda lib: lib.nn.utils.rnn.pack_padded_sequence(lib.zeros(3, 2), [1, 0]),
        lambda lib: lib.nn.utils.rnn.pack_padded_sequence(lib.zeros(3, 2), [1]),
        lambda lib: lib.nn.utils.rnn.pad_sequence([]),
        lambda lib: lib.nn.utils.rnn.pad_sequence([lib.zeros(2, 3), lib.zeros(2, 4)]),
    ],
)
def test_sequences_that_do_not_fit_raise_pytorchs_errors(call: Any) -> None:
    mine, theirs = messages(call)
    assert isinstance(mine, type(theirs)), (mine, theirs)


# Weights by length and direction, and of spectral norm one


def layers(lib: Any) -> list[tuple[Any, np.ndarray]]:
    return [
        (lib.nn.Linear(5, 3), RNG.standard_normal((4, 5))),
        (lib.nn.Conv2d(2, 3, 3), RNG.standard_normal((2, 2, 5, 5))),
        (lib.nn.ConvTranspose2d(2, 3, 3), RNG.standard_normal((2, 2, 5, 5))),
    ]


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("dim", [0, 1, None])
@pytest.mark.parametrize("new", [False, True])
@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm`:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
def test_weight_norm_is_pytorchs(place: int, dim: int | None, new: bool) -> None:
    def make(lib: Any) -> Any:
        utils = lib.nn.utils
        return (utils.parametrizations if new else utils).weight_norm(
            layers(lib)[place][0], dim=dim
        )

    mine, theirs = make(tg).double(), make(torch).double()
    mine.load_state_dict(theirs.state_dict())
    x, t = tensors(layers(tg)[place][1])
    y, z = mine(x), theirs(t)
    close(y, z)
    (y * y).sum().backward(), (z * z).sum().backward()
    close_gradients(mine, theirs)
    same_state(mine, theirs)
    if new:
        tg.nn.utils.parametrize.remove_parametrizations(mine, "weight")
        torch.nn.utils.parametrize.remove_parametrizations(theirs, "weight")
    else:
        tg.nn.utils.remove_weight_norm(mine), torch.nn.utils.remove_weight_norm(theirs)
    assert type(mine).__name__ == type(theirs).__name__
    assert sorted(mine.state_dict()) == sorted(theirs.state_dict())
    close(mine(x), theirs(t))


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("new", [False, True])
def test_spectral_norm_is_pytorchs(place: int, new: bool) -> None:
    def make(lib: Any) -> Any:
        utils = lib.nn.utils
        return (utils.parametrizations if new else utils).spectral_norm(layers(lib)[place][0])

    mine, theirs = make(tg).double(), make(torch).double()
    mine.load_state_dict(theirs.state_dict())
    x, t = tensors(layers(tg)[place][1])
    for _ in range(3):
        mine.zero_grad(), theirs.zero_grad()
        y, z = mine(x), theirs(t)
        close(y, z)
        (y * y).sum().backward(), (z * z).sum().backward()
        close_gradients(mine, theirs)
        same_state(mine, theirs)
    close(mine.eval()(x), theirs.eval()(t))
    same_state(mine, theirs)
    if not new:
        tg.nn.utils.remove_spectral_norm(mine), torch.nn.utils.remove_spectral_norm(theirs)
        same_state(mine, theirs)
        close(mine(x), theirs(t))


# Parametrizations


def symmetric(lib: Any) -> Any:
    class Symmetric(lib.nn.Module):
        def forward(self, x: Any) -> Any:
            return x.triu() + x.triu(1).mT

        def right_inverse(self, x: Any) -> Any:
            return x.triu()

    class Doubled(lib.nn.Module):
        def forward(self, x: Any) -> Any:
            return x * 2

        def right_inverse(self, x: Any) -> Any:
            return x / 2

    return Symmetric(), Doubled()


def test_parametrizations_are_computed_chained_assigned_and_removed() -> None:
    def make(lib: Any) -> Any:
        first, second = symmetric(lib)
        parametrize = lib.nn.utils.parametrize
        layer = parametrize.register_parametrization(lib.nn.Linear(3, 3), "weight", first)
        return parametrize.register_parametrization(layer, "weight", second)

    mine, theirs = both(make)
    x, t = tensors(RNG.standard_normal((2, 3)))
    close(mine(x), theirs(t))
    mine(x).sum().backward(), theirs(t).sum().backward()
    close_gradients(mine, theirs)
    assert str(mine) == str(theirs) and type(mine).__name__ == type(theirs).__name__
    assert isinstance(mine, tg.nn.Linear)
    square = np.ones((3, 3)) * 3
    mine.weight, theirs.weight = tensors(square)
    same_state(mine, theirs)
    copied = copy.deepcopy(mine)
    close(copied(x), theirs(t))
    for lib, layer in ((tg, mine), (torch, theirs)):
        parametrize = lib.nn.utils.parametrize
        with parametrize.cached():
            assert layer.weight is layer.weight
        assert layer.weight is not layer.weight
        assert parametrize.is_parametrized(layer, "weight")
        assert not parametrize.is_parametrized(layer, "bias")
        assert parametrize.type_before_parametrizations(layer) is lib.nn.Linear
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
        assert type(layer) is lib.nn.Linear and not hasattr(layer, "parametrizations")
    same_state(mine, theirs)
    assert type(copied) is not tg.nn.Linear
    with pytest.raises(RuntimeError, match="state_dict"):
        copied.__reduce_ex__(2)


@pytest.mark.parametrize("unsafe", [False, True])
def test_a_parametrization_keeps_the_shape_unless_told_otherwise(unsafe: bool) -> None:
    def register(lib: Any) -> Any:
        class Rows(lib.nn.Module):
            def forward(self, x: Any) -> Any:
                return x[:2]

        layer = lib.nn.Linear(3, 3, bias=False)
        register = lib.nn.utils.parametrize.register_parametrization
        return register(layer, "weight", Rows(), unsafe=unsafe).weight.shape

    if unsafe:
        assert register(tg) == tuple(register(torch)) == (2, 3)
    else:
        mine, theirs = messages(register)
        assert isinstance(mine, type(theirs))


# Pruning


def prunings(lib: Any) -> list[Any]:
    prune = lib.nn.utils.prune
    return [
        lambda m: prune.l1_unstructured(m, "weight", amount=4),
        lambda m: prune.ln_structured(m, "weight", amount=0.5, n=2, dim=0),
        lambda m: prune.ln_structured(m, "weight", amount=1, n=float("inf"), dim=1),
        lambda m: prune.l1_unstructured(m, "weight", amount=0.2),
        lambda m: prune.identity(m, "bias"),
    ]


def test_prunings_one_after_the_other_are_pytorchs() -> None:
    mine, theirs = both(lambda lib: lib.nn.Linear(5, 4))
    x, t = tensors(RNG.standard_normal((2, 5)))
    for one, other in zip(prunings(tg), prunings(torch), strict=True):
        one(mine), other(theirs)
        assert sorted(mine.state_dict()) == sorted(theirs.state_dict())
        close(mine.weight_mask, theirs.weight_mask)
        close(mine(x), theirs(t))
    mine(x).sum().backward(), theirs(t).sum().backward()
    close(mine.weight_orig.grad, theirs.weight_orig.grad)
    assert tg.nn.utils.prune.is_pruned(mine)
    for name in ("weight", "bias"):
        tg.nn.utils.prune.remove(mine, name), torch.nn.utils.prune.remove(theirs, name)
    assert not tg.nn.utils.prune.is_pruned(mine)
    assert sorted(mine.state_dict()) == sorted(theirs.state_dict())
    close(mine.weight, theirs.weight)


def test_pruning_over_several_layers_is_pytorchs() -> None:
    make = lambda lib: lib.nn.Sequential(lib.nn.Linear(4, 3), lib.nn.Linear(3, 2))  # noqa: E731
    mine, theirs = both(make)
    for lib, net in ((tg, mine), (torch, theirs)):
        prune = lib.nn.utils.prune
        pairs = [(net[0], "weight"), (net[1], "weight")]
        prune.global_unstructured(pairs, prune.L1Unstructured, amount=0.4)
        prune.global_unstructured(pairs, prune.L1Unstructured, amount=3)
    for i in range(2):
        close(mine[i].weight_mask, theirs[i].weight_mask)
    counts = dict.fromkeys((tg, torch), 0)
    for lib in counts:
        layer = lib.nn.utils.prune.random_structured(lib.nn.Linear(6, 6), "weight", 0.5, dim=1)
        lib.nn.utils.prune.random_unstructured(layer, "weight", 3)
        counts[lib] = int((layer.weight_mask == 0).sum())
    assert counts[tg] == counts[torch] == 21


@pytest.mark.parametrize(
    "call",
    [
        lambda lib: lib.nn.utils.prune.l1_unstructured(lib.nn.Linear(2, 2), "weight", 1.5),
        lambda lib: lib.nn.utils.prune.l1_unstructured(lib.nn.Linear(2, 2), "weight", 9),
        lambda lib: lib.nn.utils.prune.l1_unstructured(lib.nn.Linear(2, 2), "weight", "x"),
        lambda lib: lib.nn.utils.prune.ln_structured(lib.nn.Linear(2, 2), "bias", 1, 2, 0),
        lambda lib: lib.nn.utils.prune.remove(lib.nn.Linear(2, 2), "weight"),
        lambda lib: lib.nn.utils.remove_spectral_norm(lib.nn.Linear(2, 2)),
        lambda lib: lib.nn.utils.parametrize.remove_parametrizations(lib.nn.Linear(2, 2), "bias"),
        lambda lib: lib.nn.utils.parametrizations.spectral_norm(lib.nn.Linear(2, 2), "wait"),
    ],
)
def test_tools_raise_pytorchs_errors(call: Any) -> None:
    mine, theirs = messages(call)
    assert isinstance(mine, type(theirs)), (mine, theirs)


# Fusion, and calls with other Tensors


def test_batch_norms_are_fused_into_the_layer_before() -> None:
    for make, size, transpose in [
        (lambda lib: lib.nn.Conv2d(2, 3, 3), (2, 2, 5, 5), False),
        (lambda lib: lib.nn.ConvTranspose2d(2, 3, 3, bias=False), (2, 2, 5, 5), True),
        (lambda lib: lib.nn.Linear(2, 3), (4, 2), None),
    ]:
        norm = "BatchNorm1d" if transpose is None else "BatchNorm2d"
        mine, theirs = both(
            lambda lib, make=make, norm=norm: lib.nn.Sequential(make(lib), getattr(lib.nn, norm)(3))
        )
        x, t = tensors(RNG.standard_normal(size))
        mine(x), theirs(t)
        fused = []
        for lib, net in ((tg, mine.eval()), (torch, theirs.eval())):
            utils = lib.nn.utils
            if transpose is None:
                fused.append(utils.fuse_linear_bn_eval(*net))
            else:
                fused.append(utils.fuse_conv_bn_eval(*net, transpose=transpose))
        same_state(*fused)
        close(fused[0](x), theirs(t))


def test_a_module_is_called_with_other_tensors() -> None:
    mine, theirs = both(lambda lib: lib.nn.Sequential(lib.nn.Linear(3, 2), lib.nn.BatchNorm1d(2)))
    x, t = tensors(RNG.standard_normal((4, 3)))
    w, v = tensors(RNG.standard_normal((2, 3)), grad=True)
    y = tg.nn.utils.stateless.functional_call(mine, {"0.weight": w}, x)
    z = torch.func.functional_call(theirs, {"0.weight": v}, (t,))
    close(y, z)
    y.sin().sum().backward(), z.sin().sum().backward()
    close(w.grad, v.grad)
    assert mine[0].weight.grad is None
    same_state(mine, theirs)
    with pytest.raises(RuntimeError, match=r"0\.wait"):
        tg.nn.utils.stateless.functional_call(mine, {"0.wait": w}, x)


def test_skip_init_makes_the_shapes_alone() -> None:
    layer = tg.nn.utils.skip_init(tg.nn.Linear, 3, 4)
    assert type(layer) is tg.nn.Linear and layer.weight.shape == (4, 3)
    with pytest.raises(RuntimeError, match="device"):
        tg.nn.utils.skip_init(tg.nn.ReLU)
