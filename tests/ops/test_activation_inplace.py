"""Activations and dropouts that write into their input."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist import nn
from tinygrad_mnist.autograd import takeover
from tinygrad_mnist.ops import activation_inplace

Call = Callable[..., Any]
CALLS: dict[str, Call] = {
    "relu": F.relu, "relu6": F.relu6, "hardtanh": F.hardtanh, "leaky_relu": F.leaky_relu,
    "rrelu": F.rrelu, "elu": F.elu, "celu": F.celu, "selu": F.selu, "silu": F.silu,
    "mish": F.mish, "hardsigmoid": F.hardsigmoid, "hardswish": F.hardswish,
    "threshold": lambda x, **kw: F.threshold(x, 0.1, 0.2, **kw),
    "rrelu in training": lambda x, **kw: F.rrelu(x, training=True, **kw),
    "dropout": F.dropout,
    "dropout1d": lambda x, **kw: F.dropout1d(x.flatten(2), **kw).view(x.shape),
    "dropout2d": F.dropout2d, "dropout3d": F.dropout3d,
    "alpha_dropout": lambda x, **kw: F.alpha_dropout(x, training=True, **kw),
    "feature_alpha_dropout": lambda x, **kw: F.feature_alpha_dropout(x, training=True, **kw),
}  # fmt: skip
LAYERS = {
    "ReLU": nn.ReLU, "ReLU6": nn.ReLU6, "Hardtanh": nn.Hardtanh, "LeakyReLU": nn.LeakyReLU,
    "RReLU": nn.RReLU, "ELU": nn.ELU, "CELU": nn.CELU, "SELU": nn.SELU, "SiLU": nn.SiLU,
    "Mish": nn.Mish, "Hardsigmoid": nn.Hardsigmoid, "Hardswish": nn.Hardswish,
    "Threshold": lambda **kw: nn.Threshold(0.1, 0.2, **kw), "Dropout": nn.Dropout,
    "Dropout2d": nn.Dropout2d, "Dropout3d": nn.Dropout3d, "AlphaDropout": nn.AlphaDropout,
    "FeatureAlphaDropout": nn.FeatureAlphaDropout,
}  # fmt: skip
FORMS: list[Callable[[Call], Call]] = [
    lambda f: f, lambda f: tg.jit(f), lambda f: tg.jit(f, pure=True)
]  # fmt: skip


def start() -> Any:
    return tg.tensor(np.linspace(-4, 4, 96).reshape(2, 3, 4, 4), requires_grad=True)


@pytest.mark.parametrize("name", activation_inplace.__all__)
def test_the_result_is_in_the_input(name: str) -> None:
    args = {"threshold_": (0.5, -1.0)}.get(name, ())
    w = tg.tensor([[-2.0, 0.25, 3.0]], requires_grad=True)
    x = w * 1
    tg.manual_seed(0)
    assert getattr(F, name)(x, *args) is x
    tg.manual_seed(0)
    assert x.equal(getattr(F, name[:-1])(w, *args))
    x.sum().backward()
    assert w.grad is not None


@pytest.mark.parametrize("form", FORMS, ids=["eager", "jit", "pure"])
@pytest.mark.parametrize("name", CALLS)
def test_in_place_on_request_as_out_of_place(name: str, form: Callable[[Call], Call]) -> None:
    call = CALLS[name]

    def step(inplace: bool) -> Callable[[Any], tuple[Any, Any]]:
        def run(w: Any) -> tuple[Any, Any]:
            h = w * 1.5
            y = call(h, inplace=inplace)
            w.grad = None
            (y * y).sum().backward()
            return (h if inplace else y).detach(), w.grad

        return run

    w = start()
    written, usual = form(step(True)), form(step(False))
    for _ in range(4):
        tg.manual_seed(0)
        expected = [part.clone() for part in usual(w)]
        tg.manual_seed(0)
        for part, other in zip(written(w), expected, strict=True):
            assert part.equal(other)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_writes_into_its_input(layer: str) -> None:
    h = start() * 1.5
    view, before = h[0], h.detach().clone()
    assert LAYERS[layer](inplace=True)(h) is h
    assert view.equal(h[0])
    assert not h.equal(before)
    assert "inplace=True" in repr(LAYERS[layer](inplace=True))


ALIASES: dict[str, Callable[[Any], Any]] = {
    "detach": lambda h: h.detach(),
    "data": lambda h: h.data,
    "numpy": lambda h: h.detach().numpy(),
    "part": lambda h: h[:1],
    "array of part": lambda h: h[:1].detach().numpy(),
    "memoryview": lambda h: memoryview(h.detach().numpy()),
    "dlpack": lambda h: np.from_dlpack(h.detach()),
}
SOURCES: dict[str, Callable[[Any], Any]] = {
    "mul": lambda w: w * 1.0,
    "conv": lambda w: F.conv2d(w, tg.ones(3, 3, 1, 1, dtype=w.dtype)),
    "view": lambda w: (w * 1.0).flatten(1),
    "linear": lambda w: F.linear(w, tg.eye(4, dtype=w.dtype)),
}


@pytest.mark.parametrize("form", FORMS[:2], ids=["eager", "jit"])
@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("alias", ALIASES)
def test_whoever_looks_at_the_memory_sees_the_write(
    alias: str, source: str, grad: bool, form: Callable[[Call], Call]
) -> None:
    def run(w: Any) -> None:
        h = SOURCES[source](w)
        seen = ALIASES[alias](h)
        F.relu(h, inplace=True)
        assert np.asarray(getattr(seen, "_data", seen)).min() == 0

    jitted = form(run)
    for _ in range(4):
        with tg.set_grad_enabled(grad):
            jitted(start())


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("size", [3, 100_000])
def test_an_address_that_was_asked_for_stays(grad: bool, size: int) -> None:
    h = tg.ones(size, requires_grad=grad) * -1.0
    address = h.data_ptr()
    assert F.relu(h, inplace=True).data_ptr() == address
    assert h.sum() == 0


def test_a_leaf_is_refused_and_dropout_in_evaluation_does_nothing() -> None:
    w = start()
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        F.relu(w, inplace=True)
    with pytest.raises(RuntimeError, match="a view of a leaf Variable"):
        F.relu(w[0], inplace=True)
    assert F.dropout(w, training=False, inplace=True) is w
    assert nn.Dropout(inplace=True).eval()(w) is w
    assert F.dropout(w, 0.0, inplace=True) is w
    with tg.no_grad():
        F.relu(w, inplace=True)
    assert w.min() == 0
    assert w.is_leaf


@pytest.mark.parametrize("form", FORMS[:2], ids=["eager", "jit"])
def test_a_value_that_was_needed_is_missed(form: Callable[[Call], Call]) -> None:
    def run(w: Any) -> None:
        h = w.exp()
        h2 = h * w
        F.relu(h, inplace=True)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            (h2.sum() + h.sum()).backward()

    jitted = form(run)
    for _ in range(3):
        jitted(start())


def test_a_value_that_a_function_saved_is_missed() -> None:
    class Square(tg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2 * ctx.saved_tensors[0]

    h = start() * 1
    y = Square.apply(h)
    F.relu(h, inplace=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_features_that_were_saved_are_rectified() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 1))
    features = []
    x: Any = tg.randn(2, 3, 5, 5)
    for layer in net:
        x = layer(x)
        features.append(x)
    assert features[0] is features[1]
    assert features[0].min() == 0
    x.sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_a_skip_connection_sees_the_rectified_input() -> None:
    w = tg.tensor([-1.0, 2.0], requires_grad=True)
    h = w * 1
    y = F.relu(h, inplace=True) + h
    assert y.tolist() == [0.0, 4.0]
    y.sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [0.0, 2.0]


def test_retained_gradients_and_further_derivatives() -> None:
    w = tg.tensor([-1.0, 2.0], dtype=tg.float64, requires_grad=True)
    h = w * 3
    h.retain_grad()
    F.silu(h, inplace=True)
    (h * h).sum().backward()
    assert h.grad is not None
    assert h.grad.equal(2 * h.detach())
    assert tg.autograd.gradcheck(lambda w: F.mish(w * 3, inplace=True), (w,))
    assert tg.autograd.gradgradcheck(lambda w: F.silu(w * 3, inplace=True), (w,))


def test_the_usual_call_takes_no_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def noted(*args: Any, **kw: Any) -> bool:
        taken.append(takeover.take_over(*args, **kw))
        return taken[-1]

    monkeypatch.setattr("tinygrad_mnist.ops.inplace.take_over", noted)
    x = tg.randn(2, 3, 64, 64)
    nets = [nn.Conv2d(3, 4, 3), nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))]
    inputs = [x, x, tg.randn(4, 5, 8), tg.randn(2, 3, 90), tg.randn(400, 8)]
    nets += [nn.Linear(8, 8), nn.Conv1d(3, 4, 3), nn.Linear(8, 64)]
    for net, images in zip(nets, inputs, strict=True):
        for form in FORMS:

            def run(x: Any, net: Any = net) -> Any:
                y = F.relu(net(x), inplace=True).sum() + F.silu(net(x), inplace=True).sum()
                y.backward()
                return y.detach()

            jitted = form(run)
            for _ in range(4):
                jitted(images)
    assert len(taken) == 100
    assert all(taken)
    taken.clear()
    jitted = tg.jit(lambda x: F.relu(nets[0](x), inplace=True))
    with tg.no_grad():
        for _ in range(4):
            F.relu(nets[0](x), inplace=True)
            jitted(x)
    assert taken.count(True) == 7  # the first call of a jitted function learns nothing
