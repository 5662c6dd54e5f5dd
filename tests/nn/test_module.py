"""Module: what is registered, found, saved, loaded, hooked and printed."""

import copy
import pickle
import re

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.autograd.op import DTypeError, ShapeError


class Net(nn.Module):
    """Parameters, buffers of both kinds, children, a child in a container."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(tg.ones(1))
        self.register_buffer("seen", tg.zeros(2))
        self.register_buffer("scratch", tg.zeros(2), persistent=False)
        self.body = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2, bias=False))
        self.register_parameter("shift", None)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return self.body(x) * self.scale


KEYS = ["scale", "seen", "body.0.weight", "body.0.bias", "body.2.weight"]


def test_everything_is_found_by_its_name_in_pytorchs_order() -> None:
    net = Net()
    assert list(net.state_dict()) == KEYS
    assert [name for name, _ in net.named_parameters()] == [k for k in KEYS if k != "seen"]
    assert [name for name, _ in net.named_buffers()] == ["seen", "scratch"]
    assert [name for name, _ in net.named_modules()] == ["", "body", "body.0", "body.1", "body.2"]
    assert [name for name, _ in net.named_children()] == ["body"]
    assert list(net.modules())[2] is net.body[0] is net.get_submodule("body.0")
    assert net.get_parameter("body.0.bias") is net.body[0].bias
    assert net.get_buffer("seen") is net.seen
    assert next(iter(net.state_dict(prefix="net."))) == "net.scale"
    assert [name for name, _ in net.named_parameters("net", recurse=False)] == ["net.scale"]


def test_a_path_that_breaks_is_an_attribute_error() -> None:
    net = Net()
    for get, path in [
        (net.get_submodule, "body.9"),
        (net.get_submodule, "scale"),
        (net.get_parameter, "body.0.gamma"),
        (net.get_buffer, "scale"),
    ]:
        with pytest.raises(AttributeError, match=path.rpartition(".")[2]):
            get(path)


def test_a_shared_parameter_is_found_once_and_saved_under_both_names() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias", "1.bias"]
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    layer = nn.Linear(2, 2)
    assert len(list(nn.Sequential(layer, layer).parameters())) == 2
    assert len(list(nn.Sequential(layer, layer).named_children())) == 1
    assert [name for name, _ in nn.Sequential(layer, layer).named_modules()] == ["", "0"]


def test_assigning_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    net = Net()
    for name, value, message in [
        ("scale", tg.ones(1), "as parameter 'scale'"),
        ("seen", 3, "as buffer 'seen'"),
        ("body", 3, "as child module 'body'"),
    ]:
        with pytest.raises(TypeError, match=message):
            setattr(net, name, value)
    with pytest.raises(KeyError, match="without a dot"):
        net.register_buffer("a.b", tg.ones(1))
    with pytest.raises(KeyError, match="already exists"):
        net.register_parameter("forward", nn.Parameter(tg.ones(1)))
    with pytest.raises(TypeError, match="float"):
        nn.Parameter(1.0)
    assert list(net.state_dict()) == KEYS


def test_an_attribute_may_change_its_kind() -> None:
    net = nn.Module()
    net.x = 3
    net.x = nn.Parameter(tg.ones(2))
    assert "x" not in vars(net) and list(net.state_dict()) == ["x"]
    net.x = None
    assert net.x is None and list(net.parameters()) == []
    net.x = nn.Linear(1, 1)
    assert list(net.state_dict()) == ["x.weight", "x.bias"]
    del net.x
    with pytest.raises(AttributeError, match="'Module' object has no attribute 'x'"):
        _ = net.x


def test_forgetting_super_init_is_an_error_that_names_it() -> None:
    class Forgetful(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match="super"):
        Forgetful()


def test_a_module_without_forward_is_named() -> None:
    with pytest.raises(NotImplementedError, match="Module"):
        nn.Module()(1)


def test_load_state_dict_copies_into_the_same_memory() -> None:
    net, other = Net(), Net()
    weight, memory = net.body[0].weight, net.body[0].weight._data
    assert str(net.load_state_dict(other.state_dict())) == "<All keys matched successfully>"
    assert net.body[0].weight is weight and weight._data is memory
    assert all((a == b).all() for a, b in zip(net.parameters(), other.parameters(), strict=True))
    net.body[0].weight.data.fill_(7.0)
    assert not (other.body[0].weight == 7.0).any()


def test_load_state_dict_lists_every_problem_at_once_and_then_writes_nothing() -> None:
    net = Net()
    state = {k: tg.full(v.shape, 9.0) for k, v in net.state_dict().items()}
    del state["seen"], state["scale"]
    state |= {"extra": tg.ones(1), "more": tg.ones(1), "body.0.bias": tg.ones(5)}
    state["body.2.weight"] = ["not", "numbers"]  # type: ignore[assignment]
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(state)
    message = str(caught.value)
    for part in (
        "for Net", 'Missing key(s) in state_dict: "scale", "seen"',
        'Unexpected key(s) in state_dict: "extra", "more"',
        "size mismatch for body.0.bias", "[5]", "[3]", "body.2.weight",
    ):  # fmt: skip
        assert part in message
    assert not any((p == 9.0).any() for p in net.parameters())
    with pytest.raises(TypeError, match="mapping"):
        net.load_state_dict([1, 2])  # type: ignore[arg-type]


def test_not_strict_skips_keys_but_never_shapes() -> None:
    net = Net()
    keys = net.load_state_dict({"scale": tg.full((1,), 5.0), "extra": tg.ones(1)}, strict=False)
    assert keys.missing_keys == KEYS[1:] and keys.unexpected_keys == ["extra"]
    assert net.scale.item() == 5.0
    with pytest.raises(RuntimeError, match="size mismatch for scale"):
        net.load_state_dict({"scale": tg.ones(2)}, strict=False)


def test_loading_casts_unless_assigned() -> None:
    net = Net()
    state = {k: v.double() + 1 for k, v in net.state_dict().items()}
    net.load_state_dict(state)
    assert net.scale.dtype == tg.float32 and net.scale.item() == 2.0
    net.load_state_dict(state, assign=True)
    assert net.scale.dtype == tg.float64
    net.load_state_dict({k: v.numpy() for k, v in state.items()})  # arrays do as well


def test_a_graph_notices_that_its_parameters_were_loaded_over() -> None:
    net = nn.Linear(2, 2)
    y = net(tg.ones(1, 2).requires_grad_()).sum()
    net.load_state_dict(nn.Linear(2, 2).state_dict())
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_to_casts_only_floats_and_refuses_other_devices() -> None:
    net = nn.BatchNorm1d(2)
    handle = net.weight
    assert net.double() is net and net.weight is handle
    assert net.weight.dtype == net.running_mean.dtype == tg.float64
    assert net.num_batches_tracked.dtype == tg.int64
    assert net.to(tg.float32).weight.dtype == tg.float32
    assert net.to("cpu").to(tg.device("cpu")).to("cpu", tg.float64).bias.dtype == tg.float64
    assert net.to(tg.ones(1)).half().weight.dtype == tg.float16
    for move in (lambda: net.to("cuda:0"), net.cuda, lambda: net.to(device="mps")):
        with pytest.raises(RuntimeError, match="CPU"):
            move()
    with pytest.raises(TypeError, match="floating"):
        net.to(tg.int64)


def test_a_cast_parameter_still_trains() -> None:
    net = nn.Linear(2, 1).double()
    net(tg.ones(1, 2, dtype=tg.float64)).sum().backward()
    assert net.weight.grad is not None and net.weight.grad.dtype == tg.float64


def test_train_eval_freeze_apply_and_zero_grad_reach_everything() -> None:
    net = Net()
    assert net.eval() is net and not any(m.training for m in net.modules())
    assert all(m.training for m in net.train().modules())
    names: list[str] = []
    net.apply(lambda m: names.append(type(m).__name__))
    assert names == ["Linear", "ReLU", "Linear", "Sequential", "Net"]
    net(tg.ones(1, 4)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert all((p.grad == 0).all() for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.requires_grad_(False)
    assert not net(tg.ones(1, 4)).requires_grad
    with pytest.raises(ValueError, match="boolean"):
        net.train(1)  # type: ignore[arg-type]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_deep_copy_is_equal_and_independent(copied) -> None:
    net = Net()
    twin = copied(net)
    assert list(twin.state_dict()) == KEYS
    assert type(twin.scale) is nn.Parameter and twin.scale.requires_grad
    assert all((a == b).all() for a, b in zip(net.parameters(), twin.parameters(), strict=True))
    twin.scale.data.fill_(9.0)
    assert net.scale.item() == 1.0
    x = tg.ones(2, 4)
    net.scale.data.fill_(9.0)
    assert (net(x) == twin(x)).all()


# Errors name the layer


@pytest.mark.parametrize(
    ("module", "name", "near"),
    [(nn, "Conv4d", "Conv3d"), (nn, "Flaten", "Flatten"), (nn.functional, "conv9d", "conv3d")],
)
def test_an_unknown_attribute_suggests_the_nearest_name(module, name: str, near: str) -> None:
    with pytest.raises(AttributeError, match=f"{name!r}; did you mean {near!r}"):
        getattr(module, name)


@pytest.mark.parametrize(
    ("x", "parts"),
    [
        (tg.ones(2, 5), ["body.0 (Linear)", "[2, 5]", "[3, 4]"]),
        (tg.ones(2, 4, dtype=tg.float64), ["body.0 (Linear)", "float64", "float32"]),
        (tg.ones(2, 4).to(tg.uint8), ["body.0 (Linear)", "uint8", ".float()"]),
    ],
    ids=["features", "float64", "uint8"],
)
def test_an_error_inside_names_the_path_of_the_layer(x: tg.Tensor, parts: list[str]) -> None:
    with pytest.raises((ShapeError, DTypeError)) as caught:
        Net()(x)
    assert str(caught.value).count("(Linear)") == 1
    for part in parts:
        assert part in str(caught.value)


def test_an_index_error_names_the_layer_and_other_errors_pass_untouched() -> None:
    class Picky(nn.Module):
        def forward(self, x: tg.Tensor) -> tg.Tensor:
            raise ValueError("mine")

    with pytest.raises(IndexError, match=re.escape("0 (Embedding): ")):
        nn.Sequential(nn.Embedding(3, 2))(tg.tensor([7]))
    with pytest.raises(ValueError, match="^mine$"):
        nn.Sequential(Picky())(tg.ones(1))


# Settings are relied on by captured programs


def test_a_captured_program_notices_a_changed_setting_and_a_new_layer() -> None:
    net = nn.Sequential(nn.LeakyReLU(0.5))
    step = tg.jit(lambda x: net(x))
    x = tg.tensor([-1.0])
    assert [step(x).item() for _ in range(3)] == [-0.5] * 3
    net[0].negative_slope = 0.25
    assert [step(x).item() for _ in range(3)] == [-0.25] * 3
    net[0] = nn.ReLU()
    assert step(x).item() == 0.0
    net.append(nn.Dropout(1.0))
    assert step(tg.ones(1)).item() == 0.0
    assert net.eval() and step(tg.ones(1)).item() == 1.0


# Hooks


def test_forward_hooks_see_and_replace() -> None:
    net, seen = nn.Linear(2, 2), []

    def pre(module: nn.Module, args: tuple) -> tuple:
        seen.append("pre")
        return (args[0] * 0,)

    def post(module: nn.Module, args: tuple, output: tg.Tensor) -> tg.Tensor:
        seen.append(args[0].sum().item())
        return output + 1

    handles = [net.register_forward_pre_hook(pre), net.register_forward_hook(post)]
    assert (net(tg.ones(1, 2)) == net.bias + 1).all()
    assert seen == ["pre", 0.0]
    for handle in handles:
        handle.remove()
    assert not (net(tg.ones(1, 2)) == net.bias + 1).any() and len(seen) == 2


def test_hooks_run_in_order_and_may_be_prepended_or_want_keywords() -> None:
    class Keyed(nn.Module):
        def forward(self, x: int, *, y: int) -> int:
            return x + y

    net, order = Keyed(), []
    net.register_forward_hook(lambda m, a, out: order.append("b"))
    net.register_forward_hook(lambda m, a, out: order.append("a"), prepend=True)
    net.register_forward_hook(lambda m, a, kw, out: out + kw["y"], with_kwargs=True)
    net.register_forward_pre_hook(lambda m, a, kw: (a, {"y": kw["y"] * 10}), with_kwargs=True)
    assert net(1, y=2) == 41 and order == ["a", "b"]


def test_full_backward_hooks_see_complete_gradients_and_replace_the_inputs() -> None:
    net, seen = nn.Linear(2, 1, bias=False), []
    x = tg.ones(3, 2, requires_grad=True)

    def hook(module: nn.Module, grad_input: tuple, grad_output: tuple) -> tuple:
        seen.append((grad_input[0].shape, grad_output[0].tolist()))
        return (grad_input[0] * 10,)

    net.register_full_backward_hook(hook)
    (net(x) * 2 + x.sum()).sum().backward()
    assert seen == [((3, 2), [[2.0]] * 3)]
    # Its own share is replaced; what reaches x by another way is not.
    np.testing.assert_allclose(x.grad.numpy(), np.tile(net.weight.detach() * 20 + 3, (3, 1)))


def test_a_backward_hook_runs_without_gradients_for_the_inputs() -> None:
    net, seen = nn.Linear(2, 1), []
    net.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].tolist())))
    net.register_full_backward_pre_hook(lambda m, go: (go[0] * 3,))
    net(tg.ones(1, 2)).sum().backward()
    assert seen == [((None,), [[3.0]])]
    assert net.bias.grad.tolist() == [3.0]


def test_backward_hooks_of_several_inputs_and_outputs_wait_for_all() -> None:
    class Two(nn.Module):
        def forward(self, a: tg.Tensor, n: int, b: tg.Tensor) -> tuple:
            return a * b, a + b

    net, seen, before = Two(), [], []
    net.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))
    net.register_full_backward_pre_hook(lambda m, go: before.append(go))
    a, b = (tg.tensor(v, requires_grad=True) for v in (2.0, 3.0))
    p, s = net(a, 5, b)
    (p + 10 * s).backward()
    ((ga, none, gb), (gp, gs)) = seen[0]
    assert (ga.item(), none, gb.item(), gp.item(), gs.item()) == (13.0, None, 12.0, 1.0, 10.0)
    assert len(seen) == 1 and (a.grad.item(), b.grad.item()) == (13.0, 12.0)
    assert [[g.item() for g in go] for go in before] == [[1.0, 10.0]]


# Printing


def test_repr_is_pytorchs() -> None:
    assert repr(Net()) == (
        "Net(\n"
        "  (body): Sequential(\n"
        "    (0): Linear(in_features=4, out_features=3, bias=True)\n"
        "    (1): ReLU()\n"
        "    (2): Linear(in_features=3, out_features=2, bias=False)\n"
        "  )\n"
        ")"
    )


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (nn.ReLU(inplace=True), "ReLU(inplace=True)"),
        (nn.ReLU(), "ReLU()"),
        (nn.LeakyReLU(0.2), "LeakyReLU(negative_slope=0.2)"),
        (nn.Softmax(dim=1), "Softmax(dim=1)"),
        (nn.Dropout(0.2), "Dropout(p=0.2, inplace=False)"),
        (nn.CrossEntropyLoss(weight=tg.ones(3)), "CrossEntropyLoss()"),
        (
            nn.Conv2d(1, 2, 3, padding=1, bias=False),
            "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)",
        ),
        (
            nn.MaxPool2d(2),
            "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)",
        ),
        (nn.GroupNorm(2, 4), "GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)"),
        (nn.LSTM(3, 4, 2, batch_first=True), "LSTM(3, 4, num_layers=2, batch_first=True)"),
        (nn.Embedding(3, 4, padding_idx=-1), "Embedding(3, 4, padding_idx=2)"),
        (nn.Flatten(), "Flatten(start_dim=1, end_dim=-1)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_repr_shows_the_settings(module: nn.Module, text: str) -> None:
    assert repr(module) == text
